"""Learning curves of several seeds as one line with a band. matplotlib is loaded by those who draw, not here."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from exact.common.aggregates import common_grid, interval, iqm
from exact.common.drawing import plain_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Curve = Sequence[tuple[float, float]]
"""Points of one run, such as (environment steps, return); the first number increases."""


def learning_curve(ax: "Axes", curves: Sequence[Curve], label: str, color: str, rng: np.random.Generator) -> "Axes":
    """Draw the interquartile mean over seeds against steps or time, and its 95% bootstrap interval as a band.

    Args:
        ax: drawn on.
        curves: one for each seed, none empty; a single seed has no band.
        label: the entry of the legend.
        color: of line and band.
        rng: source of the bootstrap's resamples.
    """
    steps, values = common_grid(curves)
    ax.plot(steps, iqm(values, axis=0), color=color, label=plain_text(label), linewidth=1.3)
    ends = interval([values], rng)
    if ends is not None:
        ax.fill_between(steps, *ends, color=color, alpha=0.25, linewidth=0)
    return ax
