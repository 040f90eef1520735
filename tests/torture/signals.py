"""INT, TERM and HUP: the run says how to go on, and goes on to the uninterrupted one."""

import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.torture.kills import ORPHAN_SECONDS, reference
from tests.torture.report import Row
from tests.torture.runs import difference, finish, start

PART = "signals"


def signalled(kind: str, scratch: Path, number: int, group: bool, times: int, rng: random.Random) -> Row:
    """A signal at random moments; to the main process or to all of them, as a terminal does."""
    whole, seconds = reference(kind, scratch)
    name = signal.Signals(number).name
    who = "all processes" if group else "the main process"
    row = Row(PART, f"{kind}: {name} to {who}; one line, no process left, resumed the same")
    for n in range(times):
        out = scratch / f"{kind}-{name}-{group}-{n}"
        process = start(kind, out)
        time.sleep(rng.uniform(0.3, 1) * seconds)
        workers = []
        if process.running():
            workers = psutil.Process(process.pid).children(recursive=True)
            process.kill(number, group)
        ended = process.wait()
        complaint = ended.complaint(0, 130)
        if complaint is None and ended.status == 130 and (out / "metrics.jsonl").exists():
            had = (out / "checkpoints" / "latest.pt").exists() or not (out / "metrics.jsonl").stat().st_size
            complaint = None if had and "--resume" in ended.errors else f"no checkpoint or no advice: {ended.errors}"
        if psutil.wait_procs(workers, timeout=ORPHAN_SECONDS)[1]:
            complaint = "a worker lives on"
        row.count(complaint or finish(kind, out) or difference(out, whole))
    return row


def run(scratch: Path, scale: float, rng: random.Random) -> Iterator[Row]:
    """All rows of this part."""
    for kind, group in (("pixels", False), ("discrete", True)):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            yield signalled(kind, scratch, number, group, max(1, int(15 * scale)), rng)
