"""The contestants of deep.speed, each measured once.

    raw     two processes that step an environment each with ready-made uniformly random actions, resets included
    ours    python -m deep.train
    peers   sb3-contrib TRPO and stable-baselines3 PPO, their own defaults (N = 2048, 64x64 networks)

deep.studies.speed_pixels has those for pixels.
"""

import importlib
import json
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from deep.run.cell import TRAINER, last_line
from deep.sampling.environments import EnvSpec
from deep.sampling.making import Maker
from deep.studies import speed_pixels

RAW_PROCESSES = 2
"""The speed targets are stated for two cores."""
ACTIONS = 4096
"""Random actions that are drawn before the clock starts and used in turn."""
MEMORY_POLL_SECONDS = 1.0
"""Seconds between two looks at the memory. A look takes 10 ms of a core per process; four looks a second cost our
training 5% of its speed."""
GIB = 1 << 30
PEERS = {"trpo": ("sb3_contrib", "TRPO"), "ppo": ("stable_baselines3", "PPO")}
"""Package and class of each peer."""


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

    spec: EnvSpec
    """The environment."""
    steps: int
    """Environment steps."""
    seed: int
    """Seed of the contestant."""
    flags: tuple[str, ...]
    """Further flags of deep.train."""


def step_alone(env_id: str, steps: int, seed: int) -> float:
    """Steps per second of one process that only steps an environment."""
    env = Maker(env_id)()
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

    Each process is timed for itself. Where they do not quite overlap, this overstates the rate, and so it understates
    our share of it.
    """
    if job.spec.pixels:
        with in_processes(1) as pool:
            return pool.submit(speed_pixels.step_vector, job.spec, job.steps, job.seed).result()
    seeds = [int(state) for state in np.random.SeedSequence(job.seed).generate_state(RAW_PROCESSES)]
    with in_processes(RAW_PROCESSES) as pool:
        return sum(pool.map(step_alone, [job.spec.env_id] * RAW_PROCESSES, [job.steps] * RAW_PROCESSES, seeds))


def train_peer(peer: str, job: Job) -> float:
    """Steps per second of a peer's whole training with its own defaults."""
    package, name = PEERS[peer]
    algorithm = getattr(importlib.import_module(package), name)
    start = time.monotonic()
    model = algorithm("MlpPolicy", job.spec.maker(), seed=job.seed, device="cpu")
    model.learn(job.steps)
    return float(model.num_timesteps / (time.monotonic() - start))


def peer_rate(peer: str, job: Job) -> float:
    """`train_peer` in a process of its own."""
    with in_processes(1) as pool:
        if job.spec.pixels:
            return pool.submit(speed_pixels.train_peer, PEERS[peer], job.spec.env_id, job.steps, job.seed).result()
        return pool.submit(train_peer, peer, job).result()


def our_rate(job: Job) -> float:
    """Steps per second of deep.train."""
    with tempfile.TemporaryDirectory() as folder:
        out, log = Path(folder) / "run", Path(folder) / "log"
        command = [
            *TRAINER,
            "--env",
            job.spec.env_id,
            "--steps",
            str(job.steps),
            "--seed",
            str(job.seed),
            "--out",
            str(out),
        ]
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
    """A context manager that watches the memory of all processes that this one starts."""

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
