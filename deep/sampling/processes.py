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
import sys
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, cast

from numpy.typing import NDArray

from deep.model.actors import Actor
from deep.sampling.environments import EnvSpec
from deep.sampling.normalise import Preprocess
from deep.sampling.rollout import EpisodeRunner, Rollout, rollout
from exact.common.errors import FaultError, InputError

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


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


def _serve(connection: Connection, pickled: bytes, seed: int, discount: float, fresh: bool) -> None:
    """A worker's life: answer requests until the learner goes away."""
    runner, name = None, "?"
    try:
        spec: EnvSpec = pickle.loads(pickled)
        name = spec.env_id
        runner, answer = EpisodeRunner(spec, seed, discount, fresh), None
        while True:
            try:  # errors of the connection only: an environment may raise the same ones
                connection.send(answer)
                command, *arguments = connection.recv()
            except (EOFError, OSError):  # the learner has gone
                return
            answer = _answer(runner, command, arguments)
    except KeyboardInterrupt:
        return
    except (InputError, FaultError) as error:
        _complain(connection, error)
    except Exception as error:  # a user's environment may raise anything: the learner reports it
        _complain(connection, FaultError(f"environment {name!r} raised {type(error).__name__}: {error}"))
    finally:
        with contextlib.suppress(Exception):
            if runner is not None:
                runner.close()


def _answer(runner: EpisodeRunner, command: str, arguments: Sequence[Any]) -> Any:
    if command == "rollout":
        return rollout(runner, *arguments)
    return runner.state() if command == "state" else runner.restore(*arguments)


def _complain(connection: Connection, error: Exception) -> None:
    """A worker's last word, if the learner is there to hear it."""
    with contextlib.suppress(OSError):
        connection.send(error)


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

    Raises:
        InputError: the environment cannot be made or sent to the workers.
        FaultError: (all methods) a worker failed or died.
    """

    def __init__(self, spec: EnvSpec, seeds: Sequence[int], discount: float, fresh: bool = False):
        refuse_to_train_in_a_worker()
        context, pickled = mp.get_context("spawn"), pickle.dumps(spec)
        previous = {name: os.environ.get(name) for name in THREAD_VARIABLES}
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))  # read when a worker loads its libraries
        self.workers, self.connections, self.started = [], [], False
        # No daemons: those may not start processes, which an environment may need. So they are ended here.
        atexit.register(self.close)
        try:
            for seed in seeds:
                ours, theirs = context.Pipe()
                worker = context.Process(target=_serve, args=(theirs, pickled, seed, discount, fresh))
                with piped_script_hidden():
                    worker.start()
                theirs.close()  # so that a worker's death is the end of our side's stream
                self.workers.append(worker)
                self.connections.append(ours)
        finally:
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
        while waiting:
            for connection in cast(list[Connection], wait(list(waiting))):
                i = waiting.pop(connection)
                try:
                    answers[i] = connection.recv()
                except (EOFError, ConnectionResetError):
                    raise self._death(i) from None
                if isinstance(answers[i], InputError | FaultError):
                    raise type(answers[i])(f"worker {i}: {answers[i]}")
        return answers

    def _death(self, i: int) -> FaultError | InputError:
        self.workers[i].join(5)
        if self.workers[i].exitcode == NO_GUARD:
            return InputError(
                "the script trains while the workers import it; expected the call of deep.train in a function that is "
                'called under if __name__ == "__main__":'
            )
        hint = "" if self.started else " while it started; workers import the script that trains, see its error above"
        return FaultError(f"sampling worker {i} died (exit code {self.workers[i].exitcode}){hint}")

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
        """End the workers, which close their environments."""
        atexit.unregister(self.close)
        for connection, worker in zip(self.connections, self.workers, strict=True):
            connection.close()
            worker.join(5)
            if worker.is_alive():
                worker.kill()
