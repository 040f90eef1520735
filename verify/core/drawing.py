"""Figures of the statement files. A panel function takes `ax` and returns it. matplotlib loads with a first figure."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np

from verify.core.statement import Check, Statement

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = 1e-6
"""Tightness below it (and every vacuous, negative bound) is drawn at the left edge."""


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure of this size in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def tightness_panel(ax: "Axes", checks: list[Check]) -> "Axes":
    """Distribution of claimed / actual for every statement: 1 is tight; vacuous bounds lie at the left edge."""
    by_statement: dict[str, list[float]] = {}
    for check in checks:
        if check.actual > 0:
            by_statement.setdefault(check.statement.label, []).append(check.claimed / check.actual)
    names = list(by_statement)[::-1]
    for y, name in enumerate(names):
        values = sorted(max(t, SHOWN) for t in by_statement[name])
        ax.plot(values, [y] * len(values), "|", ms=12, alpha=0.3)
        ax.plot(values[len(values) // 2], y, "kD", ms=5)
    ax.axvline(1, color="k", lw=0.8)
    ax.set_yticks(range(len(names)), names)
    ax.set(xscale="log", xlabel="claimed / actual (diamond: median)", title="tightness, one tick per check")
    return ax


Sides = Callable[[Check], tuple[float, float]]
"""What a check allows and what was found: violated where the second exceeds the first."""


def against_panel(ax: "Axes", checks: list[Check], statements: Iterable[Statement], sides: Sides) -> "Axes":
    """One point per check with positive sides, allowed (x) against found (y): violations lie above the diagonal."""
    for statement, marker in zip(statements, "x.+1v", strict=False):
        points = [sides(check) for check in checks if check.statement == statement]
        positive = np.array([point for point in points if min(point) > 0])
        if positive.size:
            ax.loglog(positive[:, 0], positive[:, 1], marker, label=statement.label, alpha=0.6)
    if ax.lines:
        low, high = ax.get_xlim()
        ax.plot((low, high), (low, high), "k", lw=0.8)
        ax.legend(fontsize="small")
    return ax
