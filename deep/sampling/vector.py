"""SAMPLE(theta, N), STRO, Algorithm 4.1, for pixels: environments stepped side by side in the learner's process.

A convolutional policy is too slow for one observation at a time.  So E environments share one forward pass per step, on
the learner's device.  ALE's threads step Atari games; other environments are stepped one after the other.  The learner
sees the same interface as that of deep.sampling.processes.Sampler, with one rollout per environment.

As in deep.sampling.rollout every game is started with a seed that is a function of its environment's seed and the
game's number, so that a running game is restored exactly by replaying its actions.

A lost life ends a trajectory of the learner's as a termination does (info["life_lost"] of deep.sampling.atari);
episodes and their returns are whole games with the rewards as the game gave them.
"""

import json
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deep.model.actors import Actor
from deep.sampling.adapter import Adapter
from deep.sampling.atari import AtariGames, game_of
from deep.sampling.environments import EnvSpec
from deep.sampling.making import ANYTHING
from deep.sampling.normalise import Preprocess
from deep.sampling.rollout import REPLAY_LIMIT, Rollout, digest, episode_seed
from exact.common.errors import FaultError, InputError


def threads() -> int:
    """Threads for arithmetic, and for games: OMP_NUM_THREADS if it is set, else every core this process may use.

    Set it to 1 for runs side by side: threads that wait for each other on cores that others hold are many times slower.
    """
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdecimal() and int(given) > 0 else len(os.sched_getaffinity(0))


class SideBySide:
    """Environments that are stepped one after the other; the interface of AtariGames.

    Args:
        spec: the environment.
        number: how many.
    """

    def __init__(self, spec: EnvSpec, number: int):
        self.envs = [Adapter(spec, number=e) for e in range(number)]
        self.observations = np.zeros((number, *spec.observation_shape), spec.kept)
        self.over = np.zeros(number, np.bool_)
        """Episodes that have ended; they wait for a reset."""

    def reset(
        self, *, seed: Sequence[int], options: dict[str, NDArray[np.bool_]]
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Start new episodes where options["reset_mask"] has True; all observations."""
        for e in np.flatnonzero(options["reset_mask"]).tolist():
            self.observations[e] = self.envs[e].reset(seed[e])
        self.over &= ~options["reset_mask"]
        return self.observations.copy(), {}

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """One step of every environment."""
        number = len(self.envs)
        rewards, terminated, truncated = np.zeros(number), np.zeros(number, np.bool_), np.zeros(number, np.bool_)
        for e in np.flatnonzero(~self.over).tolist():
            self.observations[e], rewards[e], terminated[e], truncated[e] = self.envs[e].step(actions[e])
        self.over |= terminated | truncated
        return self.observations.copy(), rewards, terminated, truncated, {}

    def close(self) -> None:
        """Close the environments."""
        for env in self.envs:
            env.close()


def make_vector(spec: EnvSpec, number: int, sticky: float) -> AtariGames | SideBySide:
    """`number` environments side by side; `sticky` is for Atari, the probability of a sticky action."""
    env = spec.maker.env
    if isinstance(env, str) and (game := game_of(env)) is not None:
        return AtariGames(game, number, sticky, min(threads(), number))
    return SideBySide(spec, number)


class Transition(NamedTuple):
    """One step of every environment, each of shape (E, ...)."""

    observations: NDArray[Any]
    """s_{t+1}, before a reset."""
    rewards: NDArray[np.float64]
    terminated: NDArray[np.bool_]
    """No value beyond this step: the game or a life ended."""
    over: NDArray[np.bool_]
    """The episode ended, by termination or truncation."""


class VectorRunner:
    """E environments and their running episodes.

    Args:
        spec: the environment.
        seeds: one integer per environment.
        sticky: Atari only, probability of a sticky action.

    Raises:
        InputError: the environment cannot be made.
    """

    def __init__(self, spec: EnvSpec, seeds: Sequence[int], sticky: float = 0.0):
        self.spec, self.size = spec, len(seeds)
        self.envs = make_vector(spec, self.size, sticky)
        noise, games = zip(*(np.random.SeedSequence(seed).spawn(2) for seed in seeds), strict=True)
        self.rngs = [np.random.default_rng(sequence) for sequence in noise]
        self.seeds: list[np.random.SeedSequence] = list(games)
        self.episode, self.steps = [0] * self.size, 0
        self.taken: list[list[int]] = [[] for _ in seeds]
        self.lengths, self.totals = np.zeros(self.size, np.int64), np.zeros(self.size)
        self.observations: NDArray[Any]
        self._reset(np.ones(self.size, np.bool_))

    def start_episodes(self, mask: NDArray[np.bool_]) -> None:
        """Reset environments to their next episodes."""
        for e in np.flatnonzero(mask):
            self.episode[e] += 1
        self._reset(mask)

    def _reset(self, mask: NDArray[np.bool_]) -> None:
        seeds: list[Any] = [episode_seed(sequence, k) for sequence, k in zip(self.seeds, self.episode, strict=True)]
        self.observations, _ = self.envs.reset(seed=seeds, options={"reset_mask": mask})
        self.lengths[mask], self.totals[mask] = 0, 0.0
        for e in np.flatnonzero(mask):
            self.taken[e] = []

    def step(self, actions: NDArray[np.int64]) -> Transition:
        """One step of every environment.

        Raises:
            FaultError: an environment failed, see `Adapter.step`.
        """
        self.observations, rewards, terminated, truncated, info = self.envs.step(actions)
        self.steps += 1
        self.lengths += 1
        self.totals += rewards
        for taken, action in zip(self.taken, actions.tolist(), strict=True):
            if len(taken) < REPLAY_LIMIT:
                taken.append(action)
        return Transition(self.observations, rewards, terminated | info.get("life_lost", False), terminated | truncated)

    def states(self) -> list[tuple[str, NDArray[Any]]]:
        """As EpisodeRunner.state, one for each environment."""
        return [self._state(e) for e in range(self.size)]

    def _state(self, e: int) -> tuple[str, NDArray[Any]]:
        saved = {
            "rng": self.rngs[e].bit_generator.state,
            "episode": self.episode[e],
            "steps": self.steps,
            "length": int(self.lengths[e]),
            "digest": self._digest(e),
        }
        taken = self.taken[e]
        return json.dumps(saved), np.asarray(taken, np.int64).reshape(len(taken), *self.spec.action_shape)

    def _digest(self, e: int) -> str:
        return digest(self.observations[e], float(self.totals[e]))

    def restore(self, states: Sequence[tuple[str, NDArray[Any]]]) -> list[bool]:
        """Replay the running episodes of saved states, so that all of them reach their last step at the same time.

        Returns:
            For each, whether it was restored, as EpisodeRunner.restore.
        """
        saved = [json.loads(text) for text, _ in states]
        for rng, one in zip(self.rngs, saved, strict=True):
            rng.bit_generator.state = one["rng"]
        self.episode = [one["episode"] for one in saved]
        lengths = np.array([len(actions) for _, actions in states])
        longest, idle = int(lengths.max()), np.zeros(self.spec.action_shape, np.int64)
        for t in range(longest + 1):
            if (starting := lengths == longest - t).any() or t == 0:
                self._reset(starting | (t == 0))
            if t < longest:  # before its start an environment plays anything
                at = np.maximum(t - (longest - lengths), -1)
                self.step(np.array([a[i] if i >= 0 else idle for (_, a), i in zip(states, at, strict=True)]))
        exact = [
            one.get("length", n) == n and one.get("digest", self._digest(e)) == self._digest(e)
            for e, (one, n) in enumerate(zip(saved, lengths.tolist(), strict=True))
        ]
        if not all(exact):
            self.start_episodes(~np.array(exact))
        self.steps = saved[0]["steps"]
        return exact


def rollouts(runner: VectorRunner, actor: Actor, preprocess: Preprocess, n: int, reward_sign: bool) -> list[Rollout]:
    """n steps of every environment with a fixed policy; running episodes are carried over.

    Args:
        runner: the environments.
        actor: the policy, for a batch of observations.
        preprocess: from observations to the policy's inputs.
        n: steps of each environment.
        reward_sign: whether the rollouts have the signs of the rewards.

    Raises:
        FaultError: an environment failed.
    """
    E, space, shape = runner.size, runner.observations, runner.spec.action_shape
    observations, actions = np.empty((E, n, *space.shape[1:]), space.dtype), np.empty((E, n, *shape), np.int64)
    rewards, terminated = np.empty((E, n)), np.zeros((E, n), np.bool_)
    ends: list[list[int]] = [[] for _ in range(E)]
    successors: list[list[NDArray[Any]]] = [[] for _ in range(E)]
    episodes: list[list[tuple[int, float, int]]] = [[] for _ in range(E)]
    noise = np.stack([actor.draw_noise(rng, n) for rng in runner.rngs], 1)
    for t in range(n):
        observations[:, t] = runner.observations
        actions[:, t] = actor.act(preprocess(runner.observations), noise[t])
        transition = runner.step(actions[:, t])
        rewards[:, t], terminated[:, t] = transition.rewards, transition.terminated
        for e in np.flatnonzero(transition.terminated | transition.over | (t == n - 1)):
            ends[e].append(t)
            successors[e].append(transition.observations[e].copy())
        for e in np.flatnonzero(transition.over):
            episodes[e].append((t, float(runner.totals[e]), int(runner.lengths[e])))
        if transition.over.any():
            runner.start_episodes(transition.over)
    learned, none = np.sign(rewards) if reward_sign else rewards, np.zeros(0)
    return [
        Rollout(
            observations[e],
            actions[e],
            learned[e],
            terminated[e],
            np.asarray(ends[e]),
            np.asarray(successors[e]),
            none,
            episodes[e],
        )
        for e in range(E)
    ]


class VectorSampler:
    """E environments that draw rollouts; the interface of deep.sampling.processes.Sampler.

    Args:
        spec: the environment.
        seeds: one integer per environment.
        sticky: Atari only, probability of a sticky action.
        reward_sign: whether the learner gets the signs of the rewards.

    Raises:
        InputError: the environment cannot be made.
        FaultError: (all methods) an environment failed.
    """

    def __init__(self, spec: EnvSpec, seeds: Sequence[int], sticky: float, reward_sign: bool):
        self.reward_sign = reward_sign
        try:
            self.runner = VectorRunner(spec, seeds, sticky)
        except (InputError, FaultError):
            raise
        except ANYTHING as error:  # in its first reset, too
            raise FaultError(f"environment {spec.env_id!r} raised {type(error).__name__}: {error}") from error

    def request(self, actor: Actor, preprocess: Preprocess, n: int) -> None:
        """Ask for SAMPLE(theta, n); n must be a multiple of E. The work is done in `collect`.

        Sampling and fitting the critic both keep all cores or the whole device busy; side by side they gain nothing.
        """
        self.asked = (actor, preprocess, n // self.runner.size)

    def collect(self) -> list[Rollout]:
        """The rollouts that were asked for, in the environments' order."""
        actor, preprocess, n = self.asked
        try:
            return rollouts(self.runner, actor, preprocess, n, self.reward_sign)
        except (InputError, FaultError):
            raise
        except ANYTHING as error:
            raise FaultError(
                f"environment {self.runner.spec.env_id!r} raised {type(error).__name__}: {error}"
            ) from error

    def states(self) -> list[tuple[str, NDArray[Any]]]:
        """What `restore` needs, one entry per environment."""
        return self.runner.states()

    def restore(self, states: Sequence[tuple[str, NDArray[Any]]]) -> list[bool]:
        """Continue from saved states by replaying the running episodes; see EpisodeRunner.restore for what it says."""
        return self.runner.restore(states)

    def close(self) -> None:
        """End the environments."""
        self.runner.envs.close()
