"""The joint step (3.12), (3.13) and Algorithm 3.1 with one ratio (3.20), as the paper prints them.

Zhao, Li and Wen (arXiv 1911.11640), section 3.2.  At pi_k = N(mu_k, sigma_k^2) with the radius delta_k

    (3.12)  mu'    = argmax_mu    L_k(mu, sigma_k)     s.t.  E_{s~rho_k} KL(pi_k || N(mu_s, sigma_k^2)) <= delta_k,
    (3.13)  sigma' = argmax_sigma L_k(mu', sigma)      s.t.  E_{s~rho_k} KL(pi_k || N(mu'_s, sigma^2)) <= delta_k.

Surrogate and distance belong to the old policy in both, the radius is the same, and the ratio (3.20) of the joint trial
(mu', sigma') decides.  `exact.gaussian.algorithm` has a variant, in which sigma moves from the accepted mean, with a
radius and a ratio test of its own.

Which sigmas are feasible.  With u = sigma/sigma_k, c = sum rho = 1/(1-gamma) and d <= delta the KL of the mean step,

    K(u) = d/u^2 + c (log u + 1/(2 u^2) - 1/2) <= delta.

K falls up to u^2 = 1 + 2d/c and rises from there, and K(1) = d: the feasible sigmas are an interval around sigma_k.  As
the second term is never negative, u^2 >= d/delta: if (3.12) spends the whole radius, sigma cannot shrink.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from exact.controller import ControllerSettings, ControllerState, Outcome, decide, ratio
from exact.gaussian.model import GaussianEvaluation, GaussianMDP, GaussianPolicy, evaluate, gradient, policy_advantage
from exact.gaussian.steps import FEASIBILITY_MARGIN, MIN_CELLS, MeanStep, best_sigma, mean_step

LARGEST_GROWTH = 50.0
"""Largest log(sigma/sigma_k) that is looked at."""


@dataclass(frozen=True, eq=False)
class JointStep:
    """A solution of (3.12) and (3.13)."""

    mean: MeanStep
    """The solution of (3.12)."""
    policy: GaussianPolicy
    """The trial policy N(mu'_s, sigma'^2)."""
    gain: float
    """L_k(trial) - L_k(pi_k), in units of return. At least that of the mean step."""


def joint_step(
    mdp: GaussianMDP, current: GaussianEvaluation, delta: float, sigma_range: tuple[float, float]
) -> JointStep:
    """Solve (3.12), then (3.13), with the same radius.

    Args:
        mdp: the MDP.
        current: evaluation of pi_k.
        delta: radius > 0, rho-weighted KL.
        sigma_range: smallest (sigma-bar of the paper) and largest sigma allowed. The current one lies between them.
    """
    mean = mean_step(mdp, current, delta)
    sigma = current.policy.sigma
    low, high = feasible_sigmas(mean.distance, float(current.rho.sum()), delta)
    least, most = max(sigma * low, sigma_range[0]), min(sigma * high, sigma_range[1])
    grid = np.linspace(math.log(least), math.log(most), 2 * MIN_CELLS + 1)
    policy = best_sigma(mdp, current, mean.policy.mu, grid, (least, most))
    gain = float(current.rho @ policy_advantage(mdp, current, policy))
    return JointStep(mean, policy, gain) if gain > mean.gain else JointStep(mean, mean.policy, mean.gain)


def feasible_sigmas(distance: float, visits: float, delta: float) -> tuple[float, float]:
    """Smallest and largest u = sigma/sigma_k with K(u) <= delta, a little inside; see the module's docstring.

    Args:
        distance: d, KL of the mean step, at most delta.
        visits: c = sum rho.
        delta: the radius.
    """
    budget = (1 - FEASIBILITY_MARGIN) * delta

    def excess(w: float) -> float:
        """K(e^w) - budget."""
        shrink = math.exp(-2 * w)
        return distance * shrink + visits * (w + math.expm1(-2 * w) / 2) - budget

    bottom = 0.5 * math.log1p(2 * distance / visits)
    if excess(bottom) >= 0:
        return 1.0, 1.0
    above = min(1 + delta / visits + bottom, LARGEST_GROWTH)  # K(e^w) >= c (w - 1/2)
    below = -1 - math.log(2 + 4 * delta / visits) / 2  # K is too large there by its exponential
    high = brentq(excess, bottom, above, xtol=1e-14) if excess(above) > 0 else above
    low = brentq(excess, below, bottom, xtol=1e-14)
    return math.exp(min(low, 0.0)), math.exp(high)


@dataclass(frozen=True, eq=False)
class JointIteration:
    """One iteration of Algorithm 3.1 with the joint trial."""

    current: GaussianEvaluation
    """pi_k with its exact values."""
    gradient_norm: float
    """||grad_mu eta(pi_k)||."""
    delta: float
    """delta_k, rho-weighted KL."""
    step: JointStep
    """The joint trial."""
    r: float
    """The ratio (3.20)."""
    outcome: Outcome
    """Whether it was accepted, (3.3)."""


def solve_joint(
    mdp: GaussianMDP,
    start: GaussianPolicy,
    settings: ControllerSettings,
    delta0: float,
    sigma_range: tuple[float, float],
    tolerance: float = 1e-5,
    max_iterations: int = 500,
) -> tuple[JointIteration, ...]:
    """Algorithm 3.1 from `start` with joint trials, until ||grad_mu eta|| <= tolerance: all iterations.

    Arguments as for `exact.gaussian.algorithm.solve`; sigma_range as for `joint_step`. The run ends, too, where the
    predicted gain is below the rounding of eta.
    """
    current, state = evaluate(mdp, start), ControllerState(delta0)
    history: list[JointIteration] = []
    while len(history) < max_iterations:
        norm = float(np.linalg.norm(gradient(mdp, current)[:-1]))
        if norm <= tolerance:
            break
        step = joint_step(mdp, current, state.radius, sigma_range)
        if step.gain <= 1e-15 * (abs(current.eta) + float(np.abs(current.V).max())):
            break
        trial = evaluate(mdp, step.policy)
        r = ratio(float(trial.rho @ policy_advantage(mdp, current, step.policy)), step.gain)
        outcome, following = decide(settings, state, r)
        history.append(JointIteration(current, norm, state.radius, step, r, outcome))
        current, state = (current if outcome is Outcome.REJECT else trial), following
    return tuple(history)
