"""Fault injection: kills, disks that fail, damaged and crafted files, workers that die or hang, signals.

    make torture                                  # all parts; docs/reliability.md says how long and what came out
    python -m tests.torture --parts kills --scale 10

Each part tries something many times and counts how often the promise held. `tests/torture/test_sample.py` runs a few of
each in the normal test suite.
"""
