"""What the learner sees of an observation: a flat copy in one type, checked against the space."""

import math
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from deep.sampling.environments import EnvSpec


class UnfitError(ValueError):
    """An observation or a mask that does not fit its space; the message says in one line what it is."""


class View:
    """Maps an environment's observations to arrays of type spec.kept and shape spec.observation_shape.

    A Box of one axis of numbers is copied, the others are flattened as gymnasium.spaces.flatten does; an action mask
    follows. Images keep their shape.
    """

    def __init__(self, spec: EnvSpec):
        self.spec = spec

    def __call__(self, seen: Any, info: dict[str, Any], over: bool = False) -> NDArray[Any]:
        """What the learner sees, a copy.

        Args:
            seen: as the environment returns it.
            info: of the same reset or step.
            over: whether the episode is over, so that no action follows.

        Raises:
            UnfitError: it does not fit the space, or is not finite.
        """
        if self.spec.pixels:
            return self._image(seen)
        flat = self._masked(seen, info, over) if self.spec.mask else part_of(self.spec.observation_space, seen)
        with np.errstate(over="ignore"):
            kept: NDArray[Any] = flat.astype(self.spec.kept)
            last = kept.astype(np.float32, copy=False)  # what the networks see in the end
        if not np.isfinite(last).all():
            where = " in float32" if np.isfinite(flat).all() else ""
            raise UnfitError(f"the observation is {shown(seen)}, which is not finite{where}")
        return kept

    def _masked(self, seen: Any, info: dict[str, Any], over: bool) -> NDArray[Any]:
        """The flat observation with the action mask behind it."""
        given, parts = info.get("action_mask"), len(self.spec.heads)
        if given is None and not over:
            raise UnfitError("info has no action_mask, as it had before")
        ones = np.ones(self.spec.mask)
        try:
            several = given if isinstance(given, tuple | list) else (given,)
            mask = ones if given is None else np.concatenate([np.asarray(part, float).ravel() for part in several])
        except (TypeError, ValueError):
            raise UnfitError(f"action_mask is {shown(given)}; expected zeros and ones") from None
        if mask.size != ones.size:
            raise UnfitError(f"action_mask has {mask.size} numbers; expected {ones.size}, one for each action")
        if not all((head > 0).any() for head in np.split(mask, np.cumsum(self.spec.heads)[: parts - 1])):
            if not over:
                raise UnfitError(f"action_mask {shown(given)} allows no action")
            mask = ones
        return np.concatenate([part_of(self.spec.observation_space, seen), mask > 0])

    def _image(self, seen: Any) -> NDArray[Any]:
        """An observation of a space of images."""
        array = _box(self.spec.observation_space, seen, "")
        if array.dtype.kind not in "iu":
            raise UnfitError(f"the image has type {array.dtype}; its space has uint8, from 0 to 255")
        return array.astype(np.uint8)


def part_of(space: Any, seen: Any, where: str = "") -> NDArray[Any]:
    """A flat array of an observation, or of a part of it; `where` it is, in a Dict or Tuple."""
    if isinstance(space, spaces.Dict | spaces.Tuple):
        keys: list[Any] = list(space.spaces) if isinstance(space, spaces.Dict) else list(range(len(space.spaces)))
        inside: Any = space.spaces
        try:
            values = [seen[key] for key in keys]
        except (KeyError, IndexError, TypeError):
            raise UnfitError(f"the observation{where} is {shown(seen)}; its space is {space}") from None
        return np.concatenate([part_of(inside[k], v, f"{where}[{k!r}]") for k, v in zip(keys, values, strict=True)])
    if isinstance(space, spaces.Box):
        return _box(space, seen, where).ravel()
    value = _canonical(space, seen)
    if not space.contains(value):
        raise UnfitError(f"the observation{where} is {shown(seen)}, which is not in its space {space}")
    flat: Any = spaces.flatten(space, value)
    return np.asarray(flat)


def batch_of(space: Any, seen: Any) -> list[Any] | None:
    """The observations in a batch, arrays of shape (n, ...) in a Dict or Tuple as in the space; None for a single one.

    Raises:
        UnfitError: it is neither.
    """
    if isinstance(space, spaces.Dict | spaces.Tuple):
        keys: list[Any] = list(space.spaces) if isinstance(space, spaces.Dict) else list(range(len(space.spaces)))
        inside: Any = space.spaces
        try:
            parts = [batch_of(inside[key], seen[key]) for key in keys]
        except (KeyError, IndexError, TypeError):
            raise UnfitError(f"the observation is {shown(seen)}; its space is {space}") from None
        if any(part is None for part in parts):
            return None
        rows = zip(*[part or [] for part in parts], strict=True)
        return [dict(zip(keys, row, strict=True)) if isinstance(space, spaces.Dict) else row for row in rows]
    array = np.asarray(seen)
    if array.ndim > 0 and array.shape[1:] == space.shape:
        return list(array)
    if array.shape != space.shape and not (array.size == 1 == math.prod(space.shape)):
        raise UnfitError(
            f"expected an observation of shape {space.shape}, or a batch of shape "
            f"(n, {', '.join(map(str, space.shape))}), got shape {array.shape}"
        )
    return None


def _box(space: Any, seen: Any, where: str) -> NDArray[Any]:
    """An observation of a Box as an array."""
    try:
        array = np.asarray(seen)
    except ValueError:  # rows of different lengths
        raise UnfitError(f"the observation{where} is {shown(seen)}, which is no array of numbers") from None
    if array.dtype.kind not in "fiub":
        raise UnfitError(f"the observation{where} is {shown(seen)}, which is no array of numbers")
    if array.shape != space.shape and not (array.size == 1 == math.prod(space.shape)):
        raise UnfitError(f"the observation{where} has shape {array.shape}; its space has {space.shape}")
    if space.dtype.kind in "iu" and array.dtype != space.dtype and array.size:
        low, high, known = array.min(), array.max(), np.iinfo(space.dtype)
        if low < known.min or high > known.max:
            raise UnfitError(f"the observation{where} has numbers from {low} to {high}; its space has {space.dtype}")
    return array


def _canonical(space: Any, value: Any) -> Any:
    """A value of a discrete space in the form that its `contains` knows: an integer, or an array."""
    array = np.asarray(value)
    if isinstance(space, spaces.Discrete):
        return int(array.item()) if array.size == 1 and array.dtype.kind in "iub" else value
    return array.astype(space.dtype) if array.dtype.kind in "iub" else value


def shown(value: Any) -> str:
    """A value, in one short line."""
    if isinstance(value, tuple):
        return f"{len(value)} values ({', '.join(type(part).__name__ for part in value)})"
    text = " ".join(repr(value).split())
    return text if len(text) <= 200 else f"{text[:160]}... ({type(value).__name__})"
