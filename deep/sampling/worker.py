"""A worker process: its life, and what ends with it.

It leads a process group of its own, which has the processes that its environment starts. The group ends with the
worker, and the worker with the learner, whatever happens:

    the learner asks       the environment is closed, then the group is ended
    the learner has died   the worker sees it at its next word and does the same, or `_follow` within GRACE seconds
    a stopped worker       when the learner dies the system continues it (PR_SET_PDEATHSIG)
    the worker has died    the learner ends the group (`deep.sampling.processes`)

One case is left: a worker that is stopped while Python starts, before FIRST, and whose learner is killed before it goes
on.  It stays stopped until somebody continues or kills it.
"""

import contextlib
import multiprocessing as mp
import os
import pickle
import signal
import threading
import time
from collections.abc import Iterator, MutableSequence, Sequence
from multiprocessing import spawn
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any

from deep.sampling.environments import EnvSpec
from deep.sampling.making import ANYTHING
from deep.sampling.rollout import EpisodeRunner, rollout
from exact.common.errors import FaultError, InputError

LEFT_TO_THE_LEARNER = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that reach all processes of a command: the learner answers them, and the workers end with it."""
GRACE = 5.0
"""Seconds for the environment to close after the learner has died."""

PR_SET_PDEATHSIG = 1
FIRST = (
    "import ctypes, os, sys; os.setpgid(0, 0); hook = sys.excepthook; "
    f"getattr(ctypes.CDLL(None), 'prctl', lambda *_: 0)({PR_SET_PDEATHSIG}, {int(signal.SIGCONT)}); "
    "sys.excepthook = lambda kind, *rest: kind is EOFError or hook(kind, *rest); "
)
"""What a worker does before it imports anything: it leads its group; it lets Linux send it SIGCONT when the learner
dies; and it says nothing if there is no learner to read from, because that one was killed at this moment."""


@contextlib.contextmanager
def first_words() -> Iterator[None]:
    """Let processes that multiprocessing starts meanwhile begin with FIRST."""
    ours = spawn.get_command_line

    def command(**named: Any) -> list[str]:
        words: list[str] = ours(**named)
        return [FIRST + word if before == "-c" else word for before, word in zip(["", *words], words, strict=False)]

    spawn.get_command_line = command
    try:
        yield
    finally:
        spawn.get_command_line = ours


def serve(
    connection: Connection, progress: MutableSequence[int], pickled: bytes, seed: int, discount: float, fresh: bool
) -> None:
    """A worker's life: answer requests until the learner goes away.

    Args:
        connection: to the learner.
        progress: see `deep.sampling.patience`.
        pickled: the EnvSpec.
        seed: of the environment and the actions.
        discount: gamma.
        fresh: as for `Sampler`.
    """
    _lead()
    runner, name = None, "?"
    try:
        spec: EnvSpec = pickle.loads(pickled)
        name = spec.env_id
        runner, answer = EpisodeRunner(spec, seed, discount, fresh, progress), None
        while True:
            try:  # errors of the connection only: an environment may raise the same ones
                connection.send(answer)
                command, *arguments = connection.recv()
            except (EOFError, OSError):  # the learner has gone
                return
            answer = _answer(runner, command, arguments)
    except (InputError, FaultError) as error:
        _complain(connection, error)
    except ANYTHING as error:  # the learner reports it
        _complain(connection, FaultError(f"environment {name!r} raised {type(error).__name__}: {error}"))
    finally:
        with contextlib.suppress(*ANYTHING):
            if runner is not None:
                runner.close()
        _end_others()


def _answer(runner: EpisodeRunner, command: str, arguments: Sequence[Any]) -> Any:
    if command == "rollout":
        return rollout(runner, *arguments)
    return runner.state() if command == "state" else runner.restore(*arguments)


def _complain(connection: Connection, error: Exception) -> None:
    """A worker's last word, if the learner is there to hear it."""
    with contextlib.suppress(OSError):
        connection.send(error)


def _lead() -> None:
    """Lead a group, if not done in FIRST; leave some signals to the learner, and follow it."""
    os.setpgid(0, 0)
    for number in LEFT_TO_THE_LEARNER:
        signal.signal(number, _pass)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, LEFT_TO_THE_LEARNER)  # the mask that `Sampler` gave it for its start
    threading.Thread(target=_follow, args=(os.getpid(),), daemon=True).start()


def _pass(number: int, frame: FrameType | None) -> None:
    """Do nothing. A process that the environment has forked dies of the signal: an environment may end it so."""
    if os.getpgid(0) != os.getpid():
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _end_others() -> None:
    """End the group, and leave it before, to end as Python's processes do; if there is no learner, end with it.

    This is not left to the learner: it may die at this moment. And while it dies, its end of the connection is closed
    some time before anything else tells that it is dead.
    """
    group = os.getpid()
    with contextlib.suppress(OSError):
        os.setpgid(0, os.getpgid(os.getppid()))
    end_group(group)


def _follow(worker: int) -> None:
    """End the group some time after the learner has died: the environment may hang."""
    parent = mp.parent_process()
    assert parent is not None
    parent.join()
    time.sleep(GRACE)
    end_group(worker)


def end_group(worker: int | None) -> None:
    """Kill all processes of a worker's group, with the worker; nothing if it has not started."""
    if worker is None:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(worker, signal.SIGKILL)
