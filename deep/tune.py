"""Search for good settings with Optuna.

    python -m deep.tune --env CartPole-v1 --trials 50 --steps 50000 [--space NAME=VALUES ... --out DIR]

A trial trains an agent with settings that Optuna suggests; its value is the mean return of the last 100 episodes.
Trials whose return stays below the median of the others are stopped early.  OUT/study.db keeps the study: the same
command continues it.  At the end OUT/best.json and the output have the best settings as flags of deep.train, and
OUT/tune.png shows all trials.
"""

import json
import math
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock, Timeout

from deep import training
from deep.config import Config, EnvKwargs, PresetName
from deep.presets import change, preset, setting
from deep.run.directory import env_folder
from deep.sampling.environments import EnvSpec, inspect
from deep.space import SPACE, Dimension
from exact.common import cli
from exact.common.drawing import save_figure
from exact.common.errors import InputError
from exact.common.files import write
from exact.common.progress import Ticker
from exact.common.tables import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REPORTS = 10
"""A trial tells its return so many times, and may be stopped each time."""


@dataclass(frozen=True)
class Options:
    """Search for good settings with Optuna; the same command again continues the search."""

    env: str
    """As deep.train's."""
    trials: int = 50
    """Trials in all, those of earlier calls included."""
    steps: int = 100_000
    """Environment steps of a trial."""
    seeds: int = 1
    """Runs of a trial; its value is their mean. More of them find settings that depend less on luck."""
    preset: PresetName = "default"
    """The settings that the others start from."""
    space: tuple[str, ...] = SPACE
    """What is searched: NAME=a|b|c for values, NAME=low..high for numbers between, with " log" on a logarithmic
    scale."""
    seed: int = 0
    """Of Optuna's suggestions, and of the first run of every trial."""
    env_kwargs: EnvKwargs = field(default_factory=dict)
    """As deep.train's."""
    wrapper: str | None = None
    """As deep.train's."""
    out: Path | None = None
    """Folder of the study. Default: runs/tune-ENV."""

    def __post_init__(self) -> None:
        for name in ("trials", "steps", "seeds"):
            if getattr(self, name) < 1:
                raise InputError(f"--{name} must be at least 1, got {getattr(self, name)}")
        if self.seed < 0:
            raise InputError(f"--seed must be at least 0, got {self.seed}")


class Search:
    """A study in a folder; `run` makes its trials.

    Args:
        options: of the command.
        spec: the environment.
        folder: OUT.

    Raises:
        InputError: Optuna is missing, a setting does not exist, or the folder holds another study.
    """

    def __init__(self, options: Options, spec: EnvSpec, folder: Path):
        self.options, self.spec, self.folder = options, spec, folder
        self.optuna = _optuna()
        self.dimensions = [Dimension.parse(word) for word in options.space]
        self.base = change(preset(options.preset, spec), {"steps": options.steps})
        for d in self.dimensions:  # a value that cannot be trained with is said before the first trial
            for value in d.choices or (d.low, d.high):
                change(self.base, {d.name: value})
        self.state = "starting"
        pruner = self.optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=options.steps // 5)
        database = f"sqlite:///{folder / 'study.db'}"
        self.study = self.optuna.create_study(
            storage=database,
            study_name="tune",
            direction="maximize",
            pruner=pruner,
            load_if_exists=True,
        )
        self._claim()

    def _claim(self) -> None:
        """Check that the study is this command's, and ask again for trials that were interrupted."""
        names = ("env", "steps", "seeds", "preset", "space", "env_kwargs", "wrapper", "seed")
        asked = json.loads(json.dumps({name: getattr(self.options, name) for name in names}))
        before = self.study.user_attrs.get("command")
        if before is not None and before != asked:
            differing = ", ".join(f"--{name.replace('_', '-')}" for name in names if before.get(name) != asked[name])
            raise InputError(f"{self.folder} holds a search with another {differing}; choose another --out")
        self.study.set_user_attr("command", asked)
        running = self.optuna.trial.TrialState.RUNNING
        for trial in self.study.get_trials(states=[running]):
            self.study.tell(trial.number, state=self.optuna.trial.TrialState.FAIL)
            self.study.enqueue_trial(trial.params)

    def done(self) -> list[Any]:
        """The trials that came to an end, pruned ones included."""
        states = self.optuna.trial.TrialState
        trials: list[Any] = self.study.get_trials(states=[states.COMPLETE, states.PRUNED])
        return trials

    def run(self) -> None:
        """Make the trials that are missing."""
        while (n := len(self.done())) < self.options.trials:
            self.state = f"trial {n + 1} of {self.options.trials}"
            # The suggestions depend on the seed and on the trials so far, not on where the search was interrupted.
            entropy = np.random.SeedSequence((self.options.seed, len(self.study.trials)))
            self.study.sampler = self.optuna.samplers.TPESampler(seed=int(entropy.generate_state(1)[0]))
            trial = self.study.ask()
            value = self.play(trial)
            states = self.optuna.trial.TrialState
            self.study.tell(trial, value, state=states.PRUNED if value is None else states.COMPLETE)
            what = "stopped early" if value is None else f"{value:.1f}"
            chosen = ", ".join(f"{name}={_short(x)}" for name, x in self.settings(trial.params).items())
            print(f"[{n + 1}/{self.options.trials}] {what}: {chosen}", flush=True)

    def play(self, trial: Any) -> float | None:
        """The value of a trial, or None if it was stopped early."""
        settings = {dimension.name: dimension.suggest(trial) for dimension in self.dimensions}
        values: list[float] = []
        for k in range(self.options.seeds):
            config = change(self.base, settings | {"seed": self.options.seed + k})
            out = self.folder / f"trial{trial.number:04d}-seed{config.seed}"
            result = training.train(config, out, "deep.tune", self.watch(trial, config, k, values), self.spec)
            if result["status"] == "stopped":
                return None
            values.append(_value(result["final100"]))
        return sum(values) / len(values)

    def watch(self, trial: Any, config: Config, k: int, before: Sequence[float]) -> training.Observer:
        """An observer that reports the returns of run k and stops a trial that stays below the others."""
        told = [0]

        def observe(line: dict[str, Any]) -> bool:
            self.state = f"trial {trial.number}, seed {config.seed}: {line['steps']} of {config.steps} steps"
            part = math.floor(REPORTS * line["steps"] / config.steps)
            if part == told[0] or part >= REPORTS or line["return100"] is None:
                return True
            told[0] = part
            if k == 0:
                trial.report(line["return100"], line["steps"])
            return not (k == 0 and trial.should_prune())

        return observe

    def settings(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The settings of a trial's parameters."""
        chosen = {d.name: d.choices for d in self.dimensions}
        return {name: json.loads(value) if chosen[name] else value for name, value in params.items()}

    def flags(self) -> list[str]:
        """The best settings as flags of deep.train."""
        words = ["--env", self.options.env, "--preset", self.options.preset, "--steps", str(self.options.steps)]
        words += ["--env-kwargs", json.dumps(self.options.env_kwargs)] if self.options.env_kwargs else []
        words += ["--wrapper", self.options.wrapper] if self.options.wrapper else []
        for name, value in self.settings(self.study.best_params).items():
            if isinstance(value, bool):
                if value != setting(self.base, name):  # there is a flag for the other value only
                    section, _, key = name.rpartition(".")
                    words.append(f"--{section}{'.' if section else ''}{'' if value else 'no-'}{key.replace('_', '-')}")
            else:
                words += [f"--{name.replace('_', '-')}", *map(str, value if isinstance(value, list) else [value])]
        return words


def draw(search: Search) -> "Figure":
    """A panel with the values in the order of the trials, and one for every setting."""
    from matplotlib.figure import Figure

    complete = [trial for trial in search.done() if trial.value is not None]
    columns = min(3, len(search.dimensions) + 1)
    rows = math.ceil((len(search.dimensions) + 1) / columns)
    figure = Figure(figsize=(4 * columns, 3 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    numbers, values = [t.number for t in complete], [t.value for t in complete]
    axes[0].plot(numbers, values, "o", markersize=4, label="trial")
    axes[0].plot(numbers, [max(values[: i + 1]) for i in range(len(values))], label="best so far")
    for trial in search.done():
        if trial.value is None and trial.intermediate_values:
            axes[0].plot(trial.number, max(trial.intermediate_values.values()), "x", color="0.6", markersize=4)
    axes[0].xaxis.get_major_locator().set_params(integer=True)
    axes[0].set_xlabel("trial (grey: stopped early)")
    axes[0].set_ylabel("return")
    axes[0].legend(fontsize=7)
    for ax, dimension in zip(axes[1:], search.dimensions, strict=False):
        points = [search.settings(trial.params)[dimension.name] for trial in complete]
        ax.set_xscale("log" if dimension.log else "linear")
        if dimension.choices:
            points = [dimension.choices.index(tuple(p) if isinstance(p, list) else p) for p in points]
            ax.set_xticks(range(len(dimension.choices)), [_short(choice) for choice in dimension.choices])
        ax.plot(points, values, "o", markersize=4)
        ax.set_xlabel(dimension.name)
    for ax in axes[len(search.dimensions) + 1 :]:
        ax.set_visible(False)
    return figure


def work(options: Options) -> int:
    """Search, and write what was found."""
    spec = inspect(options.env, options.env_kwargs, options.wrapper)
    folder = options.out or Path("runs") / f"tune-{env_folder(spec.env_id)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {folder}: {error.strerror}") from error
    try:
        with FileLock(folder / "lock", blocking=False, fallback_to_soft=False):
            search = Search(options, spec, folder)
            with Ticker(lambda: search.state):
                search.run()
            return _publish(search)
    except Timeout:
        raise InputError(f"{folder} is in use by another search") from None


def _publish(search: Search) -> int:
    """Write and print the best settings and the plot."""
    if all(trial.value is None for trial in search.done()):
        raise InputError("all trials were stopped early; expected more --trials")
    best = search.study.best_trial
    command = shlex.join(["python", "-m", "deep.train", *search.flags()])
    content = {"value": best.value, "trial": best.number, "settings": search.settings(best.params), "command": command}
    write(search.folder / "best.json", json.dumps(content, indent=1) + "\n")
    save_figure(draw(search), search.folder / "tune.png")
    print(f"best of {counted(len(search.done()), 'trial')}: {best.value:.1f} in trial {best.number}\n{command}")
    print(f"wrote {search.folder / 'best.json'}, {search.folder / 'tune.png'}")
    return cli.DONE


def _optuna() -> Any:
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


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return cli.main(Options, "deep.tune", work, argv)


if __name__ == "__main__":
    sys.exit(main())
