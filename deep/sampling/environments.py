"""What the learner needs to know of an environment: its spaces, how to make it, how its actions are made.

Observations   Box of any shape and type, Discrete, MultiDiscrete, MultiBinary, and Dict and Tuple of them, flattened as
               gymnasium.spaces.flatten does (one-hot where discrete).  A Box of uint8 images stays as it is.
Actions        Box of any shape, type and bounds; Discrete, MultiDiscrete, MultiBinary.
Masks          info["action_mask"] of `reset` and `step`, for all but Box.  The policy gives the actions where it is 0
               no probability.  It is handed on as the last numbers of an observation.
"""

import re
import sys
from dataclasses import dataclass, replace
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from deep.config import Config
from deep.sampling.atari import AtariGame
from deep.sampling.making import ANYTHING, Env, Maker, Wrapper
from exact.common.errors import InputError

UNBOUNDED = 1e30
"""Bounds of this size are none: older environments write the largest float for infinity."""
WIDE_FROM = 1000.0
"""float32 keeps four decimals of a number of this size. See EnvSpec.wide."""
RESET = "gymnasium's reset(seed=..., options=...) returns (observation, info)"
FLATTENED = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)


@dataclass(frozen=True)
class EnvSpec:
    """An environment and its spaces.

    It is made once (`inspect`) and handed to everything that makes or uses such an environment.
    """

    env_id: str
    """Its name in messages and config.json: the id with its version, or the name of what makes it."""
    maker: Maker
    """Makes one. Everything that plays this environment makes it by this."""
    observation_space: gym.Space[Any]
    action_space: gym.Space[Any]
    observation_shape: tuple[int, ...]
    """Of what the networks get: (numbers,), or three numbers for images."""
    heads: tuple[int, ...]
    """Sizes of the categorical distributions whose product the policy is; empty for a Box action."""
    mask: int = 0
    """How many of the last numbers of an observation are the action mask."""
    wide: bool = False
    """Whether observations are too large for float32 to keep their digits; they are float64 until normalised."""

    @property
    def pixels(self) -> bool:
        """Whether observations are images."""
        return len(self.observation_shape) == 3

    @property
    def discrete(self) -> bool:
        """Whether the policy is categorical."""
        return bool(self.heads)

    @property
    def actions(self) -> int:
        """Number of action dimensions, or of logits."""
        return sum(self.heads) if self.heads else int(np.prod(self.action_space.shape or ()))

    @property
    def action_shape(self) -> tuple[int, ...]:
        """Of one action in the policy's coordinates: () for Discrete."""
        if isinstance(self.action_space, spaces.Discrete):
            return ()
        return (len(self.heads),) if self.heads else (self.actions,)

    @property
    def action_type(self) -> type[np.generic]:
        """Of an action in the policy's coordinates."""
        return np.int64 if self.heads else np.float32

    @property
    def kept(self) -> type[np.generic]:
        """Type in which observations are kept until they are normalised."""
        return np.uint8 if self.pixels else np.float64 if self.wide else np.float32


class ActionMap:
    """Maps a policy's action to the environment's.

    Box: a dimension with two bounds is clipped to [-1, 1] and scaled to its bounds, so that one initial standard
    deviation means the same in every task. One with a single bound is clipped there; one with none is passed on.
    Integers are rounded. Discrete, MultiDiscrete, MultiBinary: shifted to the space's first action.
    """

    def __init__(self, spec: EnvSpec):
        space: Any = spec.action_space
        self.discrete, self.shape, self.type = spec.discrete, space.shape, space.dtype
        self.single = isinstance(space, spaces.Discrete)
        self.start = getattr(space, "start", 0)
        if isinstance(space, spaces.Box):
            self._measure(space)

    def _measure(self, space: spaces.Box) -> None:
        below = space.bounded_below.ravel() & (space.low.ravel() > -UNBOUNDED)
        above = space.bounded_above.ravel() & (space.high.ravel() < UNBOUNDED)
        low, high, both = space.low.ravel(), space.high.ravel(), below & above
        left, right = np.where(both, low, -1) / 2, np.where(both, high, 1) / 2
        self.half, self.middle = (right - left).astype(np.float32), (right + left).astype(np.float32)
        self.least = np.where(both, -1, np.where(below, low, -np.inf)).astype(np.float32)
        self.most = np.where(both, 1, np.where(above, high, np.inf)).astype(np.float32)
        self.scaled = bool((self.half != 1).any() or self.middle.any())
        self.low, self.high = low, high
        ends = (self.middle + self.half * end for end in (self.least, self.most))
        exact = all(space.contains(np.nan_to_num(x, posinf=0, neginf=0).reshape(space.shape)) for x in ends)
        self.integer = np.issubdtype(space.dtype, np.integer)
        self.plain = exact and len(space.shape) == 1 and space.dtype == np.float32
        """Whether scaling alone gives an action of the space; else it is cast and clipped."""
        self.symmetric = self.plain and bool((self.least == -self.most).all())
        """Whether the action is middle + half * clip(x, -most, most)."""

    def __call__(self, action: NDArray[Any]) -> NDArray[Any] | int:
        """The action to hand to env.step."""
        if self.discrete:
            if self.single:
                return int(action) + int(self.start)
            shifted: NDArray[Any] = np.reshape(action, self.shape) + self.start
            return shifted.astype(self.type)
        x: NDArray[Any] = np.minimum(action, self.most)
        np.maximum(x, self.least, out=x)
        if self.scaled:  # most bounds are [-1, 1], and this is done at every step
            x *= self.half
            x += self.middle
        return x if self.plain else self._fitted(x)

    def _fitted(self, x: NDArray[Any]) -> NDArray[Any]:
        """An action in the space's own type and shape, within its bounds."""
        within: NDArray[Any] = np.clip(np.rint(x) if self.integer else x, self.low, self.high)
        return within.astype(self.type).reshape(self.shape)


def spec_of(env: gym.Env, maker: Maker) -> EnvSpec:
    """Check the spaces and describe them; `inspect` adds what only a reset shows.

    Raises:
        InputError: a space is of no use here; the message names a wrapper that helps.
    """
    observation, action, name = env.observation_space, env.action_space, full_name(env, maker)
    pixels = isinstance(observation, spaces.Box) and len(observation.shape) == 3 and observation.dtype == np.uint8
    shape = observation.shape if pixels else (_width(observation),)
    if shape is None or shape == (0,):
        raise InputError(
            f"environment {name!r}: observation space {observation} is not supported; expected a Box, Discrete, "
            "MultiDiscrete, MultiBinary, or a Dict or Tuple of these. gymnasium.wrappers.TransformObservation makes one"
        )
    heads = _heads(action)
    box = isinstance(action, spaces.Box) and int(np.prod(action.shape)) > 0
    if not (heads or box):
        raise InputError(
            f"environment {name!r}: action space {action} is not supported; expected a Box, Discrete, MultiDiscrete or "
            "MultiBinary. gymnasium.wrappers.TransformAction makes one"
        )
    if pixels and not heads:
        raise InputError(
            f"environment {name!r}: action space {action} is not supported with images. Discrete actions are, see "
            "gymnasium.wrappers.DiscretizeAction; so are flat observations, see gymnasium.wrappers.FlattenObservation"
        )
    return EnvSpec(name, maker, observation, action, shape, heads)


def _width(space: gym.Space[Any]) -> int:
    """Numbers of a flattened observation; 0 if the space cannot be flattened."""
    if isinstance(space, spaces.Dict | spaces.Tuple):
        parts = [_width(part) for part in (space.spaces.values() if isinstance(space, spaces.Dict) else space.spaces)]
        return sum(parts) if all(parts) else 0
    numeric = not isinstance(space, spaces.Box) or np.dtype(space.dtype).kind in "fiub"
    return int(spaces.flatdim(space)) if isinstance(space, FLATTENED) and numeric else 0


def _heads(space: gym.Space[Any]) -> tuple[int, ...]:
    """See EnvSpec.heads."""
    if isinstance(space, spaces.Discrete):
        return (int(space.n),)
    if isinstance(space, spaces.MultiDiscrete):
        return tuple(int(n) for n in space.nvec.ravel())
    if isinstance(space, spaces.MultiBinary):
        return (2,) * int(np.prod(space.shape))
    return ()


def full_name(env: gym.Env, maker: Maker) -> str:
    """The maker's name, with the version of an id that was given without one: gymnasium takes the newest."""
    module, colon, name = maker.name.rpartition(":")
    made = f"{name}-v5" if isinstance(env, AtariGame) else "" if env.spec is None else env.spec.id
    if made not in gym.registry or name in gym.registry:
        return maker.name
    return f"{module}{colon}{made}" if re.fullmatch(rf"{re.escape(name)}-v\d+", made) else maker.name


def inspect(env: Env, env_kwargs: dict[str, Any] | None = None, wrapper: Wrapper | None = None) -> EnvSpec:
    """What an environment is like. It is made, reset and closed again for it.

    Args:
        env: gymnasium id, `module:Env-v0`, `module:name` of a callable, or a callable that makes an environment.
        env_kwargs: its keyword arguments, JSON values.
        wrapper: takes the environment and returns another, a callable or its `module:name`.

    Raises:
        InputError: it cannot be made or reset here, or is not supported.
    """
    maker = Maker(env, env_kwargs or {}, wrapper)
    made = maker()
    try:
        spec = spec_of(made, maker)
        return _reset(made, spec)
    finally:
        close(made, maker.name)


def close(env: gym.Env, name: str) -> None:
    """Close an environment. What it raises then is a note: everything that was asked of it is done."""
    try:
        env.close()
    except ANYTHING as error:
        print(f"note: environment {name!r} raised {type(error).__name__} in close(): {error}", file=sys.stderr)


def _reset(env: gym.Env, spec: EnvSpec) -> EnvSpec:
    """The description with what a reset shows. What else it shows is checked where the environment is used."""
    try:
        result: Any = env.reset(seed=0)
    except ANYTHING as error:
        raise InputError(
            f"environment {spec.env_id!r}: reset(seed=0) raised {type(error).__name__}: {error}; {RESET}"
        ) from None
    if not (isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], dict)):
        raise InputError(f"environment {spec.env_id!r}: reset returned {type(result).__name__}; {RESET}")
    masked = bool(spec.heads) and result[1].get("action_mask") is not None
    if masked and spec.pixels:
        raise InputError(
            f"environment {spec.env_id!r}: action masks are not supported with images; "
            "gymnasium.wrappers.FlattenObservation makes them flat"
        )
    if spec.pixels:
        return spec
    mask = sum(spec.heads) if masked else 0
    return replace(spec, mask=mask, observation_shape=(spec.observation_shape[0] + mask,), wide=_wide(result[0]))


def _wide(seen: Any) -> bool:
    """See EnvSpec.wide."""
    if isinstance(seen, dict | tuple | list):
        return any(_wide(part) for part in (seen.values() if isinstance(seen, dict) else seen))
    array = np.asarray(seen)
    exact = array.itemsize >= {"f": 8, "i": 4, "u": 4}.get(array.dtype.kind, np.inf)
    return bool(exact and array.size and (np.abs(array.astype(np.float64)) >= WIDE_FROM).any())


def inspected(config: Config) -> EnvSpec:
    """What `inspect` says of a run's environment. Raises InputError as it does."""
    return inspect(config.env, config.env_kwargs, config.wrapper)
