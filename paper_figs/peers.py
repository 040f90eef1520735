"""The peers beside ours, on the same versions of the tasks and by the same measure; in training, and without noise.

    python -m deep.grid --preset sb3-ppo --envs ... --seeds 3    # trains them, see docs/peers.md
    python -m paper_figs.peers [--runs DIR ...] [--ours default] [--out FILE.md]

Without --runs it reads the result files committed under paper_figs/data/mujoco and paper_figs/data/peers.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from exact.common import cli
from exact.common.aggregates import summarise
from exact.common.errors import InputError
from exact.common.tables import Table, publish
from paper_figs.paper import PaperTask, read_table
from paper_figs.results import MUJOCO, PEERS, Result, load
from paper_figs.tables import MISSING, by_env, interval_text, mean_std, provenance

NAMES = {"sb3-ppo": "PPO", "sb3-trpo": "TRPO", "sb3-sac": "SAC", "sb3-td3": "TD3", "sb3-ddpg": "DDPG"}
"""The peers' variants, and what they are."""


@dataclass(frozen=True)
class Options:
    """The peers beside ours, on the same tasks and by the same measure."""

    runs: tuple[Path, ...] = (MUJOCO, PEERS)
    """Folders of runs or of result files."""
    ours: str = "default"
    """Our variant."""
    seed: int = 0
    """Seed of the bootstrap."""
    out: Path | None = None
    """Also write the tables to this Markdown file."""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise InputError(f"expected --seed >= 0, got {self.seed}")


def cell(values: Sequence[float], rng: np.random.Generator) -> str:
    """Mean±std, the interval of the interquartile mean, and the number of runs."""
    if not values:
        return MISSING
    one = summarise(values, rng)
    return f"{mean_std(one)} {interval_text(one.interval)} ({one.count})"


def trained(result: Result) -> float | None:
    """The paper's measure."""
    return result.max100


def evaluated(result: Result) -> float | None:
    """The return of the last policy without noise; None if the run was not evaluated."""
    return result.evaluations[-1][1] if result.evaluations else None


def table(
    title: str,
    results: Sequence[Result],
    ours: str,
    value: Callable[[Result], float | None],
    notes: tuple[str, ...],
    rng: np.random.Generator,
) -> Table | None:
    """One row for each task on which a peer was run, with a value; None if there is none.

    Args:
        title: of the table.
        results: all that were read.
        ours: our variant.
        value: what is shown of a run; runs without it are left out.
        notes: what the value is.
        rng: source of the bootstrap.
    """
    with_value = [result for result in results if value(result) is not None]
    groups = {variant: by_env(with_value, variant) for variant in (*NAMES, ours)}
    tasks = [task for task in read_table(1).tasks if any(task.env in groups[peer] for peer in NAMES)]
    if not tasks:
        return None

    def cells(task: PaperTask) -> tuple[str, ...]:
        paper = (f"{mean}±{std}" for mean, std in task.scores.values())
        values = ([value(result) for result in group.get(task.env, [])] for group in groups.values())
        return (task.task, *paper, *(cell([one for one in some if one is not None], rng) for some in values))

    kept = [result for group in groups.values() for task in tasks for result in group.get(task.env, [])]
    header = ("task", *(f"paper's {column}" for column in tasks[0].scores), *NAMES.values(), f"ours, `{ours}`")
    return Table(title, header, tuple(cells(task) for task in tasks), (*notes, *provenance(kept)))


def comparison(results: Sequence[Result], ours: str, seed: np.random.SeedSequence) -> list[Table]:
    """The tables of the returns in training and, if a peer was evaluated, without noise.

    Raises:
        InputError: no peer was run on a task of Table 1.
    """
    rng = np.random.default_rng(seed)
    cells = "mean±std, 95% bootstrap interval of the interquartile mean, (seeds)."
    measure = f"Maximum over training of the mean return of the last 100 episodes: {cells}"
    first = table("The same tasks, returns in training", results, ours, trained, (measure,), rng)
    if first is None:
        raise InputError("no peer was run on a task of Table 1: nothing to compare")
    measure = f"Mean return of the policy without noise at the end of the run: {cells} The paper's are in training."
    second = table("The same tasks, evaluated without noise", results, ours, evaluated, (measure,), rng)
    return [first] if second is None else [first, second]


def work(options: Options) -> int:
    """Print the tables; with --out also write them."""
    publish(comparison(load(options.runs), options.ours, np.random.SeedSequence(options.seed)), options.out)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """The command `python -m paper_figs.peers`; returns the exit status."""
    return cli.main(Options, "paper_figs.peers", work, argv)


if __name__ == "__main__":
    sys.exit(main())
