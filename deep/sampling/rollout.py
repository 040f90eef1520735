"""SAMPLE(theta, N), STRO, Algorithm 4.1, in one environment: rollouts, and episodes that can be restored.

Every episode is started with `reset(seed=...)`, the seed a function of the environment's seed and the episode's number.
A running episode is therefore restored exactly by replaying its actions, for every environment that honours gymnasium's
seeding contract. (Restoring a simulator's state is not exact: warm-started solvers keep more than positions.)
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deep.model.actors import Actor
from deep.sampling.environments import ActionMap, EnvSpec
from deep.sampling.normalise import Preprocess
from exact.common.errors import FaultError


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
    discounted_returns: Sequence[float] = ()
    """sum_t gamma^t r_t of each of them. Empty where the sampler does not count them."""


def ended_episodes(rollouts: Sequence[Rollout]) -> list[tuple[int, float, int]]:
    """`Rollout.episodes` of all environments, in the order of their ends."""
    ended = sorted((t, e, total, length) for e, r in enumerate(rollouts) for t, total, length in r.episodes)
    return [(t, total, length) for t, _, total, length in ended]


def ended_returns(rollouts: Sequence[Rollout], discounted: bool) -> list[float]:
    """The returns R_i of (4.1), discounted or not, of the episodes that ended, in the order of their ends."""
    if not discounted:
        return [total for _, total, _ in ended_episodes(rollouts)]
    ended = sorted(
        (t, e, value)
        for e, r in enumerate(rollouts)
        for (t, _, _), value in zip(r.episodes, r.discounted_returns, strict=True)
    )
    return [value for *_, value in ended]


def episode_seed(seeds: np.random.SeedSequence, episode: int) -> int:
    """Seed in [0, 2^32) of an environment's episode with this number."""
    sequence = np.random.SeedSequence(seeds.entropy, spawn_key=(*seeds.spawn_key, episode))
    return int(sequence.generate_state(1)[0])


@dataclass
class EpisodeRunner:
    """One environment and its running episode."""

    spec: EnvSpec
    seed: int
    discount: float
    """gamma, for `Rollout.discounted`."""
    fresh: bool = False
    """Whether every rollout begins with a new episode."""
    rng: np.random.Generator = field(init=False)
    episode: int = -1
    steps: int = 0
    """Steps of this worker since the beginning of the run."""
    taken: list[NDArray[Any]] = field(default_factory=list)
    """Actions of the running episode, in the policy's coordinates."""

    def __post_init__(self) -> None:
        self.env = self.spec.maker()
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
        self.weight, self.value = 1.0, 0.0  # gamma^t, and the discounted return so far

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
            raise FaultError(f"environment {self.spec.env_id!r}: the {what} at step {self.steps} of the worker")
        self.total += reward
        self.discounted = self.discount * self.discounted + reward
        self.value += self.weight * reward
        self.weight *= self.discount
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
    """n steps with a fixed policy. The running episode is carried over from the last call, unless `runner.fresh`.

    Raises:
        FaultError: the environment returned a reward or an observation that is not finite.
    """
    spec, dtype = runner.spec, runner.env.observation_space.dtype
    kept = np.float32 if np.issubdtype(dtype, np.floating) else dtype
    observations, successors = np.empty((n, *spec.observation_shape), kept), []
    actions = np.empty(n, np.int64) if spec.discrete else np.empty((n, spec.actions), np.float32)
    rewards, discounted, terminations = np.empty(n), np.empty(n), np.zeros(n, np.bool_)
    ends, episodes, values = [], [], []
    if runner.fresh and runner.taken:
        runner.start_episode()
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
            values.append(runner.value)
            runner.start_episode()
    cuts, reached = np.asarray(ends), np.asarray(successors)
    return Rollout(observations, actions, rewards, terminations, cuts, reached, discounted, episodes, values)
