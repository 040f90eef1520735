"""Data layer: finished run directories of deep.train, and the small result files committed under paper_figs/data.

A *variant* is the name of one complete setting: a preset, or a preset with some options changed for an ablation. All
runs of one variant on one environment differ in their seed only; `load` checks this.

A committed file keeps the command that made it, word for word. Commands have been renamed since: `present_command`
translates.

    run directory   ROOT/<variant>/<env>/seed<k>/   written by deep.train, laid out by deep.grid
    result file     ROOT/<variant>/<env>/seed<k>.json
"""

import itertools
import json
import math
import re
import shlex
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deep.config import Config, by_flag
from deep.run.directory import env_folder
from exact.common.errors import InputError
from exact.common.files import read_input, read_json, write
from exact.common.tables import counted

DATA = Path(__file__).parent / "data"
MUJOCO, ATARI, PEERS, WALL_CLOCK = DATA / "mujoco", DATA / "atari", DATA / "peers", DATA / "wall_clock"
"""Folders of committed result files: ours on the MuJoCo tasks and on the Atari games, the peers' on the MuJoCo tasks,
and the runs of all that had a machine to themselves, so that their clocks compare."""
RENAMED = {
    "deep.benchmark": "deep.grid",
    "deep.peer": "deep.studies.peers",
    "deep.signal": "deep.studies.step_signal",
    "exact.benchmark": "exact.speed",
    "verify.bounds": "verify.ladder",
    "verify.sampled_ratio": "verify.sampled",
}
"""Former names of commands that committed files and notes may use, and their present names."""
CURVE_POINTS = 100
"""Points kept of a learning curve: enough for a figure a few centimetres wide."""
RUN_FIELDS = frozenset(
    {"seed", "command", "versions", "workers", "device", "threads", "checkpoint_every", "eval_every", "eval_episodes"}
)
"""Fields of config.json in which the runs of one setting may differ: they identify a run, or say where it ran, or how
often it was looked at."""


@dataclass(frozen=True)
class Result:
    """One finished training run.

    Raises:
        InputError: a number is not finite, a count is negative, or the curve's steps do not increase.
    """

    variant: str
    """Name of the setting that was run."""
    env: str
    """Gymnasium id."""
    seed: int
    """Seed of the run."""
    preset: str
    """The preset of deep.train that the setting starts from."""
    steps: int
    """Environment steps of the whole run."""
    seconds: float
    """Wall-clock seconds of the training; a peer's are without its evaluations."""
    max100: float
    """Maximum over training of the mean return of the last 100 episodes, the measure of the paper's Tables 1 and 2."""
    final100: float
    """The same mean at the end of training."""
    command: str
    """The command that made the run, under the name that it had then."""
    versions: dict[str, str]
    """Version of each package that made it."""
    settings: dict[str, Any]
    """Every other field of config.json."""
    curve: tuple[tuple[int, float], ...]
    """About 100 points (steps so far, mean return of the last 100 episodes), steps increasing."""
    times: tuple[float, ...] = ()
    """Wall-clock seconds at each point of `curve`; empty in files made before they were kept."""
    evaluations: tuple[tuple[int, float], ...] = ()
    """Points (steps so far, mean return of the policy without noise) of a run that was evaluated during training."""
    quarters: dict[str, tuple[float, ...]] = field(default_factory=dict)
    """Of the four quarters of the trials: the share that was `rejected`, the share with a `nonnegative` ratio (4.14),
    the mean `kl` of trial and current policy. Empty for a peer, and in files made before they were kept."""

    def __post_init__(self) -> None:
        values = [value for _, value in (*self.curve, *self.evaluations)]
        values += itertools.chain(*self.quarters.values())
        numbers = (self.seconds, self.max100, self.final100, *values, *self.times)
        if not all(math.isfinite(number) for number in numbers):
            raise InputError("a result must hold finite numbers only")
        if self.seed < 0 or self.steps < 1 or self.seconds < 0:
            raise InputError(f"need seed >= 0, steps >= 1, seconds >= 0, got {self.seed}, {self.steps}, {self.seconds}")
        for points in (self.curve, self.evaluations):
            if any(later[0] <= earlier[0] for earlier, later in itertools.pairwise(points)):
                raise InputError("the steps of a learning curve must increase")
        if len(self.times) not in (0, len(self.curve)):
            raise InputError(f"{len(self.times)} times do not fit the {len(self.curve)} points of the learning curve")

    def by_time(self, points: Sequence[tuple[int, float]]) -> list[tuple[float, float]]:
        """Points (steps, value) of this run with its wall-clock seconds in place of the steps.

        Raises:
            InputError: the run's times were not kept.
        """
        if not self.times:
            raise InputError(f"{self.variant}/{self.env}/seed{self.seed} has no times: collect the run again")
        seconds = np.interp([steps for steps, _ in points], [steps for steps, _ in self.curve], self.times)
        return [(float(second), value) for second, (_, value) in zip(seconds, points, strict=True)]


def read_metrics(metrics: Path) -> dict[str, Any]:
    """The fields `curve`, `times`, `evaluations` and `quarters` of a `Result`, from a run's metrics.jsonl.

    Of a long run CURVE_POINTS points of the curve, equally spaced in steps; all evaluations.
    """
    try:
        lines = read_input(metrics).decode().splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"cannot read {metrics}: {error}") from error
    points: list[tuple[int, float, float | None]] = []
    evaluations: list[tuple[int, float]] = []
    trials: list[tuple[bool, bool, float]] = []
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
            steps = int(entry["steps"])
            if entry["return100"] is not None:
                points.append((steps, round(float(entry["return100"]), 3), entry.get("seconds")))
            if "eval_return" in entry:
                evaluations.append((steps, round(float(entry["eval_return"]), 3)))
            if "outcome" in entry:
                nonnegative = entry["ratio"] is not None and entry["ratio"] >= 0  # null: minus infinity
                trials.append((entry["outcome"] == "reject", nonnegative, float(entry["kl"])))
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{metrics}, line {number}: expected a JSON object with steps and return100") from error
    if len(points) > CURVE_POINTS:
        steps_so_far = np.array([point[0] for point in points])
        wanted = np.linspace(steps_so_far[0], steps_so_far[-1], CURVE_POINTS)
        points = [points[i] for i in np.unique(np.searchsorted(steps_so_far, wanted))]
    times = tuple(round(float(point[2]), 2) for point in points if point[2] is not None)
    curve = tuple((steps, value) for steps, value, _ in points)
    return {"curve": curve, "times": times, "evaluations": tuple(evaluations), "quarters": quarters(trials)}


def quarters(trials: Sequence[tuple[bool, bool, float]]) -> dict[str, tuple[float, ...]]:
    """The field `quarters` of a `Result`, from (rejected, nonnegative, kl) of every trial; empty for less than four."""
    if len(trials) < 4:
        return {}
    means = np.array([part.mean(axis=0) for part in np.array_split(np.array(trials, float), 4)])
    return {name: tuple(means[:, i].round(4).tolist()) for i, name in enumerate(("rejected", "nonnegative", "kl"))}


def portable(command: str) -> str:
    """A run's command without the name of a folder that only the machine it ran on has."""
    words = shlex.split(command)
    for i, (option, value) in enumerate(itertools.pairwise(words)):
        if option == "--out" and Path(value).is_absolute():
            words[i + 1] = "DIR"
    return shlex.join(words)


def present_command(command: str) -> tuple[str, str | None]:
    """A recorded command under the name that it has today.

    Returns:
        The command, and its former name; None if the name has not changed.
    """
    found = re.search(r"(?<=-m )\S+", command)
    if found is None or found[0] not in RENAMED:
        return command, None
    return command[: found.start()] + RENAMED[found[0]] + command[found.end() :], found[0]


def variant_of(directory: Path, config: dict[str, Any]) -> str:
    """Name of a run's setting: the grid's folder if deep.grid laid the run out, the preset otherwise."""
    if directory.name == f"seed{config['seed']}" and directory.parent.name == env_folder(config["env"]):
        return directory.parent.parent.name
    return str(config["preset"])


def read_run(directory: Path) -> Result:
    """The result of one finished run directory; InputError if a file is missing, damaged or lacks a field."""
    config = read_json(directory / "config.json")
    outcome = read_json(directory / "result.json")
    try:
        if outcome["max100"] is None:
            raise InputError("no episode ended in this run: it has no return to report")
        return Result(
            variant=variant_of(directory, config),
            env=config["env"],
            seed=config["seed"],
            preset=config["preset"],
            steps=outcome["steps"],
            seconds=round(outcome["seconds"], 1),
            max100=round(outcome["max100"], 3),
            final100=round(outcome["final100"], 3),
            command=portable(config["command"]),
            versions=config["versions"],
            settings={key: value for key, value in config.items() if key not in RUN_FIELDS | {"env", "preset"}},
            **read_metrics(directory / "metrics.jsonl"),
        )
    except KeyError as error:
        raise InputError(f"{directory}: config.json or result.json lacks {error}") from error
    except TypeError as error:
        raise InputError(f"{directory}: config.json or result.json holds a wrong value ({error})") from error
    except InputError as error:
        raise InputError(f"{directory}: {error}") from error


def read_result(path: Path) -> Result:
    """One committed result file; InputError if it is damaged."""
    content = read_json(path)
    try:
        for name in ("curve", "evaluations"):
            content[name] = tuple((int(steps), float(value)) for steps, value in content.get(name, ()))
        content["quarters"] = {name: tuple(map(float, part)) for name, part in content.get("quarters", {}).items()}
        return Result(**{**content, "times": tuple(map(float, content.get("times", ())))})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is not a result file: {error}") from error


def write_result(result: Result, root: Path) -> Path:
    """Write ROOT/<variant>/<env>/seed<k>.json and return its path."""
    path = root / result.variant / env_folder(result.env) / f"seed{result.seed}.json"
    lines = (f" {json.dumps(name)}: {json.dumps(value)}" for name, value in asdict(result).items())
    write(path, "{\n" + ",\n".join(lines) + "\n}\n")
    return path


def run_directories(root: Path) -> tuple[list[Path], list[Path]]:
    """The finished and the unfinished run directories at or under `root`, sorted; InputError if it is no folder."""
    if not root.is_dir():
        raise InputError(f"no such folder: {root}")
    found = sorted(config.parent for config in root.rglob("config.json"))
    finished = [directory for directory in found if (directory / "result.json").exists()]
    return finished, [directory for directory in found if directory not in finished]


def with_returns(finished: Sequence[Path]) -> list[Path]:
    """The run directories in which an episode ended; the others are named on standard error."""
    found = []
    for directory in finished:
        outcome = read_json(directory / "result.json")
        if isinstance(outcome, dict) and outcome.get("max100", 0.0) is None:
            print(f"left out {directory}: no episode ended, so it has no return", file=sys.stderr)
        else:
            found.append(directory)
    return found


def defaults(kind: type) -> dict[str, Any]:
    """The settings of a dataclass that have a default, with it, as config.json has them."""
    values = {
        part.name: part.default if part.default_factory is MISSING else part.default_factory() for part in fields(kind)
    }
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
    return {name: value for name, value in plain.items() if value is not MISSING and name not in RUN_FIELDS}


def settings(result: Result) -> dict[str, Any]:
    """The settings of a run under the names of their flags; its preset is one of them.

    A record that is older than a setting has the setting's default: the value that leaves its mechanism out.
    """
    sections = {part.name: defaults(part.type) for part in fields(Config) if is_dataclass(part.type)}  # type: ignore[arg-type]
    return by_flag(defaults(Config) | sections) | by_flag({"preset": result.preset} | result.settings)


def differing(result: Result, reference: Result) -> dict[str, Any]:
    """The settings in which two results differ, sorted by their names, with the value of `result`."""
    ours, theirs = settings(result), settings(reference)
    return {name: ours.get(name) for name in sorted(ours.keys() | theirs.keys()) if ours.get(name) != theirs.get(name)}


def check_comparable(results: Iterable[Result]) -> None:
    """InputError if two results of one variant and environment differ in more than the seed, or share it."""
    first: dict[tuple[str, str], Result] = {}
    seeds: set[tuple[str, str, int]] = set()
    for result in results:
        name = f"{result.variant}/{result.env}"
        reference = first.setdefault((result.variant, result.env), result)
        if (result.variant, result.env, result.seed) in seeds:
            raise InputError(f"{name}: two runs with seed {result.seed}, expected one")
        seeds.add((result.variant, result.env, result.seed))
        if found := differing(result, reference):
            raise InputError(
                f"{name}: seeds {reference.seed} and {result.seed} were run with different settings "
                f"({', '.join(found)}), expected runs that differ in their seed only"
            )


def say_left_out(
    results: Sequence[Result], variants: Iterable[str], envs: Iterable[str], roots: Sequence[Path]
) -> None:
    """Name on standard error the results that a table or figure of these variants and environments does not show.

    Of the committed results every table and figure shows a part; nothing is said of them.

    Raises:
        InputError: none of the results under `roots` is shown.
    """
    wanted, tasks = set(variants), set(envs)
    if not any(r.variant in wanted and r.env in tasks for r in results):
        names = ", ".join(wanted)
        raise InputError(f"no run of {names} on one of the paper's tasks under {', '.join(map(str, roots))}")
    if not {MUJOCO, ATARI, PEERS, WALL_CLOCK}.isdisjoint(roots):
        return
    missed = [
        f"{r.variant} on {r.env}: no task of this table or figure"
        if r.env not in tasks
        else f"{r.variant}: expected --variants {r.variant}"
        for r in results
        if r.variant not in wanted or r.env not in tasks
    ]
    for what, count in Counter(missed).items():
        print(f"left out {counted(count, 'run')} of {what}; deep.plot draws any runs", file=sys.stderr)


def load(roots: Sequence[Path]) -> list[Result]:
    """All finished runs and result files at or under `roots`.

    Raises:
        InputError: a root does not exist or holds no result, a file is damaged, or results that claim the same
            variant and environment are not comparable.
    """
    results: list[Result] = []
    for root in roots:
        finished, _ = run_directories(root)
        here = [read_run(directory) for directory in with_returns(finished)]
        here += [read_result(path) for path in sorted(root.rglob("seed*.json"))]
        if not here:
            raise InputError(f"{root} holds no finished run with an episode that ended, and no result file")
        results += here
    check_comparable(results)
    return results
