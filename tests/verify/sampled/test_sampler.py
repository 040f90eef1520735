"""SAMPLE: visits and successors have the right distribution."""

import numpy as np
import pytest

from exact.evaluation import evaluate
from exact.mdps.library import load
from tests.verify.sampled.cases import GARNET, STANDARD_ERRORS, assert_mean, many
from verify.sampled.sampler import draw_noise, sample, tabulate


@pytest.mark.parametrize("name", [GARNET, "frozenlake-4x4"])
def test_sample_visits_states_as_rho_and_actions_as_pi(name):
    mdp = load(name)
    rng = np.random.default_rng(1)
    policy = rng.dirichlet(np.ones(mdp.n_actions), mdp.n_states)
    N, R = 2000, 200
    samples = sample(tabulate(mdp), many(policy, R), draw_noise(mdp, N, R, rng))
    visits = np.stack([np.bincount(x, minlength=mdp.n_states) / N for x in samples.states.T])
    burn_in = 1 / (N * (1 - mdp.discount))  # the batch begins at rho0, not at (1 - gamma) rho
    assert_mean(visits, (1 - mdp.discount) * evaluate(mdp, policy).rho, bias=burn_in)
    for s in range(mdp.n_states):
        taken = np.bincount(samples.actions[samples.states == s], minlength=mdp.n_actions)
        expected = taken.sum() * policy[s]
        assert np.all(np.abs(taken - expected) <= STANDARD_ERRORS * np.sqrt(expected * (1 - policy[s]) + 1))


def test_next_states_follow_the_kernel(mdp, pair):
    samples = sample(tabulate(mdp), many(pair[0], 100), draw_noise(mdp, 1000, 100, np.random.default_rng(2)))
    went_on = ~samples.ended[:-1]
    assert np.array_equal(samples.next_states[:-1][went_on], samples.states[1:][went_on])
    counts = np.zeros((6, 3, 6))
    np.add.at(counts, (samples.states, samples.actions, samples.next_states), 1)
    expected = counts.sum(axis=2, keepdims=True) * mdp.transitions
    assert np.all(np.abs(counts - expected) <= STANDARD_ERRORS * np.sqrt(expected + 1) * (expected > 0))
