"""More rungs: they hold, they are tight enough to notice a factor of two, and the mixture by hand."""

import numpy as np
import pytest

from exact.evaluation import evaluate
from exact.rational import dyadics, evaluate_exactly
from tests.verify.cases import SMALL, row_of
from verify import rungs
from verify.core.command import SearchOptions
from verify.core.statement import Verdict
from verify.tabular.runs import load, rational_mdp

FEW = ("cash-in", "dadashi-2a", "forest")


def test_all_rungs_hold_whatever_the_number_of_processes():
    one, two = (rungs.check(SearchOptions(search=2, mdp=SMALL, instances=1, jobs=jobs)) for jobs in (1, 2))
    assert one == two
    assert all(check.exact for check in one)
    assert all(row.as_expected and row.checks for row in row_of(rungs, one).values())


def test_a_span_of_half_the_size_is_found_out(monkeypatch):
    whole = rungs.span
    monkeypatch.setattr(rungs, "span", lambda x: whole(x) / 2)
    rows = row_of(rungs, rungs.check(SearchOptions(search=0, mdp=FEW, instances=3)))
    violated = {name for (name, _), row in rows.items() if row.violations}
    assert {rungs.KERNEL.name, rungs.SUCCESSORS.name, rungs.INEXACT.name} <= violated


def test_a_mixture_that_goes_half_of_the_way_is_found_out(monkeypatch):
    whole = rungs.best_mixture

    def half(mdp, policy, now, eps=0):
        trial, bound = whole(mdp, policy, now, eps)
        return (policy + trial) / 2, bound

    monkeypatch.setattr(rungs, "best_mixture", half)
    rows = row_of(rungs, rungs.check(SearchOptions(search=0, mdp=FEW, instances=3)))
    assert rows[rungs.MIXTURE.name, "new"].violations > 0


def test_the_mixture_on_cash_in_by_hand():
    """pi stays: A* = 5, B = 5, m = (1, 0), b = .9 * 5 * 1/.1 = 45: zeta = 1/18 and the bound is 25/180."""
    mdp = rational_mdp(load("cash-in"))
    stay = dyadics(load("cash-in").uniform_policy() * 2 * [1, 0])
    now = evaluate_exactly(mdp, stay)
    trial, bound = rungs.best_mixture(mdp, stay, now)
    assert float(trial[0, 1]) == pytest.approx(1 / 18)
    assert float(bound) == pytest.approx(25 / 180)
    assert float(evaluate_exactly(mdp, trial).eta) == pytest.approx(5 / 18 / (1 + 1.8 * 5 / 18))
    assert rungs.next_states(mdp, trial).sum(axis=1).tolist() == [1, 1]
    assert all(check.verdict is Verdict.HOLDS for check in rungs.check_mixtures(mdp, stay, now, "here"))


def test_the_constrained_mixture_on_cash_in_by_hand():
    """pi stays, e = (1/20, 0): v = (-1/2, 0), m_hat = (29/20, 0), a = 29/4 - 9/2, b = 45 * 29/20, bound a^2/(4b)."""
    mdp = rational_mdp(load("cash-in"))
    stay = dyadics(load("cash-in").uniform_policy() * 2 * [1, 0])
    e = dyadics(np.array([1.0, 0.0])) / 20
    below, above, mixture = rungs.check_constrained(mdp, stay, evaluate_exactly(mdp, stay), e, "here")
    assert below.actual == pytest.approx(0)  # state 1
    assert (above.actual, above.claimed) == pytest.approx((0.5, 0.5))
    assert mixture.claimed == pytest.approx(2.75**2 / (4 * 45 * 1.45))
    assert {below.verdict, above.verdict, mixture.verdict} == {Verdict.HOLDS}
    everywhere = dyadics(np.array([1.0, 1.0])) / 20
    below = next(rungs.check_constrained(mdp, stay, evaluate_exactly(mdp, stay), everywhere, "here"))
    assert below.actual == pytest.approx(0.5 - 0.05)  # V - v - e


def test_kakade_and_langfords_mixture_on_cash_in_by_hand():
    """Their zeta is .1^3 * 5/4, the return of the mixture 5 zeta/(1 + 9 zeta), the bound .1^3 * 25/8."""
    mdp = rational_mdp(load("cash-in"))
    stay = dyadics(load("cash-in").uniform_policy() * 2 * [1, 0])
    found = {check.statement: check for check in rungs.check_mixtures(mdp, stay, evaluate_exactly(mdp, stay), "here")}
    zeta = 0.1**3 * 5 / 4
    kakade = found[rungs.KAKADE]
    assert (kakade.actual, kakade.claimed) == pytest.approx((5 * zeta / (1 + 9 * zeta), 0.1**3 * 25 / 8))


def test_the_successors_of_a_state_are_those_of_its_actions_in_use():
    mdp = load("garnet:S=7,A=3,b=2,gamma=0.9,seed=1")
    policy, trial = np.eye(3)[[0] * 7], np.eye(3)[[1, 1, 1, 0, 0, 0, 0]]
    now, after = evaluate(mdp, policy), evaluate(mdp, trial)
    P, total = mdp.kernel.reshape(7, 3, 7), 0.0
    for s in range(7):
        old, new = P[s, policy[s].argmax()], P[s, trial[s].argmax()]
        gained = [after.V[t] - now.V[t] for t in range(7) if old[t] + new[t] > 0]
        total += 0.9 * now.rho[s] * abs(new - old).sum() / 2 * (max(gained) - min(gained))
    checks = rungs.check_surrogate(rational_mdp(mdp), dyadics(policy), dyadics(trial), "here")
    assert next(c for c in checks if c.statement is rungs.SUCCESSORS).actual == pytest.approx(total)
