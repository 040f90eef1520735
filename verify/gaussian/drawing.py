"""Drawing shared by the Gaussian lemmas; every function takes `ax` and returns it."""

from collections.abc import Callable, Iterable

import numpy as np
from matplotlib.axes import Axes

from verify.core.statement import Check, Statement

Sides = Callable[[Check], tuple[float, float]]
"""What a check allows and what was found: violated where the second exceeds the first."""


def against_panel(ax: Axes, checks: list[Check], statements: Iterable[Statement], sides: Sides) -> Axes:
    """One point per check with positive sides, allowed (x) against found (y): violations lie above the diagonal."""
    for statement, marker in zip(statements, "x.+1v", strict=False):
        points = [sides(check) for check in checks if check.statement == statement]
        positive = np.array([point for point in points if min(point) > 0])
        if positive.size:
            label = f"{statement.name} ({statement.form})"
            ax.loglog(positive[:, 0], positive[:, 1], marker, label=label, alpha=0.6)
    if ax.lines:
        low, high = ax.get_xlim()
        ax.plot((low, high), (low, high), "k", lw=0.8)
        ax.legend(fontsize="small")
    return ax
