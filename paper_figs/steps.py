"""A table of how the trust-region steps of a variant went: rejections, signs of the ratio, KL divergence, return lost.

    python -m paper_figs.steps [--variants paper] [--runs DIR ...] [--out FILE.md]

Without --runs it reads the result files committed under paper_figs/data/mujoco.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from exact.common import cli
from exact.common.errors import InputError
from exact.common.tables import Table, publish
from paper_figs.paper import read_table
from paper_figs.results import MUJOCO, Result, load, say_left_out
from paper_figs.tables import by_env, provenance


@dataclass(frozen=True)
class Options:
    """A table of how the trust-region steps of a variant went."""

    variants: tuple[str, ...] = ("paper",)
    """Variants to show, a table for each."""
    runs: tuple[Path, ...] = (MUJOCO,)
    """Folders of runs or of result files."""
    out: Path | None = None
    """Also write the tables to this Markdown file."""


def row(task: str, results: Sequence[Result]) -> tuple[str, ...]:
    """The cells of one task: means over the runs, in the first and the last quarter of the trials."""

    def change(name: str, digits: int) -> str:
        first, *_, last = np.mean([result.quarters[name] for result in results], axis=0)
        return f"{first:.{digits}f} to {last:.{digits}f}"

    lost = "-"  # a share of a negative return says nothing
    if all(result.max100 > 0 for result in results):
        lost = f"{np.mean([1 - result.final100 / result.max100 for result in results]):.0%}"
    return task, str(len(results)), change("rejected", 2), change("nonnegative", 2), change("kl", 3), lost


def steps(results: Sequence[Result], variant: str) -> Table:
    """The table of one variant, with a row for each task of Table 1 that has runs.

    Raises:
        InputError: no run of the variant has kept how its steps went.
    """
    kept = [result for result in results if result.variant == variant and result.quarters]
    groups = by_env(kept, variant)
    rows = tuple(row(task.task, groups[task.env]) for task in read_table(1).tasks if task.env in groups)
    if not rows:
        raise InputError(f"no run of {variant} says how its steps went: collect the runs again (paper_figs.collect)")
    header = ("task", "runs", "trials rejected", "ratio >= 0", "mean KL divergence", "return lost at the end")
    notes = (
        "First to last quarter of a run's trials, means over the runs. Ratio: (4.14). KL divergence: of the trial "
        "policy and the current one, mean over the batch's states.",
        "Return lost at the end: by how much the last mean of 100 episodes is below the best one.",
        *provenance(kept),
    )
    return Table(f"How `{variant}` stepped", header, rows, notes)


def work(options: Options) -> int:
    """Print the tables; with --out also write them."""
    results = load(options.runs)
    say_left_out(results, options.variants, [task.env for task in read_table(1).tasks], options.runs)
    publish([steps(results, variant) for variant in options.variants], options.out)
    return cli.DONE


def main(argv: Sequence[str] | None = None) -> int:
    """The command `python -m paper_figs.steps`; returns the exit status."""
    return cli.main(Options, "paper_figs.steps", work, argv)


if __name__ == "__main__":
    sys.exit(main())
