"""A policy with fixed parameters and its normaliser: it acts, and it plays whole episodes."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import ArrayLike, NDArray

from deep.model.actors import Actor
from deep.sampling.environments import ActionMap, EnvSpec
from deep.sampling.normalise import Preprocess
from exact.common.errors import FaultError, InputError


@dataclass(frozen=True)
class Player:
    """A policy with its normaliser, for one kind of environment."""

    spec: EnvSpec
    """The environment it was trained in."""
    sticky: float
    """Probability of a sticky action in Atari games."""
    actor: Actor
    normalise: Preprocess
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0), kw_only=True)
    """Draws the actions that `predict` samples."""

    def act(self, observation: NDArray[Any], rng: np.random.Generator | None = None) -> NDArray[Any] | int:
        """The action to hand to env.step.

        Args:
            observation: as the environment gives it, shape spec.observation_shape.
            rng: samples the action; without it the most probable action is taken.
        """
        seen = self.normalise(np.asarray(observation) if self.spec.pixels else np.asarray(observation, np.float32))
        action = self.actor.mode(seen) if rng is None else self.actor.act(seen, self.actor.draw_noise(rng, 1)[0])
        return self.to_env(action)

    def predict(
        self,
        observation: ArrayLike,
        state: tuple[NDArray[Any], ...] | None = None,
        episode_start: NDArray[Any] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], tuple[NDArray[Any], ...] | None]:
        """The action for an observation, with the arguments and the result that stable-baselines3 has.

        Args:
            observation: as the environment gives it, shape spec.observation_shape; or a batch of n of them.
            state: of a recurrent policy. There is none here; it is handed back as it came.
            episode_start: for recurrent policies; without effect here.
            deterministic: take the most probable action; else sample it, as in training, with the agent's own `rng`.

        Returns:
            The action to hand to env.step, or an array of n actions; and `state`.

        Raises:
            InputError: the observation has another shape.
        """
        seen, shape = np.asarray(observation), self.spec.observation_shape
        if seen.shape != shape and seen.shape[1:] != shape:
            raise InputError(
                f"predict: expected an observation of shape {shape}, or a batch of shape (n, "
                f"{', '.join(map(str, shape))}), got shape {seen.shape}"
            )
        rng = None if deterministic else self.rng
        if seen.shape == shape:
            return np.asarray(self.act(seen, rng)), state
        actions = [self.act(one, rng) for one in seen]
        return np.stack(actions) if actions else np.zeros((0, *self._action_shape)), state

    @property
    def _action_shape(self) -> tuple[int, ...]:
        return () if self.spec.discrete else (self.spec.actions,)

    @cached_property
    def to_env(self) -> ActionMap:
        """From the policy's actions to the environment's."""
        return ActionMap(self.spec)

    def make_env(self, render_mode: str | None = None) -> gym.Env:
        """An environment like the one it was trained in."""
        return self.spec.maker(render_mode, self.sticky)

    def evaluate(self, episodes: int = 100, seed: int = 0, stochastic: bool = False) -> list[tuple[float, int]]:
        """Play whole episodes.

        Args:
            episodes: their number, >= 1.
            seed: of the environment and the actions; the same seed gives the same episodes.
            stochastic: whether to sample actions, as in training, or to take the most probable ones.

        Returns:
            (undiscounted return, length) of each episode.

        Raises:
            InputError: the environment cannot be made.
            FaultError: it failed.
        """
        env = self.make_env()
        try:
            return [run_episode(env, self, one, stochastic) for one in np.random.SeedSequence(seed).spawn(episodes)]
        except (InputError, FaultError):
            raise
        except Exception as error:  # a user's environment may raise anything
            raise FaultError(f"environment {self.spec.env_id!r} raised {type(error).__name__}: {error}") from error
        finally:
            env.close()


def run_episode(
    env: gym.Env,
    player: Player,
    seed: np.random.SeedSequence,
    stochastic: bool,
    frames: list[NDArray[Any]] | None = None,
) -> tuple[float, int]:
    """(undiscounted return, length) of one episode; its rendered frames are added to `frames`."""
    reset, noise = seed.spawn(2)
    rng = np.random.default_rng(noise) if stochastic else None
    observation, _ = env.reset(seed=int(reset.generate_state(1)[0]))
    total, length, over = 0.0, 0, False
    while not over:
        if frames is not None:
            frames.append(np.asarray(env.render()))
        observation, reward, terminated, truncated, _ = env.step(player.act(observation, rng))
        total, length, over = total + float(reward), length + 1, terminated or truncated
    return total, length
