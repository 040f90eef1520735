"""Train a STRO agent.

    python -m deep.train --env Walker2d-v4 [--steps 1000000 --seed 0 --preset default|paper --out DIR ...]
    python -m deep.train --resume DIR
    python -m deep.train --continue-from DIR --steps M [--out DIR]        # M more steps, in a new run directory
    python -m deep.train --env ... --init-from DIR                         # begin with another run's policy

`--help` explains every setting. INT, TERM and HUP stop a run after its iteration, with a checkpoint. It can also be
killed at any moment. --resume continues it, and its parameters and metrics (but for the clock) are the uninterrupted
run's bit for bit.

torch is imported when the training begins, not before: it takes longer than everything that can go wrong first.
"""

import contextlib
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep.config import Config
from deep.metrics import summary
from deep.options import MODULE, Options, parse
from deep.origin import Origin, begin, check_fits, read_origin
from deep.run.directory import RunDirectory, check_named, check_new, read_config, to_json
from deep.run.display import Display
from deep.run.interruption import Interruption, ended_by_signals
from deep.run.trackers import TrackerName, tracking
from deep.sampling.environments import EnvSpec, inspected
from deep.sampling.examination import glance
from deep.sampling.patience import LEAST
from deep.sampling.processes import refuse_to_train_in_a_worker
from exact.common import cli
from exact.common.errors import InputError

if TYPE_CHECKING:
    from deep.algorithm import Learner
    from deep.run.checkpoint import Checkpoints

Observer = Callable[[dict[str, Any]], bool | None]
"""Told of every iteration's metrics; the run stops after a checkpoint when it returns False."""


def _ignore(_: dict[str, Any]) -> None:
    """The observer that does nothing."""


def together(*observers: Observer | None) -> Observer:
    """One observer for several; each is told, and it returns False if one of them does."""

    def observe(line: dict[str, Any]) -> bool:
        return False not in [observer(line) for observer in observers if observer is not None]

    return observe


def train(
    config: Config,
    out: Path,
    command: str = "deep.train",
    observe: Observer = _ignore,
    spec: EnvSpec | None = None,
    origin: Origin | None = None,
    patience: float = LEAST,
    track: Sequence[TrackerName] = (),
) -> dict[str, Any]:
    """Train in a new run directory.

    Args:
        config: all settings, see `deep.preset`.
        out: the run directory, which must be new or empty.
        command: what config.json says the run was made by.
        observe: called with the metrics of every iteration.
        spec: what `inspect` says of config.env, if that is known; needed if a callable without a name makes it.
        origin: another run to begin from.
        patience: as `Options.patience`.
        track: what else is told of every iteration, see `deep.run.trackers`.

    Returns:
        What result.json holds, see `deep.metrics.summary`. The status is "stopped", and there is no result.json, if
        `observe` stopped the run.

    Raises:
        InputError: the directory or the environment cannot be used.
        FaultError: the environment or a worker failed; the last checkpoint stays.
    """
    refuse_to_train_in_a_worker()
    check_new(out)  # before the workers start: an environment may print while it is made
    spec, settings = spec or inspected(config), asdict(config) | (origin.record() if origin else {})
    for finding in glance(spec):
        print(f"note: environment {spec.env_id!r}: {finding.text} (see python -m deep.check)", file=sys.stderr)
    with tracking(track, config, out) as told, _learner(config, spec, patience) as learner:
        check_fits(learner, origin)  # before the directory is made
        with RunDirectory.create(out, settings, command) as run:
            checkpoints, seconds = _begin(learner, run, origin)
            return _loop(learner, run, checkpoints, seconds, together(observe, told), spec)


def resume(
    out: Path,
    observe: Observer = _ignore,
    spec: EnvSpec | None = None,
    patience: float = LEAST,
    track: Sequence[TrackerName] = (),
) -> dict[str, Any]:
    """Continue an interrupted run.

    Args:
        out: its run directory.
        observe: as for `train`.
        spec: as for `train`; needed if the run has an environment or a wrapper of a module (`check_named`).
        patience: as for `train`.
        track: as for `train`.

    Returns:
        As `train`.

    Raises:
        InputError: there is nothing to continue, or no usable checkpoint.
        FaultError: as `train`.
    """
    refuse_to_train_in_a_worker()
    config = read_config(out)
    if (out / "result.json").exists():
        raise InputError(f"{out} holds a finished run; there is nothing to resume")
    if spec is None:
        check_named(config, out, None, None)
        spec = inspected(config)
    with (
        RunDirectory(out) as run,
        tracking(track, config, out) as told,
        _learner(config, spec, patience) as learner,
    ):
        checkpoints, seconds = _continue(learner, run)
        return _loop(learner, run, checkpoints, seconds, together(observe, told), spec)


def advance(config: Config, out: Path, until: int, command: str, stop: Callable[[], bool]) -> list[dict[str, Any]]:
    """Begin or continue a run and leave it with a checkpoint after `until` steps. The run is not finished by it.

    Args:
        config: the settings, the same in every call.
        out: the run directory.
        until: environment steps, at most config.steps.
        command: what config.json says the run was made by.
        stop: asked before every iteration whether to leave now.

    Returns:
        All lines of metrics of the run.

    Raises:
        InputError: the directory holds a run with other settings, or cannot be used.
        FaultError: as `train`.
    """
    begun = (out / "config.json").exists()
    directory = RunDirectory(out) if begun else RunDirectory.create(out, asdict(config), command)
    with directory as run, _learner(config, inspected(config)) as learner:
        checkpoints, before = _continue(learner, run)
        began = time.perf_counter()
        while learner.state.steps < until and not stop():
            line = learner.iterate()
            run.append(line | {"seconds": before + time.perf_counter() - began})
        _save(learner, run, checkpoints, before + time.perf_counter() - began)
        return run.entries()


@contextlib.contextmanager
def _learner(config: Config, spec: EnvSpec, patience: float = LEAST) -> Iterator["Learner"]:
    """A learner without a state; its workers end with the context."""
    from deep.build import make_learner

    learner = make_learner(config, spec, patience)
    try:
        yield learner
    finally:
        learner.sampler.close()


def _begin(learner: "Learner", run: RunDirectory, origin: Origin | None) -> tuple["Checkpoints", float]:
    """Give a new run its first state, and its first checkpoint if that comes from another run.

    Returns:
        The run's checkpoints, and its seconds.
    """
    from deep.run.checkpoint import Checkpoints

    checkpoints, seconds = Checkpoints(run.checkpoints), begin(learner, run, origin)
    if origin is not None:
        _save(learner, run, checkpoints, seconds)
    return checkpoints, seconds


def _continue(learner: "Learner", run: RunDirectory) -> tuple["Checkpoints", float]:
    """Put a learner and the metrics to the newest checkpoint that is whole and fits, or to the start if there is none.

    Returns:
        The run's checkpoints, and the seconds that were spent before.
    """
    from deep.run.checkpoint import Checkpoints
    from deep.run.layout import check_whole
    from deep.run.snapshot import unpack

    def fits(saved: dict[str, Any]) -> None:
        check_whole(learner, saved)
        run.check(saved)

    checkpoints = Checkpoints(run.checkpoints)
    saved = checkpoints.newest(lambda line: print(line, file=sys.stderr), fits)
    if saved is None:
        origin = read_origin(run.folder)
        if origin is None:
            run.restart(learner.config.checkpoint_every)
        else:  # its first checkpoint comes before its first own line
            run.rewind(0)
            check_fits(learner, origin)
        return _begin(learner, run, origin)
    unpack(learner, saved["learner"])
    run.rewind(saved["metrics_bytes"])
    return checkpoints, saved["seconds"]


def _save(learner: "Learner", run: RunDirectory, checkpoints: "Checkpoints", seconds: float) -> None:
    """Write a checkpoint that `resume` continues from."""
    from deep.run.snapshot import pack

    metrics = run.sync()
    checkpoints.write({"learner": pack(learner), "config": to_json(learner.config), "seconds": seconds} | metrics)


def _loop(
    learner: "Learner",
    run: RunDirectory,
    checkpoints: "Checkpoints",
    seconds: float,
    observe: Observer,
    spec: EnvSpec,
) -> dict[str, Any]:
    """Algorithm 4.3's outer loop with its bookkeeping; `seconds` were spent before."""
    from deep.watching import Judge

    config, began, judge = learner.config, time.perf_counter(), Judge(learner, run, spec)
    going: bool | None = True
    while learner.state.steps < config.steps and going is not False:
        before = learner.state.steps
        line = learner.iterate()
        line["seconds"] = seconds + time.perf_counter() - began
        looked = time.perf_counter()
        line |= judge.look(before)
        began += time.perf_counter() - looked  # an evaluation is no training: clocks compare with and without it
        run.append(line)
        going = observe(line)
        over = line["steps"] >= config.steps or going is False
        if line["iteration"] % config.checkpoint_every == 0 or over:
            _save(learner, run, checkpoints, line["seconds"])
    result = summary(run.entries())
    if learner.state.steps < config.steps:
        return result | {"status": "stopped"}
    run.finish(result)
    return result


def work(options: Options, spec: EnvSpec, command: str) -> int:
    """Train or resume, show the progress and say what came out; `command` is recorded in config.json."""
    config, folder, display = options.config, options.folder, Display(options.config)
    interruption = Interruption(folder, config.env, config.wrapper)
    observe, track = together(display.update, interruption.observe), options.trackers.names
    with interruption, display:
        if options.resume is None:
            result = train(config, folder, command, observe, spec, options.origin, options.patience, track)
        else:
            result = resume(folder, observe, spec, options.patience, track)
    if result["status"] == "stopped":
        return cli.complain(f"interrupted after {result['steps']} steps; {interruption.advice}", cli.INTERRUPTED)
    best = (
        "no episode ended"
        if result["max100"] is None
        else f"max100 {result['max100']:.1f}, final100 {result['final100']:.1f}"
    )
    print(f"{config.env} seed {config.seed}: {best}, {result['seconds']:.0f} s, {folder}")
    return cli.DONE


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    words = sys.argv[1:] if argv is None else list(argv)

    def do() -> int:
        with ended_by_signals():
            return work(*parse(words), shlex.join(["python", "-m", MODULE, *words]))

    return cli.guard(do)
