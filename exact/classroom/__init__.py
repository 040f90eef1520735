"""The classroom page: `python -m exact.classroom`."""
