"""The bridge: the stochastic algorithm's decisions on finite MDPs, where the truth is known.

Source: Zhao, Li and Wen, arXiv 1911.11640, section 4. On a finite MDP, SAMPLE (Algorithm 4.1), the estimates
(4.1)-(4.5), the ratio (4.14) and the rules (4.15)-(4.16) run as they would in deep reinforcement learning, and beside
each stands the exact eta. Two questions are asked of every rule in `verify.sampled.rules`:

    single decisions (`verify.sampled.decisions`)   how often is a worse policy accepted, a better one rejected?
    whole runs (`verify.sampled.curves`)            how fast does Algorithm 4.3 converge with it, at an equal budget?

docs/sampled-ratio.md says what was found.
"""

import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import scipy
import tyro

from exact.common import cli
from exact.common.drawing import check_figure_path, save_figure
from exact.common.errors import InputError
from exact.common.files import atomic_write, check_writable
from exact.common.parallel import parallel_map
from exact.mdps.library import load
from verify.core.command import terminal
from verify.sampled.algorithm import Sampling
from verify.sampled.curves import CurveRow, CurveTask, compare, optimal_return, run_curves
from verify.sampled.decisions import DecisionRow, DecisionTask, run_decisions, tally
from verify.sampled.report import as_json, draw, print_curves, print_decisions

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
"""Reported on. The thresholds in `verify.sampled.rules` were chosen on other MDPs (see the documentation)."""
LEVELS = {"gae": False, "exact": True}
SMALLEST_BATCH = 8


@dataclass(frozen=True)
class Options:
    """Compare rules that accept or reject sampled steps on finite MDPs, where the true gain is known."""

    mdp: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Name of the library, garnet:S=..,A=..,b=..,gamma=..,seed=.., or a .npz or .json file; repeatable. Default: four
    Garnet MDPs and four named ones."""
    batches: tuple[int, ...] = (256, 1024, 4096)
    """Batch sizes N of the single decisions."""
    replications: int = 24
    """Single decisions per MDP, batch size, stage and radius."""
    curve_batch: int = 256
    """Batch size N of the whole runs."""
    rounds: int = 60
    """Budget of a whole run, in batches."""
    seeds: int = 16
    """Whole runs per MDP and rule."""
    seed: int = 0
    """Seed of everything."""
    json: Path | None = None
    """Write the report to this file."""
    figure: Path | None = None
    """Write the figure to this file (.png, .pdf or .svg)."""
    jobs: int = 1
    """Worker processes; the result does not depend on it."""

    def __post_init__(self) -> None:
        least = {"replications": 2, "curve_batch": SMALLEST_BATCH, "rounds": 2, "seeds": 2, "seed": 0, "jobs": 1}
        for name, smallest in least.items():
            if getattr(self, name) < smallest:
                flag = name.replace("_", "-")
                raise InputError(f"--{flag} must be at least {smallest}, got {getattr(self, name)}")
        if not self.batches or min(self.batches) < SMALLEST_BATCH:
            raise InputError(f"--batches must be one or more sizes of at least {SMALLEST_BATCH}, got {self.batches}")
        if self.json is not None:
            check_writable(self.json)
        if self.figure is not None:
            check_figure_path(self.figure)


def decisions(options: Options, mdps: tuple[str, ...], seed: np.random.SeedSequence) -> list[DecisionRow]:
    """Single decisions at every batch size and level of advantage error."""
    cases = [Sampling(n, exact) for exact in LEVELS.values() for n in options.batches]
    seeds = iter(seed.spawn(len(cases) * len(mdps)))
    tasks = [DecisionTask(mdp, case, options.replications, next(seeds)) for case in cases for mdp in mdps]
    found = list(parallel_map(run_decisions, tasks, options.jobs, "single decisions"))
    n = len(mdps)
    return [row for i, case in enumerate(cases) for row in tally(found[i * n : (i + 1) * n], case)]


def curves(options: Options, mdps: tuple[str, ...], seed: np.random.SeedSequence) -> dict[str, list[CurveRow]]:
    """Whole runs at both levels of advantage error."""
    seeds = iter(seed.spawn(len(LEVELS) * len(mdps) + 1))
    tasks = [
        CurveTask(mdp, Sampling(options.curve_batch, exact), options.rounds, options.seeds, next(seeds))
        for exact in LEVELS.values()
        for mdp in mdps
    ]
    found = list(parallel_map(run_curves, tasks, options.jobs, "whole runs"))
    rng, n = np.random.default_rng(next(seeds)), len(mdps)
    return {level: compare(found[i * n : (i + 1) * n], rng) for i, level in enumerate(LEVELS)}


def settings(options: Options, mdps: tuple[str, ...]) -> dict[str, Any]:
    """What the report depends on."""
    chosen = {name: value for name, value in asdict(options).items() if name not in ("json", "figure", "jobs", "mdp")}
    versions = {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__}
    return {"mdps": mdps, **chosen, "versions": versions}


def work() -> int:
    """The command line."""
    options = cli.parse(Options, "verify.sampled")
    mdps = options.mdp or MDPS
    for name in mdps:
        optimal_return(load(name))
    first, second = np.random.SeedSequence(options.seed).spawn(2)
    decided = decisions(options, mdps, first)
    converged = curves(options, mdps, second)
    console = terminal()
    print_decisions(decided, console)
    for level, rows in converged.items():
        print_curves(rows, level, console)
    if options.figure is not None:
        save_figure(draw(decided, converged, options.curve_batch), options.figure)
    if options.json is not None:
        atomic_write(options.json, as_json(settings(options, mdps), decided, converged))
    return 0


if __name__ == "__main__":
    cli.run(work)
