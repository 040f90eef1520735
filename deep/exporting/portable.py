"""A trained policy as plain arrays: what every format of deep.exporting.formats is written from.

An observation is flat, as gymnasium.spaces.flatten makes it, or an image.  A flat one ends with the action mask, if the
environment has one.  It is normalised,

    x = clip((observation - mean) * scale, -clip, clip)            flat observations
    x = observation / 255                                          images

goes, without the mask, through the layers to `output`, and `output` becomes the action without noise:

    Box            clip(middle + half * clip(output, least, most), low, high), integers rounded before the last clip
    the others     start + argmax of each head's part of `output`, over the actions whose mask is above 0
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from deep.model.actors import CategoricalActor, GaussianActor, MlpActor
from deep.model.convnet import ConvActor
from deep.playing import Player
from deep.sampling.normalise import Normaliser

Activation = Literal["tanh", "relu", "none"]


@dataclass(frozen=True)
class Layer:
    """One layer; a dense one is x weight + bias."""

    weight: NDArray[np.float32]
    """Dense: shape (inputs, outputs). Convolution: shape (out, in, height, width)."""
    bias: NDArray[np.float32]
    activation: Activation
    stride: int = 0
    """Of a convolution; 0 for a dense layer. The last convolution's output is flattened in the order (height, width,
    channels)."""


@dataclass(frozen=True)
class BoxAction:
    """How `output` becomes an action of a Box; the letters are those of the module's docstring."""

    least: NDArray[np.float32]
    """Shape (actions,), like the others; infinite where there is no bound."""
    most: NDArray[np.float32]
    half: NDArray[np.float32]
    middle: NDArray[np.float32]
    low: NDArray[Any]
    high: NDArray[Any]
    std: NDArray[np.float32]
    """Standard deviation of the noise that training adds to `output`."""
    integer: bool


@dataclass(frozen=True)
class HeadsAction:
    """How `output` becomes an action of a Discrete, MultiDiscrete or MultiBinary space."""

    heads: tuple[int, ...]
    """Numbers of actions; their logits lie side by side in `output`."""
    start: NDArray[np.int64]
    """First action of each head."""
    mask: int
    """How many of the last numbers of an observation are the action mask."""


@dataclass(frozen=True)
class Portable:
    """A policy as plain arrays; the letters are those of the module's docstring."""

    env: str
    shape: tuple[int, ...]
    """Of one observation."""
    channels_last: bool
    """Whether images are (height, width, channels)."""
    normaliser: Normaliser | None
    """None for images."""
    dtype: np.dtype[Any]
    """Type of the observations: float32; float64 where they are too large for it; uint8 for images."""
    layers: tuple[Layer, ...]
    action: BoxAction | HeadsAction
    action_shape: tuple[int, ...]
    """Of one action, as the environment takes it: () for Discrete."""

    @property
    def mean(self) -> NDArray[Any]:
        """The normaliser's mean in the type of the observations."""
        assert self.normaliser is not None
        return self.normaliser.exact if self.dtype == np.float64 else self.normaliser.mean

    @property
    def mask(self) -> int:
        """How many of the last numbers of an observation are the action mask."""
        return self.action.mask if isinstance(self.action, HeadsAction) else 0


def portable(player: Player) -> Portable:
    """The parts of a policy."""
    actor, spec, to_env = player.actor, player.spec, player.to_env
    action: BoxAction | HeadsAction
    if isinstance(actor, GaussianActor):
        network = actor.mean
        arrays = (to_env.least, to_env.most, to_env.half, to_env.middle, to_env.low, to_env.high, actor.std)
        action = BoxAction(*arrays, integer=bool(to_env.integer))
    else:
        assert isinstance(actor, CategoricalActor)
        network, count = actor.logits, len(spec.heads)
        start = np.broadcast_to(np.asarray(to_env.start, np.int64).ravel(), (count,))
        action = HeadsAction(spec.heads, start, spec.mask)
    return Portable(
        spec.env_id,
        spec.observation_shape,
        isinstance(network, ConvActor) and network.net.channels_last,
        player.normalise if isinstance(player.normalise, Normaliser) else None,
        np.dtype(spec.kept),
        _layers(network),
        action,
        spec.action_space.shape or (),
    )


def _layers(network: Any) -> tuple[Layer, ...]:
    """The layers of an actor's network."""
    if isinstance(network, MlpActor):
        *hidden, head = network.layers
        return (*(Layer(w, b, "tanh") for w, b in hidden), Layer(*head, "none"))
    assert isinstance(network, ConvActor)
    pairs = [(w.cpu().contiguous().numpy(), b.cpu().numpy()) for w, b in network.net.layers(network.theta)]
    strides = [stride for _, _, stride in network.net.convolutions]
    strides += [0] * (len(pairs) - len(strides))
    layers = [Layer(w, b, "relu", stride) for (w, b), stride in zip(pairs, strides, strict=True)]
    return (*layers[:-1], replace(layers[-1], activation="none"))
