"""A line of progress now and then where the output is no terminal."""

import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import IO

SECONDS = 8.0
"""Between two lines: a reader of a log waits ten seconds at most."""


class Ticker:
    """Prints where a long work stands, from a second thread, so that it speaks even while one step takes long.

    A context manager. On a terminal it is silent: there a progress bar shows the same. Inside another ticker it takes
    that one's turns: what is inside knows more.

    Args:
        state: says in one line where the work stands; called from the second thread.
        file: where to; standard error by default.
        silent: print nothing at all.
    """

    def __init__(self, state: Callable[[], str], file: IO[str] | None = None, silent: bool = False):
        self.state, self.file = state, file or sys.stderr
        self.silent = silent or self.file.isatty()
        self.over = threading.Event()
        self.thread: threading.Thread | None = None

    def __enter__(self) -> "Ticker":
        if not self.silent and all(ticker.thread is None for ticker in _open):
            self.thread = threading.Thread(target=self._tick, daemon=True)
        _open.append(self)
        if self.thread is not None:
            self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        if self.thread is not None:
            self.thread.join()
        _open.remove(self)

    def _tick(self) -> None:
        while not self.over.wait(SECONDS):
            innermost = _open[-1]
            try:
                if not innermost.silent:
                    print(innermost.state(), file=innermost.file, flush=True)
            except (OSError, ValueError):  # the reader of a pipe has gone, or the stream is closed
                return


_open: list[Ticker] = []
"""The tickers of this process, the innermost last."""


def counter(title: str, total: int) -> tuple[Ticker, Callable[[int], None]]:
    """A ticker that says "TITLE: 3 of 20, 15 s", and the function that tells it how many are done."""
    done, began = [0], time.monotonic()

    def update(n: int) -> None:
        done[0] = n

    return Ticker(lambda: f"{title}: {done[0]} of {total}, {time.monotonic() - began:.0f} s"), update
