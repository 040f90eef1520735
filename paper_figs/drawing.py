"""Drawing layer: a function takes an Axes, draws on it and returns it. `exact.common.drawing` writes the file."""

from matplotlib.axes import Axes


def paper_line(ax: Axes, value: float, label: str, color: str) -> Axes:
    """Draw a number of the paper as a dotted horizontal line."""
    ax.axhline(value, color=color, linestyle=":", linewidth=1.2, label=label)
    return ax


def note(ax: Axes, text: str) -> Axes:
    """Write a remark in the middle of a panel that has nothing to show."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color="0.5")
    return ax
