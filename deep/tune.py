"""Search for good settings with Optuna.

    python -m deep.tune --env CartPole-v1 --trials 50 --steps 50000 [--space NAME=VALUES ... --out DIR]
    python -m deep.tune --env CartPole-v1 --trials 50 --batch 10 --jobs 10       # ten trials at a time

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

from deep.config import PresetName
from deep.presets import change, preset, setting
from deep.run.cell import TRAINER, Cell
from deep.run.directory import SOURCE, env_folder
from deep.run.display import standing
from deep.run.tether import going
from deep.sampling.environments import EnvSpec, inspect
from deep.space import SPACE, Dimension
from deep.trial import Played, Trial, load_optuna, play
from exact.common import cli
from exact.common.drawing import save_figure
from exact.common.errors import InputError
from exact.common.executors import Workers, check_executor, workers
from exact.common.files import write
from exact.common.json_object import JsonObject
from exact.common.parallel import as_they_come
from exact.common.progress import Ticker
from exact.common.source import source_version
from exact.common.tables import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    env_kwargs: JsonObject = field(default_factory=dict)
    """As deep.train's."""
    wrapper: str | None = None
    """As deep.train's."""
    batch: int = 1
    """Trials that are suggested together, from the results of the batches before. So many can run at a time; what is
    found depends on it, not on who runs them."""
    jobs: int = 1
    """Trials at a time."""
    executor: str = "local"
    """Where they run: local, dask:ADDRESS, dask:local or module:factory, see docs/scale.md. All workers must see the
    folder OUT under this path."""
    out: Path | None = None
    """Folder of the study. Default: runs/tune-ENV."""

    def __post_init__(self) -> None:
        for name in ("trials", "steps", "seeds", "batch", "jobs"):
            if getattr(self, name) < 1:
                raise InputError(f"--{name} must be at least 1, got {getattr(self, name)}")
        if self.seed < 0:
            raise InputError(f"--seed must be at least 0, got {self.seed}")
        if self.jobs > self.batch:
            raise InputError(f"--jobs {self.jobs}: only the trials of a batch run at a time, got --batch {self.batch}")
        check_executor(self.executor)


class Search:
    """A study in a folder; `run` makes its trials.

    Args:
        options: of the command.
        spec: the environment.
        folder: OUT.
        trainer: the command that trains.

    Raises:
        InputError: Optuna is missing, a setting does not exist, or the folder holds another study.
    """

    def __init__(self, options: Options, spec: EnvSpec, folder: Path, trainer: tuple[str, ...] = TRAINER):
        self.options, self.folder, self.trainer = options, folder, trainer
        self.optuna = load_optuna()
        self.dimensions = [Dimension.parse(word) for word in options.space]
        self.base = change(preset(options.preset, spec), {"steps": options.steps})
        for d in self.dimensions:  # a value that cannot be trained with is said before the first trial
            for value in d.choices or (d.low, d.high):
                change(self.base, {d.name: value})
        self.running, self.ended = list[tuple[str, Cell]](), 0
        self.study = self._open()
        self.source = source_version(SOURCE)
        self._claim()

    def _open(self) -> Any:
        """The study in OUT/study.db, a new one if there is none."""
        from sqlalchemy.exc import DatabaseError

        file = self.folder / "study.db"
        try:
            return self.optuna.create_study(
                storage=f"sqlite:///{file}", study_name="tune", direction="maximize", load_if_exists=True
            )
        except DatabaseError as error:
            raise InputError(f"{file} is no study: {error.orig}; expected that of an earlier call, or none") from error

    def _claim(self) -> None:
        """Check that the study is this command's, and made by this version of the project."""
        names = ("env", "steps", "seeds", "preset", "space", "env_kwargs", "wrapper", "seed", "batch")
        asked = json.loads(json.dumps({name: getattr(self.options, name) for name in names}))
        before = self.study.user_attrs.get("command")
        if before is not None and (before := {"batch": 1} | before) != asked:
            differing = ", ".join(f"--{name.replace('_', '-')}" for name in names if before.get(name) != asked[name])
            raise InputError(f"{self.folder} holds a search with another {differing}; choose another --out")
        source = self.study.user_attrs.get("source")
        if source not in (None, self.source) and len(self.done()) < self.options.trials:
            raise InputError(
                f"{self.folder} holds a search made with the source {source}, this is {self.source}: "
                "go on with that one, or choose another --out"
            )
        self.study.set_user_attr("command", asked)
        if len(self.done()) < self.options.trials:
            self.study.set_user_attr("source", self.source)

    def done(self) -> dict[int, Any]:
        """Optuna's record of every trial that came to an end, stopped ones included, by its number."""
        states = self.optuna.trial.TrialState
        trials = self.study.get_trials(states=[states.COMPLETE, states.PRUNED])
        numbered = {trial.user_attrs.get("number", i): trial for i, trial in enumerate(trials)}
        return dict(sorted(numbered.items()))

    def complete(self) -> dict[int, Any]:
        """Those that were not stopped early."""
        return {n: t for n, t in self.done().items() if t.state == self.optuna.trial.TrialState.COMPLETE}

    def run(self, pool: Workers, flag: Path) -> None:
        """Make the trials that are missing, batch by batch.

        Args:
            pool: who makes them.
            flag: see `deep.run.tether.going`.
        """
        size = self.options.batch
        for first in range(0, self.options.trials, size):
            numbers = range(first, min(first + size, self.options.trials))
            before, done = {n: t for n, t in self.done().items() if n < first}, self.done()
            asked = {n: self._ask(n, before) for n in numbers if n not in done}
            trials = [self._trial(n, asked[n], before, flag) for n in asked]
            self.running = [(str(trial), trial.cells[0]) for trial in trials]
            for trial, played in as_they_come(pool, play, trials):
                if played is not None:
                    self._keep(trial.number, asked[trial.number], played)
                self.running.remove((str(trial), trial.cells[0]))

    def _ask(self, number: int, before: Mapping[int, Any]) -> Any:
        """Optuna's suggestion. It depends on the seed, the number and the trials before the batch, on nothing else."""
        entropy = np.random.SeedSequence((self.options.seed, number)).generate_state(1)
        sampler = self.optuna.samplers.TPESampler(seed=int(entropy[0]))
        study = self.optuna.create_study(sampler=sampler, direction="maximize")
        study.add_trials(list(before.values()))
        trial = study.ask()
        for dimension in self.dimensions:
            dimension.suggest(trial)
        return trial

    def _trial(self, number: int, asked: Any, before: Mapping[int, Any], flag: Path) -> Trial:
        seeds = range(self.options.seed, self.options.seed + self.options.seeds)
        cells = [
            Cell(self.options.env, seed, self.folder.resolve() / f"trial{number:04d}-seed{seed}") for seed in seeds
        ]
        complete = self.optuna.trial.TrialState.COMPLETE
        others = tuple(dict(trial.intermediate_values) for trial in before.values() if trial.state == complete)
        flags = tuple(self.flags(self.settings(asked.params)))
        return Trial(number, tuple(cells), self.options.steps, flags, others, flag, self.source, self.trainer)

    def _keep(self, number: int, asked: Any, played: Played) -> None:
        """Add a trial to the study, and say how it ended."""
        states = self.optuna.trial.TrialState
        self.study.add_trial(
            self.optuna.trial.create_trial(
                state=states.PRUNED if played.value is None else states.COMPLETE,
                value=list(played.returns.values())[-1] if played.value is None else played.value,
                params=asked.params,
                distributions=asked.distributions,
                intermediate_values=played.returns,
                user_attrs={"number": number},
            )
        )
        self.ended = len(self.done())
        what = "stopped early" if played.value is None else f"{played.value:.1f}"
        chosen = ", ".join(f"{name}={_short(x)}" for name, x in self.settings(asked.params).items())
        print(f"[{self.ended}/{self.options.trials}] trial {number}, {what}: {chosen}", flush=True)

    def state(self) -> str:
        """Where the search stands, in one line."""
        return f"[{self.ended}/{self.options.trials}] {standing(self.running, self.options.steps)}"

    def best(self) -> tuple[int, Any]:
        """Number and record of the best trial, the first of equal ones. InputError if all were stopped early."""
        complete = self.complete()
        if not complete:
            raise InputError("all trials were stopped early; expected more --trials")
        return max(complete.items(), key=lambda item: (item[1].value, -item[0]))

    def settings(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The settings of a trial's parameters."""
        chosen = {d.name: d.choices for d in self.dimensions}
        return {name: json.loads(value) if chosen[name] else value for name, value in params.items()}

    def flags(self, settings: Mapping[str, Any]) -> list[str]:
        """Settings as flags of deep.train."""
        words = ["--env", self.options.env, "--preset", self.options.preset, "--steps", str(self.options.steps)]
        words += ["--env-kwargs", json.dumps(self.options.env_kwargs)] if self.options.env_kwargs else []
        words += ["--wrapper", self.options.wrapper] if self.options.wrapper else []
        for name, value in settings.items():
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

    complete = search.complete()
    columns = min(3, len(search.dimensions) + 1)
    rows = math.ceil((len(search.dimensions) + 1) / columns)
    figure = Figure(figsize=(4 * columns, 3 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    numbers, values = list(complete), [t.value for t in complete.values()]
    axes[0].plot(numbers, values, "o", markersize=4, label="trial")
    axes[0].plot(numbers, [max(values[: i + 1]) for i in range(len(values))], label="best so far")
    for number, trial in search.done().items():
        if number not in complete:
            axes[0].plot(number, max(trial.intermediate_values.values()), "x", color="0.6", markersize=4)
    axes[0].xaxis.get_major_locator().set_params(integer=True)
    axes[0].set_xlabel("trial (grey: stopped early)")
    axes[0].set_ylabel("return")
    axes[0].legend(fontsize=7)
    for ax, dimension in zip(axes[1:], search.dimensions, strict=False):
        points = [search.settings(trial.params)[dimension.name] for trial in complete.values()]
        ax.set_xscale("log" if dimension.log else "linear")
        if dimension.choices:
            points = [dimension.choices.index(tuple(p) if isinstance(p, list) else p) for p in points]
            ax.set_xticks(range(len(dimension.choices)), [_short(choice) for choice in dimension.choices])
        ax.plot(points, values, "o", markersize=4)
        ax.set_xlabel(dimension.name)
    for ax in axes[len(search.dimensions) + 1 :]:
        ax.set_visible(False)
    return figure


def work(options: Options, trainer: tuple[str, ...] = TRAINER) -> int:
    """Search, and write what was found. `trainer` is the command that trains."""
    spec = inspect(options.env, options.env_kwargs, options.wrapper)
    folder = options.out or Path("runs") / f"tune-{env_folder(spec.env_id)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {folder}: {error.strerror}") from error
    try:
        with FileLock(folder / "lock", blocking=False, fallback_to_soft=False):
            search = Search(options, spec, folder, trainer)
            with (
                workers(options.executor, options.jobs, threads=True) as pool,
                going(folder.resolve()) as flag,
                Ticker(search.state),
            ):
                search.run(pool, flag)
            return _publish(search)
    except Timeout:
        raise InputError(f"{folder} is in use by another search") from None


def _publish(search: Search) -> int:
    """Write and print the best settings and the plot."""
    number, best = search.best()
    settings = search.settings(best.params)
    command = shlex.join(["python", "-m", "deep.train", *search.flags(settings)])
    content = {"value": best.value, "trial": number, "settings": settings, "command": command}
    write(search.folder / "best.json", json.dumps(content, indent=1) + "\n")
    save_figure(draw(search), search.folder / "tune.png")
    print(f"best of {counted(len(search.done()), 'trial')}: {best.value:.1f} in trial {number}\n{command}")
    print(f"wrote {search.folder / 'best.json'}, {search.folder / 'tune.png'}")
    return cli.DONE


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return cli.main(Options, "deep.tune", work, argv)


if __name__ == "__main__":
    sys.exit(main())
