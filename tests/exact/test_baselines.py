"""The comparison methods: policy iteration against enumeration, and the guarantees of the others."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exact.algorithm import iterate, solve
from exact.baselines import conservative, natural_gradient, policy_iteration
from exact.evaluation import evaluate
from exact.mdp import MDP
from exact.mdps.garnet import garnet
from exact.mdps.library import load
from exact.subproblem.kl import solve_kl_forward
from tests.exact.strategies import mdps, policies


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_policy_iteration_finds_the_best_of_all_deterministic_policies(data):
    mdp = data.draw(mdps(max_states=4, max_actions=3))
    trajectory = solve(mdp, policy_iteration, start=data.draw(policies(mdp)), settings=None, tolerance=1e-7)
    tables = itertools.product(range(mdp.n_actions), repeat=mdp.n_states)
    best = max(evaluate(mdp, np.eye(mdp.n_actions)[list(table)]).eta for table in tables)
    assert trajectory.converged
    assert trajectory.final.eta == pytest.approx(best, abs=1e-7 / ((1 - mdp.discount) * mdp.initial.min()))
    assert trajectory.iterations <= mdp.n_actions**mdp.n_states


def test_policy_iteration_ignores_the_radius():
    mdp = garnet(6, 3, 2, 0.9, seed=0)
    e = evaluate(mdp, mdp.uniform_policy())
    steps = [policy_iteration(mdp.uniform_policy(), e.A, e.rho, delta) for delta in (1e-6, 1e6)]
    assert all((step.policy == np.eye(3)[e.A.argmax(axis=1)]).all() for step in steps)
    assert all(step.gain == pytest.approx(e.policy_advantage) for step in steps)


def test_conservative_keeps_its_promise():
    """Theorem 4.1 of Kakade and Langford, in unnormalised returns: eta rises by at least a^2 / (8 R (1-gamma))."""
    mdp = garnet(6, 3, 2, 0.8, seed=4)
    reward_range, one = np.ptp(mdp.rewards), 1 - mdp.discount
    gains = []
    for it in iterate(mdp, conservative(mdp), settings=None, tolerance=1e-2):
        a = one**2 * it.before.policy_advantage
        mixed = it.policy + one * a / (4 * reward_range) * (np.eye(3)[it.before.A.argmax(axis=1)] - it.policy)
        assert it.step.policy == pytest.approx(mixed, abs=1e-14)
        assert it.after.eta - it.before.eta >= a**2 / (8 * reward_range * one)
        assert it.step.gain == pytest.approx(it.before.rho @ (it.step.policy * it.before.A).sum(axis=1), rel=1e-9)
        assert it.step.distance == pytest.approx(
            it.before.rho @ np.abs(it.step.policy - it.policy).sum(axis=1) / 2, rel=1e-9
        )
        gains.append(it.after.eta - it.before.eta)
        if it.k == 50:
            break
    assert len(gains) > 10


def test_conservative_with_constant_rewards_has_nothing_to_do():
    """Every policy is optimal; rounding may leave an advantage of 1e-16, which must not divide by zero."""
    mdp = MDP(garnet(4, 3, 2, 0.9, seed=0).transitions, np.full((4, 3), 0.1), np.full(4, 0.25), 0.9)
    trajectory = solve(mdp, conservative(mdp), settings=None, tolerance=0.0, max_iterations=5)
    assert trajectory.final.eta == pytest.approx(1.0)


def test_natural_gradient_of_one_state_is_the_softmax():
    """V shifts all actions alike, so after k steps pi is proportional to exp(k eta r / (1-gamma)) from uniform."""
    mdp = MDP(np.ones((1, 3, 1)), np.array([[1.0, 0.5, -0.25]]), np.ones(1), 0.5)
    trajectory = solve(mdp, natural_gradient(mdp, 0.25), settings=None, tolerance=0.0, max_iterations=4)
    softmax = np.exp(4 * 0.25 / 0.5 * mdp.rewards)
    assert trajectory.policy == pytest.approx(softmax / softmax.sum(), rel=1e-12)


@pytest.mark.parametrize("method", [natural_gradient, conservative])
def test_methods_improve_at_every_step(method):
    mdp = load("gridworld-4x4")
    for it in iterate(mdp, method(mdp), settings=None, tolerance=1e-6):
        assert (it.after.V >= it.before.V - 1e-12).all()
        assert it.step.gain == pytest.approx(it.before.rho @ (it.step.policy * it.before.A).sum(axis=1), rel=1e-9)
        if it.k == 40:
            break


def test_fixed_radius_steps_keep_their_radius():
    """TRPO-style: every trial accepted at the same radius, with the KL of (3.1)."""
    trajectory = solve(load("chain"), solve_kl_forward, settings=None, delta0=0.2, tolerance=1e-3, max_iterations=60)
    assert {r.delta for r in trajectory.records} == {0.2}
    assert all(r.accepted for r in trajectory.records)
    assert all(r.distance == pytest.approx(0.2, rel=1e-6) for r in trajectory.records)
    assert trajectory.final.eta > trajectory.records[0].eta
