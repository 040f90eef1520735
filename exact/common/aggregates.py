"""Statistics of several runs: mean and standard deviation, interquartile mean, stratified-bootstrap 95% intervals.

The interquartile mean and its interval follow Agarwal et al., "Deep Reinforcement Learning at the Edge of the
Statistical Precipice" (NeurIPS 2021), section 4.3 and the authors' package rliable: the mean of the middle half of all
runs of all tasks, and percentile intervals over resamples that draw each task's runs separately (strata).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from exact.common.bootstrap import stratified_interval

TRIMMED = 0.25
"""Share of the runs cut off at each end for the interquartile mean."""
RESAMPLES = 10_000
RESAMPLES_AT_A_TIME = 1000
"""Of the curves of all runs, whose resamples do not fit in memory together."""
GRID_POINTS = 100
"""Points at which the curves of several runs are compared."""


@dataclass(frozen=True)
class Summary:
    """Statistics of one number over the seeds of one task."""

    count: int
    mean: float
    std: float | None
    """Sample standard deviation (divisor count - 1); None for a single run."""
    iqm: float
    interval: tuple[float, float] | None
    """95% bootstrap interval of `iqm`; None for a single run."""


def iqm(*tasks: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
    """Interquartile mean over `axis` of the runs of all tasks together."""
    middle: NDArray[np.float64] = stats.trim_mean(np.concatenate(tasks, axis=axis), TRIMMED, axis=axis)
    return middle


def interval(
    tasks: Sequence[NDArray[np.float64]], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Stratified-bootstrap 95% interval of the interquartile mean.

    Args:
        tasks: for each task an array (runs, ...); the trailing shape is common, and each entry of it has an interval.
        rng: source of the resamples.

    Returns:
        Lower and upper ends, each of the trailing shape; None if a task has a single run, which bounds nothing.
    """
    if any(len(task) < 2 for task in tasks):
        return None
    return stratified_interval(tasks, iqm, rng, resamples=RESAMPLES, batch=RESAMPLES_AT_A_TIME)


def summarise(values: Sequence[float], rng: np.random.Generator) -> Summary:
    """Statistics of one number over the seeds of one task; `values` has at least one entry."""
    runs = np.asarray(values, dtype=np.float64)
    ends = interval([runs], rng)
    return Summary(
        count=len(runs),
        mean=float(runs.mean()),
        std=float(runs.std(ddof=1)) if len(runs) > 1 else None,
        iqm=float(iqm(runs)),
        interval=None if ends is None else (float(ends[0]), float(ends[1])),
    )


def common_grid(
    curves: Sequence[Sequence[tuple[float, float]]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Learning curves of several runs at common steps (or times), by linear interpolation.

    Args:
        curves: for each run its points (steps, value), steps increasing; none empty.

    Returns:
        steps (GRID_POINTS,), from the first to the last step that every run has a value at, and values
        (runs, GRID_POINTS).
    """
    first, last = max(curve[0][0] for curve in curves), min(curve[-1][0] for curve in curves)
    steps = np.linspace(first, last, GRID_POINTS)
    return steps, np.array([np.interp(steps, *np.transpose(curve)) for curve in curves])
