"""What is recorded of a run: one line per iteration, and its result. This module needs no torch to be imported."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from deep.batch import Batch
    from deep.innersolu import TrialPoint
    from deep.surrogate import GainEstimate, Surrogate
    from exact.controller import Outcome

RECENT_EPISODES = 100
"""Episodes in the paper's measure, the mean return of the last 100."""


def judged(
    L: "Surrogate", point: "TrialPoint", batch: "Batch", estimate: "GainEstimate", ratio: float, outcome: "Outcome"
) -> dict[str, Any]:
    """The part of a line of metrics.jsonl that is about the trial point and its judgement.

    Args:
        L: the surrogate around pi_k.
        point: the trial point.
        batch: its samples.
        estimate: the terms of (4.14).
        ratio: r_k of (4.14); -inf is recorded as null, because JSON has no infinity.
        outcome: what the controller decided.
    """
    return {
        "outcome": outcome.value,
        "ratio": ratio if math.isfinite(ratio) else None,
        "delta": point.delta,
        "kl": float(L.distance(point.pi)),
        "entropy": float(L.policy.entropy(point.pi)),
        "explained_variance": batch.explained_variance,
        "predicted_gain": estimate.predicted,
        "actual_gain": estimate.actual,
        "gain_noise": estimate.noise,
        **point.search._asdict(),
    }


def summary(entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The result of a run, from the lines of its metrics.jsonl.

    `max100` is the paper's measure: the maximum over training of the mean return of 100 episodes. `final100` is that
    mean at the end. A run of fewer than 100 episodes has the mean of all of them for both, a run without episodes None.
    """
    last, returns = entries[-1], np.array([episode[1] for line in entries for episode in line["episodes"]])
    window = min(RECENT_EPISODES, len(returns))
    means = np.convolve(returns, np.ones(window), "valid") / window if window else np.array([])
    best, final = (float(means.max()), float(means[-1])) if window else (None, None)
    return {
        "steps": last["steps"],
        "seconds": last["seconds"],
        "max100": best,
        "final100": final,
        "episodes": len(returns),
        "status": "finished",
    }
