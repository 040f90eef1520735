"""What the learner needs to know of an environment: its spaces, and how to make it."""

import re
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from deep.config import Config
from deep.sampling.making import Env, Maker, Wrapper
from exact.common.errors import InputError


@dataclass(frozen=True)
class EnvSpec:
    """An environment and its spaces: flat Box observations or images, a Box or a Discrete action space.

    It is made once (`inspect`) and handed to everything that makes or uses such an environment.
    """

    env_id: str
    """Its name in messages and config.json: the id with its version, or the name of what makes it."""
    maker: Maker
    """Makes one. Everything that plays this environment makes it by this."""
    observation_shape: tuple[int, ...]
    """(inputs,), or three numbers for images."""
    discrete: bool
    actions: int
    """Number of action dimensions (Box) or of actions (Discrete)."""
    low: NDArray[np.float32]
    """Lower bounds of a Box action, shape (actions,); empty for Discrete."""
    high: NDArray[np.float32]
    start: int = 0
    """First action of a Discrete space."""

    @property
    def pixels(self) -> bool:
        """Whether observations are images."""
        return len(self.observation_shape) == 3


class ActionMap:
    """Maps a policy's action to the environment's.

    A bounded dimension is clipped to [-1, 1] and scaled to its bounds, so that one initial standard deviation means the
    same in every task; an unbounded one is passed on. A discrete action is shifted to the space's first action.
    """

    def __init__(self, spec: EnvSpec):
        bounded = np.isfinite(spec.low) & np.isfinite(spec.high)
        self.discrete, self.start = spec.discrete, spec.start
        self.limit = np.where(bounded, 1.0, np.inf).astype(np.float32)
        self.half = np.where(bounded, (spec.high - spec.low) / 2, 1.0).astype(np.float32)
        self.middle = np.where(bounded, (spec.high + spec.low) / 2, 0.0).astype(np.float32)
        self.scaled = bool((self.half != 1).any() or self.middle.any())

    def __call__(self, action: NDArray[Any]) -> NDArray[Any] | int:
        """The action to hand to env.step."""
        if self.discrete:
            return int(action) + self.start
        x: NDArray[Any] = np.minimum(action, self.limit)
        np.maximum(x, -self.limit, out=x)
        if self.scaled:  # most bounds are [-1, 1], and this is done at every step
            x *= self.half
            x += self.middle
        return x


def spec_of(env: gym.Env, maker: Maker) -> EnvSpec:
    """Check the spaces and describe them.

    Raises:
        InputError: the observation is neither a flat Box nor uint8 images, or the action is neither a flat Box nor
            Discrete (for images: not Discrete).
    """
    observation, action, env_id = env.observation_space, env.action_space, full_name(env, maker)
    shape = observation.shape if isinstance(observation, spaces.Box) else ()
    pixels = len(shape) == 3 and observation.dtype == np.uint8
    if not (pixels or (len(shape) == 1 and shape[0] > 0)):
        raise InputError(
            f"environment {env_id!r}: observation space {observation} is not supported; expected a flat Box, or a Box "
            "of uint8 images of shape (channels, height, width) or (height, width, channels)"
        )
    if isinstance(action, spaces.Discrete):
        empty = np.zeros(0, np.float32)
        return EnvSpec(env_id, maker, shape, True, int(action.n), empty, empty, int(action.start))
    if pixels:
        raise InputError(f"environment {env_id!r}: action space {action} is not supported with images; use Discrete")
    if isinstance(action, spaces.Box) and len(action.shape) == 1 and action.shape[0] > 0:
        low, high = (np.asarray(b, np.float32) for b in (action.low, action.high))
        return EnvSpec(env_id, maker, shape, False, action.shape[0], low, high)
    raise InputError(f"environment {env_id!r}: action space {action} is not supported; expected a flat Box or Discrete")


def full_name(env: gym.Env, maker: Maker) -> str:
    """The maker's name, with the version of an id that was given without one: gymnasium takes the newest."""
    made = "" if env.spec is None else env.spec.id
    module, colon, name = maker.name.rpartition(":")
    return f"{module}{colon}{made}" if re.fullmatch(rf"{re.escape(name)}-v\d+", made) else maker.name


def inspect(env: Env, env_kwargs: dict[str, Any] | None = None, wrapper: Wrapper | None = None) -> EnvSpec:
    """The spaces of an environment, which is made and closed again for it.

    Args:
        env: gymnasium id, `module:Env-v0`, `module:name` of a callable, or a callable that makes an environment.
        env_kwargs: its keyword arguments, JSON values.
        wrapper: takes the environment and returns another, a callable or its `module:name`.

    Raises:
        InputError: it cannot be made here, or is not supported.
    """
    maker = Maker(env, env_kwargs or {}, wrapper)
    made = maker()
    try:
        return spec_of(made, maker)
    finally:
        made.close()


def inspected(config: Config) -> EnvSpec:
    """What `inspect` says of a run's environment. Raises InputError as it does."""
    return inspect(config.env, config.env_kwargs, config.wrapper)
