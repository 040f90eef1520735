"""What can be found out about an environment before a policy is trained in it."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from deep.sampling.adapter import Adapter
from deep.sampling.atari import AtariGame
from deep.sampling.environments import EnvSpec
from deep.sampling.rollout import digest
from exact.common.errors import FaultError

GLANCE_STEPS, GLANCE_SECONDS = 10, 1.0
"""How far `glance` plays an episode, and how long at most."""
SHARED_LENGTH = 50
"""Episodes that all terminate after the same number of steps, at least so many, look like a time limit."""
LARGE_REWARD = 1e4


@dataclass(frozen=True)
class Finding:
    """One line of the examination."""

    level: Literal["ok", "note", "fault"]
    """note: it works, but there is something to know. fault: it does not do what it should."""
    text: str


@dataclass
class Play:
    """What was seen while episodes were played."""

    states: list[str] = field(default_factory=list)
    """A digest of every observation and the return so far."""
    rewards: list[float] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    """Of the episodes that ended."""
    terminated: int = 0
    truncated: int = 0
    low: float = math.inf
    high: float = -math.inf
    """Smallest and largest number of an observation."""
    seconds: float = 0.0

    def reach(self, observation: NDArray[Any]) -> None:
        """Take note of the smallest and largest number of an observation."""
        self.low, self.high = min(self.low, float(observation.min())), max(self.high, float(observation.max()))


class Anyone:
    """Takes actions at random, the same for the same seed: each number of a Box within three standard deviations."""

    def __init__(self, spec: EnvSpec, seed: int):
        self.spec, self.rng = spec, np.random.default_rng(seed)

    def act(self, observation: NDArray[Any]) -> NDArray[Any]:
        """An action in the policy's coordinates; one that the mask allows."""
        if not self.spec.heads:
            return self.rng.standard_normal(self.spec.action_shape).astype(np.float32)
        scores = self.rng.random(self.spec.actions)
        if self.spec.mask:
            scores = np.where(observation[-self.spec.mask :] > 0, scores, -1.0)
        parts = np.split(scores, np.cumsum(self.spec.heads[:-1]))
        return np.array([part.argmax() for part in parts]).reshape(self.spec.action_shape)


def play(env: Adapter, seed: int, steps: int, seconds: float = math.inf, once: bool = False) -> Play:
    """Play episodes with random actions; the same seed gives the same actions.

    Args:
        env: the environment.
        seed: of the first episode, of the later ones (counted up) and of the actions.
        steps: in all.
        seconds: stop after so many.
        once: one episode only.
    """
    seen, player, began = Play(), Anyone(env.spec, seed), time.perf_counter()
    observation, total, length = env.reset(seed), 0.0, 0
    seen.reach(observation)
    for _ in range(steps):
        seen.states.append(digest(observation, total))
        observation, reward, terminated, truncated = env.step(player.act(observation))
        total, length = total + reward, length + 1
        seen.rewards.append(reward)
        seen.reach(observation)
        if terminated or truncated:
            seen.lengths.append(length)
            seen.terminated, seen.truncated = seen.terminated + terminated, seen.truncated + truncated
            if once:
                break
            observation, total, length = env.reset(seed + len(seen.lengths)), 0.0, 0
            seen.reach(observation)
        if time.perf_counter() - began > seconds:
            break
    seen.states.append(digest(observation, total))
    seen.seconds = time.perf_counter() - began
    return seen


NOT_SEEDED = (
    "reset(seed=...) does not determine an episode{}: runs cannot be repeated, and a resumed run begins new episodes; "
    "draw random numbers from self.np_random, which super().reset(seed=seed) seeds, and set everything anew in reset"
)


def glance(spec: EnvSpec) -> list[Finding]:
    """What a few steps show: faults, and whether `reset(seed=...)` determines an episode.

    Raises:
        FaultError: the environment failed, or returned what it should not.
    """
    env = Adapter(spec)
    try:
        if isinstance(env.env, AtariGame):  # known
            return []
        first, again = (play(env, 0, GLANCE_STEPS, GLANCE_SECONDS, once=True) for _ in range(2))
    finally:
        env.close()
    common = min(len(first.states), len(again.states))
    return [] if first.states[:common] == again.states[:common] else [Finding("note", NOT_SEEDED.format(""))]


def examine(spec: EnvSpec, steps: int, seed: int) -> Iterator[Finding]:
    """All findings, one after the other.

    Args:
        spec: the environment.
        steps: how many steps to play.
        seed: of the episodes and the actions.
    """
    yield from _spaces(spec)
    env = Adapter(spec)
    try:
        seen = play(env, seed, steps)
        yield Finding("ok", f"values: finite and as the space says in {len(seen.rewards):,} steps of random actions")
        yield from _seeding(spec, env, seed, steps)
        yield from _buffers(env, seed)
        yield from _values(spec, seen)
        yield from _rewards(seen)
        yield from _episodes(seen)
        yield _speed(seen)
    except FaultError as error:
        yield Finding("fault", str(error))
    finally:
        env.close()


def _spaces(spec: EnvSpec) -> Iterator[Finding]:
    """What the policy gets and gives."""
    kind = "images" if spec.pixels else "numbers"
    shape = "x".join(map(str, spec.observation_shape))
    mask = f", of them {spec.mask} for the action mask" if spec.mask else ""
    yield Finding("ok", f"observations: {_short(spec.observation_space)}, {shape} {kind}{mask}")
    law = f"categorical, {' x '.join(map(str, spec.heads))}" if spec.heads else f"Gaussian, {spec.actions} numbers"
    yield Finding("ok", f"actions: {_short(spec.action_space)}, the policy is {law}")
    space = spec.observation_space
    if not spec.pixels and isinstance(space, spaces.Box) and len(space.shape) == 3:
        yield Finding("note", "observations with three axes are flattened; images for a convolution have type uint8")
    if isinstance(spec.action_space, spaces.Box) and not spec.action_space.is_bounded():
        yield Finding(
            "note",
            "an action without two bounds is not scaled: the first policy has standard deviation 0.5 in its own units; "
            "give bounds, or rescale it (gymnasium.wrappers.RescaleAction)",
        )
    if spec.wide:
        yield Finding("note", "observations are large: they are kept in float64 until their mean is subtracted")


def _seeding(spec: EnvSpec, env: Adapter, seed: int, steps: int) -> Iterator[Finding]:
    """Whether the seed determines an episode: in the same environment after others were played, and in a new one."""
    first, again = play(env, seed, steps, once=True), play(env, seed, steps, once=True)
    fresh = Adapter(spec)
    try:
        new = play(fresh, seed, steps, once=True)
    finally:
        fresh.close()
    if first.states != again.states:
        at = next((t for t, pair in enumerate(zip(first.states, again.states, strict=False)) if len(set(pair)) > 1), 0)
        yield Finding("fault", NOT_SEEDED.format(f" (two with one seed differ from step {at} on)"))
    elif first.states != new.states:
        yield Finding("fault", NOT_SEEDED.format(", which depends on those played before"))
    else:
        yield Finding("ok", "seeding: reset(seed=...) determines an episode, also after others were played")
    if play(env, seed + 1, 1).states[0] == first.states[0]:
        yield Finding("note", "every episode begins with the same observation, whatever the seed")


def _buffers(env: Adapter, seed: int) -> Iterator[Finding]:
    """Whether the environment changes an array that it has returned."""
    before, _ = env.env.reset(seed=seed)
    action: Any = env.to_env(Anyone(env.spec, seed).act(env.observed(before, _)))
    after = env.env.step(action)[0]
    if isinstance(before, np.ndarray) and isinstance(after, np.ndarray) and np.shares_memory(before, after):
        yield Finding("note", "it returns the same array again and changes it: copied here, other libraries may not")


def _values(spec: EnvSpec, seen: Play) -> Iterator[Finding]:
    """Observations beside their space."""
    space = spec.observation_space
    if not isinstance(space, spaces.Box) or spec.mask:
        return
    if seen.low < space.low.min() - 1e-6 or seen.high > space.high.max() + 1e-6:
        yield Finding(
            "note",
            f"observations from {seen.low:.4g} to {seen.high:.4g} leave their space; they are used as they are",
        )


def _rewards(seen: Play) -> Iterator[Finding]:
    """The scale of the rewards."""
    low, high, mean = min(seen.rewards), max(seen.rewards), float(np.mean(seen.rewards))
    yield Finding("ok", f"rewards: {low:.4g} to {high:.4g}, mean {mean:.4g} with random actions")
    if low == high == 0:
        yield Finding(
            "note", "random actions earned nothing: a policy learns only from rewards that chance finds now and then"
        )
    if max(-low, high) > LARGE_REWARD:
        yield Finding("note", "rewards are large: they are normalised, but not with --no-normalize")


def _episodes(seen: Play) -> Iterator[Finding]:
    """Lengths and ends of the episodes."""
    lengths, n = seen.lengths, len(seen.rewards)
    if not lengths:
        yield Finding(
            "note",
            f"no episode ended in {n:,} steps: returns are those of whole episodes; if none ever ends, set a limit "
            "(gymnasium.wrappers.TimeLimit)",
        )
        return
    ends = f"{seen.terminated} terminated, {seen.truncated} truncated"
    yield Finding("ok", f"episodes: {len(lengths)} of {min(lengths)} to {max(lengths)} steps, {ends}")
    if len(lengths) > 1 and not seen.truncated and min(lengths) == max(lengths) >= SHARED_LENGTH:
        yield Finding(
            "note",
            f"all episodes terminate after {lengths[0]} steps: if that is a time limit, return it as truncated, else "
            "the values of the last steps are learned as if nothing came after them",
        )


def _speed(seen: Play) -> Finding:
    """Steps per second, and what a million of them take."""
    rate = len(seen.rewards) / max(seen.seconds, 1e-9)
    minutes = 1e6 / rate / 60
    return Finding(
        "ok",
        f"speed: {rate:,.0f} steps/s in one process; a million steps take {minutes:.1f} minutes of it, shared by "
        "--workers, and the learner's work beside it",
    )


def _short(space: gym.Space[Any]) -> str:
    """A space in a line that is not too long."""
    if isinstance(space, spaces.Box):
        return f"Box of shape {space.shape}, {space.dtype}"
    text = " ".join(str(space).split())
    return text if len(text) <= 100 else f"{text[:97]}..."
