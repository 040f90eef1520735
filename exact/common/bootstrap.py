"""Confidence intervals by the bootstrap. scipy.stats is loaded with the first interval."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
"""Probability that an interval covers the true value."""


def stratified_interval(
    strata: Sequence[NDArray[np.float64]],
    statistic: Callable[..., NDArray[np.float64]],
    rng: np.random.Generator,
    *,
    resamples: int,
    batch: int | None = None,
    confidence: float = CONFIDENCE,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Percentile interval of a statistic over resamples that draw every stratum separately.

    Args:
        strata: for every stratum its observations, shape (n, ...) with n >= 2. The trailing shape is common, and each
            entry of it gets an interval.
        statistic: called with one array for every stratum and with `axis`, the axis of the observations.
        rng: source of the resamples.
        resamples: number of resamples.
        batch: resamples that are held in memory at a time; all of them by default.
        confidence: probability that the interval covers the true value.

    Returns:
        Lower and upper ends, each of the trailing shape.
    """
    from scipy import stats

    options: dict[str, Any] = {"n_resamples": resamples, "confidence_level": confidence, "method": "percentile"}
    ends = stats.bootstrap(tuple(strata), statistic, axis=0, rng=rng, batch=batch, **options).confidence_interval
    return ends.low, ends.high
