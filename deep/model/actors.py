"""Acting with a fixed policy, one observation at a time, in NumPy: what a sampling worker needs and nothing else.

A worker steps one environment, so an evaluation of the policy is a few matrix-vector products of 64 numbers.  NumPy
does them in about 10 microseconds, torch in ten times that.  This module imports no torch, which keeps a worker small
and quick to start.

An actor turns an observation and a row of noise into an action.  The noise is drawn beforehand for a whole rollout, so
that the state of the random generator depends on the number of steps alone.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


class Actor(Protocol):
    """A policy with fixed parameters."""

    def draw_noise(self, rng: np.random.Generator, n: int) -> NDArray[Any]:
        """Noise for n actions, one row each."""
        ...

    def act(self, observation: NDArray[Any], noise: NDArray[Any]) -> NDArray[Any]:
        """Sample an action for one normalised observation from one row of noise."""
        ...

    def mode(self, observation: NDArray[Any]) -> NDArray[Any]:
        """The most probable action for one normalised observation."""
        ...


class OutputActor(Protocol):
    """A network with fixed parameters."""

    @property
    def outputs(self) -> int:
        """Width of the output."""
        ...

    def __call__(self, x: NDArray[Any]) -> Array:
        """Map one input, or a batch of them where the network can, to the output."""
        ...


@dataclass(frozen=True)
class MlpActor:
    """A tanh multilayer perceptron with a linear head."""

    layers: tuple[tuple[Array, Array], ...]
    """(weights of shape (inputs, outputs), biases of shape (outputs,)) from the first layer to the head."""

    @property
    def outputs(self) -> int:
        """Width of the output."""
        return self.layers[-1][1].size

    def __call__(self, x: Array) -> Array:
        """Map one input of shape (inputs,) to the output of shape (outputs,)."""
        *hidden, (weights, biases) = self.layers
        for w, b in hidden:
            x = x.dot(w)  # takes half as long as @
            x += b
            np.tanh(x, out=x)
        x = x.dot(weights)
        x += biases
        return x


@dataclass(frozen=True)
class GaussianActor:
    """a = mu(s) + noise of the policy's standard deviation, STRO, eq. (4.10)."""

    mean: OutputActor
    std: Array
    """Standard deviation of each action dimension, shape (actions,)."""

    def draw_noise(self, rng: np.random.Generator, n: int) -> Array:
        """Normal noise of mean 0 and the standard deviation `std`, shape (n, actions)."""
        return self.std * rng.standard_normal((n, self.std.size), dtype=np.float32)

    def act(self, observation: Array, noise: Array) -> Array:
        """Sample an action of shape (actions,)."""
        return self.mean(observation) + noise

    def mode(self, observation: Array) -> Array:
        """The mean, shape (actions,)."""
        return self.mean(observation)


@dataclass(frozen=True)
class CategoricalActor:
    """Softmax policy, sampled by the Gumbel-max trick: argmax of logits plus Gumbel noise has the softmax law.

    It maps a batch of observations as it maps one where its network does.
    """

    logits: OutputActor
    heads: tuple[int, ...] = ()
    """Sizes of the categorical distributions whose product it is; with one or none an action is an integer."""
    mask: int = 0
    """How many of the last numbers of an observation are the action mask; the network does not get them."""

    def draw_noise(self, rng: np.random.Generator, n: int) -> NDArray[Any]:
        """Gumbel noise of shape (n, logits)."""
        return rng.gumbel(size=(n, self.logits.outputs))

    def act(self, observation: NDArray[Any], noise: NDArray[Any]) -> NDArray[Any]:
        """Sample an action, an integer scalar or one integer for each head."""
        return self._largest(observation, noise)

    def mode(self, observation: NDArray[Any]) -> NDArray[Any]:
        """The action with the largest logits."""
        return self._largest(observation, 0.0)

    def _largest(self, observation: NDArray[Any], noise: NDArray[Any] | float) -> NDArray[Any]:
        if self.mask:
            logits = self.logits(observation[..., : -self.mask]) + noise
            logits = np.where(observation[..., -self.mask :] > 0, logits, -np.inf)
        else:
            logits = self.logits(observation) + noise
        if len(self.heads) <= 1:
            action: NDArray[Any] = np.argmax(logits, axis=-1)
            return action
        parts = np.split(logits, np.cumsum(self.heads[:-1]), axis=-1)
        return np.stack([np.argmax(part, axis=-1) for part in parts], axis=-1)
