"""The paper's Figure 1: learning curves on Table 1's nine tasks.

python -m paper_figs.fig1 [--runs DIR ...] [--variants default paper] [--out figures/fig1.png]
"""

from dataclasses import dataclass
from pathlib import Path

from exact.common.cli import parse, run
from paper_figs import curves


@dataclass(frozen=True)
class Options(curves.Options):
    """The paper's Figure 1: learning curves on Table 1's nine tasks."""

    variants: tuple[str, ...] = ("default", "paper")
    """Settings to draw."""
    out: Path = Path("figures/fig1.png")
    """PNG, PDF or SVG file."""


if __name__ == "__main__":
    run(lambda: curves.main(parse(Options, "paper_figs.fig1")))
