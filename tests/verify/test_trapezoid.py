"""The trapezoid: its order, and its bounds."""

import numpy as np
import pytest
from flint import fmpq

from exact.mdps.library import load
from exact.rational import dyadics
from verify.core.statement import Verdict
from verify.tabular.runs import rational_mdp
from verify.trapezoid import STUDY, derivative_rewards, errors


def test_halving_the_step_divides_the_trapezoids_error_by_eight_and_the_surrogates_by_four():
    rng = np.random.default_rng(18)
    for seed in range(3):
        mdp = load(f"garnet:S=5,A=3,b=2,gamma=0.9,seed={seed}")
        pi, to = dyadics(rng.dirichlet(np.ones(3), (2, 5)))
        pi, to = (p / p.sum(axis=1, keepdims=True) for p in (pi, to))
        found = [errors(rational_mdp(mdp), pi, pi + fmpq(1, h) * (to - pi)) for h in (4096, 8192)]
        forward, trapezoid = (float(found[0][i] / found[1][i]) for i in range(2))
        assert forward == pytest.approx(4, rel=0.05)
        assert trapezoid == pytest.approx(8, rel=0.05)
        derivatives = derivative_rewards(rational_mdp(mdp), pi, fmpq(1, 4096) * (to - pi))
        third = [next(derivatives)[1] for _ in range(3)][2]
        assert float(found[0][1] / third) == pytest.approx(-0.5, rel=0.05)


def test_the_trapezoids_bounds_hold_exactly():
    checks = STUDY.check(STUDY.options(instances=4, seed=1, mdp=("cash-in", "forest")))
    assert {check.statement for check in checks} == set(STUDY.statements)
    assert all(check.verdict is Verdict.HOLDS and check.exact for check in checks)
