"""A table of the paper beside ours: what `table1` and `table2` share."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from exact.common.aggregates import interval, iqm, summarise
from exact.common.errors import InputError
from exact.common.tables import Table, counted, publish
from paper_figs.paper import COLUMNS, RANDOM_POLICIES, PaperTable, PaperTask, normalised, read_random_policy, read_table
from paper_figs.results import ATARI, MUJOCO, Result, load, say_left_out
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
    """The cells of one task: the paper's columns, then ours; `asked` is the number of seeds that were asked for."""
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
    """A sentence: on how many measured tasks our mean reaches a column of the paper, and on which it falls short."""
    short = [
        f"{task.task} ({number(means[task.env])} < {task.scores[column][0]})"
        for task in table.tasks
        if task.env in means and round(means[task.env]) < task.scores[column][0]
    ]
    reached = f"The mean, rounded to whole numbers as the paper prints them, is at least the paper's {column} on "
    reached += f"{len(means) - len(short)} of {counted(len(means), 'measured task')}"
    return reached + (f"; short on {', '.join(short)}." if short else ".")


def overall(
    table: PaperTable, groups: dict[str, list[Result]], random_policy: dict[str, float], rng: np.random.Generator
) -> str:
    """A sentence: the interquartile mean over the runs of all measured tasks, normalised, with its 95% interval."""
    scores = [
        np.array([normalised(result.max100, task, random_policy) for result in groups[task.env]])
        for task in table.tasks
        if task.env in groups
    ]
    ends = interval(scores, rng)
    text = "a task has one run, so no interval" if ends is None else f"95% interval [{ends[0]:.2f}, {ends[1]:.2f}]"
    scale = "with uniformly random actions at 0 and the paper's STRO at 1"
    tasks = counted(len(scores), "measured task")
    return f"IQM over the runs of the {tasks}, {scale}: {float(iqm(*scores)):.2f} ({text})."


def section(
    table: PaperTable,
    results: Sequence[Result],
    name: str,
    asked: int,
    random_policy: dict[str, float],
    rng: np.random.Generator,
) -> Table:
    """A table of the paper beside one variant of ours, with `asked` seeds asked of each task."""
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
    """The options that `table1` and `table2` share."""

    runs: tuple[Path, ...]
    """Folders of runs or of result files."""
    variants: tuple[tuple[str, int], ...]
    """Pairs: a variant, and how many seeds are asked of it."""
    seed: int = 0
    """Seed of the bootstrap."""
    out: Path | None = None
    """Also write the tables to this Markdown file."""

    def __post_init__(self) -> None:
        if self.seed < 0 or any(asked < 1 for _, asked in self.variants):
            raise InputError(f"expected --seed >= 0 and seeds >= 1 in --variants, got {self.seed} and {self.variants}")


def compare(options: Options, number: int) -> int:
    """Print the paper's table of this number (1 or 2) beside ours; with --out also write it. Returns the exit status.

    The folders of committed results may be missing: the cells then say so.
    """
    roots = [root for root in options.runs if root.is_dir() or root not in (MUJOCO, ATARI)]
    results, table, random_policy = load(roots), read_table(number), read_random_policy(RANDOM_POLICIES[number])
    if roots:
        say_left_out(results, [name for name, _ in options.variants], [task.env for task in table.tasks], roots)
    rng = np.random.default_rng(np.random.SeedSequence(options.seed))
    tables = [section(table, results, name, asked, random_policy, rng) for name, asked in options.variants]
    publish(tables, options.out)
    return 0
