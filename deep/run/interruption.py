"""INT, TERM and HUP stop a training command after the iteration that it is in, with a checkpoint."""

import shlex
import signal
import sys
import threading
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """While this context manager is open, one of SIGNALS makes `observe` return False.

    A second one ends the command at once: KeyboardInterrupt is raised where it is. A signal that was ignored before
    stays ignored (nohup).

    Args:
        folder: the run directory.
        env: the environment, which `--resume` wants to be named again if it is one of a module.
        wrapper: likewise.
    """

    def __init__(self, folder: Path, env: str, wrapper: str | None):
        named = [f"--env {shlex.quote(env)}"] if ":" in env else []
        named += [f"--wrapper {shlex.quote(wrapper)}"] if wrapper else []
        self.advice = " ".join(["continue with --resume", shlex.quote(str(folder)), *named])
        self.asked: signal.Signals | None = None
        self.before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self.before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked is not None:
            raise KeyboardInterrupt(f"interrupted; {self.advice}")
        self.asked = signal.Signals(number)
        print("note: the run stops after this iteration, and at once when it is asked again", file=sys.stderr)

    def observe(self, _: dict[str, Any]) -> bool:
        """An observer of the training: False once a signal has come."""
        return self.asked is None
