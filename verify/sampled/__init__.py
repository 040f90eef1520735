"""The experiment on sampled ratios: `python -m verify.sampled`."""
