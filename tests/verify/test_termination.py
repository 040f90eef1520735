"""Which steps end: the statements on small MDPs, and steps that are shorter or go further than they may."""

import math
from itertools import pairwise

import numpy as np
import pytest
from flint import fmpq

from exact.rational import dyadics, evaluate_exactly
from tests.verify.cases import SMALL, row_of
from verify import termination
from verify.core.command import SearchOptions
from verify.core.statement import Verdict
from verify.tabular.rational_steps import howard, moves, per_state, projected
from verify.tabular.runs import rational_mdp
from verify.termination import load


def test_all_statements_come_out_as_expected_whatever_the_number_of_processes():
    one, two = (termination.check(SearchOptions(search=2, mdp=SMALL, instances=2, jobs=jobs)) for jobs in (1, 2))
    assert one == two
    assert all(check.exact for check in one)
    assert all(row.as_expected and row.checks for row in row_of(termination, one).values())


def test_a_projected_step_longer_than_it_says_is_found_out():
    mdp = load("chain")
    exact, start = rational_mdp(mdp), dyadics(mdp.uniform_policy())
    step = next(moves(exact, start, projected(fmpq(1, 64)), 1))
    verdicts = [next(termination.check_projection(step, t, fmpq(1), "")).verdict for t in (fmpq(1, 64), fmpq(8))]
    assert verdicts == [Verdict.HOLDS, Verdict.VIOLATED]


def test_half_of_the_shortest_step_that_ends_need_not_end(monkeypatch):
    mdp = load("chain")
    exact, start = rational_mdp(mdp), dyadics(mdp.uniform_policy())
    way = list(moves(exact, start, per_state(fmpq(1, 8)), 99))
    sizes = []

    def check(size):
        monkeypatch.setattr(termination, "projected", lambda t, u: projected(sizes.append(t) or size * t, u))
        return next(termination.check_end(exact, way[-1].policy, fmpq(1, 2), way[-1].after, "")).verdict

    assert check(1) is Verdict.HOLDS
    assert check(fmpq(1, 100)) is Verdict.VIOLATED
    best, now = way[-1].after, evaluate_exactly(exact, way[-1].policy)
    room = (-best.A[best.A < 0]).min() - exact.discount * (best.V - now.V).max()
    assert sizes[0] == 3 / room  # u = 1/2


@pytest.mark.parametrize("left", [0.02, 1e-30])
def test_the_forward_divergence_bound_is_the_formula(left):
    p, q = dyadics(np.array([0.25, 0.75])), dyadics(np.array([left, 1.0]))
    q[1] = 1 - q[0]
    check = termination.check_forward(p, q, "here")
    D = 0.25 * math.log(0.25 / left) + 0.75 * math.log(0.75 / (1 - left))
    assert check.verdict is Verdict.HOLDS
    assert (check.actual, check.claimed) == pytest.approx((left, 0.25 * math.exp(-1 - D / 0.25)))


def test_a_divergence_reported_too_small_is_found_out(monkeypatch):
    """A step that gives up all but 1e-30 of a quarter, with half of its divergence."""
    p, q = dyadics(np.array([0.25, 0.75])), dyadics(np.array([1e-30, 1.0]))
    q[1] = 1 - q[0]
    whole = termination.divergence
    monkeypatch.setattr(termination, "divergence", lambda p, q: whole(p, q) / 2)
    assert termination.check_forward(p, q, "here").verdict is Verdict.VIOLATED


def test_tilting_in_closed_form():
    """Rewards 0 and 1, uniform start: after k tilts by 2 the regret is 1/(1 + 2^k)/(1-gamma)."""
    mdp = rational_mdp(termination.MDP(np.ones((1, 2, 1)), np.array([[0.0, 1.0]]), np.ones(1), 0.5, "one state"))
    start = np.array([[fmpq(1, 2), fmpq(1, 2)]])
    run = list(moves(mdp, start, termination.tilt, 4))
    assert [2 - step.after.V[0] for step in run] == [2 / (1 + fmpq(2) ** k) for k in range(1, 5)]
    assert len(list(moves(mdp, start, per_state(fmpq(1, 8)), 99))) == 4
    assert evaluate_exactly(mdp, next(moves(mdp, start, howard, 1)).trial).V[0] == 2


def test_a_tilt_by_two_claims_a_factor_of_two_for_every_unit_of_the_largest_gap():
    """The rewards are in the text of the check; the smallest is 0."""
    checks = list(termination.check_tilting(0))
    largest = max(int(x) for x in checks[0].instance.partition("[")[2].partition("]")[0].split())
    for earlier, later in pairwise(checks):
        assert earlier.claimed / later.claimed == pytest.approx(2**largest)
