"""What the tests of the statement files share."""

import numpy as np

from verify import algorithm31, ladder, lemma32, lemma34, radius_floor, section2, theorem35
from verify.core.report import tally

TABULAR = {
    "section2": section2,
    "algorithm31": algorithm31,
    "lemma32": lemma32,
    "lemma34": lemma34,
    "theorem35": theorem35,
    "radius_floor": radius_floor,
    "ladder": ladder,
}
"""Statement files about finite MDPs."""
SMALL = ("cash-in", "unvisited", "dadashi-2a", "gridworld-4x4", "garnet:S=7,A=3,b=2,gamma=0.95,seed=1")
STAY = np.array([[1.0, 0.0], [1.0, 0.0]])
"""The policy of two states that always takes action 0."""


def options(module, **changes):
    search = {"search": 4} if module is lemma34 else {}
    return module.STUDY.options(**({"mdp": SMALL, "instances": 1} | search | changes))


def row_of(module, checks):
    return {(row.statement, row.form): row for row in tally(module.STATEMENTS, checks)}
