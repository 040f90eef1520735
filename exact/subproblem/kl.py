"""The subproblem with a KL trust region, solved for tables by one multiplier that all states share.

Zhao, Li and Wen (arXiv 1911.11640), eq. (3.1) with D the Kullback-Leibler divergence and an unparameterised policy:

    max_pi  sum_s rho(s) sum_a pi(a|s) A(s,a)    s.t.    sum_s rho(s) KL(s) <= delta.

rho(s) weighs gain and distance alike.  So for a given multiplier lambda every state solves its own problem
max_pi sum_a pi A - lambda KL.  The radius delta only fixes lambda, the dual price, by a monotone scalar equation.

    reverse, KL(pi || pi_k):    pi(a) proportional to pi_k(a) exp(A(a) / lambda)              exponential tilting
    forward, KL(pi_k || pi):    pi(a) = lambda pi_k(a) / (nu - A(a)), nu(s) fixed by sum_a pi(a) = 1; the paper's

Forward KL does not see mass on actions outside pi_k's support.  If the best of them has a larger advantage than the nu
that makes the support's masses sum to one, nu is that advantage, and the action takes the mass that is left over.
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

from exact.common.errors import InputError
from exact.mdp import Array
from exact.subproblem.distances import Distance, mean_distance
from exact.subproblem.step import Step, check_radius

BISECTIONS = 64
"""Halvings of the bracket of log nu(s): the 11 bits of a float64's exponent and the 53 of its fraction."""
SMALLEST_PRICE = float(np.finfo(np.float64).tiny)
"""A smaller price cannot be told from zero, at which forward KL is infinite."""
BRACKET = float(np.log(4.0))
"""Step of the logarithm of the price, while a bracket of it is looked for."""
FEASIBLE = 1e-12
"""How much further than delta a step may be, relative to delta."""
LARGEST_RATIO = 1e300
"""Stands for infinite distance / delta in the scalar equation, and its inverse for zero, so that logarithms exist."""


def solve_kl_reverse(policy: Array, A: Array, rho: Array, delta: float) -> Step:
    """Maximise L_k subject to sum_s rho(s) KL(pi(.|s) || pi_k(.|s)) <= delta, by exponential tilting.

    Arguments and result as for `exact.subproblem.step.Subproblem`. Actions outside pi_k's support stay outside.

    Raises:
        InputError: delta is not positive.
    """
    return _solve(Distance.KL_REVERSE, tilt, policy, A, rho, delta)


def solve_kl_forward(policy: Array, A: Array, rho: Array, delta: float) -> Step:
    """Maximise L_k subject to sum_s rho(s) KL(pi_k(.|s) || pi(.|s)) <= delta, the direction of the paper's (3.1).

    Arguments and result as for `exact.subproblem.step.Subproblem`.

    Raises:
        InputError: delta is not positive, or infinite.
    """
    return _solve(Distance.KL_FORWARD, _forward_policy, policy, A, rho, delta)


def tilt(policy: Array, A: Array, price: float) -> Array:
    """pi(a|s) proportional to pi_k(a|s) exp(A(s,a) / lambda), shape (S, A); lambda = 0 gives the greedy limit."""
    inside = policy > 0
    best = np.where(inside, A, -np.inf).max(axis=1, keepdims=True)
    if price == 0:
        tilted = policy * (inside & (best == A))
    else:  # in logarithms, so that a probability of 1e-300 and the exponential that outweighs it meet
        with np.errstate(divide="ignore", over="ignore"):
            weight = np.log(policy) + np.where(inside, A - best, -np.inf) / price
        tilted = np.exp(weight - weight.max(axis=1, keepdims=True))
    normalised: Array = tilted / tilted.sum(axis=1, keepdims=True)
    return normalised


def _forward_policy(policy: Array, A: Array, price: float) -> Array:
    """pi(a|s) = lambda pi_k(a|s) / (nu(s) - A(s,a)); what is left over goes to a better action outside the support."""
    if price == 0:
        # To give up an action costs infinitely much: a state in which all actions in use are greedy stays as it is.
        best = A.argmax(axis=1)
        stays = np.where(policy > 0, A, np.inf).min(axis=1) == A[np.arange(len(A)), best]
        return np.where(stays[:, None], policy, np.eye(A.shape[1])[best])
    inside = policy > 0
    outside = np.where(inside, -np.inf, A)
    best = np.where(inside, A, -np.inf).max(axis=1, keepdims=True)
    with np.errstate(over="ignore"):
        depth = np.where(inside, best - A, np.inf) / price
        better_outside = (outside.max(axis=1) - best[:, 0]) / price

    def mass(t: Array) -> Array:
        """The policy at nu = best + lambda t, t > 0, with nu - A formed without cancellation."""
        return policy / (t[:, None] + depth)

    # The sum of the masses falls as t rises. At lo the best actions of the support alone weigh 1, so the sum is at
    # least 1; at 1 it is at most 1. t may be as small as the least probability, so its logarithm is halved.
    lo = np.where(depth == 0, policy, 0.0).sum(axis=1)
    hi = np.ones(len(A))
    for _ in range(BISECTIONS):
        middle = np.sqrt(lo) * np.sqrt(hi)
        heavy = mass(middle).sum(axis=1) > 1
        lo, hi = np.where(heavy, middle, lo), np.where(heavy, hi, middle)
    pi = mass(np.maximum(hi, better_outside))
    rows = np.flatnonzero(better_outside > hi)
    pi[rows, outside[rows].argmax(axis=1)] = 1 - pi[rows].sum(axis=1)
    normalised: Array = pi / pi.sum(axis=1, keepdims=True)
    return normalised


def _solve(
    D: Distance,
    maximiser: Callable[[Array, Array, float], Array],
    policy: Array,
    A: Array,
    rho: Array,
    delta: float,
) -> Step:
    """Find the price at which the states' maximisers use exactly delta; it is zero if the greedy limit fits."""
    check_radius(delta)
    if not np.isfinite(delta) and D is Distance.KL_FORWARD:
        raise InputError("subproblem: the forward KL radius must be finite, for the greedy policy is infinitely far")

    def used(price: float) -> float:
        return mean_distance(D, policy, maximiser(policy, A, price), rho)

    def step(price: float) -> Step:
        trial = maximiser(policy, A, price)
        gain = float(rho @ ((trial - policy) * A).sum(axis=1))
        return Step(trial, gain, mean_distance(D, policy, trial, rho), price)

    if used(0.0) <= delta:
        return step(0.0)

    def excess(log_price: float) -> float:
        return float(np.log(np.clip(used(np.exp(log_price)) / delta, 1 / LARGEST_RATIO, LARGEST_RATIO)))

    # The bracket is found by the function whose root is wanted: a price and exp(log(price)) can lie on its two sides.
    high = low = float(np.log(max(float(np.ptp(A)), SMALLEST_PRICE)))
    while excess(high) > 0:
        high += BRACKET
    while excess(low) <= 0:
        low -= BRACKET
        if low < np.log(SMALLEST_PRICE):
            return step(SMALLEST_PRICE)
    price = float(np.exp(brentq(excess, low, high, xtol=1e-14, rtol=1e-14)))
    # Where the best action has almost no probability, the distance is so steep in the price that the root's last digits
    # leave the ball. A higher price is nearer to pi_k.
    growth = float(np.finfo(np.float64).eps)
    while used(price) > delta * (1 + FEASIBLE):
        price *= 1 + growth
        growth *= 2
    return step(price)
