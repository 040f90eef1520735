"""What is estimated from a batch: the surrogate (4.3), and the terms of the ratio (4.14).

Notation (STRO, section 4): B the batch, samples of pi_k with parameters theta_k; L-hat the surrogate, here up to its
constant eta-hat; D-hat the mean KL divergence from pi_k. All means are over B.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from deep.batch import Batch
from deep.model.mlp import Products
from deep.model.policies import Distribution, Policy


@dataclass(frozen=True)
class Surrogate:
    """The estimates (4.3) from n samples of pi_k."""

    policy: Policy
    theta: Tensor
    """theta_k, shape (size,)."""
    observations: Tensor
    """Normalised, shape (n, *observation)."""
    actions: Tensor
    """Shape (n, actions), or (n,) for a categorical policy."""
    advantages: Tensor
    """A-hat, shape (n,)."""
    log_prob: Tensor
    """log pi_k(a_i|s_i), shape (n,)."""
    pi: Distribution
    """pi_k at the observations."""
    entropy_bonus: float = 0.0
    """See InnerSettings."""
    linear: Products | None = None
    """The network at theta_k on the observations with its Jacobian products; None: to be computed when needed."""

    @classmethod
    def of(cls, policy: Policy, batch: Batch, standard: bool, entropy_bonus: float) -> "Surrogate":
        """The estimates from a batch.

        Args:
            policy: the policy class.
            batch: samples of pi_k.
            standard: whether to standardise the advantages, see SamplingSettings.standardise_advantages.
            entropy_bonus: see InnerSettings.
        """
        advantages = standardise(batch.advantages) if standard else batch.advantages
        samples = (batch.observations, batch.actions, advantages, batch.log_prob, batch.pi)
        return cls(policy, batch.theta, *samples, entropy_bonus, batch.linear)

    def released(self) -> "Surrogate":
        """The same without the linearisation, whose activations take most of a batch's memory."""
        return replace(self, linear=None)

    def subset(self, index: Tensor) -> "Surrogate":
        """The estimates from some of the samples, b_l of Algorithm 4.2; `index` has their numbers."""
        pi = Distribution(self.pi.output[index], self.pi.log_std)
        parts = (self.observations[index], self.actions[index], self.advantages[index], self.log_prob[index])
        return Surrogate(self.policy, self.theta, *parts, pi, self.entropy_bonus)

    def at(self, theta: Tensor) -> Distribution:
        """pi_theta at the observations."""
        return self.pi if theta is self.theta else self.policy.distribution(theta, self.observations)

    def gain(self, new: Distribution) -> Tensor:
        """L-hat - eta-hat, a scalar, of a policy with the distributions `new` at the observations."""
        weights = torch.exp(self.policy.log_prob(new, self.actions) - self.log_prob)
        return (weights * self.advantages).mean()

    def objective(self, new: Distribution) -> Tensor:
        """What InnerSolu maximises: the gain plus entropy_bonus times the mean entropy, a scalar."""
        return self.gain(new) + self.entropy_bonus * self.policy.entropy(new)

    def distance(self, new: Distribution) -> Tensor:
        """D-hat, a scalar."""
        return self.policy.distance(self.pi, new).mean()

    def linearise(self, theta: Tensor) -> Products:
        """The network at theta on the observations, with its Jacobian products."""
        if theta is self.theta and self.linear is not None:
            return self.linear
        return self.policy.linearise(theta, self.observations)

    def objective_and_gradient(self, theta: Tensor, linear: Products) -> tuple[Tensor, Tensor]:
        """The objective at theta, a scalar, and its gradient, shape (size,); `linear` is `linearise(theta)`."""
        new = Distribution(linear.output, theta[self.policy.mean_size :])
        objective, by_output, by_log_std = self.distribution_gradient(new)
        return objective, torch.cat([linear.vjp(by_output), by_log_std])

    def gradient(self, theta: Tensor) -> Tensor:
        """Gradient of the objective at theta, shape (size,)."""
        return self.objective_and_gradient(theta, self.linearise(theta))[1]

    def distribution_gradient(self, new: Distribution) -> tuple[Tensor, Tensor, Tensor]:
        """The objective, and its gradients in the outputs and in the log-std, in their shapes."""
        output, log_std = (part.detach().requires_grad_() for part in new)
        with torch.enable_grad():
            objective = self.objective(Distribution(output, log_std))
        by_output, by_log_std = torch.autograd.grad(objective, (output, log_std), materialize_grads=True)
        return objective.detach(), by_output, by_log_std


def standardise(advantages: Tensor) -> Tensor:
    """Advantages shifted and scaled to mean 0 and standard deviation 1."""
    return (advantages - advantages.mean()) / (advantages.std() + 1e-8)


@dataclass(frozen=True)
class GainEstimate:
    """Terms of the ratio (4.14): actual / (noise + predicted)."""

    actual: float
    predicted: float
    noise: float


@torch.no_grad()
def reverse_gain(trial: Surrogate, theta_k: Tensor) -> tuple[float, float]:
    """Gain of the trial point over pi_k in its own samples, and its standard error.

    The surrogate around the trial policy pi' predicts L_{pi'}(pi_k) - eta(pi') for the way back. Its negative estimates
    the way there, from samples that had no part in choosing the step. It is computed as a covariance,
    -mean[(pi_k/pi' - 1) (A-hat - mean A-hat)], so that an offset of the advantages does not enter.

    Args:
        trial: the estimates from samples of pi'.
        theta_k: parameters of pi_k, shape (size,).
    """
    pi_k = trial.at(theta_k)
    change = torch.exp(trial.policy.log_prob(pi_k, trial.actions) - trial.log_prob) - 1
    terms = -change * (trial.advantages - trial.advantages.mean())
    return float(terms.mean()), float(terms.std()) / math.sqrt(len(terms))
