"""Rollouts in worker processes, for flat observations.

Each worker holds one environment and does N/W steps per request with its own NumPy copy of the policy; nothing is
exchanged per step.  The learner can work while a request is under way (`request`, then `collect`).  Results are put
together in the workers' order and all randomness is each worker's own, so they do not depend on scheduling.
"""

import multiprocessing as mp
import os
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, cast

from numpy.typing import NDArray

from deep.model.actors import Actor
from deep.sampling.environments import EnvSpec
from deep.sampling.normalise import Preprocess
from deep.sampling.rollout import EpisodeRunner, Rollout, rollout
from exact.common.errors import FaultError, InputError

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def _serve(connection: Connection, spec: EnvSpec, seed: int, discount: float, fresh: bool) -> None:
    """A worker's life: answer requests until the learner goes away."""
    try:
        runner = EpisodeRunner(spec, seed, discount, fresh)
        connection.send(None)
        while True:
            command, *arguments = connection.recv()
            if command == "rollout":
                connection.send(rollout(runner, *arguments))
            elif command == "state":
                connection.send(runner.state())
            else:
                runner.restore(*arguments)
                connection.send(None)
    except (EOFError, KeyboardInterrupt, BrokenPipeError):
        return
    except (InputError, FaultError) as error:
        connection.send(error)
    except Exception as error:  # a user's environment may raise anything: the learner reports it
        connection.send(FaultError(f"environment {spec.env_id!r} raised {type(error).__name__}: {error}"))


class Sampler:
    """W worker processes that draw rollouts.

    Args:
        spec: the environment.
        seeds: one integer per worker.
        discount: gamma, for `Rollout.discounted`.
        fresh: whether every rollout begins with a new episode.

    Raises:
        InputError: the environment cannot be made.
        FaultError: (all methods) a worker failed or died.
    """

    def __init__(self, spec: EnvSpec, seeds: Sequence[int], discount: float, fresh: bool = False):
        context = mp.get_context("spawn")
        previous = {name: os.environ.get(name) for name in THREAD_VARIABLES}
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))  # read when a worker loads its libraries
        self.workers, self.connections = [], []
        try:
            for seed in seeds:
                ours, theirs = context.Pipe()
                worker = context.Process(target=_serve, args=(theirs, spec, seed, discount, fresh), daemon=True)
                worker.start()
                theirs.close()  # so that a worker's death is the end of our side's stream
                self.workers.append(worker)
                self.connections.append(ours)
        finally:
            for name, value in previous.items():
                os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
        self._receive()

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

    def _death(self, i: int) -> FaultError:
        self.workers[i].join(5)
        return FaultError(f"sampling worker {i} died (exit code {self.workers[i].exitcode})")

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

    def restore(self, states: list[tuple[str, NDArray[Any]]]) -> None:
        """Continue from saved states by replaying the running episodes."""
        self._send([("restore", state) for state in states])
        self._receive()

    def close(self) -> None:
        """End the workers."""
        for connection, worker in zip(self.connections, self.workers, strict=True):
            connection.close()
            worker.join(5)
            if worker.is_alive():
                worker.kill()
