"""Trust-region steps for Gaussian policies on finite states: the mean step (3.12) and a sigma step.

The sigma step is a variant of the paper's (3.13), which is in `exact.gaussian.joint`.

Zhao, Li and Wen (arXiv 1911.11640), section 3.2, in the notation of `exact.gaussian.model`.  The mean step (3.12) is

    max_mu  sum_s rho(s) q_s(mu_s, sigma_k)    s.t.    sum_s rho(s) (mu_s - mu_{k,s})^2 / (2 sigma_k^2) <= delta_k,

where the constraint is the rho-weighted KL of two Gaussians of equal sigma.  Objective and constraint are sums over
states with the same weights rho(s).  So for a price lambda >= 0 the Lagrangian splits into S scalar problems

    max_m  psi_s(m) = q_s(m) - V(s) - lambda (m - mu_{k,s})^2 / (2 sigma_k^2),

and by weak duality no feasible point gains more than lambda delta + sum_s rho(s) max_m psi_s(m).  Equality holds when
the maximisers use the budget exactly.  Brent's method solves this scalar equation for lambda.

Why the scalar problems are solved globally.  A feasible mean of state s has |m - mu_{k,s}| <= sigma sqrt(2 delta /
rho(s)), and q_s is a convolution with N(0, sigma^2), so it has no detail much finer than sigma.  A grid of spacing w
misses the highest peak by at most max|psi''| w^2 / 8 in value.  With w <= sigma/8 that is far below the height of a
peak, and Newton's method finishes from the best grid point.  A grid cannot promise this, so the result tells:
`MeanStep.bound` is the dual bound, and bound - gain is zero up to rounding unless two peaks of one state tie at lambda.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, minimize, minimize_scalar

from exact.common.errors import InputError
from exact.gaussian.model import (
    GaussianEvaluation,
    GaussianMDP,
    GaussianPolicy,
    action_value,
    kl,
    policy_advantage,
    surrogate,
)
from exact.mdp import Array
from exact.subproblem.step import check_radius

CELLS_PER_SIGMA = 8
"""Grid cells per standard deviation in the global search."""
MIN_CELLS = 32
"""Smallest number of grid cells on each side of the current mean, so that a small region is searched as well."""
MAX_REACH = 512.0
"""Largest half-width of the search, in standard deviations. A wider grid would not fit in memory."""
FEASIBILITY_MARGIN = 1e-12
"""A step that uses the whole budget is shrunk by this share, so that it is still feasible when rho is computed exactly.
It costs at most the same share of the gain."""
TIE_TOLERANCE = 1e-6
"""Two peaks tie if the used budget jumps by more than this share when lambda changes by the share TIE_WIDTH."""
TIE_WIDTH = 1e-11
"""Share of lambda, on either side of the price, over which the used budget is compared."""
PRICE_FLOOR = 1e-18
"""A price below this share of its upper bound is zero: what the budget could still buy is below rounding."""
NEWTON_ITERATIONS = 40
"""Largest number of iterations. Newton needs about four; bisection, its fallback, gains one bit in each."""
NEWTON_TOLERANCE = 1e-9
"""Largest last Newton step, in units of a grid cell. What is left is of the order of its square."""
FLAT = 1e-14
"""A state is flat, and its mean stays, if q_s varies by less than this over the region, in units of 1 + max|V|."""
TINY = 1e-300
"""Keeps the used budget positive when no state moves."""


@dataclass(frozen=True, eq=False)
class MeanStep:
    """A solution of (3.12)."""

    policy: GaussianPolicy
    """The trial policy N(mu_s, sigma_k^2)."""
    gain: float
    """L_k(trial) - L_k(pi_k), in units of return."""
    distance: float
    """rho-weighted KL from pi_k to the trial policy, at most delta."""
    price: float
    """lambda >= 0, the dual price of the radius."""
    bound: float
    """No feasible policy gains more than this, by weak duality. It equals `gain` up to rounding unless two peaks tie;
    then bound - gain tells how far from optimal the step can be."""


def reach(current: GaussianEvaluation, delta: float) -> Array:
    """How far a mean can move inside the trust region: sigma sqrt(2 delta / rho(s)), shape (S,); 0 where rho(s) = 0.

    Raises:
        InputError: delta is not positive, or the region is wider than MAX_REACH standard deviations somewhere.
    """
    check_radius(delta)
    rho = current.rho
    widths = np.sqrt(2 * delta / np.where(rho > 0, rho, np.inf))
    if not widths.max() <= MAX_REACH:
        s = int(widths.argmax())
        raise InputError(
            f"mean step: radius {delta} lets the mean of state {s} move {widths[s]:.4g} standard deviations, "
            f"expected at most {MAX_REACH}"
        )
    return current.policy.sigma * widths


def search_offsets(widths: Array, sigma: float) -> Array:
    """Grid of offsets from the current means, shape (S, G), G odd: from -widths[s] to widths[s], through 0."""
    cells = max(MIN_CELLS, math.ceil(CELLS_PER_SIGMA * float(widths.max()) / sigma))
    return widths[:, None] * np.linspace(-1, 1, 2 * cells + 1)


def curvature(mdp: GaussianMDP, current: GaussianEvaluation, delta: float) -> Array:
    """max |q_s''(m)| over the trust region, shape (S,), by grid search: too small by at most max|q''''| w^2 / 8.

    The Hessian of L_k in mu is diag(rho(s) q_s''(m)), and the region is an ellipsoid that extends by `reach` along each
    axis. So the maximum of the Hessian's spectral norm over the region is max_s rho(s) max|q_s''|, and the paper's
    h_k = max ||Hessian|| + 1 is 1 + (current.rho * curvature).max().
    """
    widths = reach(current, delta)
    means = current.policy.mu[:, None] + search_offsets(widths, current.policy.sigma)
    bends: Array = np.abs(action_value(mdp, current.V, means, current.policy.sigma, 2)).max(axis=1)
    return bends


def mean_step(mdp: GaussianMDP, current: GaussianEvaluation, delta: float) -> MeanStep:
    """Solve (3.12) globally at pi_k = current.policy with radius delta > 0.

    Every state ends with f(s) = q_s(mu_s) - V(s) >= 0: a state that would lose stays, which also saves budget.

    Raises:
        InputError: the radius is not positive, or so large that the search region exceeds MAX_REACH.
    """
    mu, sigma, rho = current.policy.mu, current.policy.sigma, current.rho
    offsets = search_offsets(reach(current, delta), sigma)
    maximiser = _lagrangian_maximiser(mdp, current, offsets)

    def used(x: Array) -> float:
        return float(rho @ x**2) / (2 * sigma**2)

    price, x = 0.0, maximiser(0.0)
    if used(x) > delta:
        slopes = np.abs(action_value(mdp, current.V, mu[:, None] + offsets, sigma, 1)).max(axis=1)
        # A maximiser obeys price |x_s| = sigma^2 |q_s'|. At half of this price the budget suffices for any slope.
        ceiling = 2 * sigma * math.sqrt(float(rho @ slopes**2) / (2 * delta))
        tolerances = {"xtol": PRICE_FLOOR * ceiling, "rtol": 1e-15, "maxiter": 200}
        # Far from ties the step is proportional to 1 / price, so in this form the equation is nearly linear.
        price = float(brentq(lambda p: math.sqrt(delta / (used(maximiser(p)) + TINY)) - 1, 0.0, ceiling, **tolerances))
        x, beyond = maximiser(price * (1 + TIE_WIDTH)), maximiser(price * (1 - TIE_WIDTH))
        if used(beyond) - used(x) > TIE_TOLERANCE * delta:
            x = _settle_tie(mdp, current, delta, [x, beyond])
    peaks = maximiser(price)
    psi = policy_advantage(mdp, current, GaussianPolicy(mu + peaks, sigma)) - price * peaks**2 / (2 * sigma**2)
    trial = GaussianPolicy(_landing(mu, _fit(mdp, current, x, delta)), sigma)
    gain = float(rho @ policy_advantage(mdp, current, trial))
    bound = max(gain, price * delta + float(rho @ psi))
    return MeanStep(trial, gain, float(rho @ kl(current.policy, trial)), price, bound)


def _lagrangian_maximiser(mdp: GaussianMDP, current: GaussianEvaluation, offsets: Array) -> Callable[[float], Array]:
    """The map price -> argmax_m psi_s(m) - mu_{k,s}, shape (S,): best grid point, then Newton; 0 in flat states."""
    mu, sigma = current.policy.mu[:, None], current.policy.sigma
    values = action_value(mdp, current.V, mu + offsets, sigma) - current.V[:, None]
    flat = np.ptp(values, axis=1) <= FLAT * (1 + np.abs(current.V).max())
    costs = offsets**2 / (2 * sigma**2)
    width = offsets[:, 1:2] - offsets[:, :1]

    def maximiser(price: float) -> Array:
        best = (values - price * costs).argmax(axis=1)
        start = np.take_along_axis(offsets, best[:, None], axis=1)
        return np.where(flat, 0.0, _polish(mdp, current, price, start, width))

    return maximiser


def _polish(mdp: GaussianMDP, current: GaussianEvaluation, price: float, start: Array, width: Array) -> Array:
    """Local maxima of psi_s within one cell of the best grid points, shape (S,), by safeguarded Newton on psi' = 0.

    `start` and `width` have shape (S, 1). If psi' keeps its sign in the cell, the result is the far end.
    """
    mu, sigma = current.policy.mu[:, None], current.policy.sigma
    stiffness = price / sigma**2
    ends = start - width, start + width
    x, (low, high) = start, ends
    for _ in range(NEWTON_ITERATIONS):
        slope = action_value(mdp, current.V, mu + x, sigma, 1) - stiffness * x
        bend = action_value(mdp, current.V, mu + x, sigma, 2) - stiffness
        low, high = np.where(slope > 0, x, low), np.where(slope > 0, high, x)
        newton = x - slope / np.where(bend < 0, bend, -np.inf)
        untried = np.where(slope > 0, high == ends[1], low == ends[0])
        fallback = np.where(untried, np.where(slope > 0, high, low), 0.5 * (low + high))
        following = np.where((bend < 0) & (low <= newton) & (newton <= high), newton, fallback)
        if (np.abs(following - x) <= NEWTON_TOLERANCE * width).all():
            break
        x = following
    return following[:, 0]


def _fit(mdp: GaussianMDP, current: GaussianEvaluation, x: Array, delta: float) -> Array:
    """Offsets x, shape (S,), with zero in the states that would lose, and scaled down if they exceed the budget."""
    mu, sigma, rho = current.policy.mu, current.policy.sigma, current.rho
    f = policy_advantage(mdp, current, GaussianPolicy(mu + x, sigma))
    x = np.where((f > 0) & (rho > 0), x, 0.0)
    limit = (1 - FEASIBILITY_MARGIN) * delta
    used = float(rho @ x**2) / (2 * sigma**2)
    return x * math.sqrt(limit / used) if used > limit else x


def _landing(mu: Array, x: Array) -> Array:
    """mu + x rounded towards mu, so that rounding takes no small step from a large mean out of the region."""
    means = mu + x
    return np.where(np.abs(means - mu) > np.abs(x), np.nextafter(means, mu), means)


def _settle_tie(mdp: GaussianMDP, current: GaussianEvaluation, delta: float, starts: list[Array]) -> Array:
    """Two peaks tie at the price: climb from both sides of the tie and keep the better feasible point."""
    mu, sigma, rho = current.policy.mu, current.policy.sigma, current.rho
    scale = reach(current, delta)
    unit = np.where(scale > 0, scale, 1.0)

    def loss(z: Array) -> tuple[float, Array]:
        means = (mu + unit * z)[:, None]
        value = action_value(mdp, current.V, means, sigma)[:, 0] - current.V
        return -float(rho @ value), -rho * unit * action_value(mdp, current.V, means, sigma, 1)[:, 0]

    budget = {
        "type": "ineq",
        "fun": lambda z: 1 - rho @ (unit * z) ** 2 / (2 * sigma**2 * delta),
        "jac": lambda z: -rho * unit**2 * z / (sigma**2 * delta),
    }
    points = [_fit(mdp, current, x, delta) for x in starts]
    for x in list(points):
        climbed = minimize(loss, x / unit, jac=True, method="SLSQP", constraints=[budget], options={"ftol": 1e-15})
        points.append(_fit(mdp, current, unit * climbed.x, delta))
    return min(points, key=lambda x: loss(x / unit)[0])


def sigma_step(
    mdp: GaussianMDP, current: GaussianEvaluation, width: float, sigma_range: tuple[float, float]
) -> GaussianPolicy:
    """The sigma step: maximise L at the current means over |log sigma - log sigma_k| <= width.

    The distance is the one of (4.12). The problem has one variable. Like the mean step it is solved globally, by a grid
    (L varies with log sigma on a scale of 1) and a bounded scalar search around the best grid point.

    Args:
        mdp: the MDP.
        current: evaluation of the current policy.
        width: half-width of the region, > 0.
        sigma_range: smallest and largest sigma allowed. The current one lies between them.

    Returns:
        The policy with the current means and the new sigma.
    """
    centre = math.log(current.policy.sigma)
    low, high = (math.log(bound) for bound in sigma_range)
    grid = np.clip(np.linspace(centre - width, centre + width, 2 * MIN_CELLS + 1), low, high)
    return best_sigma(mdp, current, current.policy.mu, grid, sigma_range)


def best_sigma(
    mdp: GaussianMDP, current: GaussianEvaluation, mu: Array, grid: Array, sigma_range: tuple[float, float]
) -> GaussianPolicy:
    """The policy N(mu_s, sigma^2) with the largest surrogate for log sigma between the ends of a grid.

    Args:
        mdp: the MDP.
        current: evaluation of pi_k, to which the surrogate belongs.
        mu: the means, shape (S,).
        grid: values of log sigma, rising. The search is refined around the best one.
        sigma_range: smallest and largest sigma allowed.
    """

    def loss(log_sigma: float) -> float:
        return -surrogate(mdp, current, GaussianPolicy(mu, math.exp(log_sigma)))

    losses = [loss(point) for point in grid]
    best = int(np.argmin(losses))
    bracket = (grid[max(best - 1, 0)], grid[min(best + 1, grid.size - 1)])
    polished = minimize_scalar(loss, bounds=bracket, method="bounded", options={"xatol": 1e-10})
    point = float(polished.x) if polished.fun < losses[best] else float(grid[best])
    return GaussianPolicy(mu, min(max(math.exp(point), sigma_range[0]), sigma_range[1]))
