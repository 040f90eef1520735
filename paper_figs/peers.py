"""sb3-contrib's TRPO beside ours, on the same versions of the tasks and by the same measure.

    python -m deep.studies.peers --env ... --seed ...    # trains it
    python -m paper_figs.peers [--runs DIR ...] [--out FILE.md]

Without --runs it reads the result files committed under paper_figs/data/mujoco and paper_figs/data/peers.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deep.studies.peers import NAME as PEER
from exact.common import cli
from exact.common.aggregates import summarise
from exact.common.errors import InputError
from exact.common.tables import Table, publish
from paper_figs.paper import PaperTask, read_table
from paper_figs.results import DATA, MUJOCO, Result, load
from paper_figs.tables import by_env, interval_text, mean_std, provenance

PEERS = DATA / "peers"
OURS = "default"


@dataclass(frozen=True)
class Options:
    """sb3-contrib's TRPO beside ours, on the same tasks and by the same measure."""

    runs: tuple[Path, ...] = (MUJOCO, PEERS)
    """Folders of runs or of result files."""
    seed: int = 0
    """Seed of the bootstrap."""
    out: Path | None = None
    """Also write the table to this Markdown file."""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise InputError(f"expected --seed >= 0, got {self.seed}")


def row(task: PaperTask, peer: list[Result], ours: list[Result], rng: np.random.Generator) -> tuple[str, ...]:
    """The cells of one task: the paper's TRPO and STRO, sb3-contrib's TRPO, ours."""
    paper = [f"{mean}±{std}" for mean, std in (task.scores["TRPO"], task.scores["STRO"])]
    summaries = [summarise([result.max100 for result in results], rng) for results in (peer, ours)]
    return task.task, *paper, *(f"{mean_std(one)} {interval_text(one.interval)} ({one.count})" for one in summaries)


def comparison(results: Sequence[Result], seed: np.random.SeedSequence) -> Table:
    """The table of the tasks on which both were run; InputError if there is none."""
    peer, ours = by_env(results, PEER), by_env(results, OURS)
    tasks = [task for task in read_table(1).tasks if task.env in peer and task.env in ours]
    if not tasks:
        raise InputError(f"no task of Table 1 was run with both {PEER!r} and {OURS!r}: nothing to compare")
    rng = np.random.default_rng(seed)
    kept = [result for task in tasks for result in (*peer[task.env], *ours[task.env])]
    notes = (
        "Maximum over training of the mean return of the last 100 episodes: mean±std, 95% bootstrap interval of the "
        "interquartile mean, (seeds).",
        *provenance(kept),
    )
    header = ("task", "paper's TRPO", "paper's STRO", "sb3-contrib TRPO, here", "ours")
    rows = tuple(row(task, peer[task.env], ours[task.env], rng) for task in tasks)
    return Table("TRPO on the same tasks", header, rows, notes)


def work(options: Options) -> int:
    """Print the table; with --out also write it."""
    publish([comparison(load(options.runs), np.random.SeedSequence(options.seed))], options.out)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """The command `python -m paper_figs.peers`; returns the exit status."""
    return cli.main(Options, "paper_figs.peers", work, argv)


if __name__ == "__main__":
    sys.exit(main())
