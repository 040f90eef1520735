"""Running normalisation of observations and rewards (the OpenAI Baselines protocol of the paper's experiments).

The moments are immutable and change once per batch, in the outer loop: a policy and the normaliser it was sampled with
belong together, so the inputs of a batch are never recomputed with later moments.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

STD_FLOOR = 1e-8
"""Added to a variance before the square root, so that a constant observation is mapped to 0 and not to 0/0."""


@dataclass(frozen=True)
class RunningMoments:
    """Count, mean and sum of squared deviations of a stream, updated in batches (Chan, Golub and LeVeque 1983)."""

    count: float
    mean: NDArray[np.float64]
    m2: NDArray[np.float64]

    @classmethod
    def empty(cls, shape: tuple[int, ...] = ()) -> "RunningMoments":
        """No data yet."""
        return cls(0.0, np.zeros(shape), np.zeros(shape))

    @classmethod
    def of(cls, batch: NDArray[Any]) -> "RunningMoments":
        """The moments of a batch of shape (n, *shape), n >= 1."""
        x = np.asarray(batch, dtype=np.float64)
        mean = x.mean(0)
        return cls(float(len(x)), mean, ((x - mean) ** 2).sum(0))

    def identity(self, last: int) -> "RunningMoments":
        """The same, but for the last so many coordinates: there mean 0 and standard deviation 1, which change nothing.

        An action mask at the end of an observation stays zeros and ones.
        """
        if last == 0:
            return self
        keep = np.arange(len(self.mean)) < len(self.mean) - last
        return RunningMoments(self.count, np.where(keep, self.mean, 0.0), np.where(keep, self.m2, self.count))

    def merge(self, other: "RunningMoments") -> "RunningMoments":
        """The moments of both streams together."""
        if other.count == 0:
            return self
        total, shift = self.count + other.count, other.mean - self.mean
        m2 = self.m2 + other.m2 + shift**2 * (self.count * other.count / total)
        return RunningMoments(total, self.mean + shift * (other.count / total), m2)

    @property
    def std(self) -> NDArray[np.float64]:
        """Population standard deviation; 1 before the first batch."""
        if self.count == 0:
            return np.ones_like(self.mean)
        return np.sqrt(self.m2 / self.count + STD_FLOOR)


@dataclass(frozen=True)
class Normaliser:
    """x -> clip((x - mean) / std), elementwise, for one observation or a batch of them.

    It computes in float32. For float64 the mean is subtracted in float64: a large offset leaves float32 no digits.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    """1 / std."""
    clip: np.float32
    exact: NDArray[np.float64]
    """`mean` in float64."""

    @classmethod
    def of(cls, moments: RunningMoments, clip: float) -> "Normaliser":
        """The normaliser with the given moments and bound."""
        mean, scale = moments.mean, 1 / moments.std
        return cls(mean.astype(np.float32), scale.astype(np.float32), np.float32(clip), mean)

    def __call__(self, x: NDArray[Any]) -> NDArray[np.float32]:
        """Normalise observations of shape (..., *shape); the input is left as it is."""
        y = (x - self.exact).astype(np.float32) if x.dtype == np.float64 else x - self.mean
        y *= self.scale
        np.minimum(y, self.clip, out=y)
        np.maximum(y, -self.clip, out=y)
        return y


def unchanged(x: NDArray[Any]) -> NDArray[Any]:
    """What stands for the normaliser with pixels: they stay uint8 until the network scales them."""
    return x


Preprocess = Callable[[NDArray[Any]], NDArray[Any]]
"""From an environment's observations to the networks' inputs."""


def preprocess(moments: RunningMoments, clip: float, pixels: bool) -> Preprocess:
    """The normaliser of flat observations, or none for pixels."""
    return unchanged if pixels else Normaliser.of(moments, clip)
