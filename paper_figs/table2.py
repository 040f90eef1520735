"""The paper's Table 2 beside ours: nine Atari games.

    python -m paper_figs.table2 [--runs DIR ...] [--variants default 1 paper 1] [--out FILE.md]

Without --runs it reads the result files committed under paper_figs/data/atari. The paper's runs had 1e7 steps; the
column `steps` says what ours had.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from exact.common import cli
from paper_figs import comparison
from paper_figs.results import ATARI


@dataclass(frozen=True)
class Options(comparison.Options):
    """The paper's Table 2 (nine Atari games) beside ours."""

    runs: tuple[Path, ...] = (ATARI,)
    """Folders of runs or of result files."""
    variants: tuple[tuple[str, int], ...] = (("default", 1), ("paper", 1))
    """Pairs: a variant, and how many seeds are asked of it."""


def work(options: Options) -> int:
    """Print the tables; with --out also write them."""
    return comparison.compare(options, 2, comparison.Beside())


def main(argv: Sequence[str] | None = None) -> int:
    """The command `python -m paper_figs.table2`; returns the exit status."""
    return cli.main(Options, "paper_figs.table2", work, argv)


if __name__ == "__main__":
    sys.exit(main())
