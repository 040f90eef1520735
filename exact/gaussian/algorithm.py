"""Algorithm 3.1 for Gaussian policies on finite states, exactly (Zhao, Li and Wen, arXiv 1911.11640, section 3.2).

Every iteration solves the mean step (3.12) at radius delta_k and submits it to the ratio test (3.2)-(3.4) of
`exact.controller`. When the mean is accepted the sigma step (3.13) follows.

What the paper leaves open is how far sigma may move and whether the sigma step is tested. Here it has its own radius
in log sigma and its own ratio test, by the same controller: eta then never decreases, the statements about the mean
step (Lemmas 3.6 and 3.7) apply to every iteration unchanged, and sigma stays between fixed bounds, which Theorem 3.8
needs.

The numerator of the ratio is taken from (2.3), eta(trial) - eta(pi_k) = sum_s rho_trial(s) f(s), with the f(s) of the
denominator: near convergence the difference of two etas would be rounding error.
"""

from dataclasses import dataclass, replace

import numpy as np

from exact.common.errors import InputError
from exact.controller import ControllerSettings, ControllerState, Outcome, decide, ratio
from exact.gaussian.model import GaussianEvaluation, GaussianMDP, GaussianPolicy, evaluate, gradient, policy_advantage
from exact.gaussian.steps import MeanStep, mean_step, sigma_step

NOISE_FLOOR = 1e-15
"""A predicted gain below this fraction of max|V| + |eta| is rounding: its ratio would mean nothing."""

WIDTH_MIN, WIDTH_MAX = 1e-3, 1.0
"""Bounds of the sigma step's radius, in place of delta's: L varies with log sigma on a scale of 1."""


@dataclass(frozen=True)
class SigmaSettings:
    """How the sigma step (3.13) may move sigma.

    Raises:
        InputError: width0 is not positive, or not 0 < smallest <= largest < inf.
    """

    width0: float = 0.1
    """Initial radius in log sigma; afterwards the controller's."""
    smallest: float = 0.1
    """Floor of sigma."""
    largest: float = 3.0
    """Ceiling of sigma."""

    def __post_init__(self) -> None:
        if not 0 < self.width0 < np.inf:
            raise InputError(f"sigma step: width0 must be a positive finite number, got {self.width0}")
        if not 0 < self.smallest <= self.largest < np.inf:
            raise InputError(f"sigma step: need 0 < smallest <= largest, got {self.smallest} and {self.largest}")


@dataclass(frozen=True, eq=False)
class GaussianIteration:
    """One pass of Algorithm 3.1, as seen from the policy it started at."""

    current: GaussianEvaluation
    """pi_k with its exact values."""
    gradient_norm: float
    """||grad_mu eta(pi_k)||."""
    delta: float
    """delta_k, rho-weighted KL."""
    step: MeanStep
    """The trial point of (3.12)."""
    actual: float
    """eta(trial) - eta(pi_k), by (2.3)."""
    r: float
    """The ratio (3.2) of the mean step."""
    outcome: Outcome
    """Of the mean step (3.3)."""
    sigma_r: float | None
    """The ratio of the sigma step, None where none was tried or nothing was to be gained."""


@dataclass(frozen=True, eq=False)
class GaussianResult:
    """Where Algorithm 3.1 ended and how it came there."""

    final: GaussianEvaluation
    iterations: tuple[GaussianIteration, ...]
    gradient_norm: float
    """||grad_mu eta|| at the end."""
    converged: bool
    """gradient_norm <= tolerance."""
    message: str


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
        start: pi_0; its sigma lies within the bounds of `sigma_settings`.
        settings: constants of the ratio test; radius_max bounds delta, and with it the cost of the global search.
        delta0: initial radius, rho-weighted KL, > 0.
        sigma_settings: None keeps sigma fixed.
        tolerance: on the gradient's Euclidean norm. A gradient g promises a gain of about g^2 / (2 curvature); below
            1e-6, for values of the order of 10, that is rounding.
        max_iterations: trial points at most.

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
        sigma_r = None
        if sigma_settings and sigma_state and outcome is not Outcome.REJECT:
            accepted, sigma_state, sigma_r = _move_sigma(mdp, trial, settings, sigma_settings, sigma_state)
        history.append(GaussianIteration(current, norm, state.radius, step, actual, r, outcome, sigma_r))
        current, state = accepted, following
        norm = _gradient_norm(mdp, current)
    converged = norm <= tolerance
    return GaussianResult(current, tuple(history), norm, converged, "converged" if converged else message)


def _noise(current: GaussianEvaluation) -> float:
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
    """One tested sigma step: the policy to go on with, the controller's next state, and the ratio, if there was any."""
    trial_policy = sigma_step(mdp, current, state.radius, (sigma_settings.smallest, sigma_settings.largest))
    f = policy_advantage(mdp, current, trial_policy)
    if current.rho @ f <= _noise(current):
        return current, state, None
    trial = evaluate(mdp, trial_policy)
    r = ratio(float(trial.rho @ f), float(current.rho @ f))
    outcome, following = decide(replace(settings, radius_min=WIDTH_MIN, radius_max=WIDTH_MAX), state, r)
    return (current if outcome is Outcome.REJECT else trial), following, r
