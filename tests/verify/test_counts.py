"""Iteration counts: the statements on small MDPs, the bounds as integers, and an action that returns."""

import math

import numpy as np
import pytest
from flint import fmpq

from tests.verify.cases import SMALL, row_of
from verify import counts
from verify.core.statement import Verdict
from verify.tabular.rational_steps import howard, knapsack, moves, per_state


def test_all_statements_come_out_as_expected_whatever_the_number_of_processes():
    options = [counts.STUDY.options(mdp=SMALL, instances=1, search=2, jobs=jobs) for jobs in (1, 2)]
    one, two = map(counts.check, options)
    assert one == two
    assert all(check.exact for check in one)
    assert all(row.as_expected and row.checks and not row.undecided for row in row_of(counts, one).values())


def test_the_bounds_are_the_formulas_of_the_page():
    S, A, gamma, d, p0 = 3, 4, fmpq(9, 10), fmpq(1, 2), fmpq(1, 3)
    log = math.log
    assert counts.bound_howard(S, A, gamma) == 9 * math.ceil(log(10) / 0.1)
    assert counts.bound_hansen(S, A, gamma) == 9 * math.ceil(log(30) / 0.1)
    assert counts.bound_ye(S, A, gamma) == 9 * math.ceil(3 * log(30) / 0.1)
    assert counts.bound_simplex(S, A, gamma) == 27 * (1 + math.ceil(2 * log(10) / 0.1))
    assert counts.bound_per_state(S, A, gamma, d) == 9 * (1 + math.ceil(log(1.9 / 0.05) / 0.05))
    delta = fmpq(5)
    z = 0.1**2 / 9 * 0.5
    assert counts.bound_global(S, A, gamma, p0, delta) == 9 * (1 + math.ceil(log((1 / 3 + 9) / (0.1 / 3 * 5)) / z))
    assert counts.bound_howard(S, A, fmpq(0)) == 9  # the printed bound is 0


@pytest.mark.parametrize("step", [per_state(fmpq(1, 16)), knapsack(fmpq(1, 48))], ids=["per state", "global"])
def test_an_emptied_action_returns(step):
    mdp, start = counts.returning_mdp()
    steps = list(moves(mdp, start, step, 99))
    masses = [float(taken.trial[0, 0]) for taken in steps]
    assert masses[0] == 0
    assert masses[-1] == 1
    assert counts.returns(steps) == 1


def test_a_method_that_stands_still_is_found_out():
    mdp, start = counts.returning_mdp()
    steps = list(moves(mdp, start, lambda policy, now: policy, 5))
    assert counts.judge_count(counts.HOWARD, 99, steps, "here").verdict is Verdict.UNDECIDED
    assert counts.judge_count(counts.HOWARD, 4, list(moves(mdp, start, howard, 5)), "here").verdict is Verdict.HOLDS
    assert counts.judge_count(counts.HOWARD, 1, list(moves(mdp, start, howard, 5)), "here").verdict is Verdict.VIOLATED


def test_gone_for_good_and_macqueens_test_notice_a_missing_gamma():
    """Without gamma x_k the first claim is false, without gamma u the second: both are seen to fail."""
    mdp, start = counts.returning_mdp()
    steps = list(moves(mdp, start, per_state(fmpq(1, 16)), 99))
    best = steps[-1].after
    found = [check for step in steps for check in counts.judge_gone(step, fmpq(0), best.V, -best.A, "here")]
    assert {check.statement for check in found if check.verdict is Verdict.VIOLATED} == {counts.GONE, counts.MACQUEEN}
    right = [c for step in steps for c in counts.judge_gone(step, mdp.discount, best.V, -best.A, "here")]
    assert all(check.verdict is Verdict.HOLDS for check in right)
    assert {check.statement for check in right} == {counts.GONE, counts.MACQUEEN}


def test_policies_on_optimal_actions_need_no_step():
    mdp, _ = counts.returning_mdp()
    best = np.array([[1, 0], [0, 1], [1, 0]]) * fmpq(1)
    assert list(moves(mdp, best, howard, 5)) == []
