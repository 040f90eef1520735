"""Policies as functions of a flat parameter vector: Gaussian (STRO, section 4.3) and categorical.

Both satisfy `Policy`; the algorithm uses nothing else.  The parameters are theta = (theta_mu, theta_sigma): the
network's, and those of a state-independent scale, which are empty for a categorical policy.  So the alternating update
(4.11)-(4.12) needs no case distinction: its second half moves an empty block.

The Fisher matrix is the Hessian of the mean KL divergence at theta itself.  The KL divergence is stationary there, so
the Hessian is exactly the Gauss-Newton form mean_i J_i' M_i J_i, with J_i the Jacobian of the network's output and M_i
the Hessian of the divergence in that output (1/sigma^2 for a mean, diag(p) - pp' for logits).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from deep.model.actors import Actor, CategoricalActor, GaussianActor
from deep.model.mlp import Network, Products

LOG_2PI = math.log(2 * math.pi)


class Distribution(NamedTuple):
    """Parameters of pi(.|s) for a batch of n states."""

    output: Tensor
    """Means of shape (n, actions), or logits."""
    log_std: Tensor
    """Logarithm of the standard deviation, shape (actions,); empty for a categorical policy."""


class Policy(Protocol):
    """What the algorithm asks of a policy. theta has shape (size,); its first mean_size entries are theta_mu."""

    @property
    def size(self) -> int:
        """Number of parameters."""
        ...

    @property
    def mean_size(self) -> int:
        """Number of the network's parameters."""
        ...

    def initial(self, rng: np.random.Generator) -> Tensor:
        """Initial parameters."""
        ...

    def distribution(self, theta: Tensor, observations: Tensor) -> Distribution:
        """pi_theta(.|s) for n normalised observations."""
        ...

    def linearise(self, theta: Tensor, observations: Tensor) -> Products:
        """The network's outputs at n normalised observations, and products with their Jacobian in theta_mu."""
        ...

    def log_prob(self, pi: Distribution, actions: Tensor) -> Tensor:
        """log pi(a_i|s_i), shape (n,)."""
        ...

    def distance(self, old: Distribution, new: Distribution) -> Tensor:
        """KL(old || new) in each state, shape (n,)."""
        ...

    def entropy(self, pi: Distribution) -> Tensor:
        """Mean entropy over the states, a scalar."""
        ...

    def fisher_vector_product(self, theta: Tensor, linear: Products) -> Callable[[Tensor], Tensor]:
        """v -> F v, F the mean Fisher matrix at theta over the observations of `linearise(theta, observations)`."""
        ...

    def actor(self, theta: Tensor) -> Actor:
        """The policy at theta, for sampling outside torch."""
        ...


@dataclass(frozen=True)
class GaussianPolicy:
    """N(mu(s; theta_mu), diag exp(2 theta_sigma)), STRO, eq. (4.10)."""

    net: Network
    initial_log_std: float

    @property
    def mean_size(self) -> int:
        """Number of parameters of the mean network."""
        return self.net.size

    @property
    def size(self) -> int:
        """Number of parameters, theta_sigma included."""
        return self.net.size + self.net.outputs

    def initial(self, rng: np.random.Generator) -> Tensor:
        """Orthogonal mean network, constant log-std; shape (size,)."""
        return torch.cat([self.net.initial(rng), torch.full((self.net.outputs,), self.initial_log_std)])

    def distribution(self, theta: Tensor, observations: Tensor) -> Distribution:
        """Means and log-std for observations of shape (n, inputs)."""
        return Distribution(self.net.forward(theta[: self.mean_size], observations), theta[self.mean_size :])

    def linearise(self, theta: Tensor, observations: Tensor) -> Products:
        """Means for observations of shape (n, inputs), with their Jacobian products."""
        return self.net.linearise(theta[: self.mean_size], observations)

    def log_prob(self, pi: Distribution, actions: Tensor) -> Tensor:
        """Log density of actions of shape (n, actions); shape (n,)."""
        z = (actions - pi.output) * torch.exp(-pi.log_std)
        return -0.5 * (z * z).sum(1) - pi.log_std.sum() - 0.5 * LOG_2PI * self.net.outputs

    def distance(self, old: Distribution, new: Distribution) -> Tensor:
        """KL(old || new), shape (n,)."""
        inverse = torch.exp(-2 * new.log_std)
        shift = ((old.output - new.output) ** 2 * inverse).sum(1)
        scale = (torch.exp(2 * old.log_std) * inverse - 1 - 2 * (old.log_std - new.log_std)).sum()
        return 0.5 * (shift + scale)

    def entropy(self, pi: Distribution) -> Tensor:
        """Differential entropy in nats; the same in every state."""
        return (pi.log_std + 0.5 * (1 + LOG_2PI)).sum()

    def fisher_vector_product(self, theta: Tensor, linear: Products) -> Callable[[Tensor], Tensor]:
        """F = blockdiag(mean_i J_i' diag(sigma^-2) J_i, 2 I)."""
        weight = torch.exp(-2 * theta[self.mean_size :]) / len(linear.output)

        def product(v: Tensor) -> Tensor:
            mean = linear.vjp(linear.jvp(v[: self.mean_size]) * weight)
            return torch.cat([mean, 2 * v[self.mean_size :]])

        return product

    def actor(self, theta: Tensor) -> GaussianActor:
        """The policy at theta in NumPy."""
        log_std = theta[self.mean_size :].detach().cpu().numpy()
        return GaussianActor(self.net.actor(theta[: self.mean_size]), np.exp(log_std))


@dataclass(frozen=True)
class CategoricalPolicy:
    """Softmax of a network's logits over finitely many actions."""

    net: Network

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.net.size

    @property
    def mean_size(self) -> int:
        """All of them: there is no separate scale."""
        return self.net.size

    def initial(self, rng: np.random.Generator) -> Tensor:
        """Orthogonal network; shape (size,)."""
        return self.net.initial(rng)

    def distribution(self, theta: Tensor, observations: Tensor) -> Distribution:
        """Logits for observations of shape (n, inputs)."""
        return Distribution(self.net.forward(theta, observations), theta[:0])

    def linearise(self, theta: Tensor, observations: Tensor) -> Products:
        """Logits for observations of shape (n, inputs), with their Jacobian products."""
        return self.net.linearise(theta, observations)

    def log_prob(self, pi: Distribution, actions: Tensor) -> Tensor:
        """Log probability of integer actions of shape (n,); shape (n,)."""
        return torch.log_softmax(pi.output, 1).gather(1, actions[:, None])[:, 0]

    def distance(self, old: Distribution, new: Distribution) -> Tensor:
        """KL(old || new), shape (n,)."""
        log_p = torch.log_softmax(old.output, 1)
        return (log_p.exp() * (log_p - torch.log_softmax(new.output, 1))).sum(1)

    def entropy(self, pi: Distribution) -> Tensor:
        """Mean entropy in nats."""
        log_p = torch.log_softmax(pi.output, 1)
        return -(log_p.exp() * log_p).sum(1).mean()

    def fisher_vector_product(self, theta: Tensor, linear: Products) -> Callable[[Tensor], Tensor]:
        """F = mean_i J_i' (diag(p_i) - p_i p_i') J_i."""
        p = torch.softmax(linear.output, 1)

        def product(v: Tensor) -> Tensor:
            weighted = p * linear.jvp(v)
            return linear.vjp((weighted - p * weighted.sum(1, keepdim=True)) / len(p))

        return product

    def actor(self, theta: Tensor) -> CategoricalActor:
        """The policy at theta in NumPy."""
        return CategoricalActor(self.net.actor(theta))
