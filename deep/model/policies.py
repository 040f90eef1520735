"""Policies as functions of a flat parameter vector: Gaussian (STRO, section 4.3) and categorical.

Both satisfy `Policy`; the algorithm uses nothing else.  The parameters are theta = (theta_mu, theta_sigma): the
network's, and those of a state-independent scale, which are empty for a categorical policy.  So the alternating update
(4.11)-(4.12) needs no case distinction: its second half moves an empty block.

The Fisher matrix is the Hessian of the mean KL divergence at theta itself.  The KL divergence is stationary there, so
the Hessian is exactly the Gauss-Newton form mean_i J_i' M_i J_i, with J_i the Jacobian of the network's output and M_i
the Hessian of the divergence in that output (1/sigma^2 for a mean, diag(p) - pp' for logits).
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
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

    @property
    def mask(self) -> int:
        """How many of the last numbers of an observation are an action mask."""
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
    def mask(self) -> int:
        """None: all numbers are actions."""
        return 0

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


FORBIDDEN = -1e9
"""Logit of a masked action: its probability is 0, and p log p is 0 and not a NaN."""


class MaskedProducts(NamedTuple):
    """A network's products, with its outputs masked.

    A masked logit enters nothing with a weight other than 0. So the products with the Jacobian stay the network's own.
    """

    inner: Products
    output: Tensor

    def jvp(self, v: Tensor) -> Tensor:
        """The network's own."""
        return self.inner.jvp(v)

    def vjp(self, u: Tensor) -> Tensor:
        """The network's own."""
        return self.inner.vjp(u)


@dataclass(frozen=True)
class CategoricalPolicy:
    """Softmax of a network's logits over finitely many actions, or a product of such distributions.

    Observations may end with an action mask: numbers above 0 where an action is allowed.
    """

    net: Network
    heads: tuple[int, ...] = ()
    """Sizes of the distributions; their logits lie side by side in the output. Empty: one over all outputs."""
    mask: int = 0
    """How many of the last numbers of an observation are the action mask; the network does not get them."""

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
        if not self.mask:
            return Distribution(self.net.forward(theta, observations), theta[:0])
        logits = self.net.forward(theta, observations[:, : -self.mask])
        return Distribution(self._masked(logits, observations), theta[:0])

    def linearise(self, theta: Tensor, observations: Tensor) -> Products:
        """Logits for observations of shape (n, inputs), with their Jacobian products."""
        if not self.mask:
            return self.net.linearise(theta, observations)
        inner = self.net.linearise(theta, observations[:, : -self.mask].contiguous())
        return MaskedProducts(inner, self._masked(inner.output, observations))

    def _masked(self, logits: Tensor, observations: Tensor) -> Tensor:
        return logits.masked_fill(observations[:, -self.mask :] <= 0, FORBIDDEN)

    def _parts(self, x: Tensor) -> Sequence[Tensor]:
        """What belongs to each distribution, of a tensor of shape (n, outputs)."""
        return torch.split(x, list(self.heads), 1) if len(self.heads) > 1 else (x,)

    def log_prob(self, pi: Distribution, actions: Tensor) -> Tensor:
        """Log probability of integer actions of shape (n,) or (n, heads); shape (n,)."""
        chosen = actions.view(len(actions), -1).unbind(1)
        parts = zip(self._parts(pi.output), chosen, strict=True)
        return _sum(torch.log_softmax(part, 1).gather(1, action[:, None])[:, 0] for part, action in parts)

    def distance(self, old: Distribution, new: Distribution) -> Tensor:
        """KL(old || new), shape (n,)."""

        def one(before: Tensor, after: Tensor) -> Tensor:
            log_p = torch.log_softmax(before, 1)
            return (log_p.exp() * (log_p - torch.log_softmax(after, 1))).sum(1)

        return _sum(map(one, self._parts(old.output), self._parts(new.output)))

    def entropy(self, pi: Distribution) -> Tensor:
        """Mean entropy in nats."""

        def one(part: Tensor) -> Tensor:
            log_p = torch.log_softmax(part, 1)
            return -(log_p.exp() * log_p).sum(1).mean()

        return _sum(map(one, self._parts(pi.output)))

    def fisher_vector_product(self, theta: Tensor, linear: Products) -> Callable[[Tensor], Tensor]:
        """F = mean_i J_i' (diag(p_i) - p_i p_i') J_i, the middle one block for each distribution."""
        p = [torch.softmax(part, 1) for part in self._parts(linear.output)]

        def one(p: Tensor, tangent: Tensor) -> Tensor:
            weighted = p * tangent
            return (weighted - p * weighted.sum(1, keepdim=True)) / len(p)

        def product(v: Tensor) -> Tensor:
            parts = list(map(one, p, self._parts(linear.jvp(v))))
            return linear.vjp(parts[0] if len(parts) == 1 else torch.cat(parts, 1))

        return product

    def actor(self, theta: Tensor) -> CategoricalActor:
        """The policy at theta in NumPy."""
        return CategoricalActor(self.net.actor(theta), self.heads, self.mask)


def _sum(terms: Iterable[Tensor]) -> Tensor:
    """The sum of one tensor or more."""
    return reduce(torch.add, terms)
