"""An environment as the learner sees it: observations flat and copied, actions mapped, everything it returns checked.

Environments return arrays that they change later, text for numbers, observations of another shape than their space, and
more.  What can be converted without loss is.  What cannot is a FaultError of one line: environment, episode, step.
"""

import re
import warnings
from typing import Any, NoReturn

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from deep.sampling.environments import RESET, ActionMap, EnvSpec, close
from deep.sampling.making import ANYTHING
from deep.sampling.observations import UnfitError, View, shown
from exact.common.errors import FaultError, InputError

SQUARES = 1e38
"""Below this sum of squares all numbers are finite, in float32 too. A dot product is the cheapest test there is."""
warnings.filterwarnings("ignore", "overflow encountered in dot", RuntimeWarning, re.escape(__name__))
REWARD_LIMIT = 1e100
"""Sums of larger rewards have a variance that overflows."""
BOOLS = (bool, np.bool_)
STEP = "gymnasium's step(action) returns (observation, reward, terminated, truncated, info)"


class Adapter:
    """One environment, made by its spec.

    Args:
        spec: the environment.
        sticky: Atari only, the probability of a sticky action.
        render_mode: gymnasium's.
        number: which one it is in messages, where several stand side by side.

    Raises:
        InputError: it cannot be made.
    """

    def __init__(self, spec: EnvSpec, sticky: float = 0.0, render_mode: str | None = None, number: int | None = None):
        self.spec, self.to_env, self.view = spec, ActionMap(spec), View(spec)
        self.env = spec.maker(render_mode, sticky)
        space: Any = spec.observation_space
        self.shape, self.kept = space.shape, spec.kept
        self.plain = type(space) is spaces.Box and len(space.shape) == 1 and not spec.mask and not spec.pixels
        """Whether an observation as it should be can be taken as it is."""
        self.episode, self.t = 0, 0
        self.name = f"environment {spec.env_id!r}{'' if number is None else f', number {number}'}"

    def reset(self, seed: int, episode: int | None = None) -> NDArray[Any]:
        """Start an episode; returns its first observation, of type spec.kept and shape spec.observation_shape.

        Args:
            seed: in [0, 2^32).
            episode: its number in messages; None: one more than the last.

        Raises:
            FaultError: the environment raised an error, or returned what it should not.
        """
        self.episode, self.t = self.episode + 1 if episode is None else episode, 0
        try:
            result = self.env.reset(seed=seed)
        except ANYTHING as error:
            self._raised(error, "reset", RESET)
        if not (isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], dict)):
            self._broken(f"reset returned {shown(result)}; {RESET}")
        return self.observed(*result)

    def step(self, action: NDArray[Any]) -> tuple[NDArray[Any], float, bool, bool]:
        """One step; returns the observation, the reward, terminated, truncated.

        Args:
            action: in the policy's coordinates.

        Raises:
            FaultError: as `reset`.
        """
        self.t += 1
        try:
            result = self.env.step(self.to_env(action))
        except ANYTHING as error:
            self._raised(error, "step", STEP)
        try:
            seen, reward, terminated, truncated, info = result
        except (TypeError, ValueError):
            self._broken(f"step returned {shown(result)}; {STEP}")
        if type(reward) is not float:
            reward = self._number(reward)
        if not -REWARD_LIMIT < reward < REWARD_LIMIT:
            self._broken(f"the reward is {reward}")
        if type(terminated) not in BOOLS or type(truncated) not in BOOLS:
            terminated, truncated = self._flag(terminated, "terminated"), self._flag(truncated, "truncated")
        if self.plain:
            try:
                if seen.shape == self.shape and float(seen.dot(seen)) < SQUARES:
                    return seen.astype(self.kept), reward, bool(terminated), bool(truncated)
            except (AttributeError, TypeError, RuntimeWarning):
                pass  # no array of numbers, or large ones: looked at below
        over = bool(terminated or truncated)
        return self.observed(seen, info, over), reward, bool(terminated), bool(truncated)

    def observed(self, seen: Any, info: dict[str, Any], over: bool = False) -> NDArray[Any]:
        """As `View`. Raises FaultError: the observation does not fit the space, or is not finite."""
        try:
            return self.view(seen, info, over)
        except UnfitError as error:
            self._broken(str(error))

    def render(self) -> NDArray[Any]:
        """A picture, shape (height, width, 3). Raises FaultError if the renderer shows none."""
        frame = self.env.render()
        if not isinstance(frame, np.ndarray) or frame.ndim != 3:
            self._broken(f"render returned {shown(frame)}; expected an image, as render_mode 'rgb_array' gives it")
        return frame.copy()

    def close(self) -> None:
        """Close the environment, see `deep.sampling.environments.close`."""
        close(self.env, self.spec.env_id)

    def _number(self, value: Any) -> float:
        """A reward as a float: numbers, and arrays of one."""
        if isinstance(value, float | int | np.number | np.bool_) or (
            isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind in "fiub"
        ):
            try:
                return float(value.item() if isinstance(value, np.ndarray) else value)
            except (TypeError, OverflowError):  # a complex number, or an integer of 400 digits
                pass
        item = getattr(value, "item", None)  # a tensor of one number
        if callable(item) and isinstance(found := item() if np.size(value) == 1 else None, float | int):
            return float(found)
        return self._broken(f"the reward is {shown(value)}; expected a number")

    def _flag(self, value: Any, name: str) -> bool:
        """A boolean: also 0, 1, and arrays of one."""
        if isinstance(value, bool | np.bool_ | int | np.integer) and value in (0, 1):
            return bool(value)
        if isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind in "biu":
            return bool(value.item())
        return self._broken(f"{name} is {shown(value)}; expected True or False")

    def _broken(self, what: str) -> NoReturn:
        raise FaultError(f"{self.name}: {what} ({self._when()})")

    def _when(self) -> str:
        return f"episode {self.episode}, step {self.t}" if self.t else f"at the reset of episode {self.episode}"

    def _raised(self, error: Exception | SystemExit, name: str, contract: str) -> NoReturn:
        if isinstance(error, InputError | FaultError):
            raise error
        # A wrapper that takes apart what the environment returned: too few or too many values.
        old = isinstance(error, ValueError | TypeError) and ("unpack" in str(error) or "argument 'seed'" in str(error))
        hint = f"; {contract}" if old else ""
        raise FaultError(f"{self.name} raised {type(error).__name__}: {error}{hint} ({self._when()})") from error
