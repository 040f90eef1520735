"""What the samples of pi_k and of a trial say about the trial, and for how many rounds a trial is sampled."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from exact.mdp import Array
from verify.sampled.batches import Newest
from verify.sampled.estimators import (
    BatchSums,
    Estimate,
    paired_difference,
    performance_difference,
    returns_difference,
    returns_spread,
    reverse_surrogate,
)
from verify.sampled.rules import Evidence, Rule
from verify.sampled.sampler import Booleans, Integers, Samples
from verify.sampled.step import Proposal

MOST_ROUNDS = 8
"""Most rounds in which one trial is sampled."""


def evidence_before(batch: BatchSums, proposal: Proposal) -> Evidence:
    """What is known before the trials are sampled. The rest is NaN, and the controller refuses that."""
    nothing = np.full_like(batch.steps, np.nan)
    unknown = Estimate(nothing, nothing)
    return Evidence(
        predicted=proposal.predicted,
        held_out=proposal.held_out,
        sigma=returns_spread(batch),
        returns=unknown,
        performance=unknown,
        reverse=unknown,
        pooled_held_out=proposal.held_out,
        pooled_reverse=unknown,
    )


def evidence_after(batch: BatchSums, trial: BatchSums, pi: Array, proposal: Proposal, gamma: float) -> Evidence:
    """All that the samples of pi_k and of the trials say about the trials. Nothing is pooled with earlier trials.

    The samples of the trials are taken as independent of the batch (but see `pair`).
    """
    reverse = reverse_surrogate(trial, pi, proposal.policy, gamma)
    return replace(
        evidence_before(batch, proposal),
        returns=returns_difference(batch, trial),
        performance=performance_difference(trial, gamma),
        reverse=reverse,
        pooled_reverse=reverse,
    )


def pair(evidence: Evidence, newest: Newest, trial: Samples, common: Booleans) -> Evidence:
    """The evidence, with the returns compared in pairs where the trial was sampled with `common` noise, shape (R,)."""
    paired, apart = paired_difference(newest.rewards, trial), evidence.returns
    value, error = (np.where(common, getattr(paired, x), getattr(apart, x)) for x in ("value", "error"))
    return replace(evidence, returns=Estimate(value, error))


def rounds_needed(rules: Sequence[Rule], batch: BatchSums, predicted: Array, gamma: float, n_steps: int) -> Integers:
    """Rounds in which each trial is sampled, shape (R,): N_k proportional to sigma^2 / delta_k^2, as in ASTRO.

    The predicted gain stands for delta_k: it is proportional to the step's length in total variation. A rule with
    accuracy c samples until the standard error of eta-hat(trial) is about c times it, for MOST_ROUNDS at most.

    Args:
        rules: the rule of every replication.
        batch: B, which gives sigma-hat.
        predicted: predicted gain of the trials, shape (R,).
        gamma: discount; an episode has 1/(1 - gamma) steps in the mean.
        n_steps: N.
    """
    error = returns_spread(batch) / np.sqrt(n_steps * (1 - gamma))
    adaptive = np.array([rule.accuracy is not None for rule in rules])
    target = np.array([rule.accuracy or 1.0 for rule in rules]) * predicted
    too_many = np.full_like(error, MOST_ROUNDS)
    ratio = np.divide(error, target, out=too_many, where=error < MOST_ROUNDS * target)
    rounds: Integers = np.where(adaptive, np.clip(np.ceil(ratio**2), 1, MOST_ROUNDS), 1).astype(np.intp)
    return rounds
