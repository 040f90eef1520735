"""Runs to torture: small ones of every kind, in processes of their own, and whether two of them are the same."""

import faulthandler
import json
import os
import signal
import sys
import time
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from deep import training
from deep.run.checkpoint import LATEST, read

QUICK = "--steps 640 --sampling.N 64 --checkpoint-every 2 --critic.epochs 1 --inner.cg-iterations 3"
FLAT = f"{QUICK} --policy.hidden 8 --critic.hidden 8"
PIXELS = f"{QUICK} --policy.convolutions {{0}} --policy.hidden 8 --critic.convolutions {{0}} --critic.hidden 8"
KINDS = {
    "flat": f"--env Pendulum-v1 {FLAT} --workers 2",
    "discrete": f"--env CartPole-v1 {FLAT} --workers 1",
    "pixels": f"--env tests.deep.catch:Catch-v0 {PIXELS.format('4 4 2')} --workers 4",
    "long": f"--env tests.deep.catch:Catch-v0 {PIXELS.format('4 4 2')} --workers 4 --steps 6400",
    "Atari": f"--env ALE/Breakout-v5 {PIXELS.format('8 8 8')} --workers 4 --sticky-actions 0.25",
}
"""Each about ten iterations, the long one a hundred, with a checkpoint after every second one."""
HANG_SECONDS = 600
CLOCK = ("seconds", "metrics_bytes", "metrics_sha256")
"""What depends on the clock."""


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    status: int
    """Exit status; minus the signal that killed it."""
    errors: str
    """What it wrote on standard error."""

    def complaint(self, *statuses: int) -> str | None:
        """What is wrong with the way it ended: another status, a traceback, more or less than one line; or None."""
        lines = [line for line in self.errors.splitlines() if not line.startswith(("warning: ", "note: "))]
        if "Traceback" in self.errors or "Exception" in self.errors.split(":")[0]:
            return f"status {self.status}, traceback: {lines[-1] if lines else ''}"
        if self.status not in statuses:
            return f"status {self.status}, expected one of {statuses}: {self.errors.strip()[:200]}"
        if self.status in (2, 3) and len(lines) != 1:
            return f"status {self.status} with {len(lines)} lines: {self.errors.strip()[:200]}"
        return None


class Process:
    """A command in a forked child, which need not import torch again; it leads a process group of its own."""

    def __init__(self, work: Callable[[], int], log: Path):
        self.log = log
        self.status: int | None = None
        log.write_text("")  # it may be killed before it writes anything
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _child(work, log)

    def running(self) -> bool:
        """Whether it still runs."""
        if self.status is None:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = os.waitstatus_to_exitcode(status) if done else None
        return self.status is None

    def wait(self, seconds: float = HANG_SECONDS) -> Ended:
        """Wait for its end. A process that hangs is killed, and its status is then -9."""
        deadline = time.monotonic() + seconds
        while self.running():
            if time.monotonic() > deadline:
                self.kill(group=True)
            time.sleep(0.005)
        assert self.status is not None
        return Ended(self.status, self.log.read_text(errors="replace"))

    def kill(self, number: int = signal.SIGKILL, group: bool = False) -> None:
        """Send a signal to it, or to its whole group."""
        os.killpg(self.pid, number) if group else os.kill(self.pid, number)


def _child(work: Callable[[], int], log: Path) -> None:
    """The life of the child; it does not return."""
    status = 3
    try:
        os.setsid()
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(descriptor, 2)
        sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        sys.modules["__main__"] = types.ModuleType("__main__")  # workers import the main module again: here nothing
        faulthandler.disable()  # pytest's writes tracebacks where a test's output goes
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
        status = work()
        for process in __import__("multiprocessing").active_children():
            process.kill()
    except BaseException:
        __import__("traceback").print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def command(kind: str, out: Path) -> list[str]:
    """The words after deep.train that begin or continue a run."""
    words = KINDS[kind].split()
    if not (out / "config.json").exists():
        return [*words, "--out", str(out)]
    return ["--resume", str(out), *words[:2]]


def start(
    kind: str,
    out: Path,
    before: Callable[[], object] = lambda: None,
    words: Sequence[str] = (),
    log: Path | None = None,
) -> Process:
    """Begin or continue a run in a process of its own.

    Args:
        kind: one of KINDS.
        out: its run directory.
        before: called first in the process.
        words: further options.
        log: takes standard error; beside the run directory by default.
    """

    def work() -> int:
        before()
        return training.main([*command(kind, out), *words])

    return Process(work, log or out.with_name(f"{out.name}.err"))


def finish(kind: str, out: Path) -> str | None:
    """Continue a run to its end; what went wrong, or None."""
    if (out / "result.json").exists():
        return None
    return start(kind, out).wait().complaint(0)


def difference(out: Path, whole: Path) -> str | None:
    """Where a run differs from the uninterrupted one, in metrics, checkpoint or result; None: nowhere."""
    for name, load in (("metrics.jsonl", _lines), ("result.json", _json), ("checkpoint", _checkpoint)):
        if (where := _differ(load(out), load(whole), name)) is not None:
            return f"{out.name}: {where} differs"
    return None


def _lines(out: Path) -> Any:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def _json(out: Path) -> Any:
    return json.loads((out / "result.json").read_text())


def _checkpoint(out: Path) -> Any:
    return read(out / "checkpoints" / LATEST)


def _differ(one: Any, other: Any, where: str) -> str | None:
    """The name of the first thing that differs, clocks left out."""
    if type(one) is not type(other):
        return where
    if isinstance(one, torch.Tensor):
        return None if one.dtype == other.dtype and torch.equal(one, other) else where
    if isinstance(one, dict):
        if one.keys() != other.keys():
            return where
        pairs = [(one[key], other[key], f"{where}.{key}") for key in one if key not in CLOCK]
    elif isinstance(one, list):
        if len(one) != len(other):
            return f"length of {where}"
        pairs = [(a, b, f"{where}[{i}]") for i, (a, b) in enumerate(zip(one, other, strict=True))]
    else:
        return None if one == other or one != one else where
    return next((found for pair in pairs if (found := _differ(*pair)) is not None), None)
