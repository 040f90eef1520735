"""kill -9 at any moment: the run that is resumed is the uninterrupted one, bit for bit."""

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.torture.report import Row
from tests.torture.runs import Process, difference, finish, start
from tests.torture.shim import Shim, die, die_after

PART = "kills"
CHAIN = 10
"""Kills of one run before it may end."""
CHAINS = {"long": 50}
"""The same for runs of other lengths."""
ORPHAN_SECONDS = 120.0
"""A worker that was starting imports its packages first, which takes long on a busy machine."""


def reference(kind: str, scratch: Path) -> tuple[Path, float]:
    """The uninterrupted run of a kind, made once, and its seconds."""
    whole = scratch / f"{kind}-whole"
    began = time.monotonic()
    complaint = finish(kind, whole)
    if complaint is not None:
        raise RuntimeError(f"the {kind} run does not work at all: {complaint}")
    times = whole.with_suffix(".time")
    if not times.exists():
        times.write_text(str(time.monotonic() - began))
    return whole, float(times.read_text())


def hit(process: Process, target: str, rng: random.Random) -> list[psutil.Process]:
    """Kill what is to be killed; returns the workers that there were."""
    try:
        workers = psutil.Process(process.pid).children(recursive=True)
        if target == "a worker" and workers:
            rng.choice(workers).kill()
        elif target != "a worker":
            process.kill(signal.SIGKILL, group=target == "the group")
    except (psutil.NoSuchProcess, ProcessLookupError):
        return []
    return workers


def chain(kind: str, out: Path, target: str, kills: int, seconds: float, rng: random.Random) -> tuple[int, str | None]:
    """Start a run, kill it and resume it, again and again; (kills that hit a running process, what went wrong)."""
    done = 0
    for _ in range(kills):
        if (out / "result.json").exists():
            break
        process = start(kind, out)
        time.sleep(rng.uniform(0, seconds))
        alive = process.running()
        workers = hit(process, target, rng) if alive else []
        complaint = process.wait().complaint(0, 3, -signal.SIGKILL)
        if complaint is not None:
            return done + 1, f"{target}: {complaint}"
        if psutil.wait_procs(workers, timeout=ORPHAN_SECONDS)[1]:
            return done + 1, f"{target}: a worker lives on"
        done += alive
    return done, finish(kind, out)


def at_random(kind: str, scratch: Path, kills: int, rng: random.Random) -> Iterator[Row]:
    """Kills at random moments, in chains."""
    links = CHAINS.get(kind, CHAIN)
    whole, seconds = reference(kind, scratch)
    seconds *= CHAIN / links  # or a chain would end before its last kill
    workers = kind in ("flat", "discrete")
    for target in ("the main process", "the group", *(["a worker"] if workers else [])):
        row = Row(PART, f"{kind}: {target} at random moments, {links} in one run; metrics, checkpoint, result the same")
        number = 0
        while row.tried < kills // (3 if workers else 2) and len(row.failures) < 3:
            number += 1
            out = scratch / f"{kind}-{target.replace(' ', '-')}-{number}"
            done, complaint = chain(kind, out, target, links, seconds, rng)
            row.count(complaint or difference(out, whole), done)
        yield row


def at_every_call(kind: str, scratch: Path, every: int = 1) -> Row:
    """A kill at every call of the system on the run's files: before it, and after it (or in the middle of a write)."""
    whole, _ = reference(kind, scratch)
    row = Row(PART, f"{kind}: before, in and after every system call on the run's files; the same")
    calls = count_calls(kind, scratch)
    for k in range(0, calls, every):
        for act in (die, die_after):
            out = scratch / f"{kind}-call-{k}-{act.__name__}"
            ended = start(kind, out, lambda k=k, act=act, out=out: Shim(out, k, act)).wait()  # type: ignore[misc]
            complaint = ended.complaint(-signal.SIGKILL) or finish(kind, out) or difference(out, whole)
            row.count(complaint and f"call {k} of {calls}, {act.__name__}: {complaint}")
    return row


def count_calls(kind: str, scratch: Path, names: tuple[str, ...] | None = None) -> int:
    """Calls on its files that an uninterrupted run makes."""
    out, log = scratch / f"{kind}-counted", scratch / f"{kind}-calls-{len(names or ())}"
    if not log.exists():
        os.system(f"rm -rf {out}")
        more = {} if names is None else {"names": names}
        complaint = start(kind, out, lambda: Shim(out, log=log, **more)).wait().complaint(0)  # type: ignore[arg-type]
        if complaint is not None:
            raise RuntimeError(f"the {kind} run does not work at all: {complaint}")
    return len(log.read_text().split())


def run(scratch: Path, scale: float, rng: random.Random) -> Iterator[Row]:
    """All rows of this part; `scale` 1 is 1,000 kills at random moments."""
    shares = {"pixels": 300, "long": 200, "discrete": 250, "flat": 150, "Atari": 100}
    yield at_every_call("pixels", scratch, max(1, round(1 / scale)))
    for kind, share in shares.items():
        yield from at_random(kind, scratch, int(scale * share), rng)
