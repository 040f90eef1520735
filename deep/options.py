"""The options of `python -m deep.train`: all settings of a run, or another run to go on from.

The environment is inspected while they are read, because it decides which preset the other settings start from.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import tyro

from deep.config import Config, PresetName
from deep.origin import Origin, later_folder
from deep.presets import FLAT, preset
from deep.run.directory import check_named, env_folder, read_config
from deep.run.trackers import Trackers
from deep.sampling.environments import EnvSpec, inspect, inspected
from deep.sampling.patience import LEAST
from exact.common import cli
from exact.common.errors import InputError
from exact.common.json_object import JsonObject

MODULE = "deep.train"


@dataclass(frozen=True)
class Options:
    """Train a STRO agent (stochastic trust-region policy optimisation, arXiv 1911.11640)."""

    config: Annotated[Config, tyro.conf.arg(name="")]
    out: Path | None = None
    """Run directory to create. Default: runs/ENV-PRESET-seedN."""
    trackers: Annotated[Trackers, tyro.conf.arg(name="")] = field(default_factory=Trackers)
    patience: float = LEAST
    """Seconds that a worker may take for a step, a reset or its start. When it takes longer, and 20 times longer than
    the slowest step or reset before, it counts as hanging and the run stops. A resumed run can have another value.
    Flat observations only: images have no workers."""
    resume: Path | None = None
    """Continue the run in this directory with its own configuration; no setting can be changed. An environment or a
    wrapper of a module (module:name) must be named again, because the module's code will be run."""
    continue_from: Path | None = None
    """Train the run in this directory for --steps more steps, in a new run directory. Only --steps, --out, --patience
    and the trackers can be given beside it. Schedules that fall over a run are stretched over the new number of
    steps."""
    init_from: Path | None = None
    """Begin with the policy, the value network and the normalisers of this run directory, under new settings. Also a
    file of Agent.save, which has no value network."""

    def __post_init__(self) -> None:
        if not self.patience > 0:
            raise InputError(f"--patience must be > 0 seconds, got {self.patience}")

    @property
    def folder(self) -> Path:
        """The run directory."""
        return self.resume or self.out or default_folder(self.config)

    @property
    def origin(self) -> Origin | None:
        """The run that it begins from."""
        if self.continue_from is not None:
            return Origin("continue", str(self.continue_from))
        return None if self.init_from is None else Origin("init", str(self.init_from))


def default_folder(config: Config) -> Path:
    """runs/ENV-PRESET-seedN."""
    return Path("runs") / f"{env_folder(config.env)}-{config.preset}-seed{config.seed}"


@dataclass(frozen=True)
class FirstOptions:
    """The options that decide what the defaults of all others are."""

    env: str | None = None
    env_kwargs: JsonObject = field(default_factory=dict)
    wrapper: str | None = None
    preset: PresetName = "default"
    resume: Path | None = None
    continue_from: Path | None = None
    trackers: Annotated[Trackers, tyro.conf.arg(name="")] = field(default_factory=Trackers)
    patience: float = LEAST


@dataclass(frozen=True)
class ContinueOptions:
    """The options beside --continue-from: the run has its settings already."""

    steps: int
    """Environment steps on top of those that the run has."""
    out: Path | None = None
    """Run directory to create. Default: the run's name with -to and the new number of steps."""


def parse(words: Sequence[str]) -> tuple[Options, EnvSpec]:
    """The options, with the preset's values for the settings that are not given, and the environment.

    Raises:
        InputError: an unknown option, an unreadable or out-of-range value, or options that exclude each other.
        SystemExit: the words ask for --help, which has been printed.
    """
    first, others = cli.parse_known(FirstOptions, MODULE, words)
    helping = bool({"-h", "--help"} & set(others))
    if first.resume is not None and not helping:
        if first.continue_from is not None or first.env_kwargs or first.preset != "default" or others:
            raise InputError("--resume continues a run with its own configuration; give no setting beside it")
        config = read_config(first.resume)
        check_named(config, first.resume, first.env, first.wrapper)
        options = Options(config, None, first.trackers, first.patience, resume=first.resume)
        return options, inspected(config)
    if first.continue_from is not None and not helping:
        return _parse_continue(first, others)
    if first.env is None:
        if helping:
            cli.parse(Options, MODULE, words, default=Options(FLAT[first.preset]))
        raise InputError("--env is required: the gymnasium id of the task, e.g. --env Walker2d-v4 (see --help)")
    spec = inspect(first.env, first.env_kwargs, first.wrapper)
    options = cli.parse(Options, MODULE, words, default=Options(preset(first.preset, spec)))
    return replace(options, config=replace(options.config, env=spec.env_id)), spec  # with its version


def _parse_continue(first: FirstOptions, others: Sequence[str]) -> tuple[Options, EnvSpec]:
    """The options of a run that goes on from a finished one."""
    source = first.continue_from
    assert source is not None
    if first.env_kwargs or first.preset != "default":
        raise InputError(
            "--continue-from goes on with the run's own settings; expected only --steps and --out beside it"
        )
    more = cli.parse(ContinueOptions, MODULE, others)
    config = read_config(source)
    check_named(config, source, first.env, first.wrapper)
    config = Origin("continue", str(source)).longer(config, more.steps)
    out = more.out or later_folder(source, config.steps)
    options = Options(config, out, first.trackers, first.patience, continue_from=source)
    return options, inspected(config)
