"""The agent as a library: train one, load one, ask it for actions, score it, save it, train it further.

    agent = deep.train("Walker2d-v4", steps=200_000, seed=0)
    agent = deep.load("runs/Walker2d-v4-default-seed0")
    action, state = agent.predict(observation, deterministic=True)

docs/guide.md goes through all of it.
"""

import itertools
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from deep import presets, training
from deep.build import make_policy
from deep.config import Config, PresetName
from deep.origin import Origin, later_folder
from deep.playing import Player
from deep.run.checkpoint import BEST, DamagedError, read, read_newest, write_one
from deep.run.directory import config_from_json, read_config, to_json
from deep.run.display import Display
from deep.run.snapshot import pack_moments, unpack_moments
from deep.sampling.environments import inspect
from deep.sampling.normalise import RunningMoments, preprocess
from exact.common.errors import InputError

Callback = Callable[[dict[str, Any]], bool | None]
"""Told of every iteration's metrics; the run stops when it returns False."""


@dataclass(frozen=True, repr=False)
class Agent(Player):
    """A trained policy with its normaliser and all that belongs to it."""

    config: Config
    """The settings that it was trained with."""
    theta: Tensor
    """The policy's parameters, shape (size,)."""
    moments: RunningMoments
    """Moments behind the normaliser."""
    folder: Path | None = None
    """Its run directory; None for an agent that was loaded from a file."""
    result: dict[str, Any] = field(default_factory=dict)
    """What the training that this process did came to, see `deep.metrics.summary`; empty if it did none."""

    def __repr__(self) -> str:
        config = self.config
        return f"Agent({config.env}, preset {config.preset}, seed {config.seed}, {self.folder or 'from a file'})"

    def save(self, path: Path | str) -> None:
        """Write the policy, its normaliser and the settings to one file, which `deep.load` reads.

        Raises:
            InputError: the file cannot be written.
        """
        learned = {"theta": self.theta, "observations": pack_moments(self.moments)}
        write_one(Path(path), {"learner": learned, "config": to_json(self.config)})

    def learn(
        self, more_steps: int, out: Path | str | None = None, *, callback: Callback | None = None, progress: bool = True
    ) -> "Agent":
        """Train for more steps, as `python -m deep.train --continue-from DIR --steps M` does.

        Args:
            more_steps: environment steps on top of those that the run has.
            out: the new run directory. Default: the run's name with `-to` and the new number of steps.
            callback: as for `train`.
            progress: as for `train`.

        Returns:
            The agent after these steps. This one stays as it is.

        Raises:
            InputError: the agent was loaded from a file, which has no state of the training, or as `train`.
            FaultError: as `train`.
        """
        if self.folder is None:
            raise InputError("learn: an agent from a file has no state of its training; use deep.train(init_from=FILE)")
        origin = Origin("continue", str(self.folder))
        config = origin.longer(self.config, more_steps)
        target = Path(out) if out is not None else later_folder(self.folder, config.steps)
        return _trained(config, target, callback, progress, origin)


def train(
    env: str | Config,
    out: Path | str | None = None,
    *,
    steps: int | None = None,
    seed: int | None = None,
    preset: PresetName = "default",
    settings: Mapping[str, Any] | None = None,
    init_from: Path | str | None = None,
    callback: Callback | None = None,
    progress: bool = True,
) -> Agent:
    """Train an agent in a new run directory.

    Args:
        env: a gymnasium id, or all settings at once (`deep.preset`).
        out: the run directory, which must be new or empty. Default: runs/ENV-PRESET-seedN, with a number behind it if
            there is such a run already.
        steps: environment steps. Default: the preset's.
        seed: the one seed of the run. Default: 0.
        preset: the settings to start from.
        settings: changes, named as on the command line: {"sampling.N": 512, "workers": 4}.
        init_from: a run directory or a file of `Agent.save`, whose policy and normaliser to begin with.
        callback: called with the metrics of every iteration, a line of metrics.jsonl; if it returns False the run
            stops. It keeps its checkpoint and can be resumed.
        progress: show how far it is.

    Returns:
        The agent after the last iteration; `agent.result` says what the training came to.

    Raises:
        InputError: a setting, the environment or the directory cannot be used.
        FaultError: the environment or a worker failed; the last checkpoint stays.
    """
    config = env if isinstance(env, Config) else presets.preset(preset, env)
    given = {"steps": steps, "seed": seed}
    config = presets.change(
        config, dict(settings or {}) | {name: value for name, value in given.items() if value is not None}
    )
    origin = None if init_from is None else Origin("init", str(init_from))
    return _trained(config, Path(out) if out is not None else free_folder(config), callback, progress, origin)


def resume(folder: Path | str, *, callback: Callback | None = None, progress: bool = True) -> Agent:
    """Continue an interrupted run. Its parameters and metrics, but for the clock, are the uninterrupted run's.

    Args:
        folder: its run directory.
        callback: as for `train`.
        progress: as for `train`.

    Raises:
        InputError: there is nothing to continue, or no usable checkpoint.
        FaultError: as `train`.
    """
    folder = Path(folder)
    with Display(read_config(folder), quiet=not progress) as display:
        result = training.resume(folder, training.together(display.update, callback))
    return replace(load(folder), result=result)


def load(path: Path | str, *, best: bool = False, seed: int = 0) -> Agent:
    """The agent of a run directory's newest whole checkpoint, or of a file of `Agent.save`.

    Args:
        path: a run directory, or a file.
        best: take the checkpoint whose evaluation was best (`eval_every`), not the newest.
        seed: for the actions that `Agent.predict` samples.

    Raises:
        InputError: no run directory, no usable checkpoint, or they do not match.
    """
    path = Path(path)
    file = path / "checkpoints" / BEST if best and not path.is_file() else path
    if best and not file.exists():
        raise InputError(f"{path} has no best checkpoint; expected a run with --eval-every")
    if file.is_file():
        saved = _read(file)
        config = config_from_json(saved["config"], file)
    else:
        config = read_config(path)
        newest = read_newest(path / "checkpoints", lambda line: print(line, file=sys.stderr))
        if newest is None:
            raise InputError(f"{path} has no checkpoint yet")
        saved = newest
    theta, moments = saved["learner"]["theta"], unpack_moments(saved["learner"]["observations"])
    spec = inspect(config.env)
    policy = make_policy(config, spec)
    if theta.shape != (policy.size,):
        raise InputError(f"{path} does not match its settings: {len(theta)} parameters, expected {policy.size}")
    clip = config.sampling.observation_clip if config.normalize else np.inf
    return Agent(
        spec,
        config.sticky_actions,
        policy.actor(theta),
        preprocess(moments, clip, spec.pixels),
        config=config,
        theta=theta,
        moments=moments,
        folder=None if path.is_file() else path,
        rng=np.random.default_rng(seed),
    )


def free_folder(config: Config) -> Path:
    """The run directory that a run gets by itself, with a number if that name is taken."""
    first = training.default_folder(config)
    names = itertools.chain([first], (first.with_name(f"{first.name}-{n}") for n in itertools.count(2)))
    return next(name for name in names if not name.exists())


def _trained(config: Config, out: Path, callback: Callback | None, progress: bool, origin: Origin | None) -> Agent:
    with Display(config, quiet=not progress) as display:
        result = training.train(config, out, observe=training.together(display.update, callback), origin=origin)
    return replace(load(out), result=result)


def _read(file: Path) -> dict[str, Any]:
    """A file of `Agent.save`."""
    try:
        return read(file)
    except DamagedError as error:
        raise InputError(f"{file} {error}; expected a file of Agent.save") from error
