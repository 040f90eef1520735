"""Policies, and samples of them, for the tests of what is estimated from a batch."""

import numpy as np
import torch

from deep.model.mlp import MLP
from deep.model.policies import CategoricalPolicy, GaussianPolicy
from deep.surrogate import Surrogate

GAUSSIAN = GaussianPolicy(MLP((3, 6, 2), 0.5), -0.5)
CATEGORICAL = CategoricalPolicy(MLP((3, 6, 4), 0.5))


def make(policy, n=200, seed=0):
    """theta_k and a surrogate from samples of pi_k with advantages that favour one kind of action."""
    rng = np.random.default_rng(seed)
    theta = policy.initial(rng).double()
    x = torch.from_numpy(rng.standard_normal((n, 3)))
    pi = policy.distribution(theta, x)
    if policy is GAUSSIAN:
        actions = pi.output + pi.log_std.exp() * torch.from_numpy(rng.standard_normal((n, 2)))
        advantages = -((actions - x[:, :2]) ** 2).sum(1)
    else:
        actions = torch.from_numpy(rng.integers(0, 4, n))
        advantages = (actions == 1).double()
    advantages = (advantages - advantages.mean()) / advantages.std()
    return theta, Surrogate(policy, theta, x, actions, advantages, policy.log_prob(pi, actions), pi)
