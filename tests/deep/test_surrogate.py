"""The estimates (4.3) and (4.14) from samples."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from deep.model.mlp import MLP
from deep.model.policies import GaussianPolicy
from deep.surrogate import Surrogate, reverse_gain, standardise
from tests.deep.samples import CATEGORICAL, GAUSSIAN, make

POLICIES = pytest.mark.parametrize("policy", [GAUSSIAN, CATEGORICAL], ids=["gaussian", "categorical"])


@POLICIES
def test_gradient_is_that_of_automatic_differentiation(policy):
    theta_k, L = make(policy)
    L = replace(L, entropy_bonus=0.3)
    away = theta_k + 0.1 * torch.from_numpy(np.random.default_rng(1).standard_normal(policy.size))
    for theta in (theta_k, away):
        leaf = theta.clone().requires_grad_()
        objective = L.objective(L.at(leaf))
        (wanted,) = torch.autograd.grad(objective, leaf)
        value, gradient = L.objective_and_gradient(theta, L.linearise(theta))
        torch.testing.assert_close(gradient, wanted)
        torch.testing.assert_close(value, objective.detach())


@POLICIES
def test_at_theta_k_the_gain_is_the_mean_advantage_and_the_distance_zero(policy):
    theta, L = make(policy)
    assert L.at(theta) is L.pi
    assert float(L.gain(L.pi)) == pytest.approx(float(L.advantages.mean()), abs=1e-12)
    assert float(L.distance(L.pi)) == 0


@POLICIES
def test_a_subset_has_the_estimates_of_its_samples(policy):
    theta, L = make(policy)
    index = torch.tensor([3, 7, 8])
    part, away = L.subset(index), 1.1 * theta
    parts = replace(L, **{name: getattr(L, name)[index] for name in ("observations", "actions", "advantages")})
    wanted = replace(parts, log_prob=L.log_prob[index], pi=policy.distribution(theta, parts.observations))
    torch.testing.assert_close(part.gain(part.at(away)), wanted.gain(wanted.at(away)))
    torch.testing.assert_close(part.distance(part.at(away)), wanted.distance(wanted.at(away)))


def test_reverse_gain_is_positive_after_an_ascent_and_negative_the_other_way():
    policy = GaussianPolicy(MLP((2, 8, 1)), -0.5)
    start = policy.initial(np.random.default_rng(3))

    def samples(theta, seed):
        rng = np.random.default_rng(seed)
        x = torch.from_numpy(rng.standard_normal((4000, 2)).astype(np.float32))
        pi = policy.distribution(theta, x)
        actions = pi.output + pi.log_std.exp() * torch.from_numpy(rng.standard_normal((4000, 1)).astype(np.float32))
        advantages = standardise(-((actions[:, 0] - x[:, 0]) ** 2))
        return Surrogate(policy, theta, x, actions, advantages, policy.log_prob(pi, actions), pi)

    g = samples(start, 0).gradient(start)
    up = start + 0.1 * g / g.norm()
    forth, error = reverse_gain(samples(up, 1), start)
    back, _ = reverse_gain(samples(start, 2), up)
    assert forth > 2 * error > 0
    assert back < 0
    shifted = replace(samples(up, 1), advantages=samples(up, 1).advantages + 5)
    assert reverse_gain(shifted, start)[0] == pytest.approx(forth, rel=1e-3)
