"""The paper's Table 1 beside ours: nine MuJoCo tasks.

    python -m paper_figs.table1 [--runs DIR ...] [--variants default 5 paper 3] [--out FILE.md]

Without --runs it reads the result files committed under paper_figs/data/mujoco and paper_figs/data/peers. The peers are
trained by `deep.studies.peers`, our last policies scored by `paper_figs.last_policies`.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from exact.common import cli
from paper_figs import comparison
from paper_figs.last_policies import LAST_POLICIES, read_scores
from paper_figs.results import MUJOCO, PEERS

COLUMNS = {"sb3-ppo": "PPO, here", "sb3-trpo": "TRPO, here"}
"""The peers that have a column."""


@dataclass(frozen=True)
class Options(comparison.Options):
    """The paper's Table 1 (nine MuJoCo tasks) beside ours."""

    runs: tuple[Path, ...] = (MUJOCO, PEERS)
    """Folders of runs or of result files."""
    variants: tuple[tuple[str, int], ...] = (("default", 5), ("paper", 3), ("paper-first", 3))
    """Pairs: a variant, and how many seeds are asked of it."""
    policies: Path = LAST_POLICIES
    """Folder of the files of paper_figs.last_policies."""


def work(options: Options) -> int:
    """Print the tables; with --out also write them."""
    return comparison.compare(options, 1, comparison.Beside(COLUMNS, tuple(read_scores(options.policies))))


def main(argv: Sequence[str] | None = None) -> int:
    """The command `python -m paper_figs.table1`; returns the exit status."""
    return cli.main(Options, "paper_figs.table1", work, argv)


if __name__ == "__main__":
    sys.exit(main())
