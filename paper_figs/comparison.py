"""A table of the paper beside ours: what Tables 1 and 2 share."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from exact.common.errors import InputError
from exact.common.tables import Table, publish
from paper_figs.aggregates import interval, iqm, summarise
from paper_figs.paper import COLUMNS, RANDOM_POLICIES, PaperTable, PaperTask, normalised, read_random_policy, read_table
from paper_figs.results import ATARI, MUJOCO, Result, load
from paper_figs.tables import MISSING, by_env, interval_text, mean_std, number, provenance

HEADER = (
    "task",
    *(f"paper's {column}" for column in COLUMNS),
    "best known",
    "seeds",
    "steps",
    "ours, mean±std",
    "IQM",
    "95% interval of IQM",
    "ours at the end",
)


def row(task: PaperTask, results: Sequence[Result], asked: int, rng: np.random.Generator) -> tuple[str, ...]:
    """One task: the paper's columns and ours."""
    paper: tuple[str, ...] = (
        *(f"{mean}±{std}" for mean, std in (task.scores[column] for column in COLUMNS)),
        str(task.best_known[0]),
    )
    seeds = f"{len(results)} of {asked}"
    if not results:
        return task.task, *paper, seeds, *(MISSING,) * 5
    steps = f"{max(result.steps for result in results):,}"
    best = summarise([result.max100 for result in results], rng)
    final = summarise([result.final100 for result in results], rng)
    ours = (mean_std(best), number(best.iqm), interval_text(best.interval), mean_std(final))
    return task.task, *paper, seeds, steps, *ours


def shortfalls(table: PaperTable, means: dict[str, float], column: str) -> str:
    """How many measured tasks reach a column of the paper, and which do not, at the paper's printed precision."""
    short = [
        f"{task.task} ({number(means[task.env])} < {task.scores[column][0]})"
        for task in table.tasks
        if task.env in means and round(means[task.env]) < task.scores[column][0]
    ]
    reached = f"The mean, rounded to whole numbers as the paper prints them, is at least the paper's {column} on "
    reached += f"{len(means) - len(short)} of {len(means)} measured tasks"
    return reached + (f"; short on {', '.join(short)}." if short else ".")


def overall(
    table: PaperTable, groups: dict[str, list[Result]], random_policy: dict[str, float], rng: np.random.Generator
) -> str:
    """Interquartile mean over all runs of all measured tasks on the normalised scale, with its stratified interval."""
    scores = [
        np.array([normalised(result.max100, task, random_policy) for result in groups[task.env]])
        for task in table.tasks
        if task.env in groups
    ]
    ends = interval(scores, rng)
    text = "a task has one run, so no interval" if ends is None else f"95% interval [{ends[0]:.2f}, {ends[1]:.2f}]"
    scale = "with uniformly random actions at 0 and the paper's STRO at 1"
    return f"IQM over the runs of all {len(scores)} measured tasks, {scale}: {float(iqm(*scores)):.2f} ({text})."


def section(
    table: PaperTable,
    results: Sequence[Result],
    name: str,
    asked: int,
    random_policy: dict[str, float],
    rng: np.random.Generator,
) -> Table:
    """A table of the paper beside one variant of ours."""
    groups = {env: runs for env, runs in by_env(results, name).items() if env in {task.env for task in table.tasks}}
    rows = tuple(row(task, groups.get(task.env, []), asked, rng) for task in table.tasks)
    notes: tuple[str, ...] = (
        "Maximum over training of the mean return of the last 100 episodes; `ours at the end`: at the last step.",
    )
    if groups:
        means = {env: float(np.mean([result.max100 for result in runs])) for env, runs in groups.items()}
        notes += tuple(shortfalls(table, means, column) for column in ("TRPO", "STRO"))
        notes += (overall(table, groups, random_policy, rng),)
        notes += provenance([result for runs in groups.values() for result in runs])
    notes += (f"Paper: {table.source}.",)
    return Table(f"Table {table.number}, setting `{name}`", HEADER, rows, notes)


@dataclass(frozen=True)
class Options:
    """What the tables share."""

    runs: tuple[Path, ...]
    """Folders of runs or of result files."""
    variants: tuple[tuple[str, int], ...]
    """Settings, and the seeds asked of each."""
    seed: int = 0
    """Seed of the bootstrap."""
    out: Path | None = None
    """Write Markdown here."""

    def __post_init__(self) -> None:
        if self.seed < 0 or any(asked < 1 for _, asked in self.variants):
            raise InputError(f"expected --seed >= 0 and seeds >= 1 in --variants, got {self.seed} and {self.variants}")


def compare(options: Options, number: int) -> int:
    """Show the paper's table of this number beside ours and write it if asked to."""
    committed = [root for root in options.runs if root.is_dir() or root not in (MUJOCO, ATARI)]  # there may be none yet
    results, table, random_policy = load(committed), read_table(number), read_random_policy(RANDOM_POLICIES[number])
    rng = np.random.default_rng(np.random.SeedSequence(options.seed))
    tables = [section(table, results, name, asked, random_policy, rng) for name, asked in options.variants]
    publish(tables, options.out)
    return 0
