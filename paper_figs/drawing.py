"""Drawing layer: every function takes an Axes, draws on it and returns it."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from exact.common.errors import InputError
from exact.common.files import write
from paper_figs.aggregates import common_grid, interval, iqm

Curve = Sequence[tuple[int, float]]


def learning_curve(ax: Axes, curves: Sequence[Curve], label: str, color: str, rng: np.random.Generator) -> Axes:
    """Interquartile mean over seeds against steps, with its 95% bootstrap interval as a band (none for one seed)."""
    steps, values = common_grid(curves)
    ax.plot(steps, iqm(values, axis=0), color=color, label=label, linewidth=1.3)
    ends = interval([values], rng)
    if ends is not None:
        ax.fill_between(steps, *ends, color=color, alpha=0.25, linewidth=0)
    return ax


def paper_line(ax: Axes, value: float, label: str, color: str) -> Axes:
    """A number of the paper as a dotted horizontal line."""
    ax.axhline(value, color=color, linestyle=":", linewidth=1.2, label=label)
    return ax


def note(ax: Axes, text: str) -> Axes:
    """A remark in the middle of a panel that has nothing to show."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color="0.5")
    return ax


def save(figure: Figure, out: Path) -> None:
    """Write a figure whole or not at all; InputError if it cannot be written or the suffix names no format."""
    formats = figure.canvas.get_supported_filetypes()
    kind = out.suffix.removeprefix(".")
    if kind not in formats:
        raise InputError(f"--out: expected a file ending in one of {', '.join(sorted(formats))}, got {out}")
    content = io.BytesIO()
    figure.savefig(content, format=kind, dpi=150)
    write(out, content.getvalue())
