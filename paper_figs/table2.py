"""The paper's Table 2 beside ours: nine Atari games, at whatever number of steps was run.

    python -m paper_figs.table2 [--runs DIR ...] [--variants default 1 paper 1] [--out FILE.md]

Without --runs it reads the result files committed under paper_figs/data/atari.  The paper's runs had 1e7 steps; the
column `steps` says what ours had.
"""

from dataclasses import dataclass
from pathlib import Path

from exact.common.cli import parse, run
from paper_figs import comparison
from paper_figs.results import ATARI


@dataclass(frozen=True)
class Options(comparison.Options):
    """The paper's Table 2 beside ours."""

    runs: tuple[Path, ...] = (ATARI,)
    """Folders of runs or of result files."""
    variants: tuple[tuple[str, int], ...] = (("default", 1), ("paper", 1))
    """Settings, and the seeds asked of each."""


def main(options: Options) -> int:
    """Show the table and write it if asked to."""
    return comparison.compare(options, 2)


if __name__ == "__main__":
    run(lambda: main(parse(Options, "paper_figs.table2")))
