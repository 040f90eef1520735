"""A grid of training runs (environments x seeds), each a process of its own; resumable.

    python -m deep.grid --envs Walker2d-v4 Hopper-v4 --seeds 5 --jobs 2 --preset default --out runs
    python -m deep.grid --envs Walker2d-v4 --seeds 3 --variant fixed-radius -- <further deep.train flags>

    python -m deep.grid --envs Walker2d-v4 --seeds 3 --preset sb3-ppo    # a peer, trained by deep.studies.peers

Runs go to OUT/<variant>/<env>/seed<k>. The same command again skips what is finished and resumes what was interrupted
(a peer starts again).
`paper_figs.collect` turns finished runs into the result files behind the tables and figures.
"""

import contextlib
import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from tyro.conf import Positional

from deep.config import Config
from deep.options import MODULE, FirstOptions, parse
from deep.origin import newest
from deep.run.cell import PEER, Cell, last_line, named_again, trainer_of
from deep.run.directory import SOURCE, env_folder
from deep.run.display import GridDisplay
from deep.run.tether import LOOK_SECONDS, going, is_free, start
from deep.sampling.environments import inspect
from deep.studies import peers
from exact.common import cli, schema
from exact.common.errors import InputError
from exact.common.executors import check_executor, workers
from exact.common.files import write
from exact.common.parallel import as_they_come
from exact.common.progress import Ticker
from exact.common.source import source_version


@dataclass(frozen=True)
class Grid:
    """A setting and the runs to make with it."""

    cells: tuple[Cell, ...]
    preset: str
    steps: int
    flags: tuple[str, ...]
    """Further flags of deep.train, the same for every run."""
    folder: Path
    """OUT/<variant>: the runs of this setting."""
    jobs: int
    """Runs at a time."""
    executor: str = "local"
    """Where they run."""
    source: str = field(default_factory=lambda: source_version(SOURCE))
    """Version of the project that makes them."""


@dataclass(frozen=True)
class Failure:
    """A run that ended without its result."""

    cell: Cell
    status: int
    message: str


@dataclass(frozen=True)
class Options:
    """A grid of training runs, environments x seeds; the same command again continues it."""

    envs: tuple[str, ...]
    """Gymnasium ids."""
    flags: Positional[tuple[str, ...]] = ()
    """After `--`: further flags of deep.train (of deep.studies.peers for a peer), for every run."""
    seeds: int = 5
    """Runs per environment."""
    first_seed: int = 0
    """Seeds count up from here."""
    jobs: int = 1
    """Runs at a time."""
    executor: str = "local"
    """Where they run: local, dask:ADDRESS, dask:local or module:factory, see docs/scale.md. All workers must see the
    folder OUT under this path."""
    preset: str = "default"
    """deep.train's preset, or a peer: a preset of deep.studies.peers, such as sb3-ppo."""
    variant: str | None = None
    """Name of this setting, the folder of its runs; None: the preset's."""
    steps: int = 1_000_000
    """Environment steps of a run."""
    out: Path = Path("runs")
    """Folder of all runs."""

    def __post_init__(self) -> None:
        for name, least in (("seeds", 1), ("first_seed", 0), ("jobs", 1), ("steps", 1)):
            if getattr(self, name) < least:
                raise InputError(f"--{name.replace('_', '-')} must be at least {least}, got {getattr(self, name)}")
        if self.variant is not None and Path(self.variant).name != self.variant:
            raise InputError(f"--variant: expected a plain folder name, got {self.variant!r}")
        check_executor(self.executor)
        first, _ = cli.parse_known(FirstOptions, MODULE, self.flags)
        # With their versions, as the runs record them; InputError for an id that is unknown or of no use here.
        known = tuple(inspect(env, first.env_kwargs, first.wrapper).env_id for env in self.envs)
        object.__setattr__(self, "envs", known)


def make_grid(options: Options) -> Grid:
    """The grid that a command line asks for."""
    folder = options.out.resolve() / (options.variant or options.preset)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    # Seeds outside: an interrupted grid has every environment before it has any of them often.
    cells = tuple(Cell(env, seed, folder / env_folder(env) / f"seed{seed}") for seed in seeds for env in options.envs)
    return Grid(cells, options.preset, options.steps, options.flags, folder, options.jobs, options.executor)


def check_flags(grid: Grid) -> None:
    """Check the preset of a peer and the words after `--`, before a run is started with them.

    Raises:
        InputError: the trainer does not take them, or they change what the grid says itself.
    """
    for env in dict.fromkeys(cell.env for cell in grid.cells):
        cell = next(cell for cell in grid.cells if cell.env == env)
        given = ["--out", str(cell.directory), *words(cell, grid)]
        config, folder = (_peer if grid.preset.startswith(PEER) else _ours)(given)
        if folder != cell.directory:
            raise InputError("after --: expected none of --out, --resume and --continue-from")
        if (config.env, config.seed, config.preset, config.steps) != (env, cell.seed, grid.preset, grid.steps):
            raise InputError("after --: expected none of --env, --seed, --preset and --steps, which are the grid's")


def _peer(given: list[str]) -> tuple[peers.Options, Path]:
    """The settings and the folder that deep.studies.peers understands."""
    options = cli.parse(peers.Options, peers.MODULE, given)
    return options, options.folder


def _ours(given: list[str]) -> tuple[Config, Path]:
    """The settings and the folder that deep.train understands."""
    first, _ = cli.parse_known(FirstOptions, MODULE, given)
    if first.resume or first.continue_from:
        raise InputError("after --: expected none of --out, --resume and --continue-from")
    options, _ = parse(given)
    if options.init_from is not None:
        newest(options.init_from)
    return options.config, options.folder


def words(cell: Cell, grid: Grid) -> list[str]:
    """The flags of a run, but for its folder."""
    flags = {"--env": cell.env, "--seed": cell.seed, "--preset": grid.preset, "--steps": grid.steps}
    return [*(str(part) for flag in flags.items() for part in flag), *grid.flags]


def claim(grid: Grid) -> None:
    """Create the setting's folder, or check that what lies there was made with the same setting.

    Raises:
        InputError: the folder cannot be written, or holds runs of another setting.
    """
    record = grid.folder / "grid.json"
    setting = {"preset": grid.preset, "steps": grid.steps, "flags": list(grid.flags)}
    begun = any(grid.folder.glob("*/seed*/config.json"))  # else a wrong setting would keep its folder for ever
    before = schema.read_file(record, {}) if record.exists() and begun else dict(setting)
    source = before.pop("source", None)  # grids of earlier versions have none
    if before != setting:
        raise InputError(f"{grid.folder} holds runs made with {before}, not {setting}: name another --variant or --out")
    for cell in grid.cells:
        if not (cell.directory / "config.json").exists():
            continue
        config = schema.read_file(cell.directory / "config.json", {})
        wanted = {"env": cell.env, "seed": cell.seed, "preset": grid.preset, "steps": grid.steps}
        for key, value in wanted.items():
            if config.get(key) != value:
                raise InputError(f"{cell.directory} was run with {key}={config.get(key)}, not {value}")
    unfinished = any(not cell.finished for cell in grid.cells)
    if unfinished and source not in (None, grid.source):
        raise InputError(
            f"{grid.folder} holds runs made with the source {source}, this is {grid.source}: "
            "go on with that one, or name another --variant or --out"
        )
    recorded = grid.source if unfinished else source
    write(record, json.dumps(setting | ({} if recorded is None else {"source": recorded}), indent=1) + "\n")


@dataclass(frozen=True)
class Task:
    """A run as a worker gets it."""

    cell: Cell
    grid: Grid
    trainer: tuple[str, ...] | None
    """The command that trains; None: the preset's own, as the worker has it."""
    going: Path
    """The run is stopped when this file goes: the grid was interrupted."""

    def __str__(self) -> str:
        return self.cell.name


def command(task: Task) -> list[str]:
    """What starts a run, or continues it where it was interrupted."""
    cell, grid = task.cell, task.grid
    trainer = task.trainer or trainer_of(grid.preset)
    if (cell.directory / "config.json").exists():
        return [*trainer, "--resume", str(cell.directory), *named_again(cell.env, grid.flags)]
    return [*trainer, *words(cell, grid), "--out", str(cell.directory)]


def carry_out(task: Task) -> Failure | None:
    """Start or continue one run and wait for its end. A finished run is left alone, so the task can be repeated.

    Raises:
        InputError: the source is no longer the grid's, or the run cannot be started.
    """
    cell = task.cell
    if cell.finished or not task.going.exists():
        return None
    if (source := source_version(SOURCE)) != task.grid.source:
        raise InputError(f"{cell.name}: the source is {source} on {platform.node()}, the grid's is {task.grid.source}")
    if not is_free(cell.directory):
        return Failure(cell, cli.BAD_INPUT, "in use by another trainer")
    status = start(command(task), cell.log, task.going.exists)
    if cell.finished or not task.going.exists():
        return None
    return Failure(cell, status, last_line(cell.log) or "no message")


def run_grid(grid: Grid, console: Console, trainer: tuple[str, ...] | None = None) -> list[Failure]:
    """Run what is not finished, as many runs at a time as there are workers, and return the runs that failed.

    On an exception, KeyboardInterrupt included, the runs are stopped before it leaves.

    Raises:
        InputError: as `workers` and `carry_out`.
        FaultError: the workers are gone, or runs killed every worker that took them.
    """
    display, failures = GridDisplay(console, len(grid.cells), grid.steps), list[Failure]()
    waiting, shown = list[Task](), dict[Cell, float]()

    def idle() -> None:
        for task in waiting:
            with contextlib.suppress(OSError):
                if task.cell.log.stat().st_mtime_ns != shown.get(task.cell):
                    display.running(task.cell)

    with (
        display.progress,
        Ticker(display.state, console.file),
        workers(grid.executor, grid.jobs, threads=True) as pool,
        going(grid.folder) as flag,
    ):
        for cell in grid.cells:
            if cell.finished:
                display.end(cell, f"already finished, {cell.describe()}")
            else:
                waiting.append(Task(cell, grid, trainer, flag))
                shown[cell] = cell.log.stat().st_mtime_ns if cell.log.exists() else 0
        for task, failure in as_they_come(pool, carry_out, tuple(waiting), idle=idle, idle_seconds=LOOK_SECONDS):
            waiting.remove(task)
            if failure is None:
                display.end(task.cell, task.cell.describe())
            else:
                failures.append(failure)
                display.end(task.cell, f"FAILED with exit status {failure.status}: {failure.message}")
    return failures


def work(options: Options, trainer: Sequence[str] | None = None) -> int:
    """Run the grid by `trainer`, the preset's own if None; returns 0, 3 if a run failed, 130 if interrupted."""
    grid = make_grid(options)
    if trainer is None:
        check_flags(grid)
    claim(grid)
    try:
        failures = run_grid(grid, Console(), None if trainer is None else tuple(trainer))
    except KeyboardInterrupt:
        print("interrupted: the same command continues where it stopped", file=sys.stderr)
        return cli.INTERRUPTED
    for failure in failures:
        name, log = failure.cell.name, failure.cell.log
        print(f"failed: {name}, exit status {failure.status}: {failure.message} (see {log})", file=sys.stderr)
    return cli.FAULT if failures else cli.DONE


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return cli.main(Options, "deep.grid", work, argv)


if __name__ == "__main__":
    sys.exit(main())
