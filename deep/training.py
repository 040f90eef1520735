"""Train a STRO agent.

    python -m deep.train --env Walker2d-v4 [--steps 1000000 --seed 0 --preset default|paper --out DIR ...]
    python -m deep.train --resume DIR
    python -m deep.train --continue-from DIR --steps M [--out DIR]        # M more steps, in a new run directory
    python -m deep.train --env ... --init-from DIR                         # begin with another run's policy

`--help` explains every setting. A run can be killed at any moment: --resume continues it, and its parameters and
metrics (but for the clock) are the uninterrupted run's bit for bit.

torch is imported when the training begins, not before: it takes longer than everything that can go wrong first.
"""

import contextlib
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from deep.config import Config, EnvKwargs, PresetName
from deep.metrics import summary
from deep.origin import Origin, begin, check_fits, later_folder, read_origin
from deep.presets import FLAT, preset
from deep.run.directory import RunDirectory, check_new, config_from_json, env_folder, read_config, to_json
from deep.run.display import Display
from deep.run.trackers import TrackerName, Trackers, tracking
from deep.sampling.environments import EnvSpec, inspect, inspected
from deep.sampling.examination import glance
from deep.sampling.processes import refuse_to_train_in_a_worker
from exact.common import cli
from exact.common.errors import InputError

if TYPE_CHECKING:
    from deep.algorithm import Learner

MODULE = "deep.train"
Observer = Callable[[dict[str, Any]], bool | None]
"""Told of every iteration's metrics; the run stops after a checkpoint when it returns False."""


@dataclass(frozen=True)
class Options:
    """Train a STRO agent (stochastic trust-region policy optimisation, arXiv 1911.11640)."""

    config: Annotated[Config, tyro.conf.arg(name="")]
    out: Path | None = None
    """Run directory to create. Default: runs/ENV-PRESET-seedN."""
    trackers: Annotated[Trackers, tyro.conf.arg(name="")] = field(default_factory=Trackers)
    resume: Path | None = None
    """Continue the run in this directory with its own configuration; no setting can be changed."""
    continue_from: Path | None = None
    """Train the run in this directory for --steps more steps, in a new run directory. Only --steps, --out and
    the trackers can be given beside it. Schedules that fall over a run are stretched over the new number of steps."""
    init_from: Path | None = None
    """Begin with the policy, the value network and the normalisers of this run directory, under new settings. Also a
    file of Agent.save, which has no value network."""

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
    env_kwargs: EnvKwargs = field(default_factory=dict)
    wrapper: str | None = None
    preset: PresetName = "default"
    resume: Path | None = None
    continue_from: Path | None = None
    trackers: Annotated[Trackers, tyro.conf.arg(name="")] = field(default_factory=Trackers)


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
        if first.env is not None or first.preset != "default" or others:
            raise InputError("--resume continues a run with its own configuration; give no setting beside it")
        config = read_config(first.resume)
        return Options(config, trackers=first.trackers, resume=first.resume), inspected(config)
    if first.continue_from is not None and not helping:
        return _parse_continue(first, others)
    if first.env is None:
        if helping:
            cli.parse(Options, MODULE, words, default=Options(FLAT[first.preset]))
        raise InputError("--env is required: the gymnasium id of the task, e.g. --env Walker2d-v4 (see --help)")
    spec = inspect(first.env, first.env_kwargs, first.wrapper)
    return cli.parse(Options, MODULE, words, default=Options(preset(first.preset, spec))), spec


def _parse_continue(first: FirstOptions, others: Sequence[str]) -> tuple[Options, EnvSpec]:
    """The options of a run that goes on from a finished one."""
    source = first.continue_from
    assert source is not None
    if first.env is not None or first.preset != "default":
        raise InputError(
            "--continue-from goes on with the run's own settings; expected only --steps and --out beside it"
        )
    more = cli.parse(ContinueOptions, MODULE, others)
    config = Origin("continue", str(source)).longer(read_config(source), more.steps)
    out = more.out or later_folder(source, config.steps)
    options = Options(config, out=out, trackers=first.trackers, continue_from=source)
    return options, inspected(config)


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
    with tracking(track, config, out) as told, _learner(config, spec) as learner:
        check_fits(learner, origin)  # before the directory is made
        with RunDirectory.create(out, settings, command) as run:
            return _loop(learner, run, _begin(learner, run, origin), together(observe, told), spec)


def resume(
    out: Path, observe: Observer = _ignore, spec: EnvSpec | None = None, track: Sequence[TrackerName] = ()
) -> dict[str, Any]:
    """Continue an interrupted run.

    Args:
        out: its run directory.
        observe: as for `train`.
        spec: as for `train`.
        track: as for `train`.

    Returns:
        As `train`.

    Raises:
        InputError: there is nothing to continue, or no usable checkpoint.
        FaultError: as `train`.
    """
    from deep.run.checkpoint import read_newest

    refuse_to_train_in_a_worker()
    config = read_config(out)
    if (out / "result.json").exists():
        raise InputError(f"{out} holds a finished run; there is nothing to resume")
    spec = spec or inspected(config)
    with RunDirectory(out) as run, tracking(track, config, out) as told, _learner(config, spec) as learner:
        observe = together(observe, told)
        saved = read_newest(run.checkpoints, lambda line: print(line, file=sys.stderr))
        if saved is None:  # stopped before its first checkpoint
            run.rewind(0)
            origin = read_origin(out)
            check_fits(learner, origin)
            return _loop(learner, run, _begin(learner, run, origin), observe, spec)
        restore(learner, saved, out)
        run.rewind(saved["metrics_bytes"])
        return _loop(learner, run, saved["seconds"], observe, spec)


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
    from deep.run.checkpoint import read_newest

    begun = (out / "config.json").exists()
    directory = RunDirectory(out) if begun else RunDirectory.create(out, asdict(config), command)
    with directory as run, _learner(config, inspected(config)) as learner:
        saved = read_newest(run.checkpoints, lambda line: print(line, file=sys.stderr))
        if saved is None:
            run.rewind(0)
            learner.start()
        else:
            restore(learner, saved, out)
            run.rewind(saved["metrics_bytes"])
        began, before = time.perf_counter(), saved["seconds"] if saved else 0.0
        while learner.state.steps < until and not stop():
            line = learner.iterate()
            run.append(line | {"seconds": before + time.perf_counter() - began})
        _save(learner, run, before + time.perf_counter() - began)
        return run.entries()


@contextlib.contextmanager
def _learner(config: Config, spec: EnvSpec) -> Iterator["Learner"]:
    """A learner without a state; its workers end with the context."""
    from deep.build import make_learner

    learner = make_learner(config, spec)
    try:
        yield learner
    finally:
        learner.sampler.close()


def _begin(learner: "Learner", run: RunDirectory, origin: Origin | None) -> float:
    """Give a new run its first state, and its first checkpoint if that comes from another run; returns its seconds."""
    seconds = begin(learner, run, origin)
    if origin is not None:
        _save(learner, run, seconds)
    return seconds


def _save(learner: "Learner", run: RunDirectory, seconds: float) -> None:
    """Write a checkpoint that `resume` continues from."""
    from deep.run.checkpoint import write
    from deep.run.snapshot import pack

    config, metrics_bytes = to_json(learner.config), run.sync()
    write(
        run.checkpoints,
        {"learner": pack(learner), "config": config, "metrics_bytes": metrics_bytes, "seconds": seconds},
    )


def restore(learner: "Learner", saved: dict[str, Any], folder: Path) -> None:
    """Put a learner into the state of a run directory's checkpoint. Raises InputError if they do not fit."""
    from deep.run.snapshot import unpack

    made, given = config_from_json(saved["config"], folder / "checkpoints"), learner.config
    if made != given:
        names = ", ".join(f.name for f in fields(Config) if getattr(made, f.name) != getattr(given, f.name))
        raise InputError(f"the checkpoint in {folder} was made with other settings ({names}) than config.json has")
    try:
        unpack(learner, saved["learner"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"the checkpoint in {folder} does not match {folder / 'config.json'}: {error}") from error


def _loop(learner: "Learner", run: RunDirectory, seconds: float, observe: Observer, spec: EnvSpec) -> dict[str, Any]:
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
            _save(learner, run, line["seconds"])
    result = summary(run.entries())
    if learner.state.steps < config.steps:
        return result | {"status": "stopped"}
    run.finish(result)
    return result


def work(options: Options, spec: EnvSpec, command: str) -> int:
    """Train or resume, show the progress and say what came out; `command` is recorded in config.json."""
    config, folder = options.config, options.folder
    with Display(config) as display:
        if options.resume is None:
            result = train(config, folder, command, display.update, spec, options.origin, options.trackers.names)
        else:
            result = resume(folder, display.update, spec, options.trackers.names)
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
    return cli.guard(lambda: work(*parse(words), shlex.join(["python", "-m", MODULE, *words])))
