"""Convergence of the whole stochastic Algorithm 4.3 under every rule, at an equal budget of samples.

Progress is the share of the way from the uniform policy to the optimum, (eta(pi_k) - eta_0) / (eta* - eta_0), exact;
a run's score is its mean over the budget, the area under the convergence curve.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exact.algorithm import solve
from exact.common.bootstrap import stratified_interval
from exact.common.errors import InputError
from exact.mdp import MDP, Array
from exact.mdps.library import load
from verify.sampled.algorithm import advance, begin
from verify.sampled.batches import Sampling
from verify.sampled.rules import CONTENDERS, Rule, Scale
from verify.sampled.sampler import tabulate

RESAMPLES = 2000
"""Resamples of a bootstrap interval."""


@dataclass(frozen=True)
class CurveTask:
    """All rules on one MDP."""

    mdp: str
    sampling: Sampling
    rounds: int
    """Budget, in rounds of N steps; the first batch is not counted."""
    seeds: int
    """Independent runs of every rule."""
    seed: np.random.SeedSequence


@dataclass(frozen=True, eq=False)
class Curves:
    """What the runs of one task did; the last three axes are rules (CONTENDERS), seeds, rounds."""

    mdp: str
    progress: Array
    """Share of the way to the optimum after every round."""
    radius: Array
    """delta_k of every round."""
    rejected: Array
    """Share of the trial points that failed the test; without the axis of rounds."""


def run_curves(task: CurveTask) -> Curves:
    """Run every rule `seeds` times, all in lockstep."""
    mdp = load(task.mdp)
    tables, rng = tabulate(mdp), np.random.default_rng(task.seed)
    rules = [rule for rule in CONTENDERS for _ in range(task.seeds)]
    state = begin(tables, rules, task.sampling, rng)
    start, best = state.eta[0], optimal_return(mdp)
    rounds = []
    for k in range(task.rounds):
        state, done = advance(tables, rules, state, task.sampling, 1 - k / task.rounds, rng)
        rounds.append(done)

    def by_rule(values: Sequence[NDArray[Any]]) -> Array:
        return np.stack(values, axis=1).reshape(-1, task.seeds, task.rounds).astype(np.float64)

    trials, passed = by_rule([r.decided for r in rounds]).sum(axis=2), by_rule([r.accepted for r in rounds]).sum(axis=2)
    progress = (by_rule([r.eta for r in rounds]) - start) / (best - start)
    return Curves(task.mdp, progress, by_rule([r.radius for r in rounds]), (trials - passed) / np.maximum(trials, 1))


def optimal_return(mdp: MDP) -> float:
    """eta*, by Algorithm 3.1.

    Raises:
        InputError: the uniform policy, where every run begins, is optimal already.
    """
    found = solve(mdp)
    if found.iterations == 0:
        raise InputError(f"{mdp.name}: the uniform policy is optimal, there is nothing to learn")
    return found.final.eta


@dataclass(frozen=True)
class CurveRow:
    """One rule over all MDPs: means of the MDPs' means over seeds, with bootstrap intervals over the seeds."""

    rule: str
    score: float
    score_interval: tuple[float, float]
    final: float
    """Progress at the end of the budget."""
    final_interval: tuple[float, float]
    against_radius: float
    """Score less that of the best fixed radius, which is chosen afterwards on these same runs."""
    against_radius_interval: tuple[float, float]
    against_mu: float
    """Score less that of the best fixed mu in delta_k = mu ||g_k||, chosen in the same way."""
    against_mu_interval: tuple[float, float]
    mdps_above_radius: int
    """MDPs on which the mean score exceeds that of the fixed radius that is best there."""
    rejected: float
    """Share of trial points rejected."""
    score_by_mdp: tuple[float, ...]
    """Mean score on every MDP."""
    mean_progress: tuple[float, ...]
    """Progress after every round."""
    mean_radius: tuple[float, ...]
    """Geometric mean of delta_k in every round."""


def compare_rules(curves: Sequence[Curves], rng: np.random.Generator) -> list[CurveRow]:
    """One row per rule, in the order of CONTENDERS."""
    rules = CONTENDERS
    score = np.stack([c.progress.mean(axis=2) for c in curves])  # (MDPs, rules, seeds)
    radius, mu = (_best(rules, score, scale) for scale in (Scale.NONE, Scale.EUCLIDEAN))
    best_here = score[:, _fixed(rules, Scale.NONE)].mean(axis=2).max(axis=1)
    rows = []
    for i, rule in enumerate(rules):
        final = np.stack([c.progress[i, :, -1] for c in curves])
        own = score[:, i]
        rows.append(
            CurveRow(
                rule=rule.name,
                score=float(own.mean()),
                score_interval=mean_interval(own, rng),
                final=float(final.mean()),
                final_interval=mean_interval(final, rng),
                against_radius=float((own - score[:, radius]).mean()),
                against_radius_interval=mean_interval(own - score[:, radius], rng),
                against_mu=float((own - score[:, mu]).mean()),
                against_mu_interval=mean_interval(own - score[:, mu], rng),
                mdps_above_radius=int((own.mean(axis=1) > best_here).sum()),
                rejected=float(np.mean([c.rejected[i].mean() for c in curves])),
                score_by_mdp=tuple(own.mean(axis=1).tolist()),
                mean_progress=tuple(np.mean([c.progress[i].mean(axis=0) for c in curves], axis=0).tolist()),
                mean_radius=tuple(np.exp(np.mean([np.log(c.radius[i]).mean(axis=0) for c in curves], axis=0)).tolist()),
            )
        )
    return rows


def _fixed(rules: Sequence[Rule], scale: Scale) -> list[int]:
    return [i for i, rule in enumerate(rules) if rule.settings is None and rule.scale is scale]


def _best(rules: Sequence[Rule], score: Array, scale: Scale) -> int:
    """The rule without a ratio test of this scale that has the best mean score."""
    return max(_fixed(rules, scale), key=lambda i: float(score[:, i].mean()))


def mean_interval(values: Array, rng: np.random.Generator) -> tuple[float, float]:
    """Bootstrap interval of the mean of an array (MDPs, seeds), the seeds of every MDP resampled separately.

    With a single seed nothing bounds the mean, and both ends are NaN.
    """
    if values.shape[1] < 2 or np.ptp(values) == 0:
        end = float(values.mean()) if values.shape[1] > 1 else float("nan")
        return end, end
    low, high = stratified_interval(tuple(values), _mean_of_means, rng, resamples=RESAMPLES)
    return float(low), float(high)


def _mean_of_means(*mdps: Array, axis: int) -> Array:
    """The mean over MDPs of the means over seeds."""
    mean: Array = np.mean([scores.mean(axis=axis) for scores in mdps], axis=0)
    return mean
