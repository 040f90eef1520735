"""The paper's Figure 4: learning curves on Table 2's nine games, at whatever number of steps was run.

python -m paper_figs.fig4 [--runs DIR ...] [--variants default paper] [--out figures/fig4.png]
"""

from dataclasses import dataclass
from pathlib import Path

from exact.common.cli import parse, run
from paper_figs import curves
from paper_figs.results import ATARI


@dataclass(frozen=True)
class Options(curves.Options):
    """The paper's Figure 4: learning curves on Table 2's nine games."""

    variants: tuple[str, ...] = ("default", "paper")
    """Settings to draw."""
    out: Path = Path("figures/fig4.png")
    """PNG, PDF or SVG file."""
    runs: tuple[Path, ...] = (ATARI,)
    """Folders of runs or of result files."""


if __name__ == "__main__":
    run(lambda: curves.main(parse(Options, "paper_figs.fig4"), table=2))
