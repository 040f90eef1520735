"""A policy with fixed parameters and its normaliser: it acts, and it plays whole episodes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from deep.model.actors import Actor
from deep.sampling.adapter import Adapter
from deep.sampling.environments import ActionMap, EnvSpec
from deep.sampling.normalise import Preprocess
from deep.sampling.observations import UnfitError, View, batch_of
from exact.common.errors import InputError

MAX_STEPS = 100_000
"""An episode that is evaluated is cut off here: some environments never end one."""


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

    def act(
        self, observation: Any, rng: np.random.Generator | None = None, action_mask: Any = None
    ) -> NDArray[Any] | int:
        """The action to hand to env.step.

        Args:
            observation: as the environment gives it.
            rng: samples the action; without it the most probable action is taken.
            action_mask: what the environment says in info["action_mask"], if it does.

        Raises:
            InputError: the observation does not fit the environment's space.
        """
        try:
            seen = self.view(observation, {"action_mask": action_mask})
        except UnfitError as error:
            raise InputError(f"environment {self.spec.env_id!r}: {error}") from None
        return self.to_env(self.choose(seen, rng))

    def choose(self, seen: NDArray[Any], rng: np.random.Generator | None = None) -> NDArray[Any]:
        """The action in the policy's coordinates, for an observation as `View` and `Adapter` give it."""
        x = self.normalise(seen)
        return self.actor.mode(x) if rng is None else self.actor.act(x, self.actor.draw_noise(rng, 1)[0])

    def predict(
        self,
        observation: Any,
        state: tuple[NDArray[Any], ...] | None = None,
        episode_start: NDArray[Any] | None = None,
        deterministic: bool = False,
        action_masks: Any = None,
    ) -> tuple[NDArray[Any], tuple[NDArray[Any], ...] | None]:
        """The action for an observation, with the arguments and the result that stable-baselines3 has.

        Args:
            observation: as the environment gives it; or a batch of n of them, each array of shape (n, ...).
            state: of a recurrent policy. There is none here; it is handed back as it came.
            episode_start: for recurrent policies; without effect here.
            deterministic: take the most probable action; else sample it, as in training, with the agent's own `rng`.
            action_masks: info["action_mask"] of the environment, if it has one; for a batch one for each.

        Returns:
            The action to hand to env.step, or an array of n actions; and `state`.

        Raises:
            InputError: the observation does not fit the environment's space.
        """
        rng = None if deterministic else self.rng
        try:
            several = batch_of(self.spec.observation_space, observation)
        except UnfitError as error:
            raise InputError(f"predict: {error}") from None
        if several is None:
            return np.asarray(self.act(observation, rng, action_masks)), state
        masks = [None] * len(several) if action_masks is None else action_masks
        actions = [self.act(one, rng, mask) for one, mask in zip(several, masks, strict=True)]
        shape = self.spec.action_space.shape or ()
        return np.stack(actions) if actions else np.zeros((0, *shape), self.spec.action_space.dtype), state

    @cached_property
    def to_env(self) -> ActionMap:
        """From the policy's actions to the environment's."""
        return ActionMap(self.spec)

    @cached_property
    def view(self) -> View:
        """From the environment's observations to the learner's."""
        return View(self.spec)

    def make_env(self, render_mode: str | None = None) -> gym.Env:
        """An environment like the one it was trained in."""
        return self.spec.maker(render_mode, self.sticky)

    def evaluate(
        self,
        episodes: int = 100,
        seed: int = 0,
        stochastic: bool = False,
        max_steps: int = MAX_STEPS,
        tell: Callable[[int], None] = lambda _: None,
    ) -> list[tuple[float, int]]:
        """Play whole episodes.

        Args:
            episodes: their number, >= 1.
            seed: of the environment and the actions; the same seed gives the same episodes.
            stochastic: whether to sample actions, as in training, or to take the most probable ones.
            max_steps: an episode that has not ended by then is cut off.
            tell: called before each episode with the number of those that are over.

        Returns:
            (undiscounted return, length) of each episode.

        Raises:
            InputError: the environment cannot be made.
            FaultError: it failed.
        """
        env, seeds = Adapter(self.spec, self.sticky), np.random.SeedSequence(seed).spawn(episodes)
        try:
            found = []
            for done, one in enumerate(seeds):
                tell(done)
                found.append(run_episode(env, self, one, stochastic, max_steps=max_steps))
            return found
        finally:
            env.close()


def run_episode(
    env: Adapter,
    player: Player,
    seed: np.random.SeedSequence,
    stochastic: bool,
    frames: list[NDArray[Any]] | None = None,
    max_steps: int = MAX_STEPS,
) -> tuple[float, int]:
    """(undiscounted return, length) of one episode; its rendered frames are added to `frames`.

    It is cut off after `max_steps` steps.
    """
    reset, noise = seed.spawn(2)
    rng = np.random.default_rng(noise) if stochastic else None
    observation = env.reset(int(reset.generate_state(1)[0]))
    total, length, over = 0.0, 0, False
    while not over and length < max_steps:
        if frames is not None:
            frames.append(env.render())
        observation, reward, terminated, truncated = env.step(player.choose(observation, rng))
        total, length, over = total + reward, length + 1, terminated or truncated
    return total, length
