"""SAMPLE(theta, N), STRO, Algorithm 4.1: whole rollouts in worker processes.

Each worker holds one environment and does N/W steps per request with its own NumPy copy of the policy; nothing is
exchanged per step.  The learner can work while a request is under way (`request`, then `collect`).  Results are put
together in the workers' order and all randomness is each worker's own, so they do not depend on scheduling.

Every episode is started with `reset(seed=...)`, the seed a function of the worker's seed and the episode's number.  A
running episode is therefore restored exactly by replaying its actions, for every environment that honours gymnasium's
seeding contract (restoring a simulator's state is not exact: warm-started solvers keep more than positions).
"""

import json
import math
import multiprocessing as mp
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from deep.model.actors import Actor
from deep.sampling.environments import ActionMap, make_env, spec_of
from deep.sampling.normalise import Preprocess
from exact.common.errors import FaultError, InputError

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Rollout:
    """n consecutive steps of one worker; times t in [0, n)."""

    observations: NDArray[Any]
    """s_t as the environment gave it, shape (n, observation)."""
    actions: NDArray[Any]
    """a_t in the policy's coordinates: (n, actions) float32, or (n,) int64."""
    rewards: NDArray[np.float64]
    terminated: NDArray[np.bool_]
    ends: NDArray[np.int64]
    """Ascending times after which the trajectory is cut: episode ends and n - 1."""
    successors: NDArray[Any]
    """s_{t+1} at each of `ends`, shape (len(ends), observation); what a cut that is no termination bootstraps from."""
    discounted: NDArray[np.float64]
    """Discounted sum of the rewards of the running episode up to t, recursively gamma * previous + r_t."""
    episodes: list[tuple[int, float, int]]
    """(t, undiscounted return, length) of each episode that ended in this rollout."""


def episode_seed(seeds: np.random.SeedSequence, episode: int) -> int:
    """Seed in [0, 2^32) of an environment's episode with this number."""
    sequence = np.random.SeedSequence(seeds.entropy, spawn_key=(*seeds.spawn_key, episode))
    return int(sequence.generate_state(1)[0])


@dataclass
class EpisodeRunner:
    """One environment and its running episode."""

    env_id: str
    seed: int
    discount: float
    rng: np.random.Generator = field(init=False)
    episode: int = -1
    steps: int = 0
    """Steps of this worker since the beginning of the run."""
    taken: list[NDArray[Any]] = field(default_factory=list)
    """Actions of the running episode, in the policy's coordinates."""

    def __post_init__(self) -> None:
        self.env = make_env(self.env_id)
        self.spec = spec_of(self.env, self.env_id)
        self.to_env = ActionMap(self.spec)
        noise, self.seeds = np.random.SeedSequence(self.seed).spawn(2)
        self.rng = np.random.default_rng(noise)
        self.start_episode()

    def start_episode(self) -> None:
        """Reset to the next episode."""
        self.episode += 1
        self._reset()

    def _reset(self) -> None:
        self.observation, _ = self.env.reset(seed=episode_seed(self.seeds, self.episode))
        self.taken, self.total, self.discounted = [], 0.0, 0.0

    def step(self, action: NDArray[Any]) -> tuple[float, bool, bool]:
        """One environment step; returns reward, terminated, truncated.

        Raises:
            FaultError: the reward or the observation is not finite.
        """
        self.observation, reward, terminated, truncated, _ = self.env.step(self.to_env(action))
        reward = float(reward)
        self.taken.append(action)
        self.steps += 1
        # The sum is finite if and only if all terms are, short of overflow; it costs half of isfinite(x).all().
        if not (math.isfinite(reward) and math.isfinite(self.observation.sum())):
            what = f"observation is {self.observation}" if math.isfinite(reward) else f"reward is {reward}"
            raise FaultError(f"environment {self.env_id!r}: the {what} at step {self.steps} of the worker")
        self.total += reward
        self.discounted = self.discount * self.discounted + reward
        return reward, bool(terminated), bool(truncated)

    def state(self) -> tuple[str, NDArray[Any]]:
        """(JSON of the random generator and the episode's number, actions of the running episode)."""
        dtype = np.int64 if self.spec.discrete else np.float32
        shape = (len(self.taken),) if self.spec.discrete else (len(self.taken), self.spec.actions)
        text = json.dumps({"rng": self.rng.bit_generator.state, "episode": self.episode, "steps": self.steps})
        return text, np.asarray(self.taken, dtype).reshape(shape)

    def restore(self, state: tuple[str, NDArray[Any]]) -> None:
        """Replay the running episode of a saved state."""
        saved = json.loads(state[0])
        self.rng.bit_generator.state = saved["rng"]
        self.episode = saved["episode"]
        self._reset()
        for action in state[1]:
            self.step(action)
        self.steps = saved["steps"]


def rollout(runner: EpisodeRunner, actor: Actor, normalise: Preprocess, n: int) -> Rollout:
    """n steps with a fixed policy; the running episode is carried over from the last call and to the next.

    Raises:
        FaultError: the environment returned a reward or an observation that is not finite.
    """
    spec, dtype = runner.spec, runner.env.observation_space.dtype
    kept = np.float32 if np.issubdtype(dtype, np.floating) else dtype
    observations, successors = np.empty((n, *spec.observation_shape), kept), []
    actions = np.empty(n, np.int64) if spec.discrete else np.empty((n, spec.actions), np.float32)
    rewards, discounted, terminations = np.empty(n), np.empty(n), np.zeros(n, np.bool_)
    ends, episodes = [], []
    noise = actor.draw_noise(runner.rng, n)
    for t in range(n):
        observations[t] = runner.observation
        action = actor.act(normalise(observations[t]), noise[t])
        actions[t] = action
        rewards[t], terminations[t], truncated = runner.step(action)
        discounted[t] = runner.discounted
        over = terminations[t] or truncated
        if over or t == n - 1:
            ends.append(t)
            successors.append(np.asarray(runner.observation, kept))
        if over:
            episodes.append((t, runner.total, len(runner.taken)))
            runner.start_episode()
    return Rollout(
        observations, actions, rewards, terminations, np.asarray(ends), np.asarray(successors), discounted, episodes
    )


def _serve(connection: Connection, env_id: str, seed: int, discount: float) -> None:
    """A worker's life: answer requests until the learner goes away."""
    try:
        runner = EpisodeRunner(env_id, seed, discount)
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
        connection.send(FaultError(f"environment {env_id!r} raised {type(error).__name__}: {error}"))


class Sampler:
    """W worker processes that draw rollouts.

    Args:
        env_id: gymnasium id.
        seeds: one integer per worker.
        discount: gamma, for `Rollout.discounted`.

    Raises:
        InputError: the environment cannot be made.
        FaultError: (all methods) a worker failed or died.
    """

    def __init__(self, env_id: str, seeds: list[int], discount: float):
        context = mp.get_context("spawn")
        previous = {name: os.environ.get(name) for name in THREAD_VARIABLES}
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))  # read when a worker loads its libraries
        self.workers, self.connections = [], []
        try:
            for seed in seeds:
                ours, theirs = context.Pipe()
                worker = context.Process(target=_serve, args=(theirs, env_id, seed, discount), daemon=True)
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
