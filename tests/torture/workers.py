"""Workers that die, stop, run out of memory or leave processes: one line, nothing lost, and nobody left."""

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from deep import training
from tests.torture.kills import ORPHAN_SECONDS, reference
from tests.torture.report import Row
from tests.torture.runs import KINDS, Process, difference, finish, start

PART = "workers"
DEADLY = (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT)
LEFT_ALONE = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PATIENCE = 3.0
"""Seconds that a run of this suite waits for a worker."""


def workers_of(process: Process) -> list[psutil.Process]:
    """The workers that a run has now."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
        return [one for one in children if "spawn_main" in " ".join(one.cmdline())]
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return []


def playing(process: Process, out: Path) -> list[psutil.Process]:
    """The workers of a run once it has begun to write metrics, or none if it has ended before."""
    while process.running():
        if (out / "metrics.jsonl").exists() and (out / "metrics.jsonl").stat().st_size:
            return workers_of(process)
        time.sleep(0.01)
    return []


def send(number: int, pid: int) -> bool:
    """Send a signal to a process; whether it was still there."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def left(processes: list[psutil.Process], seconds: float = ORPHAN_SECONDS) -> str | None:
    """What is wrong if some of these processes do not end; those are killed."""
    alive = psutil.wait_procs(processes, timeout=seconds)[1]
    for one in alive:
        one.kill()
    return f"{len(alive)} of {len(processes)} processes live on" if alive else None


def signalled(kind: str, scratch: Path, number: int, times: int, rng: random.Random) -> Row:
    """One worker gets a signal at a random moment."""
    whole, seconds = reference(kind, scratch)
    name, ends = signal.Signals(number).name, number in DEADLY
    promise = "one line, resumed the same" if ends else "the run goes on, the same"
    row = Row(PART, f"{kind}: {name} to a worker; {promise}")
    for n in range(times):
        out = scratch / f"{kind}-worker-{name}-{n}"
        process = start(kind, out)
        workers = playing(process, out)
        time.sleep(rng.uniform(0, 0.3) * seconds)
        if workers and process.running():
            send(number, rng.choice(workers).pid)
        ended = process.wait()
        complaint = ended.complaint(0, 3) if ends else ended.complaint(0)
        row.count(complaint or left(workers) or finish(kind, out) or difference(out, whole))
    return row


def stopped(kind: str, scratch: Path, times: int, again: bool, rng: random.Random) -> Row:
    """One worker is stopped, and goes on again before anybody loses patience, or not."""
    whole, _ = reference(kind, scratch)
    promise = "and continued; the same" if again else "; a line says which, no process left, resumed the same"
    row = Row(PART, f"{kind}: a worker stopped {promise}".replace(" ;", ";"))
    for n in range(times):
        out = scratch / f"{kind}-stopped-{again}-{n}"
        process = start(kind, out, words=["--patience", str(1000 if again else PATIENCE)])
        workers = playing(process, out)
        pid = rng.choice(workers).pid if workers else 0
        hit = bool(workers) and send(signal.SIGSTOP, pid)
        if hit and again:
            time.sleep(PATIENCE)
            send(signal.SIGCONT, pid)
        ended = process.wait()
        complaint = ended.complaint(0, 3) if hit and not again else ended.complaint(0)
        if complaint is None and ended.status == 3 and "stopped or hanging" not in ended.errors:
            complaint = ended.errors
        row.count(complaint or left(workers) or finish(kind, out) or difference(out, whole))
    return row


def odd(out: Path, kind: str, **settings: object) -> Process:
    """A run of an environment of `tests.deep.odd`."""
    arguments = json.dumps({"kind": kind, **settings})
    words = ["--env", "tests.deep.odd:make", "--env-kwargs", arguments, *KINDS["discrete"].split()[2:]]
    command = [*words, "--steps", "6400", "--workers", "2", "--out", str(out)]
    return Process(lambda: training.main(command), out.with_name(f"{out.name}.err"))


def out_of_memory(scratch: Path, times: int) -> Row:
    """An environment takes all memory that it may have."""
    row = Row(PART, "an environment that runs out of memory; one line, no process left")
    for n in range(times):
        process = odd(scratch / f"hungry-{n}", "hungry")
        workers = appeared(process)
        ended = process.wait()
        said = None if "MemoryError" in ended.errors else f"no word of memory: {ended.errors[:200]}"
        row.count(ended.complaint(3) or said or left(workers))
    return row


def appeared(process: Process, number: int = 2) -> list[psutil.Process]:
    """The workers of a run as soon as so many have been started."""
    found: list[psutil.Process] = []
    while process.running() and len(found) < number:
        found = workers_of(process)
        time.sleep(0.01)
    return found


def leads(pid: int) -> bool:
    """Wait until a process leads its group; whether it does, and has not ended before. See deep.sampling.worker."""
    try:
        while os.getpgid(pid) != pid:
            time.sleep(0.001)
    except ProcessLookupError:
        return False
    return True


def deaths(scratch: Path, times: int, rng: random.Random) -> Iterator[Row]:
    """The main process dies while its workers play, hang, are stopped, or have processes of their own."""
    scratch.mkdir(exist_ok=True)
    for what in ("playing", "hanging", "stopped", "leaving"):
        row = Row(PART, f"the main process dies of KILL, SEGV or ABRT, its workers {what}; no process left, no word")
        for n in range(times):
            out, path = scratch / f"{what}-{n}", scratch / f"{what}-{n}.pids"
            kind = {"playing": "endless", "stopped": "endless"}.get(what, what)
            process = odd(out, kind, **({"path": str(path)} if what == "leaving" else {}))
            workers = appeared(process)
            if rng.random() < 0.8:  # else it dies while they start
                playing(process, out) if kind == "endless" else time.sleep(rng.uniform(1, 5))
            if what == "stopped" and workers and leads(workers[0].pid):
                send(signal.SIGSTOP, workers[0].pid)
            if process.running():
                process.kill(rng.choice(DEADLY))
            ended = process.wait()
            spoken = None if not ended.errors.count("Traceback") else f"a traceback: {ended.errors.splitlines()[-1]}"
            if ended.status >= 0:
                spoken = spoken or ended.complaint(0)
            row.count(spoken or left(workers + descendants(path, process.pid)))
        yield row


def descendants(path: Path, learner: int) -> list[psutil.Process]:
    """The processes that environments of workers started, by the file of `tests.deep.odd.Leaving`.

    The learner looks at an environment of its own; what that one has left is ended here.
    """
    made = [tuple(map(int, line.split())) for line in path.read_text().splitlines()] if path.exists() else []
    for parent, child in made:
        if parent == learner:
            send(signal.SIGKILL, child)
    theirs = {child for parent, child in made if parent != learner}
    return [process for process in psutil.process_iter() if process.pid in theirs]


def run(scratch: Path, scale: float, rng: random.Random) -> Iterator[Row]:
    """All rows of this part."""
    times = max(1, int(20 * scale))
    for number in (*DEADLY, *LEFT_ALONE):
        yield signalled("flat", scratch, number, times, rng)
    for again in (True, False):
        yield stopped("flat", scratch, times, again, rng)
    yield out_of_memory(scratch, times)
    yield from deaths(scratch, times, rng)
