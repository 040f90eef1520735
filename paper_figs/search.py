"""Search the settings that the paper leaves open for those with which its printed rule learns best.

    python -m paper_figs.search --out search [--jobs 2 --budget-minutes 60 ...]

Random search with successive halving. A *point* is a setting of everything in SPACE on top of `--preset paper-first`,
whose printed constants stay; a point is trained on every task, one setting for all. Rung 0 tries every point briefly;
one point in `keep` goes on to each further rung, where its runs continue. A *score* is the mean over the tasks of the
return of the last 100 episodes, with a random policy at 0 and the paper's STRO at 1. Rungs are asynchronous: a point is
promoted when it is among the best so far, so no job waits for the slowest, and the promotions depend on which runs end
first. The points themselves depend on --seed alone.

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

from deep.config import Config
from deep.presets import preset
from deep.run.directory import env_folder
from deep.sampling.environments import inspect
from deep.training import advance
from exact.common import cli
from exact.common.errors import FaultError, InputError
from exact.common.files import append_line
from paper_figs.paper import RANDOM_POLICIES, PaperTask, normalised, read_random_policy, read_table

MODULE = "paper_figs.search"
Point = dict[str, Any]
"""Settings by their names in deep.config, as "controller.beta0"."""
STEPS = 1_000_000
"""Of the paper's runs. No setting of SPACE depends on it: a shorter run is the beginning of a longer one."""
SCORE_MAX = 1.5
"""A task counts at most this much, so that one on which the paper is easily beaten does not decide."""
CURVE_POINTS = 20

SPACE: dict[str, tuple[Point, ...]] = {
    # Open: "beta1 >= 0 > beta0". The return of two episodes is nearly a coin toss, and a rejection costs a batch.
    "acceptance": tuple({"controller.beta0": value} for value in (-0.1, -0.5, -2.0, -10.0)),
    # Algorithm 4.1 reads as whole episodes of this policy; Baselines goes on with the running episode, and its logger
    # has a window of the last 40 (TRPO) or 100 (PPO).
    "eta": (
        {"sampling.fresh_episodes": False, "radius.window": 0},
        {"sampling.fresh_episodes": True, "radius.window": 0},
        {"sampling.fresh_episodes": False, "radius.window": 40},
        {"sampling.fresh_episodes": False, "radius.window": 100},
    ),
    # Algorithm 4.1 discounts, the tables do not.
    "discounted": tuple({"radius.discounted": value} for value in (False, True)),
    # sigma-hat is per episode, the mean advantage per step.
    "units": tuple({"radius.gain_units": value} for value in ("step", "reward", "return")),
    # ||g|| is proportional to the advantages; Baselines standardises them, (4.3) does not.
    "gradient": tuple({"radius.scale": value} for value in ("gradient", "unscaled-gradient")),
    # InnerSolu's number of steps and its subsets; 1 whole-batch step is TRPO's.
    "inner": tuple(
        {"inner.iterations": n, "inner.subset": part, "inner.eps": eps, "inner.l0": l0}
        for n, part, eps, l0 in ((1, 1.0, 0.05, 1), (3, 1.0, 0.05, 1), (10, 0.5, 0.05, 1), (10, 0.5, 0.2, 5))
    ),
    # Baselines: 10 and .1, with every fifth observation in the Fisher matrix; RL Baselines3 Zoo: 25.
    "conjugate gradients": tuple(
        {"inner.cg_iterations": n, "inner.damping": damping} for n, damping in ((10, 0.1), (25, 0.1), (10, 0.01))
    ),
    # Baselines has 0 in the action's own units; Andrychowicz et al. (2020) found .5 the best standard deviation.
    "initial log-std": tuple({"policy.initial_log_std": value} for value in (0.0, -0.5, -0.7, -1.0)),
    # (4.12): steps, their length, and Abar_k, constant or proportional to |entropy|. Long steps end at the box's edge.
    "log-std": tuple(
        {
            "inner.log_std_steps": n,
            "inner.log_std_rate": rate,
            "inner.log_std_bound": bound,
            "inner.log_std_bound_entropy": part,
        }
        for n, rate, bound, part in (
            (5, 0.05, 0.0, 0.01),
            (5, 0.05, 0.0, 0.002),
            (5, 0.5, 0.0, 0.001),
            (1, 0.05, 0.01, 0.0),
            (1, 0.2, 0.01, 0.0),
            (5, 0.5, 0.005, 0.0),
        )
    ),
    # (4.5): passes, minibatch and step size. Baselines: 5, 64, 1e-3. The batch alone, as (4.5) has it.
    "critic": tuple(
        {"critic.epochs": epochs, "critic.batch": batch, "critic.learning_rate": rate}
        for epochs, batch, rate in ((5, 64, 1e-3), (10, 128, 1e-3), (20, 128, 1e-3), (10, 64, 3e-4))
    ),
    "lambda": tuple({"sampling.gae_lambda": value} for value in (0.9, 0.95, 0.98)),
    "discount": tuple({"sampling.discount": value} for value in (0.99, 0.995)),
    # Of the last layer: Baselines .01, its older code 1. It scales ||g||, too.
    "head": tuple({"policy.head_scale": value} for value in (0.01, 0.1, 1.0)),
    "width": tuple({"policy.hidden": (n, n), "critic.hidden": (n, n)} for n in (32, 64)),
    "observations": tuple({"sampling.observation_clip": value} for value in (5.0, 10.0)),
}

LEADS: Point = {
    "controller.beta0": -0.5,
    "policy.initial_log_std": -0.7,
    "inner.iterations": 1,
    "inner.subset": 1.0,
    "inner.log_std_steps": 1,
    "inner.log_std_bound": 0.01,
    "inner.log_std_bound_entropy": 0.0,
}
WINDOW: Point = LEADS | {"radius.window": 40}
FIRST: Point = WINDOW | {"sampling.gae_lambda": 0.9, "policy.hidden": (32, 32), "critic.hidden": (32, 32)}
UNSCALED: Point = FIRST | {"radius.scale": "unscaled-gradient"}
ENTROPY: Point = {"inner.log_std_steps": 5, "inner.log_std_bound": 0.0, "inner.log_std_bound_entropy": 0.01}
NAMED: dict[str, Point] = {
    # The preset paper-first.
    "present": {},
    # What made it learn in a first look: almost no rejection, a slow log-std from a smaller start.
    "leads": LEADS,
    # The same with eta-hat over the window of Baselines' log: hardly a trial is rejected.
    "window": WINDOW,
    # The best after 1e6 steps of a first search around "window", on HalfCheetah, Walker2d, Hopper, Ant and Reacher.
    "first": FIRST | {"inner.log_std_rate": 0.2, "radius.gain_units": "reward"},
    # The same with ||g|| of the advantages in units of normalised reward: the gradient grows as the log-std falls, and
    # with it the radius, to a KL divergence of .2 and more late in a run.
    "unscaled": UNSCALED | {"inner.log_std_rate": 0.2},
    # Then with a log-std that falls more slowly, with networks of 64 x 64, and with (4.12)'s bound as printed.
    "unscaled-slow": UNSCALED,
    "unscaled-wide": UNSCALED
    | {"inner.log_std_rate": 0.2, "policy.hidden": (64, 64), "critic.hidden": (64, 64), "sampling.gae_lambda": 0.95},
    "unscaled-entropy": UNSCALED | ENTROPY,
    # The same with (4.12)'s bound proportional to |entropy|, as printed.
    "entropy": FIRST | ENTROPY,
    # The same with the batch's own episodes, whole ones, and a beta0 that rejects next to nothing. --preset paper.
    "accepting": FIRST
    | {
        "inner.log_std_rate": 0.2,
        "radius.window": 0,
        "sampling.fresh_episodes": True,
        "controller.beta0": -10.0,
    },
    # Everything that is open as in OpenAI Baselines' TRPO, on which the paper's code was built.
    "baselines": {
        "policy.hidden": (32, 32),
        "critic.hidden": (32, 32),
        "policy.initial_log_std": 0.0,
        "policy.head_scale": 0.01,
        "inner.iterations": 1,
        "inner.subset": 1.0,
        "inner.fisher_subset": 0.2,
        "inner.cg_iterations": 10,
        "inner.damping": 0.1,
        "critic.epochs": 5,
        "critic.batch": 64,
        "critic.learning_rate": 1e-3,
        "sampling.gae_lambda": 0.98,
        "sampling.observation_clip": 5.0,
        "radius.window": 40,
    },
}

HORIZONS: dict[str, Point] = {
    f"accepting-{discount}-{lam}": NAMED["accepting"] | {"sampling.discount": discount, "sampling.gae_lambda": lam}
    for discount in (0.97, 0.99, 0.995, 0.999)
    for lam in (0.9, 0.97)
}
"""The preset paper with another discount and lambda: searched for one task at a time, as the second variant."""


def settle(config: Config, point: Point) -> Config:
    """The configuration with a point's settings; InputError for a name that is none or a value out of range."""
    sections: dict[str, dict[str, Any]] = {}
    for name, value in point.items():
        section, _, leaf = name.partition(".")
        sections.setdefault(section, {})[leaf] = tuple(value) if isinstance(value, list) else value
    try:
        return replace(config, **{name: replace(getattr(config, name), **values) for name, values in sections.items()})
    except (AttributeError, TypeError) as error:
        raise InputError(f"point {point}: {error}") from None


def propose(seed: int, index: int, near: str | None, change: float) -> Point:
    """The point of a number: NAMED[near] with each entry of SPACE drawn anew with probability `change`."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, index]))
    point: Point = dict((NAMED | HORIZONS)[near]) if near else {}
    for choices in SPACE.values():
        drawn = choices[int(rng.integers(len(choices)))]
        if rng.random() < change or near is None:
            point |= drawn
    return point


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
