"""Search the settings that the paper leaves open for those with which its printed rule learns best.

    python -m paper_figs.search --out search [--jobs 2 --budget-minutes 60 ...]

Random search with successive halving. A *point* is a setting of everything that is open (`paper_figs/search_space.py`).
It is trained on every task, one setting for all. Rung 0 tries every point briefly; one point in `keep` goes on to each
further rung, where its runs continue. A *score* is the mean over the tasks of the return of the last 100 episodes, with
a random policy at 0 and the paper's STRO at 1. Rungs are asynchronous: a point is promoted when it is among the best so
far, so no job waits for the slowest, and the promotions depend on which runs end first. The points themselves depend on
--seed alone.

Every run has one worker: a machine's cores are filled by runs, and the results do depend on the number of workers.
OUT/results.jsonl has a line per run and rung; the same command again continues, and repeats nothing that is there.
"""

import itertools
import json
import math
import multiprocessing
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from deep.presets import preset
from deep.run.directory import env_folder
from deep.sampling.environments import inspect
from deep.training import advance
from exact.common import cli
from exact.common.errors import FaultError, InputError
from exact.common.files import append_line
from paper_figs.paper import RANDOM_POLICIES, PaperTask, normalised, read_random_policy, read_table
from paper_figs.search_space import HORIZONS, NAMED, Point, propose, settle

MODULE = "paper_figs.search"
STEPS = 1_000_000
"""Of the paper's runs. No setting of SPACE depends on it: a shorter run is the beginning of a longer one."""
SCORE_MAX = 1.5
"""A task counts at most this much, so that one on which the paper is easily beaten does not decide."""
CURVE_POINTS = 20


@dataclass(frozen=True)
class Options:
    """Search what the paper leaves open; the same command again continues it."""

    out: Path
    """Folder of results.jsonl and of the runs."""
    tasks: tuple[str, ...] = ("HalfCheetah-v4", "Walker2d-v4", "Hopper-v4", "Reacher-v4", "InvertedDoublePendulum-v4")
    """Gymnasium ids, tasks of the paper's Table 1."""
    rungs: tuple[int, ...] = (100_000, 300_000, 1_000_000)
    """Steps of a run at each rung, ascending."""
    keep: int = 3
    """One point in so many goes on to the next rung."""
    points: int = 40
    """Points drawn, beside the named ones."""
    named: tuple[str, ...] = tuple(NAMED)
    """Points of NAMED or HORIZONS, tried first."""
    near: str | None = None
    """Draw points around this named one instead of the whole space."""
    change: float = 0.4
    """With --near: probability that an entry of the space is drawn anew."""
    seed: int = 0
    """Of the points."""
    run_seed: int = 900
    """Of every run; no table has it."""
    jobs: int = 1
    """Runs at a time."""
    budget_minutes: float = math.inf
    """Stop in good order after this time."""

    def __post_init__(self) -> None:
        for name, least in (("points", 0), ("seed", 0), ("run_seed", 0), ("jobs", 1), ("keep", 2)):
            if getattr(self, name) < least:
                raise InputError(f"--{name.replace('_', '-')} must be at least {least}, got {getattr(self, name)}")
        if (
            not self.rungs
            or list(self.rungs) != sorted(set(self.rungs))
            or not 0 < self.rungs[0] <= self.rungs[-1] <= STEPS
        ):
            raise InputError(f"--rungs: expected ascending numbers in [1, {STEPS}], got {self.rungs}")
        for name in (*self.named, *([] if self.near is None else [self.near])):
            if name not in NAMED | HORIZONS:
                raise InputError(f"no point {name!r}; expected some of {', '.join(NAMED | HORIZONS)}")
        if not 0 <= self.change <= 1:
            raise InputError(f"--change: expected a probability, got {self.change}")
        if not self.budget_minutes > 0:
            raise InputError(f"--budget-minutes must be above 0, got {self.budget_minutes}")
        known = {task.env for task in read_table(1).tasks}
        for env in self.tasks:
            if env not in known:
                raise InputError(f"--tasks: {env!r} is no task of Table 1, expected some of {', '.join(sorted(known))}")
            inspect(env)


@dataclass(frozen=True)
class Job:
    """One run of one point up to one rung."""

    name: str
    point: Point
    env: str
    rung: int
    steps: int

    @property
    def key(self) -> tuple[str, str, int]:
        """What identifies it in results.jsonl."""
        return self.name, self.env, self.rung


def measure(job: Job, out: Path, run_seed: int, command: str, deadline: float) -> dict[str, Any]:
    """Train one run to its rung, or until `deadline` (time.time()); the line of results.jsonl."""
    base = replace(preset("paper-first", job.env), seed=run_seed, workers=1, steps=STEPS)
    folder = out / "runs" / job.name / env_folder(job.env)
    line: dict[str, Any] = {"name": job.name, "env": job.env, "rung": job.rung, "seed": run_seed, "point": job.point}
    parent = multiprocessing.parent_process()

    def stop() -> bool:
        return time.time() > deadline or not (parent is None or parent.is_alive())

    try:
        entries = advance(settle(base, job.point), folder, job.steps, command, stop)
    except FaultError as error:  # a step that is not finite, say: the point is as bad as it looks
        return line | {"steps": job.steps, "return100": None, "fault": str(error)}
    if not entries:
        return line | {"steps": 0, "return100": None}
    kept = [entries[round(i)] for i in np.linspace(0, len(entries) - 1, min(CURVE_POINTS, len(entries)))]
    outcomes = [entry["outcome"] for entry in entries]
    return line | {
        "steps": entries[-1]["steps"],
        "return100": entries[-1]["return100"],
        "seconds": round(entries[-1]["seconds"], 1),
        "rejected": round(outcomes.count("reject") / len(outcomes), 3),
        "forced": round(outcomes.count("force") / len(outcomes), 3),
        "kl": float(np.median([entry["kl"] for entry in entries[len(entries) // 2 :]])),
        "curve": [[e["steps"], e["return100"], round(e["entropy"], 3), round(e["delta"], 5)] for e in kept],
    }


@dataclass
class Board:
    """What is known so far: the lines of results.jsonl."""

    path: Path
    tasks: dict[str, PaperTask]
    zero: dict[str, float]
    rungs: tuple[int, ...]
    returns: dict[tuple[str, str, int], float | None] = field(default_factory=dict)

    @classmethod
    def open(cls, options: Options, points: dict[str, Point]) -> "Board":
        """The results in OUT, which must be of the same points and seed."""
        tasks = {task.env: task for task in read_table(1).tasks if task.env in options.tasks}
        board = cls(options.out / "results.jsonl", tasks, read_random_policy(RANDOM_POLICIES[1]), options.rungs)
        if board.path.exists():
            for text in board.path.read_text().splitlines():
                line = json.loads(text)
                wanted = json.loads(json.dumps(points.get(line["name"], line["point"])))
                if line["point"] != wanted or line["seed"] != options.run_seed:
                    raise InputError(
                        f"{board.path} has other settings for the point {line['name']!r}: name another --out"
                    )
                board.note(line)
        return board

    def note(self, line: dict[str, Any]) -> None:
        """Count a run that reached its rung, or failed."""
        if line["rung"] < len(self.rungs) and line["steps"] >= self.rungs[line["rung"]]:
            self.returns[line["name"], line["env"], line["rung"]] = line["return100"]

    def add(self, line: dict[str, Any]) -> None:
        """Write a line and count it."""
        append_line(self.path, json.dumps(line))
        self.note(line)

    def score(self, name: str, rung: int) -> float | None:
        """A point's score at a rung; None until all its tasks are there. A failed run counts as a random policy's."""
        keys = [(name, env, rung) for env in self.tasks]
        if any(key not in self.returns for key in keys):
            return None
        scores = [0.0 if (value := self.returns[key]) is None else self._scaled(key[1], value) for key in keys]
        return float(np.mean(scores))

    def _scaled(self, env: str, value: float) -> float:
        return min(normalised(value, self.tasks[env], self.zero), SCORE_MAX)

    def ranking(self, rung: int, names: Sequence[str]) -> list[tuple[float, str]]:
        """(score, name) of the points that are through a rung, the best first."""
        scored = [(score, name) for name in names if (score := self.score(name, rung)) is not None]
        return sorted(scored, key=lambda pair: -pair[0])


def jobs(options: Options, board: Board, points: dict[str, Point]) -> Iterator[Job | None]:
    """What to run next, asked whenever a process is free; None: nothing until another run ends."""
    names = list(points)
    reached = dict.fromkeys(names, -1)  # the rung that a point's runs have been started for

    def start(name: str, rung: int) -> Iterator[Job]:
        reached[name] = rung
        cells = (Job(name, points[name], env, rung, options.rungs[rung]) for env in options.tasks)
        return (job for job in cells if job.key not in board.returns)

    def promotion(all_tried: bool) -> tuple[str, int] | None:
        for rung in reversed(range(len(options.rungs) - 1)):
            ranking = board.ranking(rung, names)
            through = math.ceil(len(ranking) / options.keep) if all_tried else len(ranking) // options.keep
            for _, name in ranking[:through]:
                if reached[name] == rung:
                    return name, rung + 1
        return None

    untried = iter(names)
    while True:
        name = None
        if (promoted := promotion(all(value >= 0 for value in reached.values()))) is not None:
            yield from start(*promoted)
        elif (name := next(untried, None)) is not None:
            yield from start(name, 0)
        else:
            yield None


def search(options: Options, command: str) -> Board:
    """Run the search until its points or its time are used up."""
    deadline = time.time() + 60 * options.budget_minutes
    drawn = {f"p{i:03d}": propose(options.seed, i, options.near, options.change) for i in range(options.points)}
    points = {name: (NAMED | HORIZONS)[name] for name in options.named} | drawn
    for point in points.values():
        settle(preset("paper-first", options.tasks[0]), point)  # a value out of range is said before anything runs
    options.out.mkdir(parents=True, exist_ok=True)
    board = Board.open(options, points)
    queue, running = jobs(options, board, points), dict[Future[dict[str, Any]], Job]()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.jobs, mp_context=context) as pool:
        while True:
            while len(running) < options.jobs and time.time() < deadline and (job := next(queue)) is not None:
                future = pool.submit(measure, job, options.out, options.run_seed, command, deadline)
                running[future] = job
            if not running:
                return board
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job, line = running.pop(future), future.result()
                board.add(line)
                print(f"{job.name} {job.env} {line['steps']}: {line['return100']}", flush=True)


def show(board: Board) -> None:
    """Print the best points of every rung."""
    names = sorted({name for name, _, _ in board.returns})
    for rung, steps in enumerate(board.rungs):
        for score, name in itertools.islice(board.ranking(rung, names), 10):
            print(f"{steps} steps: {name} {score:.3f}")


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    words = sys.argv[1:] if argv is None else list(argv)

    def work(options: Options) -> int:
        show(search(options, shlex.join(["python", "-m", MODULE, *words])))
        return cli.DONE

    return cli.main(Options, MODULE, work, words)


if __name__ == "__main__":
    sys.exit(main())
