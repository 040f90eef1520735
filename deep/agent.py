"""The agent as a library: train one, load one, ask it for actions, score it, save it, train it further.

    agent = deep.train("Walker2d-v4", steps=200_000, seed=0)
    agent = deep.load("runs/Walker2d-v4-default-seed0")
    action, state = agent.predict(observation, deterministic=True)

docs/guide.md goes through all of it.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from deep import presets, training
from deep.build import make_policy
from deep.config import Config, PresetName
from deep.exporting import formats
from deep.options import default_folder
from deep.origin import Origin, later_folder, newest
from deep.playing import Player
from deep.run.checkpoint import BEST, write_one
from deep.run.directory import check_named, config_from_json, read_config, to_json
from deep.run.display import Display
from deep.run.snapshot import pack_moments, unpack_moments
from deep.run.trackers import TrackerName
from deep.sampling.environments import EnvSpec, inspect, inspected
from deep.sampling.making import Env, Wrapper
from deep.sampling.normalise import RunningMoments, preprocess
from deep.sampling.patience import LEAST
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

    def export(self, path: Path | str, kind: formats.Format | None = None) -> None:
        """Write the policy to a file that needs nothing of this project; see `deep.exporting.formats.export`."""
        formats.export(self, Path(path), kind)

    def learn(
        self,
        more_steps: int,
        out: Path | str | None = None,
        *,
        callback: Callback | None = None,
        track: Sequence[TrackerName] = (),
        progress: bool = True,
        patience: float = LEAST,
    ) -> "Agent":
        """Train for more steps, as `python -m deep.train --continue-from DIR --steps M` does.

        Args:
            more_steps: environment steps on top of those that the run has.
            out: the new run directory. Default: the run's name with `-to` and the new number of steps.
            callback: as for `train`.
            track: as for `train`.
            progress: as for `train`.
            patience: as for `train`.

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
        return _trained(config, self.spec, target, callback, track, progress, patience, origin)


def train(
    env: Env | Config,
    out: Path | str | None = None,
    *,
    steps: int | None = None,
    seed: int | None = None,
    env_kwargs: dict[str, Any] | None = None,
    wrapper: Wrapper | None = None,
    preset: PresetName = "default",
    settings: Mapping[str, Any] | None = None,
    init_from: Path | str | None = None,
    callback: Callback | None = None,
    track: Sequence[TrackerName] = (),
    progress: bool = True,
    patience: float = LEAST,
) -> Agent:
    """Train an agent in a new run directory.

    Args:
        env: a gymnasium id, `module:Env-v0`, a callable that returns an environment or its `module:name`; or all
            settings at once (`deep.preset`).
        out: the run directory, which must be new or empty. Default: runs/ENV-PRESET-seedN, with a number behind it if
            there is such a run already.
        steps: environment steps. Default: the preset's.
        seed: the one seed of the run. Default: 0.
        env_kwargs: keyword arguments of the environment, JSON values.
        wrapper: takes the environment and returns another one; a callable or its `module:name`.
        preset: the settings to start from.
        settings: changes, named as on the command line: {"sampling.N": 512, "workers": 4}.
        init_from: a run directory or a file of `Agent.save`, whose policy and normaliser to begin with.
        callback: called with the metrics of every iteration, a line of metrics.jsonl; if it returns False the run
            stops. It keeps its checkpoint and can be resumed.
        track: what else is told of every iteration: "tensorboard", "wandb", "mlflow".
        progress: show how far it is.
        patience: seconds that a worker may take for a step, a reset or its start before it counts as hanging, where
            20 times the slowest so far is not more.

    Returns:
        The agent after the last iteration; `agent.result` says what the training came to.

    Raises:
        InputError: a setting, the environment or the directory cannot be used.
        FaultError: the environment or a worker failed; the last checkpoint stays.
    """
    if isinstance(env, Config):
        if env_kwargs is not None or wrapper is not None:
            raise InputError("env_kwargs and wrapper are settings; expected them inside the Config")
        config, spec = env, inspected(env)
    else:
        spec = inspect(env, env_kwargs, wrapper)
        config = presets.preset(preset, spec)
    given = {"steps": steps, "seed": seed}
    config = presets.change(
        config, dict(settings or {}) | {name: value for name, value in given.items() if value is not None}
    )
    origin = None if init_from is None else Origin("init", str(init_from))
    folder = Path(out) if out is not None else free_folder(config)
    return _trained(config, spec, folder, callback, track, progress, patience, origin)


def resume(
    folder: Path | str,
    *,
    env: Env | None = None,
    wrapper: Wrapper | None = None,
    callback: Callback | None = None,
    track: Sequence[TrackerName] = (),
    progress: bool = True,
    patience: float = LEAST,
) -> Agent:
    """Continue an interrupted run. Its parameters and metrics, but for the clock, are the uninterrupted run's.

    Args:
        folder: its run directory.
        env: as for `load`.
        wrapper: as for `load`.
        callback: as for `train`.
        track: as for `train`.
        progress: as for `train`.
        patience: as for `train`.

    Raises:
        InputError: there is nothing to continue, or no usable checkpoint.
        FaultError: as `train`.
    """
    folder = Path(folder)
    config = read_config(folder)
    check_named(config, folder, env, wrapper)
    spec = _spec(config, env, wrapper)
    with Display(config, quiet=not progress) as display:
        result = training.resume(folder, training.together(display.update, callback), spec, patience, track)
    return replace(_agent(config, spec, newest(folder), folder), result=result)


def load(
    path: Path | str,
    *,
    best: bool = False,
    seed: int = 0,
    env: Env | None = None,
    wrapper: Wrapper | None = None,
) -> Agent:
    """The agent of a run directory's newest whole checkpoint, or of a file of `Agent.save`.

    Args:
        path: a run directory, or a file.
        best: take the checkpoint whose evaluation was best (`eval_every`), not the newest.
        seed: for the actions that `Agent.predict` samples.
        env: what makes the environment. It must be given where the run has a module's (`module:name`): the module is
            code that would be run, and the directory may be anybody's. A callable if the name is not enough.
        wrapper: likewise.

    Raises:
        InputError: no run directory, no usable checkpoint, or they do not match.
    """
    path = Path(path)
    config, saved = _read(path, best)
    check_named(config, path, env, wrapper)
    return _agent(config, _spec(config, env, wrapper), saved, None if path.is_file() else path, seed)


def _spec(config: Config, env: Env | None, wrapper: Wrapper | None) -> EnvSpec:
    """The environment of a run, or what stands for it."""
    return inspect(
        config.env if env is None else env, config.env_kwargs, config.wrapper if wrapper is None else wrapper
    )


def _read(path: Path, best: bool = False) -> tuple[Config, dict[str, Any]]:
    """The settings and a checkpoint of a run directory or of a file."""
    if path.is_file():
        saved = newest(path)
        return config_from_json(saved["config"], str(path)), saved
    config, file = read_config(path), path / "checkpoints" / BEST
    if best and not file.exists():
        raise InputError(f"{path} has no best checkpoint; expected a run with --eval-every")
    return config, newest(file if best else path)


def _agent(config: Config, spec: EnvSpec, saved: dict[str, Any], folder: Path | None, seed: int = 0) -> Agent:
    """The agent of a checkpoint."""
    theta, moments = saved["learner"]["theta"], unpack_moments(saved["learner"]["observations"])
    policy = make_policy(config, spec)
    if theta.shape != (policy.size,):
        raise InputError(
            f"the checkpoint of {folder or 'the file'} does not match its settings: {len(theta)} parameters, expected "
            f"{policy.size}"
        )
    clip = config.sampling.observation_clip if config.normalize else np.inf
    return Agent(
        spec,
        config.sticky_actions,
        policy.actor(theta),
        preprocess(moments, clip, spec.pixels),
        config=config,
        theta=theta,
        moments=moments,
        folder=folder,
        rng=np.random.default_rng(seed),
    )


def free_folder(config: Config) -> Path:
    """The run directory that a run gets by itself, with a number if that name is taken."""
    first = default_folder(config)
    names = itertools.chain([first], (first.with_name(f"{first.name}-{n}") for n in itertools.count(2)))
    return next(name for name in names if not name.exists())


def _trained(
    config: Config,
    spec: EnvSpec,
    out: Path,
    callback: Callback | None,
    track: Sequence[TrackerName],
    progress: bool,
    patience: float,
    origin: Origin | None,
) -> Agent:
    """Train in a new run directory and load what came out."""
    with Display(config, quiet=not progress) as display:
        told = training.together(display.update, callback)
        result = training.train(config, out, observe=told, spec=spec, origin=origin, patience=patience, track=track)
    return replace(_agent(config, spec, newest(out), out), result=result)
