"""Algorithm 3.1 for Gaussian policies on finite states, exactly (Zhao, Li and Wen, arXiv 1911.11640, section 3.2).

Every iteration solves the mean step (3.12) at radius delta_k and submits it to the ratio test (3.2)-(3.4) of
`exact.controller`.  If the mean is accepted, a sigma step follows.

This is a variant of the paper's (3.13), where sigma moves within the same radius as the mean and one ratio (3.20)
decides about both: that one is `exact.gaussian.joint`.  Here the sigma step starts at the accepted mean and has its own
radius in log sigma and its own ratio test by the same controller.  So eta never decreases, the statements about the
mean step (Lemmas 3.6 and 3.7) hold in every iteration, and sigma stays between fixed bounds, which Theorem 3.8 needs.

The numerator of the ratio comes from (2.3), eta(trial) - eta(pi_k) = sum_s rho_trial(s) f(s), with the f(s) of the
denominator.  Near convergence the difference of two etas would be rounding error.
"""

from dataclasses import dataclass, replace

import numpy as np

from exact.common.errors import InputError
from exact.controller import ControllerSettings, ControllerState, Outcome, decide, ratio
from exact.gaussian.model import GaussianEvaluation, GaussianMDP, GaussianPolicy, evaluate, gradient, policy_advantage
from exact.gaussian.steps import MeanStep, mean_step, sigma_step

NOISE_FLOOR = 1e-15
"""A predicted gain below this share of max|V| + |eta| is rounding: its ratio would mean nothing."""

WIDTH_MIN, WIDTH_MAX = 1e-3, 1.0
"""Bounds of the sigma step's radius, instead of those of delta: L varies with log sigma on a scale of 1."""


@dataclass(frozen=True)
class SigmaSettings:
    """How the sigma step may move sigma.

    Raises:
        InputError: width0 is not positive, or not 0 < smallest <= largest < inf.
    """

    width0: float = 0.1
    """First radius in log sigma, > 0. The controller changes it."""
    smallest: float = 0.1
    """Smallest sigma."""
    largest: float = 3.0
    """Largest sigma."""

    def __post_init__(self) -> None:
        if not 0 < self.width0 < np.inf:
            raise InputError(f"sigma step: width0 must be a positive finite number, got {self.width0}")
        if not 0 < self.smallest <= self.largest < np.inf:
            raise InputError(f"sigma step: need 0 < smallest <= largest, got {self.smallest} and {self.largest}")


@dataclass(frozen=True, eq=False)
class GaussianIteration:
    """One iteration of Algorithm 3.1: the policy it starts at, the mean step, the sigma step."""

    current: GaussianEvaluation
    """pi_k with its exact values."""
    gradient_norm: float
    """||grad_mu eta(pi_k)||."""
    delta: float
    """delta_k, rho-weighted KL."""
    step: MeanStep
    """The solution of (3.12)."""
    actual: float
    """eta(trial) - eta(pi_k), by (2.3)."""
    r: float
    """The ratio (3.2) of the mean step."""
    outcome: Outcome
    """Whether the mean step was accepted, (3.3)."""
    sigma_r: float | None
    """The ratio of the sigma step; None if none was tried, or if nothing was to be gained."""
    sigma_width: float | None
    """The radius of the sigma step in log sigma; None if none was tried."""


@dataclass(frozen=True, eq=False)
class GaussianResult:
    """The result of Algorithm 3.1: where it ended, and every iteration."""

    final: GaussianEvaluation
    """The final policy with its exact values."""
    iterations: tuple[GaussianIteration, ...]
    """In order."""
    gradient_norm: float
    """||grad_mu eta|| at the end."""
    converged: bool
    """Whether gradient_norm <= tolerance."""
    message: str
    """Why the run ended."""


def solve(
    mdp: GaussianMDP,
    start: GaussianPolicy,
    settings: ControllerSettings,
    delta0: float,
    sigma_settings: SigmaSettings | None = None,
    tolerance: float = 1e-5,
    max_iterations: int = 500,
) -> GaussianResult:
    """Algorithm 3.1 from `start`, until ||grad_mu eta|| <= tolerance.

    Args:
        mdp: the MDP.
        start: pi_0. Its sigma lies within the bounds of `sigma_settings`.
        settings: constants of the ratio test. radius_max bounds delta, and with it the cost of the global search.
        delta0: first radius, rho-weighted KL, > 0.
        sigma_settings: None keeps sigma fixed.
        tolerance: the run ends when the gradient's Euclidean norm is at most this. A gradient g promises a gain of
            about g^2 / (2 curvature). For values of the order of 10 that is rounding if g is below 1e-6.
        max_iterations: largest number of iterations.

    Raises:
        InputError: a radius or sigma is out of range.
    """
    if sigma_settings and not sigma_settings.smallest <= start.sigma <= sigma_settings.largest:
        raise InputError(
            f"sigma step: the start has sigma {start.sigma}, expected it in "
            f"[{sigma_settings.smallest}, {sigma_settings.largest}]"
        )
    current, state = evaluate(mdp, start), ControllerState(delta0)
    sigma_state = ControllerState(sigma_settings.width0) if sigma_settings else None
    history: list[GaussianIteration] = []
    message = f"stopped after {max_iterations} iterations"
    norm = _gradient_norm(mdp, current)
    while norm > tolerance and len(history) < max_iterations:
        step = mean_step(mdp, current, state.radius)
        if step.gain <= _noise(current):
            message = "the predicted gain fell below rounding"
            break
        trial = evaluate(mdp, step.policy)
        actual = float(trial.rho @ policy_advantage(mdp, current, step.policy))
        r = ratio(actual, step.gain)
        outcome, following = decide(settings, state, r)
        accepted = trial if outcome is not Outcome.REJECT else current
        sigma_r = sigma_width = None
        if sigma_settings and sigma_state and outcome is not Outcome.REJECT:
            sigma_width = sigma_state.radius
            accepted, sigma_state, sigma_r = _move_sigma(mdp, trial, settings, sigma_settings, sigma_state)
        history.append(GaussianIteration(current, norm, state.radius, step, actual, r, outcome, sigma_r, sigma_width))
        current, state = accepted, following
        norm = _gradient_norm(mdp, current)
    converged = norm <= tolerance
    return GaussianResult(current, tuple(history), norm, converged, "converged" if converged else message)


def _noise(current: GaussianEvaluation) -> float:
    """The predicted gain below which there is only rounding."""
    return NOISE_FLOOR * (abs(current.eta) + float(np.abs(current.V).max()))


def _gradient_norm(mdp: GaussianMDP, current: GaussianEvaluation) -> float:
    return float(np.linalg.norm(gradient(mdp, current)[:-1]))


def _move_sigma(
    mdp: GaussianMDP,
    current: GaussianEvaluation,
    settings: ControllerSettings,
    sigma_settings: SigmaSettings,
    state: ControllerState,
) -> tuple[GaussianEvaluation, ControllerState, float | None]:
    """One sigma step with its test: the policy to go on from, the controller's next state, the ratio or None."""
    trial_policy = sigma_step(mdp, current, state.radius, (sigma_settings.smallest, sigma_settings.largest))
    f = policy_advantage(mdp, current, trial_policy)
    if current.rho @ f <= _noise(current):
        return current, state, None
    trial = evaluate(mdp, trial_policy)
    r = ratio(float(trial.rho @ f), float(current.rho @ f))
    outcome, following = decide(replace(settings, radius_min=WIDTH_MIN, radius_max=WIDTH_MAX), state, r)
    return (current if outcome is Outcome.REJECT else trial), following, r
