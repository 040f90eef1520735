"""The paper's Figure 2: learning curves on Table 1's nine tasks without normalised observations and rewards.

    python -m deep.grid --preset paper --variant paper-no-normalize --envs ... -- --no-normalize
    python -m paper_figs.fig2 [--runs DIR ...] [--variants paper-no-normalize] [--out figures/fig2.png]

The paper prints no numbers for this protocol; the dotted lines are Table 1's, for orientation.
"""

from dataclasses import dataclass
from pathlib import Path

from exact.common.cli import parse, run
from paper_figs import curves


@dataclass(frozen=True)
class Options(curves.Options):
    """The paper's Figure 2: learning curves without normalised observations and rewards."""

    variants: tuple[str, ...] = ("paper-no-normalize",)
    """Settings to draw."""
    out: Path = Path("figures/fig2.png")
    """PNG, PDF or SVG file."""


if __name__ == "__main__":
    run(lambda: curves.main(parse(Options, "paper_figs.fig2")))
