"""A shim between a run and the system: it counts the calls on the files of a run directory, and makes one of them fail.

The calls of `exact.common.files` and of the run directory go through Python's `os`, whose functions are replaced here.
"""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

BY_PATH = ("open", "mkdir", "replace", "unlink", "lstat")
BY_DESCRIPTOR = ("write", "fsync", "ftruncate", "close", "fstat", "pread")


class Shim:
    """Replaces the functions in this process for good.

    Args:
        folder: calls on files under it count.
        at: the call, from 0, that is special; -1: none is.
        act: what is done then, with the function and its arguments; its result is the call's.
        log: takes a line for every call, so that the process that started this one can count them.
        names: the functions that count.
    """

    def __init__(
        self,
        folder: Path,
        at: int = -1,
        act: Callable[..., Any] | None = None,
        log: Path | None = None,
        names: tuple[str, ...] = BY_PATH + BY_DESCRIPTOR,
    ):
        self.folder, self.at, self.act, self.count = str(folder.resolve()), at, act, 0
        self.descriptors: set[int] = set()
        self.real_write = os.write
        self.log = None if log is None else os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for name in BY_PATH + BY_DESCRIPTOR:
            setattr(os, name, self._wrap(name, getattr(os, name), name in names))

    def _mine(self, name: str, first: Any) -> bool:
        if name in BY_DESCRIPTOR:
            return first in self.descriptors
        return isinstance(first, str | os.PathLike) and os.path.abspath(os.fspath(first)).startswith(self.folder)

    def _wrap(self, name: str, function: Callable[..., Any], counts: bool) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if not arguments or not self._mine(name, arguments[0]):
                return function(*arguments, **named)
            if counts:
                number, self.count = self.count, self.count + 1
                if self.log is not None:
                    self.real_write(self.log, f"{name}\n".encode())
                if number == self.at and self.act is not None:
                    return self.act(name, function, *arguments, **named)
            found = function(*arguments, **named)
            if name == "open":
                self.descriptors.add(found)
            elif name == "close":
                self.descriptors.discard(arguments[0])
            return found

        return call


def die(name: str, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """kill -9 before the call is made."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_after(name: str, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """kill -9 after the call; of a write, after half of it."""
    try:
        if name == "write":
            function(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
        else:
            function(*arguments, **named)
    finally:
        os.kill(os.getpid(), signal.SIGKILL)


def fail(code: int) -> Callable[..., Any]:
    """The call fails with this error; of a write, after half of it."""

    def act(name: str, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        if name == "write":
            function(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
        raise OSError(code, os.strerror(code))

    return act
