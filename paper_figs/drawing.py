"""Drawing layer: a function takes an Axes, draws on it and returns it. `exact.common.drawing` writes the file."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from paper_figs.aggregates import common_grid, interval, iqm

Curve = Sequence[tuple[float, float]]
"""Points of one run, such as (environment steps, return); the first number increases."""


def learning_curve(ax: Axes, curves: Sequence[Curve], label: str, color: str, rng: np.random.Generator) -> Axes:
    """Draw the interquartile mean over seeds against steps or time, and its 95% bootstrap interval as a band.

    Args:
        ax: drawn on.
        curves: one for each seed, none empty; a single seed has no band.
        label: the entry of the legend.
        color: of line and band.
        rng: source of the bootstrap's resamples.
    """
    steps, values = common_grid(curves)
    ax.plot(steps, iqm(values, axis=0), color=color, label=label, linewidth=1.3)
    ends = interval([values], rng)
    if ends is not None:
        ax.fill_between(steps, *ends, color=color, alpha=0.25, linewidth=0)
    return ax


def paper_line(ax: Axes, value: float, label: str, color: str) -> Axes:
    """Draw a number of the paper as a dotted horizontal line."""
    ax.axhline(value, color=color, linestyle=":", linewidth=1.2, label=label)
    return ax


def note(ax: Axes, text: str) -> Axes:
    """Write a remark in the middle of a panel that has nothing to show."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color="0.5")
    return ax
