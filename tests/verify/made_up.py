"""A step with made-up numbers, no two of which agree by accident: what a claim compares can be worked out by hand."""

from types import SimpleNamespace

import numpy as np
from flint import fmpq

from exact.controller import Outcome
from exact.evaluation import Evaluation
from exact.rational import dyadics
from verify.tabular.trial import TrialPoint


def made_up(**changes) -> TrialPoint:
    """rho = (3, 5), rho' = (2, 7), m = (2, 4), f = (7/4, 3), D = 4, D' = 9/2, gain = 81/4, eta from 7 to 9, A* = 26,
    Abar = B = 6, p0 = 1/4, TV = (1/2, 1/2), gamma = 9/10; accepted."""
    A = np.array([[-6, 2, 1], [0, -1, 4]]) * fmpq(1)
    before = Evaluation(dyadics(np.array([1.0, 2.0])), A, A, dyadics(np.array([3.0, 5.0])), fmpq(7))
    after = Evaluation(dyadics(np.array([4.0, 8.0])), A, 0 * A, dyadics(np.array([2.0, 7.0])), fmpq(9))
    parts = {
        "discount": fmpq(9, 10),
        "initial": dyadics(np.array([0.25, 0.75])),
        "policy": dyadics(np.array([[2, 1, 1], [1, 2, 1]]) / 4),
        "trial": dyadics(np.array([[0, 3, 1], [1, 0, 3]]) / 4),
        "radius": fmpq(50),
        "before": before,
        "after": after,
        "said": SimpleNamespace(outcome=Outcome.ACCEPT),
    }
    return TrialPoint(**{**parts, **changes})
