"""SAMPLE(theta, N), STRO, Algorithm 4.1, in one environment: rollouts, and episodes that can be restored.

Every episode is started with `reset(seed=...)`, the seed a function of the environment's seed and the episode's number.
A running episode is therefore restored exactly by replaying its actions, for every environment that honours gymnasium's
seeding contract. (Restoring a simulator's state is not exact: warm-started solvers keep more than positions.)  Whether
it was is seen from a digest.
"""

import hashlib
import json
from collections.abc import MutableSequence, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deep.model.actors import Actor
from deep.sampling.adapter import Adapter
from deep.sampling.environments import EnvSpec
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


REPLAY_LIMIT = 100_000
"""Most actions that are kept of the running episode. A longer episode is not replayed on resume; a new one begins."""


def digest(observation: NDArray[Any], total: float) -> str:
    """What tells two episodes apart: of the last observation and the return so far."""
    return hashlib.sha256(observation.tobytes() + repr(total).encode()).hexdigest()


@dataclass
class EpisodeRunner:
    """One environment and its running episode."""

    spec: EnvSpec
    seed: int
    discount: float
    """gamma, for `Rollout.discounted`."""
    fresh: bool = False
    """Whether every rollout begins with a new episode."""
    progress: MutableSequence[int] = field(default_factory=lambda: [0, 0, 0])
    """Where this worker is, for its learner; see `deep.sampling.patience`."""
    rng: np.random.Generator = field(init=False)
    episode: int = -1
    steps: int = 0
    """Steps of this worker since the beginning of the run."""
    taken: list[NDArray[Any]] = field(default_factory=list)
    """Actions of the running episode, in the policy's coordinates; at most REPLAY_LIMIT."""

    def __post_init__(self) -> None:
        self.env = Adapter(self.spec)
        noise, self.seeds = np.random.SeedSequence(self.seed).spawn(2)
        self.rng = np.random.default_rng(noise)
        self.start_episode()

    def start_episode(self) -> None:
        """Reset to the next episode."""
        self.episode += 1
        self._reset()

    def _reset(self) -> None:
        self.progress[:] = [self.steps, self.episode + 1, self.steps]
        self.observation = self.env.reset(episode_seed(self.seeds, self.episode), self.episode + 1)
        self.taken, self.length, self.total, self.discounted = [], 0, 0.0, 0.0
        self.weight, self.value = 1.0, 0.0  # gamma^t, and the discounted return so far

    def step(self, action: NDArray[Any]) -> tuple[float, bool, bool]:
        """One environment step; returns reward, terminated, truncated.

        Raises:
            FaultError: the environment failed, see `Adapter.step`.
        """
        self.progress[0] = self.steps + 1
        self.observation, reward, terminated, truncated = self.env.step(action)
        if self.length < REPLAY_LIMIT:
            self.taken.append(action)
        self.length += 1
        self.steps += 1
        self.total += reward
        self.discounted = self.discount * self.discounted + reward
        self.value += self.weight * reward
        self.weight *= self.discount
        return reward, terminated, truncated

    def state(self) -> tuple[str, NDArray[Any]]:
        """(JSON of the random generator, counters and digest; actions of the running episode)."""
        saved = {
            "rng": self.rng.bit_generator.state,
            "episode": self.episode,
            "steps": self.steps,
            "length": self.length,
            "digest": digest(self.observation, self.total),
        }
        actions = np.asarray(self.taken, self.spec.action_type).reshape(len(self.taken), *self.spec.action_shape)
        return json.dumps(saved), actions

    def restore(self, state: tuple[str, NDArray[Any]]) -> bool:
        """Replay the running episode of a saved state.

        Returns:
            Whether the replay arrived where the episode was. If not, the next episode has begun: the episode was too
            long to be kept, or `reset(seed=...)` does not determine it.
        """
        saved = json.loads(state[0])
        self.rng.bit_generator.state = saved["rng"]
        self.episode = saved["episode"]
        exact = saved.get("length", len(state[1])) == len(state[1])
        exact = exact and (self._replay(saved, state[1]) or self._replay_afresh(saved, state[1]))
        if not exact:
            self.start_episode()
        self.steps = saved["steps"]
        return exact

    def _replay(self, saved: dict[str, Any], actions: NDArray[Any]) -> bool:
        """Replay an episode; returns whether it is the saved one."""
        try:
            self._reset()
            over = any(any(self.step(action)[1:]) for action in actions)
        except FaultError:  # where another episode got to
            return False
        wanted = saved.get("digest")  # runs of older versions have none
        return not over and wanted in (None, digest(self.observation, self.total))

    def _replay_afresh(self, saved: dict[str, Any], actions: NDArray[Any]) -> bool:
        """The same in a new environment: the one there was reset before, and may remember it."""
        self.env.close()
        self.env = Adapter(self.spec)
        return self._replay(saved, actions)

    def close(self) -> None:
        """Close the environment."""
        self.env.close()


def rollout(runner: EpisodeRunner, actor: Actor, normalise: Preprocess, n: int) -> Rollout:
    """n steps with a fixed policy. The running episode is carried over from the last call, unless `runner.fresh`.

    Raises:
        FaultError: the environment failed, see `Adapter.step`.
    """
    spec = runner.spec
    observations, successors = np.empty((n, *spec.observation_shape), spec.kept), []
    actions = np.empty((n, *spec.action_shape), spec.action_type)
    rewards, discounted, terminations = np.empty(n), np.empty(n), np.zeros(n, np.bool_)
    ends, episodes, values = [], [], []
    if runner.fresh and runner.length:
        runner.start_episode()
    noise = actor.draw_noise(runner.rng, n)
    for t in range(n):
        observations[t] = runner.observation
        action = actor.act(normalise(runner.observation), noise[t])
        actions[t] = action
        rewards[t], terminations[t], truncated = runner.step(action)
        discounted[t] = runner.discounted
        over = terminations[t] or truncated
        if over or t == n - 1:
            ends.append(t)
            successors.append(runner.observation)
        if over:
            episodes.append((t, runner.total, runner.length))
            values.append(runner.value)
            runner.start_episode()
    cuts, reached = np.asarray(ends), np.asarray(successors)
    return Rollout(observations, actions, rewards, terminations, cuts, reached, discounted, episodes, values)
