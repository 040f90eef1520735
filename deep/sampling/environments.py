"""Making an environment from its gymnasium id, and the facts about it that the learner needs."""

import difflib
import warnings
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from deep.sampling.atari import AtariGame, game_of
from exact.common.errors import InputError


@dataclass(frozen=True)
class EnvSpec:
    """An environment and its spaces: flat Box observations or images, a Box or a Discrete action space.

    It is made once (`inspect`) and handed to everything that makes or uses such an environment.
    """

    env_id: str
    """Gymnasium id."""
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


def make_env(env_id: str, render_mode: str | None = None, sticky: float = 0.0) -> gym.Env:
    """gymnasium.make without its checker, which would cost time in every step; Atari games by deep.sampling.atari.

    Args:
        env_id: gymnasium id.
        render_mode: gymnasium's, None or "rgb_array".
        sticky: Atari only, the probability of a sticky action.

    Raises:
        InputError: the id is unknown or the environment cannot be made here.
    """
    if (game := game_of(env_id)) is not None:
        return AtariGame(game, sticky)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # v4 ids are the task here; gymnasium calls them out of date
            rendering: dict[str, Any] = {} if render_mode is None else {"render_mode": render_mode}
            return gym.make(env_id, disable_env_checker=True, **rendering)
    except gym.error.UnregisteredEnv:
        known = [name for name in gym.registry if not name.startswith(("phys2d", "tabular"))]
        close = difflib.get_close_matches(env_id, known, n=3, cutoff=0.6)
        hint = f"did you mean {' or '.join(close)}?" if close else "expected a registered id or module:Env-v0"
        raise InputError(f"unknown environment {env_id!r}; {hint}") from None
    except Exception as error:  # a user's package may raise anything while it is being imported or built
        reason = str(error).strip().splitlines()
        raise InputError(
            f"cannot make environment {env_id!r}: {type(error).__name__}: {reason[0] if reason else ''}"
        ) from None


def spec_of(env: gym.Env, env_id: str) -> EnvSpec:
    """Check the spaces and describe them.

    Raises:
        InputError: the observation is neither a flat Box nor uint8 images, or the action is neither a flat Box nor
            Discrete (for images: not Discrete).
    """
    observation, action = env.observation_space, env.action_space
    shape = observation.shape if isinstance(observation, spaces.Box) else ()
    pixels = len(shape) == 3 and observation.dtype == np.uint8
    if not (pixels or (len(shape) == 1 and shape[0] > 0)):
        raise InputError(
            f"environment {env_id!r}: observation space {observation} is not supported; expected a flat Box, or a Box "
            "of uint8 images of shape (channels, height, width) or (height, width, channels)"
        )
    if isinstance(action, spaces.Discrete):
        empty = np.zeros(0, np.float32)
        return EnvSpec(env_id, shape, True, int(action.n), empty, empty, int(action.start))
    if pixels:
        raise InputError(f"environment {env_id!r}: action space {action} is not supported with images; use Discrete")
    if isinstance(action, spaces.Box) and len(action.shape) == 1 and action.shape[0] > 0:
        low, high = (np.asarray(b, np.float32) for b in (action.low, action.high))
        return EnvSpec(env_id, shape, False, action.shape[0], low, high)
    raise InputError(f"environment {env_id!r}: action space {action} is not supported; expected a flat Box or Discrete")


def inspect(env_id: str) -> EnvSpec:
    """The spaces of an environment, which is made and closed again for it.

    Raises:
        InputError: it cannot be made here, or is not supported.
    """
    env = make_env(env_id)
    try:
        return spec_of(env, env_id)
    finally:
        env.close()
