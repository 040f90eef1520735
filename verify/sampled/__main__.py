"""The command `python -m verify.sampled`: sampled decisions on finite MDPs, where the true gain is known.

It asks two questions of every rule in `verify.sampled.rules`:

    single decisions (`verify.sampled.decisions`)   How often is a worse policy accepted, or a better one rejected?
    whole runs (`verify.sampled.curves`)            How fast does Algorithm 4.3 converge with it, at an equal budget?

docs/sampled-ratio.md says what was found.
"""

import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

from exact.common import cli
from exact.common.drawing import check_figure_path, save_figure
from exact.common.errors import InputError
from exact.common.executors import check_executor, workers
from exact.common.files import atomic_write, check_writable
from exact.common.parallel import parallel_map
from exact.mdps.library import load
from verify.sampled.batches import Sampling
from verify.sampled.curves import CurveRow, CurveTask, compare_rules, optimal_return, run_curves
from verify.sampled.decisions import DecisionRow, DecisionTask, run_decisions, summarise_decisions
from verify.sampled.report import as_json, curve_table, decision_tables, draw

MDPS = (
    "garnet:S=20,A=4,b=3,gamma=0.9,seed=1",
    "garnet:S=50,A=5,b=4,gamma=0.95,seed=2",
    "garnet:S=100,A=4,b=3,gamma=0.9,seed=3",
    "garnet:S=10,A=3,b=2,gamma=0.95,seed=4",
    "chain",
    "gridworld-5x5",
    "inventory",
    "queue",
)
"""The MDPs of the report. The thresholds in `verify.sampled.rules` were chosen on others (docs/sampled-ratio.md)."""
LEVELS = {"gae": False, "exact": True}
"""Levels of advantage error: name, and whether the advantages are exact."""
SMALLEST_BATCH = 8
"""Least N."""
OTHER = ("json", "figure", "jobs", "executor", "mdp")
"""Options that the report does not depend on, or that it has elsewhere."""


@dataclass(frozen=True)
class Options:
    """Compare rules that accept or reject sampled steps on finite MDPs, where the true gain is known."""

    mdp: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """An MDP: a name of the library, garnet:S=..,A=..,b=..,gamma=..,seed=.., or a .npz or .json file. Can be given
    more than once. Default: four Garnet MDPs and four named ones."""
    batches: tuple[int, ...] = (256, 1024, 4096)
    """BatchSums sizes N of the single decisions."""
    replications: int = 24
    """Number of single decisions for every MDP, batch size, stage and radius."""
    curve_batch: int = 256
    """BatchSums size N of the whole runs."""
    rounds: int = 60
    """Budget of a whole run, in batches of N steps."""
    seeds: int = 16
    """Number of whole runs for every MDP and rule."""
    seed: int = 0
    """Seed of everything."""
    json: Path | None = None
    """Write the report to this file."""
    figure: Path | None = None
    """Write the figure to this file (.png, .pdf or .svg)."""
    jobs: int = 1
    """Number of worker processes. The result does not depend on it."""
    executor: str = "local"
    """Where the work is done: local, dask:ADDRESS, dask:local or module:factory, see docs/scale.md. The result does not
    depend on it."""

    def __post_init__(self) -> None:
        least = {"replications": 2, "curve_batch": SMALLEST_BATCH, "rounds": 2, "seeds": 2, "seed": 0, "jobs": 1}
        for name, smallest in least.items():
            if getattr(self, name) < smallest:
                flag = name.replace("_", "-")
                raise InputError(f"--{flag} must be at least {smallest}, got {getattr(self, name)}")
        if not self.batches or min(self.batches) < SMALLEST_BATCH:
            raise InputError(f"--batches must be one or more sizes of at least {SMALLEST_BATCH}, got {self.batches}")
        check_executor(self.executor)
        if self.json is not None:
            check_writable(self.json)
        if self.figure is not None:
            check_figure_path(self.figure)


def decisions(options: Options, mdps: tuple[str, ...], seed: np.random.SeedSequence) -> list[DecisionRow]:
    """Single decisions at every batch size and level of advantage error."""
    cases = [Sampling(n, exact) for exact in LEVELS.values() for n in options.batches]
    seeds = iter(seed.spawn(len(cases) * len(mdps)))
    tasks = [DecisionTask(mdp, case, options.replications, next(seeds)) for case in cases for mdp in mdps]
    found = parallel_map(run_decisions, tasks, options.executor, options.jobs, "single decisions")
    n = len(mdps)
    return [row for i, case in enumerate(cases) for row in summarise_decisions(found[i * n : (i + 1) * n], case)]


def curves(options: Options, mdps: tuple[str, ...], seed: np.random.SeedSequence) -> dict[str, list[CurveRow]]:
    """Whole runs at both levels of advantage error."""
    seeds = iter(seed.spawn(len(LEVELS) * len(mdps) + 1))
    tasks = [
        CurveTask(mdp, Sampling(options.curve_batch, exact), options.rounds, options.seeds, next(seeds))
        for exact in LEVELS.values()
        for mdp in mdps
    ]
    found = parallel_map(run_curves, tasks, options.executor, options.jobs, "whole runs")
    rng, n = np.random.default_rng(next(seeds)), len(mdps)
    return {level: compare_rules(found[i * n : (i + 1) * n], rng) for i, level in enumerate(LEVELS)}


def settings(options: Options, mdps: tuple[str, ...]) -> dict[str, Any]:
    """What the report depends on."""
    chosen = {name: value for name, value in asdict(options).items() if name not in OTHER}
    versions = {"python": platform.python_version(), "numpy": np.__version__, "scipy": version("scipy")}
    return {"mdps": mdps, **chosen, "versions": versions}


def compare(options: Options) -> int:
    """Make all decisions and runs, print the tables, write the files; returns the exit status."""
    mdps = options.mdp or MDPS
    for name in mdps:
        optimal_return(load(name))  # an MDP that does not serve is found out before any work
    first, second = np.random.SeedSequence(options.seed).spawn(2)
    with workers(options.executor, options.jobs):
        decided = decisions(options, mdps, first)
        converged = curves(options, mdps, second)
    for table in (*decision_tables(decided), *(curve_table(rows, level) for level, rows in converged.items())):
        table.show()
    if options.figure is not None:
        save_figure(draw(decided, converged, options.curve_batch), options.figure)
    if options.json is not None:
        atomic_write(options.json, as_json(settings(options, mdps), decided, converged))
    return cli.DONE


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return cli.main(Options, "verify.sampled", compare, argv)


if __name__ == "__main__":
    sys.exit(main())
