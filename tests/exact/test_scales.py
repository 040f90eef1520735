"""Numbers of every scale: rewards, discounts, start distributions and rows against policy iteration over rationals."""

import itertools

import numpy as np
import pytest

from exact.algorithm import solve
from exact.baselines import natural_gradient
from exact.common.errors import FaultError
from exact.evaluation import EvaluationError, evaluate
from exact.mdp import MDP
from exact.mdps.garnet import garnet
from exact.mdps.library import load
from exact.optimum import optimum
from tests.exact.reference import Rational

RETURN_SLACK = 2e-8
"""The default tolerance is 1e-8 of the largest difference of two returns."""


def scaled(reward, discount, least, shift=0.0, seed=0):
    mdp = garnet(4, 3, 2, discount, seed)
    initial = np.full(4, 0.25) if least is None else np.array([least, least, 0.5, 0.5])
    return MDP(mdp.transitions, mdp.rewards * reward + shift, initial, discount)


def check(mdp, run):
    exact = Rational(mdp.transitions, mdp.rewards, mdp.initial, mdp.discount)
    own, best = exact.eta(run.policy), exact.optimum()
    span = np.ptp(mdp.rewards) / (1 - mdp.discount)
    assert run.converged, run
    assert float(best - own) <= RETURN_SLACK * span
    assert abs(run.final.eta - float(own)) <= 1e-9 * np.abs(mdp.rewards).max() / (1 - mdp.discount)


@pytest.mark.parametrize("discount", [0, 0.5, 0.99, 0.999999, 1 - 1e-10])
@pytest.mark.parametrize("reward", [1e-300, 1e-15, 1e-9, 1, 1e5, 1e12])
def test_the_optimum_at_every_scale(reward, discount):
    """Rewards of 1e-9 'converged' at the uniform policy, rewards of 1e5 never did; a tiny rho0 hid a state."""
    for least, seed in itertools.product((None, 1e-12, 1e-16, 1e-300), (0, 1)):
        mdp = scaled(reward, discount, least, seed=seed)
        check(mdp, solve(mdp, max_iterations=3000))
        best = optimum(mdp)
        assert best.gap <= 1e-9 * np.ptp(mdp.rewards) / (1 - discount) + 1e-300
        assert best.iterations < 10


def test_a_large_constant_in_all_rewards_changes_nothing():
    mdp = scaled(1e-3, 0.99, None, shift=2.0**20)
    plain = scaled(1e-3, 0.99, None)
    run, other = solve(mdp), solve(plain)
    assert run.converged
    np.testing.assert_allclose(run.policy, other.policy, atol=1e-6)


def test_a_discount_that_float64_cannot_resolve_is_a_fault():
    mdp = scaled(1, 1 - 1e-14, None)
    with pytest.raises(EvaluationError, match=r"the values at the discount 0\.99999999999999.* cannot be computed"):
        solve(mdp)


def test_returns_that_overflow_are_a_fault():
    mdp = scaled(1e300, 0.999999, None)
    with pytest.raises(FaultError, match="overflow at the discount"):
        solve(mdp)


def test_rows_are_divided_by_their_sums():
    """At gamma = 1 - 1e-10 a row sum of 1 + 9e-10 gave an eta of the wrong sign."""
    P = np.array([[[0.5 + 9e-10, 0.5]], [[0.25, 0.75]]])
    mdp = MDP(P, np.ones((2, 1)), np.array([0.5 + 9e-10, 0.5]), 1 - 1e-10)
    assert np.abs(mdp.transitions.sum(axis=2) - 1).max() <= 2**-52
    assert abs(mdp.initial.sum() - 1) <= 2**-52
    assert evaluate(mdp, mdp.uniform_policy()).eta == pytest.approx(1e10, rel=1e-5)
    policy = mdp.check_policy(np.array([[1 + 9e-10], [1.0]]))
    assert policy.max() == 1


def test_rows_that_sum_to_one_within_rounding_stay_as_they_are():
    third = 1 / 3
    row = np.array([0.7, 0.1, 0.1, 0.1])
    assert row.sum() != 1
    mdp = MDP(np.broadcast_to(row, (4, 2, 4)), np.zeros((4, 2)), row, 0.9)
    assert (mdp.transitions == row).all()
    assert (MDP(np.full((3, 1, 3), third), np.zeros((3, 1)), np.full(3, third), 0.9).transitions == third).all()


def test_the_gain_near_the_optimum_is_not_lost_in_the_return():
    """eta' - eta has no digit left there; the ratio of a step that cannot fail is positive all the same."""
    mdp = scaled(1.0, 0.999999, None)
    run = solve(mdp, natural_gradient(mdp, 100.0), settings=None, tolerance=1e-13, max_iterations=300)
    assert all(record.actual > 0 and record.ratio > 0 for record in run.records)


def test_a_state_that_is_never_visited_does_not_stop_the_reference():
    assert optimum(load("unvisited")).values.eta == pytest.approx(9)


def test_the_reference_is_bounded():
    best = optimum(load("frozenlake-8x8"), max_iterations=2)
    assert best.iterations == 2
    truth = optimum(load("frozenlake-8x8")).values
    assert (truth.V - best.values.V).max() <= best.gap
