"""Rollouts in worker processes, for flat observations.

Each worker holds one environment and does N/W steps per request with its own NumPy copy of the policy; nothing is
exchanged per step.  The learner can work while a request is under way (`request`, then `collect`).  Results are put
together in the workers' order and all randomness is each worker's own, so they do not depend on scheduling.
"""

import atexit
import contextlib
import multiprocessing as mp
import os
import pickle
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any, cast

from numpy.typing import NDArray

from deep.model.actors import Actor
from deep.sampling.environments import EnvSpec
from deep.sampling.normalise import Preprocess
from deep.sampling.patience import LEAST, POLL, Patience
from deep.sampling.rollout import Rollout
from deep.sampling.worker import LEFT_TO_THE_LEARNER, end_group, first_words, serve
from exact.common.errors import FaultError, InputError

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
ENDING = 5.0
"""Seconds for a worker to close its environment."""
NO_GUARD = 79
"""Exit status of a worker that was about to train by itself, see `refuse_to_train_in_a_worker`."""


def refuse_to_train_in_a_worker() -> None:
    """End a worker that imports a script which trains outside `if __name__ == "__main__":`.

    A worker imports the script that started it, under the name __mp_main__, before it does anything else.
    """
    frame = sys._getframe()
    while frame is not None and mp.parent_process() is None:
        if frame.f_globals.get("__name__") == "__mp_main__":
            sys.exit(NO_GUARD)
        frame = frame.f_back  # type: ignore[assignment]


@contextlib.contextmanager
def piped_script_hidden() -> Iterator[None]:
    """Let a worker start although the script came through a pipe (`python -`).

    A worker imports the file of the script that started it. A piped script has the name <stdin>, which is no file.
    Without a name the worker imports nothing, as in a notebook.
    """
    main = sys.modules["__main__"]
    file = getattr(main, "__file__", None)
    if file is None or os.path.exists(file):
        yield
        return
    del main.__file__
    try:
        yield
    finally:
        main.__file__ = file


class Sampler:
    """W worker processes that draw rollouts.

    Args:
        spec: the environment.
        seeds: one integer per worker.
        discount: gamma, for `Rollout.discounted`.
        fresh: whether every rollout begins with a new episode.
        patience: `Patience.least`.

    Raises:
        InputError: the environment cannot be made or sent to the workers.
        FaultError: (all methods) a worker failed, died, was stopped or hangs.
    """

    def __init__(
        self, spec: EnvSpec, seeds: Sequence[int], discount: float, fresh: bool = False, patience: float = LEAST
    ):
        refuse_to_train_in_a_worker()
        context, pickled = mp.get_context("spawn"), pickle.dumps(spec)
        previous = {name: os.environ.get(name) for name in THREAD_VARIABLES}
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))  # read when a worker loads its libraries
        self.env_id, self.started = spec.env_id, False
        self.workers, self.connections = [], []
        progress = [context.RawArray("q", 3) for _ in seeds]
        self.patience = Patience(progress, patience)
        # No daemons: those may not start processes, which an environment may need. So they are ended here.
        atexit.register(self.close)
        # Workers inherit the mask, until they lead groups of their own.
        resource_tracker.ensure_running()  # its start would lift the mask again
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, LEFT_TO_THE_LEARNER)
        try:
            for seed, steps in zip(seeds, progress, strict=True):
                ours, theirs = context.Pipe()
                worker = context.Process(target=serve, args=(theirs, steps, pickled, seed, discount, fresh))
                with piped_script_hidden(), first_words():
                    worker.start()
                theirs.close()  # so that a worker's death is the end of our side's stream
                self.workers.append(worker)
                self.connections.append(ours)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            for name, value in previous.items():
                os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
        try:
            self._receive()
            self.started = True
        except BaseException:
            self.close()
            raise

    def _send(self, messages: Sequence[tuple[Any, ...]]) -> None:
        for i, message in enumerate(messages):
            try:
                self.connections[i].send(message)
            except (BrokenPipeError, ConnectionResetError):
                raise self._death(i) from None

    def _receive(self) -> list[Any]:
        answers: list[Any] = [None] * len(self.workers)
        waiting = dict(zip(self.connections, range(len(self.workers)), strict=True))
        self.patience.begin()
        while waiting:
            ready = cast(list[Connection], wait(list(waiting), POLL))
            late = self.patience.look(waiting.values())
            for connection in ready:
                i = waiting.pop(connection)
                try:
                    answers[i] = connection.recv()
                except (EOFError, ConnectionResetError):
                    raise self._death(i) from None
                if isinstance(answers[i], InputError | FaultError):
                    raise type(answers[i])(f"worker {i}: {answers[i]}")
            for i in late:
                if self.connections[i] in waiting:
                    end_group(self.workers[i].pid)
                    raise FaultError(f"worker {i}: environment {self.env_id!r}: {self.patience.describe(i)}")
        return answers

    def _death(self, i: int) -> FaultError | InputError:
        wait([self.workers[i].sentinel], ENDING)
        end_group(self.workers[i].pid)  # before the worker's number is free for another process
        self.workers[i].join(ENDING)
        code = self.workers[i].exitcode
        if code == NO_GUARD:
            return InputError(
                "the script trains while the workers import it; expected the call of deep.train in a function that is "
                'called under if __name__ == "__main__":'
            )
        hint = "; the system kills processes when memory runs out" if code == -signal.SIGKILL else ""
        if not (self.started or hint):
            hint = " while it started; workers import the script that trains, see its error above"
        return FaultError(f"sampling worker {i} died (exit code {code}){hint}")

    def request(self, actor: Actor, normalise: Preprocess, n: int) -> None:
        """Start SAMPLE(theta, n): n / W steps in each worker; n must be a multiple of W."""
        self._send([("rollout", actor, normalise, n // len(self.workers))] * len(self.workers))

    def collect(self) -> list[Rollout]:
        """Wait for the request under way; rollouts in the workers' order."""
        return self._receive()

    def states(self) -> list[tuple[str, NDArray[Any]]]:
        """What `restore` needs, one entry per worker. No request may be under way."""
        self._send([("state",)] * len(self.workers))
        return self._receive()

    def restore(self, states: list[tuple[str, NDArray[Any]]]) -> list[bool]:
        """Continue from saved states by replaying the running episodes; see EpisodeRunner.restore for what it says."""
        self._send([("restore", state) for state in states])
        return self._receive()

    def close(self) -> None:
        """End the workers, which close their environments, and the processes that those have left."""
        atexit.unregister(self.close)
        for connection in self.connections:
            connection.close()
        ends, deadline = [worker.sentinel for worker in self.workers], time.monotonic() + ENDING
        while ends and (left := deadline - time.monotonic()) > 0:
            ends = [end for end in ends if end not in wait(ends, left)]
        for worker in self.workers:
            end_group(worker.pid)  # before the worker's number is free for another process
            worker.kill()
            worker.join(ENDING)
        self.workers, self.connections = [], []
