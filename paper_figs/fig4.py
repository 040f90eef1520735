"""The paper's Figure 4: learning curves on Table 2's nine games.

python -m paper_figs.fig4 [--runs DIR ...] [--variants default paper] [--out figures/fig4.png]
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from exact.common import cli
from paper_figs import curves
from paper_figs.results import ATARI


@dataclass(frozen=True)
class Options(curves.Options):
    """The paper's Figure 4: learning curves on Table 2's nine games."""

    variants: tuple[str, ...] = ("default", "paper")
    """Variants to draw, at most five."""
    out: Path = Path("figures/fig4.png")
    """Write the figure to this PNG, PDF or SVG file."""
    runs: tuple[Path, ...] = (ATARI,)
    """Folders of runs or of result files."""


def work(options: Options) -> int:
    """Draw the figure."""
    return curves.draw_table(options, table=2)


def main(argv: Sequence[str] | None = None) -> int:
    """The command `python -m paper_figs.fig4`; returns the exit status."""
    return cli.main(Options, "paper_figs.fig4", work, argv)


if __name__ == "__main__":
    sys.exit(main())
