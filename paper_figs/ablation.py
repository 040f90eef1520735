"""A table of the variants: the settings that each one changes, and the return that it reaches.

    python -m paper_figs.ablation [--runs DIR ...] [--reference default] [--out FILE.md]

Without --runs it reads the result files committed under paper_figs/data/mujoco. The column "what differs" compares the
runs' configurations.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from exact.common import cli
from exact.common.aggregates import interval, iqm, summarise
from exact.common.errors import InputError
from exact.common.tables import Table, publish
from paper_figs.paper import RANDOM_POLICIES, PaperTask, normalised, read_random_policy, read_table
from paper_figs.results import MUJOCO, Result, differing, load
from paper_figs.tables import by_env, interval_text, mean_std, provenance


@dataclass(frozen=True)
class Options:
    """A table of the variants: the settings that each one changes, and the return that it reaches."""

    runs: tuple[Path, ...] = (MUJOCO,)
    """Folders of runs or of result files."""
    reference: str = "default"
    """The variant that the others are compared with."""
    seed: int = 0
    """Seed of the bootstrap."""
    out: Path | None = None
    """Also write the table to this Markdown file."""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise InputError(f"expected --seed >= 0, got {self.seed}")


def changes(result: Result, reference: Result) -> list[str]:
    """The settings in which two results differ, as `name=value` with the value of `result`."""
    return [f"{name}={value}" for name, value in differing(result, reference).items()]


def difference(result: Result, reference: Result, presets: dict[str, Result]) -> str:
    """What a variant changes.

    Args:
        result: a run of the variant.
        reference: a run of the reference.
        presets: for each preset that was run as it is, a run of it.

    Returns:
        The settings that differ from the reference. Of a variant that starts from another preset, the preset's name
        and the settings that differ from the preset.
    """
    if result.preset != reference.preset and result.preset in presets:
        return ", ".join([f"the preset `{result.preset}`", *changes(result, presets[result.preset])])
    return ", ".join(changes(result, reference)) or "nothing"


def shared_tasks(results: Sequence[Result], reference: str) -> list[PaperTask]:
    """Those tasks of Table 1 on which the reference and every other variant were run."""
    runs = {(result.variant, result.env) for result in results}
    variants = {variant for variant, _ in runs} | {reference}
    return [task for task in read_table(1).tasks if all((variant, task.env) in runs for variant in variants)]


def row(
    name: str,
    groups: dict[str, list[Result]],
    changed: str,
    tasks: Sequence[PaperTask],
    random_policy: dict[str, float],
    rng: np.random.Generator,
) -> tuple[str, ...]:
    """The cells of one variant: its name, what it changes, its return on each task, the interquartile mean over all."""
    summaries = [summarise([result.max100 for result in groups[task.env]], rng) for task in tasks]
    cells = [f"{mean_std(one)} {interval_text(one.interval)} ({one.count})" for one in summaries]
    scores = [np.array([normalised(r.max100, task, random_policy) for r in groups[task.env]]) for task in tasks]
    ends = interval(scores, rng)
    over_all = f"{float(iqm(*scores)):.2f}" + ("" if ends is None else f" [{ends[0]:.2f}, {ends[1]:.2f}]")
    return name, changed, *cells, over_all


def ablation(
    results: Sequence[Result], reference: str, random_policy: dict[str, float], seed: np.random.SeedSequence
) -> Table:
    """The table of all variants on the tasks of Table 1 that they share.

    Args:
        results: finished runs of any variants and environments.
        reference: name of the variant that the others are compared with.
        random_policy: for each environment the mean return of random actions.
        seed: the bootstrap of every row starts from it, so that a row does not depend on which other rows there are.

    Raises:
        InputError: the variants share no task, or there is only one variant.
    """
    tasks, variants = shared_tasks(results, reference), sorted({result.variant for result in results} - {reference})
    if not (tasks and variants):
        raise InputError(f"no task of Table 1 was run with {reference!r} and every other variant: nothing to compare")
    envs = {task.env for task in tasks}
    kept = [result for result in results if result.env in envs]
    of_variant = {name: by_env(kept, name) for name in [reference, *variants]}
    one_run = {name: groups[tasks[0].env][0] for name, groups in of_variant.items()}
    presets = {name: result for name, result in one_run.items() if name == result.preset}
    rows = tuple(
        row(
            name,
            groups,
            difference(one_run[name], one_run[reference], presets),
            tasks,
            random_policy,
            np.random.default_rng(seed),
        )
        for name, groups in of_variant.items()
    )
    notes = (
        "Maximum over training of the mean return of the last 100 episodes: mean±std, 95% bootstrap interval of the "
        "interquartile mean, (seeds).",
        "Last column: IQM over the runs of all tasks and its stratified-bootstrap 95% interval, with uniformly random "
        "actions at 0 and the paper's STRO at 1.",
        "What a preset's settings are: docs/presets.md.",
        *provenance(kept),
    )
    header = ("variant", f"what differs from `{reference}`", *(task.task for task in tasks), "all tasks")
    return Table("Ablation", header, rows, notes)


def work(options: Options) -> int:
    """Print the table; with --out also write it."""
    seed = np.random.SeedSequence(options.seed)
    random_policy = read_random_policy(RANDOM_POLICIES[1])
    publish([ablation(load(options.runs), options.reference, random_policy, seed)], options.out)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """The command `python -m paper_figs.ablation`; returns the exit status."""
    return cli.main(Options, "paper_figs.ablation", work, argv)


if __name__ == "__main__":
    sys.exit(main())
