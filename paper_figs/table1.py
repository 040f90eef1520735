"""The paper's Table 1 beside ours.

    python -m paper_figs.table1 [--runs DIR ...] [--variants default 5 paper 3] [--out FILE.md]

Without --runs it reads the result files committed under paper_figs/data/mujoco.
"""

from dataclasses import dataclass
from pathlib import Path

from exact.common.cli import parse, run
from paper_figs import comparison
from paper_figs.results import MUJOCO


@dataclass(frozen=True)
class Options(comparison.Options):
    """The paper's Table 1 beside ours."""

    runs: tuple[Path, ...] = (MUJOCO,)
    """Folders of runs or of result files."""
    variants: tuple[tuple[str, int], ...] = (("default", 5), ("paper", 3))
    """Settings, and the seeds asked of each."""


def main(options: Options) -> int:
    """Show the table and write it if asked to."""
    return comparison.compare(options, 1)


if __name__ == "__main__":
    run(lambda: main(parse(Options, "paper_figs.table1")))
