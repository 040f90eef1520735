"""Train a STRO agent.

    python -m deep.train --env Walker2d-v4 [--steps 1000000 --seed 0 --preset default|paper --out DIR ...]
    python -m deep.train --resume DIR

`--help` explains every setting. A run can be killed at any moment: --resume continues it, and its parameters and
metrics (but for the clock) are the uninterrupted run's bit for bit.
"""

import contextlib
import json
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from deep.algorithm import RECENT_EPISODES, Learner
from deep.build import make_learner
from deep.command import parse
from deep.config import Config
from deep.run.checkpoint import read_newest, write
from deep.run.directory import RunDirectory, check_new, read_config, to_json
from deep.run.display import Display, tensorboard_writer
from deep.run.snapshot import pack, unpack
from exact.common import cli
from exact.common.errors import InputError

Observer = Callable[[dict[str, Any]], None]
"""Told of every iteration's metrics."""


def _ignore(_: dict[str, Any]) -> None:
    pass


def train(config: Config, out: Path, command: str = "deep.train.train", observe: Observer = _ignore) -> dict[str, Any]:
    """Train in a new run directory and return what result.json holds.

    Raises:
        InputError: the directory or the environment cannot be used.
        FaultError: the environment or a worker failed; the last checkpoint stays.
    """
    check_new(out)  # before the workers start: an environment may print while it is made
    with _learner(config) as learner, RunDirectory.create(out, asdict(config), command) as run:
        learner.start()
        return _loop(learner, run, 0.0, observe)


def resume(out: Path, observe: Observer = _ignore) -> dict[str, Any]:
    """Continue an interrupted run and return what result.json holds.

    Raises:
        InputError: there is nothing to continue, or no usable checkpoint.
        FaultError: as `train`.
    """
    config = read_config(out)
    if (out / "result.json").exists():
        raise InputError(f"{out} holds a finished run; there is nothing to resume")
    with RunDirectory(out) as run, _learner(config) as learner:
        saved = read_newest(run.checkpoints, lambda line: print(line, file=sys.stderr))
        if saved is None:  # stopped before its first checkpoint
            run.rewind(0)
            learner.start()
            return _loop(learner, run, 0.0, observe)
        restore(learner, saved, out)
        run.rewind(saved["metrics_bytes"])
        return _loop(learner, run, saved["seconds"], observe)


@contextlib.contextmanager
def _learner(config: Config) -> Iterator[Learner]:
    learner = make_learner(config)
    try:
        yield learner
    finally:
        learner.sampler.close()


def _save(learner: Learner, run: RunDirectory, seconds: float) -> None:
    """Write a checkpoint that `resume` continues from."""
    config, metrics_bytes = to_json(learner.config), run.sync()
    write(
        run.checkpoints,
        {"learner": pack(learner), "config": config, "metrics_bytes": metrics_bytes, "seconds": seconds},
    )


def restore(learner: Learner, saved: dict[str, Any], folder: Path) -> None:
    """Put a learner into the state of a run directory's checkpoint. Raises InputError if they do not fit."""
    made, given = json.loads(saved["config"]), json.loads(to_json(learner.config))
    if made != given:
        names = ", ".join(name for name in given if made.get(name) != given[name])
        raise InputError(f"the checkpoint in {folder} was made with other settings ({names}) than config.json has")
    try:
        unpack(learner, saved["learner"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"the checkpoint in {folder} does not match {folder / 'config.json'}: {error}") from error


def _loop(learner: Learner, run: RunDirectory, seconds: float, observe: Observer) -> dict[str, Any]:
    """Algorithm 4.3's outer loop with its bookkeeping; `seconds` were spent before."""
    config, began = learner.config, time.perf_counter()
    while learner.state.steps < config.steps:
        line = learner.iterate()
        line["seconds"] = seconds + time.perf_counter() - began
        run.append(line)
        if line["iteration"] % config.checkpoint_every == 0 or line["steps"] >= config.steps:
            _save(learner, run, line["seconds"])
        observe(line)
    result = summary(run.entries())
    run.finish(result)
    return result


def summary(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """The result of a run: the paper's measure is the maximum over training of the mean return of 100 episodes.

    A run of fewer than 100 episodes is given the mean of all of them for both measures, None if there were none.
    """
    last, returns = entries[-1], np.array([episode[1] for line in entries for episode in line["episodes"]])
    window = min(RECENT_EPISODES, len(returns))
    means = np.convolve(returns, np.ones(window), "valid") / window if window else np.array([])
    best, final = (float(means.max()), float(means[-1])) if window else (None, None)
    return {
        "steps": last["steps"],
        "seconds": last["seconds"],
        "max100": best,
        "final100": final,
        "episodes": len(returns),
        "status": "finished",
    }


def _main() -> int:
    arguments = sys.argv[1:]
    command = parse(arguments)
    if command.resume is not None:
        config, folder = read_config(command.resume), command.resume
    else:
        config = command.config
        folder = command.out or Path("runs") / f"{config.env.replace('/', '-')}-{config.preset}-seed{config.seed}"
    display = Display(config)
    observers: list[Observer] = [display.update]
    if command.tensorboard:
        observers.append(tensorboard_writer(folder))

    def observe(line: dict[str, Any]) -> None:
        for observer in observers:
            observer(line)

    with display:
        if command.resume is not None:
            result = resume(folder, observe)
        else:
            result = train(config, folder, shlex.join(["python", "-m", "deep.train", *arguments]), observe)
    best = (
        "no episode ended"
        if result["max100"] is None
        else f"max100 {result['max100']:.1f}, final100 {result['final100']:.1f}"
    )
    print(f"{config.env} seed {config.seed}: {best}, {result['seconds']:.0f} s, {folder}")
    return 0


if __name__ == "__main__":
    cli.run(_main)
