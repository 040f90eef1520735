"""The paper's Figure 2: learning curves on Table 1's nine tasks without normalised observations and rewards.

    python -m deep.grid --preset paper --variant paper-no-normalize --envs ... -- --no-normalize
    python -m deep.grid --preset sb3-ppo --variant sb3-ppo-no-normalize --envs ... -- --no-normalize
    python -m paper_figs.fig2 [--runs DIR ...] [--variants paper-no-normalize] [--out figures/fig2.png]

The paper prints no numbers for this protocol; the dotted lines are Table 1's, for orientation.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from exact.common import cli
from paper_figs import curves


@dataclass(frozen=True)
class Options(curves.Options):
    """The paper's Figure 2: learning curves without normalised observations and rewards."""

    variants: tuple[str, ...] = (
        "paper-no-normalize",
        "paper-first-no-normalize",
        "sb3-trpo-no-normalize",
        "sb3-ppo-no-normalize",
    )
    """Variants to draw, at most five."""
    out: Path = Path("figures/fig2.png")
    """Write the figure to this PNG, PDF or SVG file."""


def work(options: Options) -> int:
    """Draw the figure."""
    return curves.draw_table(options, table=1)


def main(argv: Sequence[str] | None = None) -> int:
    """The command `python -m paper_figs.fig2`; returns the exit status."""
    return cli.main(Options, "paper_figs.fig2", work, argv)


if __name__ == "__main__":
    sys.exit(main())
