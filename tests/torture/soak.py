"""Long runs whose memory must stay flat: one training run of 1e7 steps, and an hour of the live app.

    python -m tests.torture --parts soak --scale 0.01        # 1e5 steps, 36 seconds

It is no part of `make torture`: it takes more than an hour.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from tests.torture import app
from tests.torture.report import Row

PART = "soak"
STEPS, SECONDS = 10_000_000, 3600
SETTINGS = (
    "--env CartPole-v1 --sampling.N 4096 --workers 1 --policy.hidden 8 --critic.hidden 8 --critic.epochs 1 "
    "--critic.batches 1 --inner.cg-iterations 3"
)
"""So cheap that 1e7 steps take some 15 minutes of one core; the code is that of every run."""
SLACK = 1.05
"""The end may hold this much more than the second fifth does: caches fill, and metrics are read once at the end."""
LOOKS = 200
"""Measurements of a soak."""


def memory(process: psutil.Process) -> int:
    """Resident bytes of a process and all its descendants; 0 if it has ended."""
    try:
        return sum(one.memory_info().rss for one in [process, *process.children(recursive=True)])
    except psutil.NoSuchProcess:
        return 0


def flat(used: list[int]) -> str | None:
    """What is wrong with the course of the memory; None: it is flat.

    Its largest value in the second fifth is compared with the largest in the last one.
    """
    fifth = len(used) // 5
    if fifth < 2:
        return f"only {len(used)} measurements"
    early, late = max(used[fifth : 2 * fifth]), max(used[-fifth:])
    return None if late <= SLACK * early else f"memory grew from {early / 1e6:.0f} to {late / 1e6:.0f} MB"


def course(used: list[int]) -> str:
    """The course of the memory, for the table."""
    fifth = max(1, len(used) // 5)
    return (
        f"{max(used[fifth : 2 * fifth]) / 1e6:.0f} MB in the second fifth, {max(used[-fifth:]) / 1e6:.0f} in the last"
    )


def watched(process: psutil.Process, alive: Callable[[], bool], pause: float) -> list[int]:
    """The memory of a process at regular moments of its life."""
    used = []
    while alive():
        if (there := memory(process)) > 0:
            used.append(there)
        time.sleep(pause)
    return used


def training(out: Path, steps: int) -> Row:
    """One training run."""
    command = [sys.executable, "-m", "deep.train", *SETTINGS.split(), "--steps", str(steps), "--out", str(out)]
    log = out.with_suffix(".log")
    with log.open("wb") as file:
        run = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, env=os.environ | {"OMP_NUM_THREADS": "1"}
        )
        used = watched(psutil.Process(run.pid), lambda: run.poll() is None, 0.2 if steps < STEPS / 10 else 2.0)
    done = json.loads((out / "result.json").read_text())["steps"] if run.returncode == 0 else 0
    row = Row(PART, f"a training run of {steps:,} steps; memory flat ({course(used or [0])})")
    row.count(flat(used) if done >= steps else f"status {run.returncode}: {log.read_text()[-200:]}")
    return row


def live_app(seconds: float) -> Row:
    """The live app, whose page and whose WebSocket are opened again and again."""
    with app.served() as (port, token):
        own, key = {"Host": f"127.0.0.1:{port}"}, f"access_token={token}"
        server = next(one for one in psutil.net_connections("tcp4") if one.laddr and one.laddr.port == port)
        process, used, visits, failed = psutil.Process(server.pid), [], 0, 0
        end, next_visit = time.monotonic() + seconds, 0.0
        while (now := time.monotonic()) < end:
            if now >= next_visit:
                next_visit = now + seconds / 60
                opened = app.websocket(
                    port, f"session_id=soak{visits}&{key}", own | {"Origin": f"http://{own['Host']}"}
                )
                failed += not app.admitted(port, key, own) or opened != 101
                visits += 1
            used.append(memory(process))
            time.sleep(seconds / LOOKS)
    row = Row(PART, f"{seconds / 60:.0f} minutes of the live app, {visits} visits; memory flat ({course(used)})")
    row.count(f"{failed} of {visits} visits failed" if failed else flat(used))
    return row


def run(scratch: Path, scale: float, rng: random.Random) -> Iterator[Row]:
    """All rows of this part; `scale` 1 is the full length."""
    yield training(scratch / "long", round(scale * STEPS))
    yield live_app(scale * SECONDS)
