"""Contraction: the MDPs of the proofs, and steps that move less than they should."""

import numpy as np
import pytest
from flint import fmpq

from exact.rational import dyadics
from tests.verify.cases import SMALL, row_of
from verify import contraction
from verify.core.statement import Verdict
from verify.tabular.rational_steps import knapsack, moves, per_state, project


def test_all_statements_come_out_as_expected_whatever_the_number_of_processes():
    options = [contraction.STUDY.options(mdp=SMALL, instances=1, search=4, jobs=jobs) for jobs in (1, 2)]
    one, two = map(contraction.check, options)
    assert one == two
    assert all(check.exact for check in one)
    assert all(row.as_expected and row.checks for row in row_of(contraction, one).values())


def test_the_rate_is_attained_to_the_last_digit():
    mdp, start, best = contraction.slow_mdp(0.9)
    step = next(moves(mdp, start, per_state(fmpq(1, 8)), 1))
    assert contraction.regret(best, step.before.V) == 10
    assert contraction.regret(best, step.after.V) == fmpq(79, 8)  # 10 (1 - .1/8)


def test_the_falsifier_finds_steps_near_the_rate_and_notices_a_wrong_one(monkeypatch):
    """Without the discount in the rate the statement is false, and hill climbing finds it out."""
    options = contraction.STUDY.options(mdp=("puterman-two-state",), instances=1, search=40)
    run = contraction.plan(options)[0]
    found = contraction._search(40, run)[0]
    assert found.verdict is Verdict.HOLDS
    assert found.claimed > 0.9 * found.actual
    right = contraction.check_per_state
    monkeypatch.setattr(contraction, "check_per_state", lambda step, d, gamma, *rest: right(step, d, 0 * gamma, *rest))
    assert contraction._search(40, run)[0].verdict is Verdict.VIOLATED


def test_a_global_budget_starves_a_state_for_three_steps_and_ends_with_the_fourth():
    """docs/theory.md, the figure of the contraction: d = 1/8, gamma = .9."""
    mdp, start, best = contraction.starving_mdp(0.9)
    run = moves(mdp, start, knapsack(fmpq(5, 4)), 9)
    values = [float(contraction.regret(best, step.after.V)) for step in run]
    assert values[:3] == [10, 10, 10]
    assert values[3] < 0.01
    assert [step.k for step in moves(mdp, start, per_state(fmpq(1, 8)), 20)] == list(range(8))


@pytest.mark.parametrize(("claimed", "found"), [(0.5, Verdict.HOLDS), (1.0, Verdict.VIOLATED)])
def test_a_step_that_uses_half_of_its_budget_is_found_out(claimed, found):
    mdp, start, best = contraction.slow_mdp(0.9)
    step = next(moves(mdp, start, per_state(fmpq(1, 2)), 1))
    check = contraction.check_per_state(step, fmpq(*claimed.as_integer_ratio()), mdp.discount, best, "here")
    assert check.verdict is found


def test_the_projection_is_the_nearest_point_of_the_simplex():
    rng = np.random.default_rng(4)
    for x in dyadics(np.rint(rng.normal(size=(20, 4)) * 64) / 64):
        p = project(x)
        assert p.sum() == 1
        assert min(p) >= 0
        residual = x - p  # a normal of the simplex at p: constant where p > 0, and no larger elsewhere
        assert len(set(residual[p > 0])) == 1
        assert max(residual) == max(residual[p > 0])


def test_the_knapsack_uses_the_radius_up_to_the_grid():
    mdp, start, _ = contraction.starving_mdp(0.9)
    step = next(moves(mdp, start, knapsack(fmpq(1, 3)), 1))
    used = (step.before.rho * abs(step.trial - start).sum(axis=1) / 2).sum()
    assert fmpq(1, 3) - step.before.rho.max() / (1 << 16) <= used <= fmpq(1, 3)
