"""The outer trust-region controller: ratio test, acceptance rule and radius rule.

Zhao, Li and Wen, "A Stochastic Trust-Region Framework for Policy Optimization" (arXiv 1911.11640), state the controller
twice: in Algorithm 3.1 (deterministic, eqs. (3.2)-(3.4)) and in Algorithm 4.3 (stochastic, eqs. (4.14)-(4.16)).  Only
the constants differ, so both halves of the project use this module.

    ratio     r = actual / (noise + predicted)                                          (3.2), (4.14)
    accept    if r >= beta0; else reject, and after `max_rejections` in a row force     (3.3), (4.15)
    radius    times gamma1 if r >= beta1, gamma2 if beta0 <= r < beta1, gamma3 otherwise,
              then clipped to [radius_min, radius_max]                                  (3.4), (4.16)

`actual` is eta(trial) - eta(pi_k) and `predicted` is L_k(trial) - L_k(pi_k), both in units of return.  `noise` is zero
in Algorithm 3.1 and sigma-hat(theta_k) of (4.2) in Algorithm 4.3.  `radius` is delta_k itself in Algorithm 3.1, and the
coefficient mu_k of delta_k = mu_k * ||g_k|| in Algorithm 4.3.

The controller decides and changes nothing: both functions are pure, settings and state are frozen.
"""

import math
import sys
from dataclasses import dataclass
from enum import Enum

from exact.common.errors import InputError

SMALLEST, LARGEST = sys.float_info.min, sys.float_info.max
"""A radius stays a positive finite number, however long it shrinks or grows."""


class Outcome(Enum):
    """What the outer loop must do with a trial policy."""

    ACCEPT = "accept"
    REJECT = "reject"
    FORCE = "force"
    """Too many rejections in a row: take the best of the rejected trials, eq. (4.13)."""


@dataclass(frozen=True)
class ControllerSettings:
    """Constants of the ratio test and the radius rule.

    Raises:
        InputError: a constant is not finite where it must be, or violates
            beta0 < beta1 < inf, 0 < gamma3 < gamma2 <= 1 < gamma1, 0 <= radius_min <= radius_max, max_rejections >= 0.
    """

    beta0: float = 0.05
    """A trial with a ratio of at least beta0 is accepted. In (0, beta1) in Algorithm 3.1; below zero in Algorithm 4.3,
    whose ratio is noisy: it tolerates a small loss."""
    beta1: float = 0.5
    """A ratio of at least beta1 enlarges the radius."""
    gamma1: float = 2.0
    """Factor of the radius after a ratio of at least beta1. Above 1."""
    gamma2: float = 0.8
    """Factor of the radius after a ratio in [beta0, beta1). In (gamma3, 1]."""
    gamma3: float = 0.6
    """Factor of the radius after a ratio below beta0. In (0, gamma2)."""
    radius_min: float = 0.0
    """Smallest radius: mu_min of (4.16), 0 in (3.4)."""
    radius_max: float = math.inf
    """Largest radius: mu_max of (4.16), infinite in (3.4)."""
    max_rejections: int | None = None
    """After so many rejections in a row the next trial is taken even if it fails the test (|B| = N_max in (4.15), 4 in
    the paper's experiments). None never does so: in Algorithm 3.1 the ratio is exact, and a rejection shrinks the
    radius."""

    def __post_init__(self) -> None:
        for name in ("beta0", "beta1", "gamma1", "gamma2", "gamma3", "radius_min"):
            value = getattr(self, name)
            if not math.isfinite(value):
                raise InputError(f"controller: {name} must be a finite number, got {value}")
        if not self.beta0 < self.beta1:
            raise InputError(f"controller: need beta0 < beta1, got beta0={self.beta0}, beta1={self.beta1}")
        if not 0 < self.gamma3 < self.gamma2 <= 1 < self.gamma1:
            raise InputError(
                "controller: need 0 < gamma3 < gamma2 <= 1 < gamma1, "
                f"got gamma1={self.gamma1}, gamma2={self.gamma2}, gamma3={self.gamma3}"
            )
        if not 0 <= self.radius_min <= self.radius_max:
            raise InputError(
                "controller: need 0 <= radius_min <= radius_max, "
                f"got radius_min={self.radius_min}, radius_max={self.radius_max}"
            )
        if self.max_rejections is not None and self.max_rejections < 0:
            raise InputError(f"controller: max_rejections must be >= 0 or None, got {self.max_rejections}")


@dataclass(frozen=True)
class ControllerState:
    """What the controller carries from one trial to the next.

    Raises:
        InputError: radius is not a positive finite number, or rejections is negative.
    """

    radius: float
    """Current radius: delta_k of (3.4) or mu_k of (4.16)."""
    rejections: int = 0
    """Trials rejected in a row since the last accepted or forced one."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.radius) and self.radius > 0):
            raise InputError(f"controller: the radius must be a positive finite number, got {self.radius}")
        if self.rejections < 0:
            raise InputError(f"controller: rejections must be >= 0, got {self.rejections}")


def ratio(actual: float, predicted: float, noise: float = 0.0) -> float:
    """Agreement of the actual with the predicted gain, eqs. (3.2) and (4.14).

    Args:
        actual: eta(trial) - eta(pi_k), or its estimate.
        predicted: L_k(trial) - L_k(pi_k), or its estimate.
        noise: scale of the noise in `actual`, >= 0; sigma-hat(theta_k) in (4.14), zero in (3.2).

    Returns:
        actual / (noise + predicted). If the denominator is not positive, the model promises nothing that could come
        true: the ratio is then -inf, and the trial is rejected.

    Raises:
        InputError: an argument is NaN or infinite, or noise is negative.
    """
    if not (math.isfinite(actual) and math.isfinite(predicted) and math.isfinite(noise)):
        raise InputError(f"controller: non-finite ratio terms: actual={actual}, predicted={predicted}, noise={noise}")
    if noise < 0:
        raise InputError(f"controller: noise must be >= 0, got {noise}")
    denominator = noise + predicted
    return actual / denominator if denominator > 0 else -math.inf


def decide(settings: ControllerSettings, state: ControllerState, r: float) -> tuple[Outcome, ControllerState]:
    """Accept, reject or force a trial with ratio r, and update the radius, eqs. (3.3)-(3.4) and (4.15)-(4.16).

    Args:
        settings: the constants.
        state: radius and consecutive rejections before this trial.
        r: the ratio of this trial, from `ratio`.

    Returns:
        The outcome of this trial, and the state before the next one.

    Raises:
        InputError: r is NaN.
    """
    if math.isnan(r):
        raise InputError("controller: the ratio is NaN")
    if r >= settings.beta0:
        outcome = Outcome.ACCEPT
    elif settings.max_rejections is None or state.rejections < settings.max_rejections:
        outcome = Outcome.REJECT
    else:
        outcome = Outcome.FORCE

    if r >= settings.beta1:
        factor = settings.gamma1
    elif r >= settings.beta0:
        factor = settings.gamma2
    else:
        factor = settings.gamma3
    radius = min(max(factor * state.radius, settings.radius_min, SMALLEST), settings.radius_max, LARGEST)
    return outcome, ControllerState(radius, state.rejections + 1 if outcome is Outcome.REJECT else 0)
