"""Panels that several statement files draw."""

from matplotlib.axes import Axes

from verify.core.statement import Check

SHOWN = 1e-6
"""Tightness below it (and every vacuous, negative bound) is drawn at the left edge."""


def tightness_panel(ax: Axes, checks: list[Check]) -> Axes:
    """Distribution of claimed / actual for every statement: 1 is tight; vacuous bounds lie at the left edge."""
    by_statement: dict[str, list[float]] = {}
    for check in checks:
        if check.actual > 0:
            by_statement.setdefault(check.statement.name, []).append(check.claimed / check.actual)
    names = list(by_statement)[::-1]
    for y, name in enumerate(names):
        values = sorted(max(t, SHOWN) for t in by_statement[name])
        ax.plot(values, [y] * len(values), "|", ms=12, alpha=0.3)
        ax.plot(values[len(values) // 2], y, "kD", ms=5)
    ax.axvline(1, color="k", lw=0.8)
    ax.set_yticks(range(len(names)), names)
    ax.set(xscale="log", xlabel="claimed / actual (diamond: median)", title="tightness, one tick per check")
    return ax
