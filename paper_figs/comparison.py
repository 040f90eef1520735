"""A table of the paper beside ours: what `table1` and `table2` share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from exact.common.aggregates import interval, iqm, summarise
from exact.common.errors import InputError
from exact.common.tables import Table, counted, publish
from paper_figs.last_policies import Scores
from paper_figs.paper import (
    COLUMNS,
    RANDOM_POLICIES,
    Elsewhere,
    PaperTable,
    PaperTask,
    normalised,
    read_random_policy,
    read_table,
)
from paper_figs.results import ATARI, MUJOCO, PEERS, Result, load, say_left_out
from paper_figs.tables import MISSING, interval_text, mean_std, number, provenance

OURS = ("seeds", "steps", "ours, mean±std", "IQM", "95% interval of IQM", "ours at the end")
NOISELESS = "ours at the end, without noise"


@dataclass(frozen=True)
class Beside:
    """What stands in a table beside the paper's numbers and ours."""

    peers: dict[str, str] = field(default_factory=dict)
    """Columns of measured peers: the variant, and the column's name."""
    scores: tuple[Scores, ...] | None = None
    """Our last policies played without noise; None: no such column."""


def header(table: PaperTable, beside: Beside) -> tuple[str, ...]:
    """The names of the columns."""
    paper = (f"paper's {column}" for column in COLUMNS)
    last = () if beside.scores is None else (NOISELESS,)
    return ("task", *paper, *beside.peers.values(), *table.elsewhere, *OURS, *last)


def measured(values: Sequence[float], rng: np.random.Generator) -> str:
    """The cell `mean±std (runs)`."""
    return f"{mean_std(summarise(values, rng))} ({len(values)})" if values else MISSING


def elsewhere_text(result: Elsewhere | None) -> str:
    """The cell of a result outside the paper; "none known" where there is none."""
    if result is None:
        return "none known"
    return f"{result.value:g}" + ("" if result.std is None else f"±{result.std:g}")


def row(
    task: PaperTask,
    groups: dict[str, list[Result]],
    name: str,
    asked: int,
    table: PaperTable,
    beside: Beside,
    rng: np.random.Generator,
) -> tuple[str, ...]:
    """The cells of one task: the paper's columns, the peers', what is known elsewhere, then ours.

    Args:
        task: of the paper's table.
        groups: the results on this task by variant.
        name: our variant.
        asked: the number of seeds that were asked for.
        table: the paper's.
        beside: what else has columns.
        rng: source of the bootstrap.
    """
    paper = (f"{mean}±{std}" for mean, std in (task.scores[column] for column in COLUMNS))
    peers = (measured([result.max100 for result in groups.get(peer, [])], rng) for peer in beside.peers)
    elsewhere = (elsewhere_text(task.elsewhere.get(column)) for column in table.elsewhere)
    results = groups.get(name, [])
    ours: tuple[str, ...] = (f"{len(results)} of {asked}", *(MISSING,) * 5)
    if results:
        best = summarise([result.max100 for result in results], rng)
        final = summarise([result.final100 for result in results], rng)
        steps = f"{max(result.steps for result in results):,}"
        ours = (ours[0], steps, mean_std(best), number(best.iqm), interval_text(best.interval), mean_std(final))
    if beside.scores is not None:
        scores = [one.mean for one in beside.scores if (one.variant, one.env) == (name, task.env)]
        ours += (measured(scores, rng),)
    return (task.task, *paper, *peers, *elsewhere, *ours)


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


def notes_beside(table: PaperTable, kept: Sequence[Result], beside: Beside) -> Iterator[str]:
    """Notes on the columns that are neither the paper's nor ours; `kept` are the peers' runs on the table's tasks."""
    if beside.peers:
        columns = ", ".join(f"`{column}`" for column in beside.peers.values())
        yield (
            f"{columns}: sb3-contrib's TRPO and stable-baselines3's PPO trained here, by the same measure as ours, "
            "mean±std (seeds); their settings are RL Baselines3 Zoo's for the task (docs/peers.md)."
        )
    if kept:
        yield from (f"Peers: {line}" for line in provenance(kept))
    for column, meaning in table.elsewhere.items():
        known = ((task.task, task.elsewhere.get(column)) for task in table.tasks)
        sources = "; ".join(f"{task} {elsewhere_text(one)}, {one.source}" for task, one in known if one is not None)
        yield f"`{column}`: {meaning}. {sources}."
    if beside.scores:
        counts = sorted({f"{len(one.rounds)} x {one.episodes} episodes" for one in beside.scores})
        yield f"`{NOISELESS}`: the policies of the last checkpoints, {', '.join(counts)} each, mean±std over (seeds)."


def section(
    table: PaperTable,
    results: Sequence[Result],
    name: str,
    asked: int,
    random_policy: dict[str, float],
    beside: Beside,
    rng: np.random.Generator,
) -> Table:
    """A table of the paper beside one variant of ours, with `asked` seeds asked of each task."""
    of_task: dict[str, dict[str, list[Result]]] = {task.env: {} for task in table.tasks}
    for result in results:
        if result.env in of_task and result.variant in (name, *beside.peers):
            of_task[result.env].setdefault(result.variant, []).append(result)
    rows = tuple(row(task, of_task[task.env], name, asked, table, beside, rng) for task in table.tasks)
    groups = {env: variants[name] for env, variants in of_task.items() if name in variants}
    notes: tuple[str, ...] = (
        "Maximum over training of the mean return of the last 100 episodes; `ours at the end`: at the last step.",
    )
    if groups:
        means = {env: float(np.mean([result.max100 for result in runs])) for env, runs in groups.items()}
        notes += tuple(shortfalls(table, means, column) for column in ("TRPO", "STRO"))
        notes += (overall(table, groups, random_policy, rng),)
        notes += provenance([result for runs in groups.values() for result in runs])
    peers = [one for runs in of_task.values() for peer in beside.peers for one in runs.get(peer, [])]
    notes += tuple(notes_beside(table, peers, beside))
    notes += (f"Paper: {table.source}.",)
    return Table(f"Table {table.number}, setting `{name}`", header(table, beside), rows, notes)


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


def compare(options: Options, number: int, beside: Beside) -> int:
    """Print the paper's table of this number (1 or 2) beside ours; with --out also write it. Returns the exit status.

    The folders of committed results may be missing: the cells then say so.
    """
    roots = [root for root in options.runs if root.is_dir() or root not in (MUJOCO, ATARI, PEERS)]
    results, table, random_policy = load(roots), read_table(number), read_random_policy(RANDOM_POLICIES[number])
    if roots:
        shown = [*(name for name, _ in options.variants), *beside.peers]
        say_left_out(results, shown, [task.env for task in table.tasks], roots)
    rng = np.random.default_rng(np.random.SeedSequence(options.seed))
    tables = [section(table, results, name, asked, random_policy, beside, rng) for name, asked in options.variants]
    publish(tables, options.out)
    return 0
