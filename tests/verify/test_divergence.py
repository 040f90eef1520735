"""The steps within a divergence come out as expected, and a broken solver is noticed."""

from dataclasses import replace

import numpy as np
import pytest

from exact.subproblem.kl import solve_kl_forward, solve_kl_reverse
from exact.subproblem.step import Step
from tests.verify.cases import row_of
from verify import divergence
from verify.core.command import Options
from verify.core.statement import Verdict

MDPS = ("dadashi-2c", "garnet:S=7,A=3,b=2,gamma=0.9,seed=1")
"""In the first the forward divergence wants masses below the smallest float."""


def checks():
    return divergence.check(Options(mdp=MDPS, instances=2))


def test_all_statements_hold_and_are_met():
    rows = row_of(divergence, checks()).values()
    assert all(row.as_expected and row.met and not row.undecided for row in rows)


def scaled(solve, factor):
    return lambda policy, A, rho, delta: solve(policy, A, rho, factor * delta)


BROKEN = {
    "budget a hundredth too large": (lambda solve: scaled(solve, 1.01), divergence.CONSTRAINT),
    "budget a hundredth too small": (lambda solve: scaled(solve, 0.99), divergence.SPENT),
    "rho dropped": (lambda solve: lambda p, A, rho, d: solve(p, A, np.ones_like(rho), d), divergence.DUAL),
    "half of the way": (
        lambda solve: lambda p, A, rho, d: replace(solve(p, A, rho, d), policy=(p + solve(p, A, rho, d).policy) / 2),
        divergence.DUAL,
    ),
    "gain doubled": (
        lambda solve: lambda *at: replace(solve(*at), gain=2 * solve(*at).gain),
        divergence.GAIN,
    ),
    "distance not said": (lambda solve: lambda *at: replace(solve(*at), distance=0.0), divergence.DISTANCE),
    "no step": (lambda solve: lambda p, A, rho, d: Step(p, 0.0, 0.0, 1.0), divergence.SPENT),
}


@pytest.mark.parametrize(("break_", "statement"), BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("kind", ["forward", "reverse"])
def test_a_broken_solver_is_noticed(kind, break_, statement, monkeypatch):
    right = {"forward": solve_kl_forward, "reverse": solve_kl_reverse}
    monkeypatch.setattr(divergence, "SOLVERS", {kind: break_(right[kind])})
    assert statement in {check.statement for check in checks() if check.verdict is Verdict.VIOLATED}


def test_the_bounds_by_hand():
    """p = (1/2, 1/2), A = (1, 0), lambda = 1: v = log((e + 1)/2) in reverse; forward with nu = 2: 1 + log(1/2)/2."""
    from flint import arb

    p, A = (np.array([arb(x) for x in row], dtype=object) for row in ((0.5, 0.5), (1.0, 0.0)))
    assert float(divergence.bound("reverse", p, p, A, arb(1))) == pytest.approx(np.log((np.e + 1) / 2))
    q = np.array([arb(0.5), arb(0.5)], dtype=object)  # nu = 1 + lambda p/q = 2
    assert float(divergence.bound("forward", p, q, A, arb(1))) == pytest.approx(1 + np.log(0.5) / 2)
    assert float(divergence.bound("forward", p, q, A, arb(0))) == 1
    one = np.array([arb(0), arb(1)], dtype=object)
    assert float(divergence.bound("reverse", one, one, A, arb(0))) == 0
