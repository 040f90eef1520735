"""Batches of samples, trial points, and what is estimated from them for the ratio (4.14)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from deep.innersolu import Surrogate
from deep.sampling.normalise import RunningMoments


@dataclass(frozen=True)
class Batch:
    """Samples of one policy, with what is estimated from them; n of them."""

    observations: Tensor
    """As the policy saw them (normalised), shape (n, inputs)."""
    actions: Tensor
    advantages: Tensor
    """A-hat (4.4) in units of normalised reward, shape (n,)."""
    targets: Tensor
    """V + A-hat, what the critic is fitted to (4.5), shape (n,)."""
    log_prob: Tensor
    """log pi(a_i|s_i) of the policy that drew the samples, shape (n,)."""
    moments: RunningMoments
    """Of the observations as the environment gave them."""
    eta: float
    """eta-hat (4.1), mean undiscounted return of the complete trajectories; the last batch's if there is none. For
    pixels the mean over the environments of `segment_returns`: a batch may hold no whole game."""
    sigma: float
    """sigma-hat (4.2), their standard deviation; the last batch's if there are fewer than two."""

    @property
    def explained_variance(self) -> float:
        """Part of the targets' variance that the critic's values, not yet fitted to them, explain."""
        return 1 - float(self.advantages.var() / (self.targets.var() + 1e-12))

    def merge(self, other: "Batch") -> "Batch":
        """Both batches together (4.15): samples of the same policy; eta-hat and sigma-hat are averaged."""
        n, m = len(self.actions), len(other.actions)
        both = {
            name: torch.cat([getattr(self, name), getattr(other, name)])
            for name in ("observations", "actions", "advantages", "targets", "log_prob")
        }
        eta, sigma = ((n * a + m * b) / (n + m) for a, b in ((self.eta, other.eta), (self.sigma, other.sigma)))
        return Batch(**both, moments=self.moments.merge(other.moments), eta=eta, sigma=sigma)


@dataclass(frozen=True)
class Trial:
    """A trial point with its own samples and the gain they give it over theta_k."""

    theta: Tensor
    batch: Batch
    gain: float


@dataclass(frozen=True)
class GainEstimate:
    """Terms of the ratio (4.14)."""

    actual: float
    predicted: float
    noise: float


def segment_returns(rewards: Sequence[NDArray[Any]], discount: float) -> list[float]:
    """Estimates of eta from pieces of trajectories: each one's mean reward / (1 - discount).

    Where a policy plays on and on, mean_t V(s_t) over the states it meets is its mean reward / (1 - discount): both
    count every reward with the weights 1, discount, discount^2, ... of the steps before it.

    Args:
        rewards: the rewards of each piece, each of shape (steps,).
        discount: gamma.
    """
    return [float(piece.mean()) / (1 - discount) for piece in rewards]


def standardise(advantages: Tensor) -> Tensor:
    """Advantages shifted and scaled to mean 0 and standard deviation 1."""
    return (advantages - advantages.mean()) / (advantages.std() + 1e-8)


@torch.no_grad()
def reverse_gain(trial: Surrogate, theta_k: Tensor) -> tuple[float, float]:
    """Gain of the trial point over pi_k in its own samples, and its standard error.

    The surrogate around the trial policy pi' predicts L_{pi'}(pi_k) - eta(pi') for the way back; its negative estimates
    the way there from samples that had no part in choosing the step.  In covariance form,
    -mean[(pi_k/pi' - 1) (A-hat - mean A-hat)], so that an offset of the advantages does not enter.
    """
    pi_k = trial.policy.distribution(theta_k, trial.observations)
    change = torch.exp(trial.policy.log_prob(pi_k, trial.actions) - trial.log_prob) - 1
    terms = -change * (trial.advantages - trial.advantages.mean())
    return float(terms.mean()), float(terms.std()) / math.sqrt(len(terms))
