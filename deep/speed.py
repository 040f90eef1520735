"""Speed of whole training beside raw stepping and beside its peers, measured in turn on the machine at hand.

    python -m deep.speed [--env Walker2d-v4 --steps 40000 --repeats 3 --out FILE.json] [-- deep.train flags]
    python -m deep.speed --env ALE/Pong-v5 [--steps 20000]

Each round runs every contestant once, so that all of them meet the same load; ratios are taken within a round and the
median over rounds is reported. Time is that of stepping or training alone: starting Python and importing are left out.

    raw     two processes that step an environment each with ready-made uniformly random actions, resets included
    ours    python -m deep.train
    peers   sb3-contrib TRPO and stable-baselines3 PPO, their own defaults (N = 2048, 64x64 networks)

For pixels see deep.studies.speed_pixels, which has the contestants.
"""

import importlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import numpy as np
from tyro.conf import Positional

from deep.build import inspect
from deep.grid import TRAINER, last_line
from deep.sampling.environments import make_env
from deep.studies import speed_pixels
from exact.common.cli import FAULT, parse, run
from exact.common.errors import InputError
from exact.common.files import write
from exact.common.tables import Table, publish

RAW_PROCESSES = 2
"""The speed targets are stated for two cores."""
MIN_STEPS = 10_000
"""Several iterations of every contestant."""
ACTIONS = 4096
"""Random actions drawn before the clock starts and used in turn."""
MEMORY_POLL_SECONDS = 1.0
"""A look takes 10 ms of a core per process: four times a second cost ours 5% of its speed."""
GIB = 1 << 30
PEERS = {"trpo": ("sb3_contrib", "TRPO"), "ppo": ("stable_baselines3", "PPO")}
"""Package and class of each peer."""
NAMES = {
    "raw": "raw stepping",
    "ours": "deep.train",
    "trpo": "sb3-contrib TRPO",
    "ppo": "stable-baselines3 PPO",
}


@dataclass(frozen=True)
class Targets:
    """What is to be reached."""

    rates: dict[str, float]
    """Our steps per second are to be at least this many times the other's."""
    memory_gib: float
    flags: tuple[str, ...]
    """Flags of deep.train that they are stated for."""


FLAT = Targets({"raw": 0.5, "trpo": 5.0, "ppo": 8.0}, 2.5, ("--sampling.N", "2048"))
PIXELS = Targets({"trpo": 3.0, "ppo": 1.2}, 6.0, ())


@dataclass(frozen=True)
class Options:
    """Speed of whole training beside raw stepping, sb3-contrib TRPO and stable-baselines3 PPO."""

    flags: Positional[tuple[str, ...]] = ()
    """After `--`: further flags of deep.train. None: for flat observations N = 2048, which is the peers' too."""
    env: str = "Walker2d-v4"
    """Gymnasium id."""
    steps: int = 40_000
    """Environment steps of each contestant."""
    repeats: int = 3
    """Rounds."""
    seed: int = 0
    """Seed of every contestant."""
    out: Path | None = None
    """Write every measurement to this JSON file."""

    def __post_init__(self) -> None:
        for name, least in (("steps", MIN_STEPS), ("repeats", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise InputError(f"--{name} must be at least {least}, got {getattr(self, name)}")
        make_env(self.env).close()  # raises InputError for an id that is unknown or cannot be made here


class ContestantError(RuntimeError):
    """A contestant ended without a measurement."""


@dataclass(frozen=True)
class Measurement:
    """One contestant in one round."""

    contestant: str
    rate: float
    """Environment steps per second, all processes together."""
    peak_gib: float
    """Peak memory of all its processes, shared pages counted once (proportional set size)."""


@dataclass(frozen=True)
class Job:
    """What every contestant is given."""

    env: str
    steps: int
    seed: int
    flags: tuple[str, ...]
    """Further flags of deep.train."""
    pixels: bool
    load: float
    """How many other processes competed for the cores: the one-minute load average before the first round."""


def step_alone(env_id: str, steps: int, seed: int) -> float:
    """Steps per second of one process that only steps an environment."""
    env = make_env(env_id)
    env.action_space.seed(seed)
    actions = [env.action_space.sample() for _ in range(ACTIONS)]
    env.reset(seed=seed)
    start = time.monotonic()
    for i in range(steps):
        _, _, terminated, truncated, _ = env.step(actions[i % ACTIONS])
        if terminated or truncated:
            env.reset()
    return steps / (time.monotonic() - start)


def in_processes(count: int) -> ProcessPoolExecutor:
    """Fresh processes, which share no imports and no thread settings with this one."""
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"))


def raw_rate(job: Job) -> float:
    """Steps per second of RAW_PROCESSES processes together.

    Each is timed for itself: where they do not quite overlap this overstates the rate, never our share of it.
    """
    if job.pixels:
        with in_processes(1) as pool:
            return pool.submit(speed_pixels.step_vector, job.env, job.steps, job.seed).result()
    seeds = [int(state) for state in np.random.SeedSequence(job.seed).generate_state(RAW_PROCESSES)]
    with in_processes(RAW_PROCESSES) as pool:
        return sum(pool.map(step_alone, [job.env] * RAW_PROCESSES, [job.steps] * RAW_PROCESSES, seeds))


def train_peer(peer: str, job: Job) -> float:
    """Steps per second of a peer's whole training with its own defaults."""
    package, name = PEERS[peer]
    algorithm = getattr(importlib.import_module(package), name)
    start = time.monotonic()
    model = algorithm("MlpPolicy", make_env(job.env), seed=job.seed, device="cpu")
    model.learn(job.steps)
    return float(model.num_timesteps / (time.monotonic() - start))


def peer_rate(peer: str, job: Job) -> float:
    """`train_peer` in a process of its own."""
    with in_processes(1) as pool:
        if job.pixels:
            return pool.submit(speed_pixels.train_peer, PEERS[peer], job.env, job.steps, job.seed).result()
        return pool.submit(train_peer, peer, job).result()


def our_rate(job: Job) -> float:
    """Steps per second of deep.train."""
    with tempfile.TemporaryDirectory() as folder:
        out, log = Path(folder) / "run", Path(folder) / "log"
        command = [*TRAINER, "--env", job.env, "--steps", str(job.steps), "--seed", str(job.seed), "--out", str(out)]
        with log.open("wb") as output:
            done = subprocess.run([*command, *job.flags], stdout=output, stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            raise ContestantError(f"deep.train ended with exit status {done.returncode}: {last_line(log)}")
        return training_rate(out / "metrics.jsonl")


def training_rate(metrics: Path) -> float:
    """Steps per second from the first iteration's end to the last's, by the run's own clock.

    The first iteration is left out, because the clock starts after the first batch was sampled.
    """
    lines = metrics.read_text(encoding="utf-8").splitlines()
    if len(lines) < 2:
        raise ContestantError(f"deep.train made {len(lines)} iterations, expected at least 2: use more --steps")
    first, last = json.loads(lines[0]), json.loads(lines[-1])
    return float((last["steps"] - first["steps"]) / (last["seconds"] - first["seconds"]))


class PeakMemory(threading.Thread):
    """Watches the memory of all processes that this one starts, as a context manager."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.done, self.peak_bytes = threading.Event(), 0

    def run(self) -> None:
        """Poll until told to stop."""
        import psutil

        own = psutil.Process()
        while not self.done.wait(MEMORY_POLL_SECONDS):
            total = 0
            for child in own.children(recursive=True):
                try:
                    total += child.memory_full_info().pss
                except (psutil.NoSuchProcess, psutil.AccessDenied):
                    continue  # it ended while it was being looked at
            self.peak_bytes = max(self.peak_bytes, total)

    def __enter__(self) -> "PeakMemory":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.join()


def measure(contestant: str, job: Job) -> Measurement:
    """Run one contestant once."""
    with PeakMemory() as memory:
        if contestant == "raw":
            rate = raw_rate(job)
        elif contestant == "ours":
            rate = our_rate(job)
        else:
            rate = peer_rate(contestant, job)
    return Measurement(contestant, rate, memory.peak_bytes / GIB)


def report(rounds: Sequence[dict[str, Measurement]], job: Job) -> Table:
    """The contestants, and our ratios beside their targets."""
    rows, targets = [], PIXELS if job.pixels else FLAT
    for name, text in NAMES.items():
        rates = [one[name].rate for one in rounds]
        peak = max(one[name].peak_gib for one in rounds)
        cells = (text, f"{median(rates):,.0f}", f"{min(rates):,.0f} to {max(rates):,.0f}", f"{peak:.2f}")
        if name == "ours":
            verdict = "reached" if peak < targets.memory_gib else "missed"
            rows.append((*cells, "1", f"memory under {targets.memory_gib} GiB", verdict))
        else:
            ratio, target = median(one["ours"].rate / one[name].rate for one in rounds), targets.rates.get(name)
            verdict = "" if target is None else "reached" if ratio >= target else "missed"
            rows.append((*cells, f"{ratio:.2f}", "" if target is None else f"at least {target:g}", verdict))
    minutes = 1e6 / median(one["ours"].rate for one in rounds) / 60
    notes = (
        f"{job.env}, {job.steps:,} steps, {len(rounds)} rounds, {os.cpu_count()} cores; medians over rounds.",
        f"Load average before the first round: {job.load:.1f}. "
        "Far above 0 the ratios say little: the peers' threads wait for each other on cores that others hold.",
        f"At this rate 1e6 steps of {job.env} take {minutes:.1f} minutes (extrapolated).",
        f"deep.train flags beyond its default preset: {' '.join(job.flags) or 'none'}.",
    )
    header = ("what", "steps/s", "range", "peak GiB", "ours / this", "target", "verdict")
    return Table("Speed of whole training", header, tuple(rows), notes)


def record(rounds: Sequence[dict[str, Measurement]], job: Job) -> str:
    """The measurements as JSON, with what is needed to repeat them."""
    flags = f" -- {' '.join(job.flags)}" if job.flags else ""
    options = f"--env {job.env} --steps {job.steps} --repeats {len(rounds)} --seed {job.seed}"
    packages = ("gymnasium", "mujoco", "ale-py", "numpy", "sb3-contrib", "stable-baselines3", "torch")
    content = {
        "command": f"python -m deep.speed {options}{flags}",
        "versions": {name: version(name) for name in packages},
        "cores": os.cpu_count(),
        "load": job.load,
        "rounds": [[asdict(one) for one in measured.values()] for measured in rounds],
    }
    return json.dumps(content, indent=1) + "\n"


def main(options: Options) -> int:
    """Measure and report; returns 3 if a contestant failed."""
    for package in ("psutil", *(package for package, _ in PEERS.values())):
        if importlib.util.find_spec(package) is None:
            raise InputError(f"{package} is not installed: expected the optional dependencies [bench]")
    pixels = inspect(options.env).pixels
    flags = options.flags or (PIXELS if pixels else FLAT).flags
    job = Job(options.env, options.steps, options.seed, flags, pixels, os.getloadavg()[0])
    rounds: list[dict[str, Measurement]] = []
    try:
        for number in range(1, options.repeats + 1):
            rounds.append({})
            for name, text in NAMES.items():
                rounds[-1][name] = one = measure(name, job)
                print(f"round {number} of {options.repeats}: {text} {one.rate:,.0f} steps/s", flush=True)
    except ContestantError as error:
        print(f"error: {error}", file=sys.stderr)
        return FAULT
    tables = [report(rounds, job)]
    if pixels:
        with in_processes(1) as pool:
            shares = pool.submit(speed_pixels.shares, job.env, job.seed, job.flags).result()
        tables.append(speed_pixels.share_table(shares))
    publish(tables, None)
    if options.out is not None:
        write(options.out, record(rounds, job))
    return 0


if __name__ == "__main__":
    run(lambda: main(parse(Options, "deep.speed")))
