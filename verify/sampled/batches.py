"""N steps of every replication with its policy: how they are drawn, and what is kept of them."""

from dataclasses import dataclass

import numpy as np

from exact.evaluation import evaluate
from exact.mdp import Array
from verify.sampled.estimators import BatchSums, summarise
from verify.sampled.sampler import Booleans, Noise, Samples, SuccessorTables, sample, select_noise


@dataclass(frozen=True)
class Sampling:
    """How batches are drawn and advantages estimated."""

    n_steps: int
    """N, the steps of one batch."""
    exact_advantages: bool
    """Whether advantages and critic are the exact values of the sampled policy. Otherwise GAE with a fitted critic."""
    lam: float = 0.95
    """lambda of GAE."""


@dataclass(frozen=True, eq=False)
class Newest:
    """The newest N steps of a batch. A trial with common random numbers is compared with them."""

    noise: Noise
    """Their random numbers."""
    rewards: Array
    """r(s_t, a_t), shape (N, R)."""


@dataclass(frozen=True, eq=False)
class Draw:
    """N steps with one policy per replication."""

    batch: BatchSums
    """Their sums."""
    samples: Samples
    """The steps."""
    eta: Array
    """Exact eta of the policies, shape (R,)."""
    V: Array
    """Exact V of the policies, shape (R, S)."""


def draw_batch(tables: SuccessorTables, policy: Array, critic: Array, sampling: Sampling, noise: Noise) -> Draw:
    """SAMPLE with every policy.

    Args:
        tables: the MDP.
        policy: pi(a|s) of every replication, shape (R, S, A).
        critic: V-hat(s) for the temporal differences, shape (R, S).
        sampling: which advantages.
        noise: the random numbers of the N steps.
    """
    exact = [evaluate(tables.mdp, pi) for pi in policy]
    exact_A = np.stack([e.A for e in exact]) if sampling.exact_advantages else None
    samples = sample(tables, policy, noise)
    batch = summarise(tables.mdp, samples, critic, sampling.lam, exact_A)
    return Draw(batch, samples, np.array([e.eta for e in exact]), np.stack([e.V for e in exact]))


def select_newest(first: Booleans, a: Newest, b: Newest) -> Newest:
    """Replication by replication, a where `first` (shape (R,)) and b elsewhere."""
    return Newest(select_noise(first, a.noise, b.noise), np.where(first, a.rewards, b.rewards))
