"""A trained policy as plain arrays: what every format of deep.exporting.formats is written from.

An observation is normalised,

    x = clip((observation - mean) * scale, -clip, clip)            flat observations
    x = observation / 255                                          images

goes through the layers to `output`, and `output` becomes the action without noise:

    Box        middle + half * clip(output, -limit, limit)
    Discrete   start + argmax(output)
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from deep.model.actors import CategoricalActor, GaussianActor, MlpActor
from deep.model.convnet import ConvActor
from deep.playing import Player
from deep.sampling.normalise import Normaliser
from exact.common.errors import InputError

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
class Portable:
    """A policy as plain arrays; the letters are those of the module's docstring."""

    env: str
    shape: tuple[int, ...]
    """Of one observation."""
    channels_last: bool
    """Whether images are (height, width, channels)."""
    normaliser: Normaliser | None
    """None for images."""
    layers: tuple[Layer, ...]
    start: int | None
    """First action of a Discrete space; None for a Box."""
    limit: NDArray[np.float32]
    """Shape (actions,), infinite where an action is unbounded. The arrays of a Box are empty for a Discrete space."""
    half: NDArray[np.float32]
    middle: NDArray[np.float32]
    std: NDArray[np.float32]
    """Standard deviation of the noise that training adds to `output`."""

    @property
    def pixels(self) -> bool:
        """Whether observations are uint8 images."""
        return self.normaliser is None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the observations."""
        return np.dtype(np.uint8) if self.normaliser is None else self.normaliser.mean.dtype


def portable(player: Player) -> Portable:
    """The parts of a policy. Raises InputError for a kind of action that no format here has."""
    actor, spec = player.actor, player.spec
    if not isinstance(actor, GaussianActor | CategoricalActor):
        raise InputError(
            f"export: policies for the actions of {spec.env_id!r} are not supported; expected Box or Discrete"
        )
    box, start = (np.zeros(0, np.float32),) * 4, None
    if isinstance(actor, GaussianActor):
        network, to_env = actor.mean, player.to_env
        box = (to_env.limit, to_env.half, to_env.middle, actor.std)
    else:
        network, start = actor.logits, spec.start
    normaliser = player.normalise if isinstance(player.normalise, Normaliser) else None
    last = isinstance(network, ConvActor) and network.net.channels_last
    return Portable(spec.env_id, spec.observation_shape, last, normaliser, _layers(network), start, *box)


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
