"""Speed of whole training beside raw stepping and beside its peers, measured in turn on the machine at hand.

    python -m deep.speed [--env Walker2d-v4 --steps 40000 --repeats 3 --out FILE.json] [-- deep.train flags]
    python -m deep.speed --env ALE/Pong-v5 [--steps 20000]

Each round runs every contestant once, so that all of them meet the same load. Ratios are taken within a round, and
their median over the rounds is reported. Time is that of stepping or training alone: starting Python and importing are
left out.

deep.studies.contestants says who the contestants are; deep.studies.speed_pixels says it for pixels.
"""

import importlib.util
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

from tyro.conf import Positional

from deep.sampling.environments import EnvSpec, inspect
from deep.studies import speed_pixels
from deep.studies.contestants import PEERS, ContestantError, Job, Measurement, in_processes, measure
from exact.common import cli
from exact.common.errors import InputError
from exact.common.files import write
from exact.common.tables import Table, publish

MIN_STEPS = 10_000
"""Several iterations of every contestant."""
NAMES = {
    "raw": "raw stepping",
    "ours": "deep.train",
    "trpo": "sb3-contrib TRPO",
    "ppo": "stable-baselines3 PPO",
}


@dataclass(frozen=True)
class Targets:
    """What training is to reach."""

    rates: dict[str, float]
    """Our steps per second are to be at least this many times the other's."""
    memory_gib: float
    """Our peak memory is to stay below this."""
    flags: tuple[str, ...]
    """Flags of deep.train that they are stated for."""


FLAT = Targets({"raw": 0.5, "trpo": 5.0, "ppo": 8.0}, 2.5, ("--sampling.N", "2048"))
PIXELS = Targets({"trpo": 3.0, "ppo": 1.2}, 6.0, ())


@dataclass(frozen=True)
class Options:
    """Speed of whole training beside raw stepping, sb3-contrib TRPO and stable-baselines3 PPO."""

    flags: Positional[tuple[str, ...]] = ()
    """After `--`: further flags of deep.train. Without them N is 2048 for flat observations, as the peers have it."""
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


def targets_of(spec: EnvSpec) -> Targets:
    """The targets for an environment."""
    return PIXELS if spec.pixels else FLAT


def report(rounds: Sequence[dict[str, Measurement]], job: Job, load: float) -> Table:
    """The contestants, and our ratios beside their targets.

    Args:
        rounds: every contestant's measurement, one dictionary per round.
        job: what was measured.
        load: the one-minute load average before the first round: how many other processes competed for the cores.
    """
    rows, targets = [], targets_of(job.spec)
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
        f"{job.spec.env_id}, {job.steps:,} steps, {len(rounds)} rounds, {os.cpu_count()} cores; medians over rounds.",
        f"Load average before the first round: {load:.1f}. "
        "Far above 0 the ratios say little: the peers' threads wait for each other on cores that others hold.",
        f"At this rate 1e6 steps of {job.spec.env_id} take {minutes:.1f} minutes (extrapolated).",
        f"deep.train flags beyond its default preset: {' '.join(job.flags) or 'none'}.",
    )
    header = ("what", "steps/s", "range", "peak GiB", "ours / this", "target", "verdict")
    return Table("Speed of whole training", header, tuple(rows), notes)


def record(rounds: Sequence[dict[str, Measurement]], job: Job, load: float) -> str:
    """The measurements as JSON, with what is needed to repeat them."""
    flags = f" -- {' '.join(job.flags)}" if job.flags else ""
    options = f"--env {job.spec.env_id} --steps {job.steps} --repeats {len(rounds)} --seed {job.seed}"
    packages = ("gymnasium", "mujoco", "ale-py", "numpy", "sb3-contrib", "stable-baselines3", "torch")
    content = {
        "command": f"python -m deep.speed {options}{flags}",
        "versions": {name: version(name) for name in packages},
        "cores": os.cpu_count(),
        "load": load,
        "rounds": [[asdict(one) for one in measured.values()] for measured in rounds],
    }
    return json.dumps(content, indent=1) + "\n"


def work(options: Options) -> int:
    """Measure and report; returns 3 if a contestant failed."""
    for package in ("psutil", *(package for package, _ in PEERS.values())):
        if importlib.util.find_spec(package) is None:
            raise InputError(f"{package} is not installed: expected the optional dependencies [bench]")
    spec, load = inspect(options.env), os.getloadavg()[0]
    job = Job(spec, options.steps, options.seed, options.flags or targets_of(spec).flags)
    rounds: list[dict[str, Measurement]] = []
    try:
        for number in range(1, options.repeats + 1):
            rounds.append({})
            for name, text in NAMES.items():
                rounds[-1][name] = one = measure(name, job)
                print(f"round {number} of {options.repeats}: {text} {one.rate:,.0f} steps/s", flush=True)
    except ContestantError as error:
        print(f"error: {error}", file=sys.stderr)
        return cli.FAULT
    tables = [report(rounds, job, load)]
    if spec.pixels:
        with in_processes(1) as pool:
            shares = pool.submit(speed_pixels.shares, spec, job.seed, job.flags).result()
        tables.append(speed_pixels.share_table(shares))
    publish(tables, None)
    if options.out is not None:
        write(options.out, record(rounds, job, load))
    return cli.DONE


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return cli.main(Options, "deep.speed", work, argv)


if __name__ == "__main__":
    sys.exit(main())
