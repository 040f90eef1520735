"""A trial of deep.tune as a worker makes it: runs of deep.train, each in a folder of its own, stopped early if the
trial stays below the others.

A trial can be made again: a finished run is taken as it is, an interrupted one is resumed.  Whether it is stopped
follows from the lines of its metrics alone, so it does not depend on who makes it, nor on what else is running.
"""

import math
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deep.run.cell import TRAINER, Cell, last_line, named_again, read_metrics
from deep.run.directory import SOURCE
from deep.run.tether import is_free, start
from exact.common.cli import BAD_INPUT
from exact.common.errors import FaultError, InputError
from exact.common.source import source_version

REPORTS = 10
"""A trial tells its return so many times, and may be stopped each time but the last."""
STARTUP_TRIALS, WARM_UP = 5, 2
"""No trial is stopped before so many have ended, nor before so many of its reports."""

Returns = dict[int, float]
"""The return at every report."""


@dataclass(frozen=True)
class Trial:
    """A trial as a worker gets it."""

    number: int
    cells: tuple[Cell, ...]
    """Its runs, one for every seed."""
    steps: int
    """Environment steps of a run."""
    flags: tuple[str, ...]
    """Of deep.train; the seed and the folder come on top."""
    others: tuple[Returns, ...]
    """Those of the trials that this one is compared with."""
    going: Path
    """The trial is interrupted when this file goes."""
    source: str
    """Version of the project that makes the trials."""
    trainer: tuple[str, ...] = TRAINER
    """The command that trains."""

    def __str__(self) -> str:
        return f"trial {self.number}"


@dataclass(frozen=True)
class Played:
    """A trial that came to an end."""

    value: float | None
    """Mean over the runs of the return of the last 100 episodes. None: it was stopped early."""
    returns: Returns
    """The reports of its first run."""


def play(trial: Trial) -> Played | None:
    """Make a trial, or what is missing of it. None: the search was interrupted.

    Raises:
        InputError: a run has settings that no run can have, or no return; or the source is another.
        FaultError: a run failed.
    """
    if (source := source_version(SOURCE)) != trial.source:
        raise InputError(f"{trial}: the source is {source} on {platform.node()}, the search's is {trial.source}")
    values = []
    for cell in trial.cells:
        others = trial.others if cell is trial.cells[0] else ()
        if not (cell.finished or _stopped(trial, cell, others)):
            _train(trial, cell, others)
        if _stopped(trial, cell, others):
            return Played(None, told(cell, trial.steps, others))
        if not cell.finished:
            return None
        values.append(_value(cell.result("final100")["final100"]))
    return Played(sum(values) / len(values), told(trial.cells[0], trial.steps, ()))


def _train(trial: Trial, cell: Cell, others: tuple[Returns, ...]) -> None:
    """Begin or continue a run, until its end, until it stays below the others, or until the search is interrupted."""
    if not is_free(cell.directory):
        raise InputError(f"{cell.directory} is in use by another trainer")
    begun = (cell.directory / "config.json").exists()
    own = named_again(cell.env, trial.flags) if begun else [*trial.flags, "--seed", str(cell.seed)]
    looked_at = 0

    def go_on() -> bool:
        nonlocal looked_at
        file = cell.directory / "metrics.jsonl"
        if not trial.going.exists():
            return False
        if file.exists() and file.stat().st_size != looked_at:
            looked_at = file.stat().st_size
            return not _stopped(trial, cell, others)
        return True

    status = start([*trial.trainer, *own, "--resume" if begun else "--out", str(cell.directory)], cell.log, go_on)
    if not cell.finished and trial.going.exists() and not _stopped(trial, cell, others):
        message = last_line(cell.log).removeprefix("error: ") or f"exit status {status}"
        raise (InputError if status == BAD_INPUT else FaultError)(f"{trial}, {cell.name}: {message} (see {cell.log})")


def returns_of(lines: Iterable[Mapping[str, Any]], steps: int) -> Returns:
    """The reports of a run.

    Args:
        lines: of its metrics.
        steps: of the run. It reports when another REPORTS-th of them is done and an episode has ended.
    """
    found: Returns = {}
    for line in lines:
        part = math.floor(REPORTS * line["steps"] / steps)
        if 0 < part < REPORTS and part not in found and line["return100"] is not None:
            found[part] = line["return100"]
    return found


def told(cell: Cell, steps: int, others: tuple[Returns, ...]) -> Returns:
    """The reports of a run, up to the one at which it is stopped early."""
    if not (cell.directory / "metrics.jsonl").exists():
        return {}
    returns = returns_of(read_metrics(cell.directory, {"return100": float | None}), steps)
    part = stop_at(returns, others)
    return {p: value for p, value in returns.items() if part is None or p <= part}


def _stopped(trial: Trial, cell: Cell, others: tuple[Returns, ...]) -> bool:
    return stop_at(told(cell, trial.steps, ()), others) is not None


def stop_at(returns: Returns, others: tuple[Returns, ...]) -> int | None:
    """The first report at which Optuna's MedianPruner stops a trial: none of its returns reached the others' median.

    Args:
        returns: its reports.
        others: those of the trials that ended before.
    """
    if not returns or not others:
        return None
    optuna = load_optuna()
    study = optuna.create_study(
        direction="maximize", pruner=optuna.pruners.MedianPruner(STARTUP_TRIALS, n_warmup_steps=WARM_UP)
    )
    study.add_trials([optuna.trial.create_trial(value=0.0, intermediate_values=other) for other in others])
    trial = study.ask()
    for part, value in returns.items():
        trial.report(value, part)
        if trial.should_prune():
            return part
    return None


def load_optuna() -> Any:
    """The package. Raises InputError if it is missing."""
    try:
        import optuna
    except ImportError:
        raise InputError(
            "deep.tune needs the package optuna, which is not installed; expected pip install 'stro[tune]'"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _value(mean: float | None) -> float:
    """The value of a run; one in which no episode ended has none."""
    if mean is None:
        raise InputError("no episode ended in a trial, so it has no return; expected more --steps")
    return mean
