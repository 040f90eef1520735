"""A grid of training runs (environments x seeds), each a process of its own; resumable.

    python -m deep.grid --envs Walker2d-v4 Hopper-v4 --seeds 5 --jobs 2 --preset default --out runs
    python -m deep.grid --envs Walker2d-v4 --seeds 3 --variant fixed-radius -- <further deep.train flags>

    python -m deep.grid --envs Walker2d-v4 --seeds 3 --preset sb3-ppo    # a peer, trained by deep.studies.peers

Runs go to OUT/<variant>/<env>/seed<k>. The same command again skips what is finished and resumes what was interrupted
(a peer starts again).
`paper_figs.collect` turns finished runs into the result files behind the tables and figures.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from tyro.conf import Positional

from deep.run.cell import TRAINER, Cell, last_line, trainer_of
from deep.run.directory import env_folder
from deep.run.display import GridDisplay
from deep.sampling.environments import inspect
from exact.common import cli
from exact.common.errors import InputError
from exact.common.files import read_json, write

POLL_SECONDS = 0.5
GRACE_SECONDS = 10.0
"""How long an interrupted run may take to leave before it is killed; runs survive being killed at any moment."""


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
        for env in self.envs:
            inspect(env)  # raises InputError for an id that is unknown or of no use here


def make_grid(options: Options) -> Grid:
    """The grid that a command line asks for."""
    folder = options.out / (options.variant or options.preset)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    # Seeds outside: an interrupted grid has every environment before it has any of them often.
    cells = tuple(Cell(env, seed, folder / env_folder(env) / f"seed{seed}") for seed in seeds for env in options.envs)
    return Grid(cells, options.preset, options.steps, options.flags, folder, options.jobs)


def claim(grid: Grid) -> None:
    """Create the setting's folder, or check that what lies there was made with the same setting.

    Raises:
        InputError: the folder cannot be written, or holds runs of another setting.
    """
    record = grid.folder / "grid.json"
    setting = {"preset": grid.preset, "steps": grid.steps, "flags": list(grid.flags)}
    if record.exists() and (before := read_json(record)) != setting:
        raise InputError(f"{grid.folder} holds runs made with {before}, not {setting}: name another --variant or --out")
    for cell in grid.cells:
        if not (cell.directory / "config.json").exists():
            continue
        config = read_json(cell.directory / "config.json")
        wanted = {"env": cell.env, "seed": cell.seed, "preset": grid.preset, "steps": grid.steps}
        for key, value in wanted.items():
            if config.get(key) != value:
                raise InputError(f"{cell.directory} was run with {key}={config.get(key)}, not {value}")
    write(record, json.dumps(setting, indent=1) + "\n")


def start(cell: Cell, grid: Grid, trainer: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start one run, or continue it where it was interrupted."""
    if (cell.directory / "config.json").exists():
        command = [*trainer, "--resume", str(cell.directory)]
    else:
        cell_flags = {"--env": cell.env, "--seed": cell.seed, "--preset": grid.preset, "--steps": grid.steps}
        command = [*trainer, *(str(part) for flag in cell_flags.items() for part in flag), *grid.flags]
        command += ["--out", str(cell.directory)]
    try:
        cell.log.parent.mkdir(parents=True, exist_ok=True)
        with cell.log.open("ab") as log:
            # A session of its own: Ctrl-C reaches this process only, which then stops the runs in an orderly way.
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
    except OSError as error:
        raise InputError(f"cannot start a run at {cell.directory}: {error.strerror}") from error


def stop(processes: Iterable[subprocess.Popen[bytes]]) -> None:
    """End runs and whatever they started; they can be resumed."""
    processes = list(processes)
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + GRACE_SECONDS
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def run_grid(grid: Grid, console: Console, trainer: Sequence[str] = TRAINER) -> list[Failure]:
    """Run what is not finished, `grid.jobs` runs at a time, and return the runs that failed.

    On an exception, KeyboardInterrupt included, the running processes are stopped before it leaves.
    """
    display, failures = GridDisplay(console, len(grid.cells), grid.steps), []
    waiting, running = deque[Cell](), dict[Cell, subprocess.Popen[bytes]]()
    try:
        with display.progress:
            for cell in grid.cells:
                if cell.finished:
                    display.end(cell, f"already finished, {cell.describe()}")
                else:
                    waiting.append(cell)
            while waiting or running:
                while waiting and len(running) < grid.jobs:
                    cell = waiting.popleft()
                    running[cell] = start(cell, grid, trainer)
                time.sleep(POLL_SECONDS)
                for cell, process in list(running.items()):
                    display.running(cell)
                    if process.poll() is None:
                        continue
                    del running[cell]
                    if process.returncode == 0 and cell.finished:
                        display.end(cell, cell.describe())
                    else:
                        message = last_line(cell.log) or "no message"
                        failures.append(Failure(cell, process.returncode, message))
                        display.end(cell, f"FAILED with exit status {process.returncode}: {message}")
    finally:
        stop(running.values())
    return failures


def work(options: Options, trainer: Sequence[str] | None = None) -> int:
    """Run the grid by `trainer`, the preset's own if None; returns 0, 3 if a run failed, 130 if interrupted."""
    grid = make_grid(options)
    claim(grid)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        failures = run_grid(grid, Console(), trainer or trainer_of(grid.preset))
    except KeyboardInterrupt:
        print("interrupted: the same command continues where it stopped", file=sys.stderr)
        return cli.INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)
    for failure in failures:
        name, log = failure.cell.name, failure.cell.log
        print(f"failed: {name}, exit status {failure.status}: {failure.message} (see {log})", file=sys.stderr)
    return cli.FAULT if failures else cli.DONE


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return cli.main(Options, "deep.grid", work, argv)


if __name__ == "__main__":
    sys.exit(main())
