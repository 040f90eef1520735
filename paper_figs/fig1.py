"""The paper's Figure 1: learning curves on Table 1's nine tasks, with the peers' that were trained here.

python -m paper_figs.fig1 [--runs DIR ...] [--variants default sb3-trpo] [--out figures/fig1.png]
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from exact.common import cli
from paper_figs import curves


@dataclass(frozen=True)
class Options(curves.Options):
    """The paper's Figure 1: learning curves on Table 1's nine tasks."""

    variants: tuple[str, ...] = ("default", "paper", "paper-first", "sb3-trpo", "sb3-ppo")
    """Variants to draw, at most five."""
    out: Path = Path("figures/fig1.png")
    """Write the figure to this PNG, PDF or SVG file."""


def work(options: Options) -> int:
    """Draw the figure."""
    return curves.draw_table(options, table=1)


def main(argv: Sequence[str] | None = None) -> int:
    """The command `python -m paper_figs.fig1`; returns the exit status."""
    return cli.main(Options, "paper_figs.fig1", work, argv)


if __name__ == "__main__":
    sys.exit(main())
