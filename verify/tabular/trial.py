"""One trust-region step with every quantity that the statements need, in float64 or in exact rationals.

The checked runs keep their policies on a dyadic grid: every probability is a multiple of 2^-16.  float64 holds such
policies exactly, so the float run and its exact check see the same policies.  The threshold rule of (3.6) empties some
pairs and one in part; that part is rounded down.  The result is the exact maximiser of (3.6) for the radius D that it
uses.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from exact import bounds
from exact.algorithm import Iteration
from exact.evaluation import Evaluation
from exact.mdp import MDP, Array
from exact.subproblem.step import Step, Subproblem
from verify.core.rational import RationalMDP, dyadic, dyadics, evaluate_exactly

GRID = 1 << 16
"""Probabilities of the checked policies are multiples of 1/GRID."""
SNAP = 2.0**-4
"""A mass this close below a grid point, in units of the grid, is taken to be on it. Convex solvers are accurate to
about 1e-7 only. Without this a pair that they empty would keep some mass. The step may use as little more than the
radius; it then counts as one for the radius that it uses, see `TrialPoint.delta`."""


def on_grid(subproblem: Subproblem) -> Subproblem:
    """The same solver, with the masses that it moves rounded down to the grid. pi_k has to be on the grid."""

    def solve(policy: Array, A: Array, rho: Array, delta: float) -> Step:
        step = subproblem(policy, A, rho, delta)
        moved = np.floor(np.maximum(policy - step.policy, 0) * GRID + SNAP) / GRID
        states, best = np.arange(len(A)), A.argmax(axis=1)
        trial = policy - moved
        trial[states, best] += moved.sum(axis=1)
        gain = float(rho @ (moved * (A[states, best][:, None] - A)).sum(axis=1))
        return Step(trial, gain, float(rho @ moved.sum(axis=1)), step.price)

    return solve


def grid_policy(policy: Array) -> Array:
    """The policy rounded down to the grid, shape (S, A). What a state misses goes to its likeliest action."""
    rounded = np.floor(policy * GRID) / GRID
    rounded[np.arange(len(policy)), policy.argmax(axis=1)] += 1 - rounded.sum(axis=1)
    return rounded


EPS = float(np.finfo(np.float64).eps)
"""Spacing of float64 at one."""
MARGIN = 64
"""Factor of `TrialPoint.rounding`. A larger one has more checks decided exactly, a smaller one is less safe."""


@dataclass(frozen=True, eq=False)
class TrialPoint:
    """A step from pi_k to pi', and the evaluations of both. Numbers are all floats or all fmpq."""

    discount: Any
    initial: Any
    """rho0, shape (S,)."""
    policy: Any
    """pi_k, shape (S, A)."""
    trial: Any
    """pi', shape (S, A)."""
    radius: Any
    """delta_k that the solver was given."""
    before: Evaluation
    """Evaluation of pi_k."""
    after: Evaluation
    """Evaluation of pi'."""

    @cached_property
    def p0(self) -> Any:
        """min rho0."""
        return min(self.initial)

    @cached_property
    def TV(self) -> Any:
        """TV(s), shape (S,)."""
        return bounds.total_variation(self.policy, self.trial)

    @cached_property
    def D(self) -> Any:
        """D = sum_s rho(s) TV(s)."""
        return (self.before.rho * self.TV).sum()

    @cached_property
    def D_new(self) -> Any:
        """D' = sum_s rho'(s) TV(s)."""
        return (self.after.rho * self.TV).sum()

    @cached_property
    def delta(self) -> Any:
        """The radius for which pi' is the maximiser: D, or the given radius where that reaches the greedy policy."""
        return self.D if self.price > 0 else max(self.radius, self.D)

    @cached_property
    def f(self) -> Any:
        """f(s) = sum_a pi'(a|s) A(s,a), shape (S,)."""
        return (self.trial * self.before.A).sum(axis=1)

    @cached_property
    def gain(self) -> Any:
        """L_k(pi') - L_k(pi_k)."""
        return (self.before.rho * self.f).sum()

    @cached_property
    def G(self) -> Any:
        """Gaps G(s,a) = max_b A(s,b) - A(s,a), shape (S, A)."""
        return self.before.A.max(axis=1)[:, None] - self.before.A

    @cached_property
    def price(self) -> Any:
        """lambda, the largest gap of a pair that keeps mass. The threshold rule has emptied all pairs above it."""
        return (self.G * (self.trial > 0)).max()

    @cached_property
    def dual(self) -> Any:
        """lambda delta + sum rho pi_k (G - lambda)_+, an upper bound of the gain of every feasible policy."""
        above = self.G - self.price
        excess = (self.policy * above * (above > 0)).sum(axis=1)
        return self.price * self.delta + (self.before.rho * excess).sum()

    @cached_property
    def A_star(self) -> Any:
        """Policy advantage of the greedy policy, sum_s rho(s) max_a A(s,a)."""
        return (self.before.rho * self.before.A.max(axis=1)).sum()

    @cached_property
    def A_bar(self) -> Any:
        """max |A|."""
        return abs(self.before.A).max()

    @cached_property
    def greedy_cost(self) -> Any:
        """B = sum_s rho(s) (1 - pi_k(greedy(s)|s)): the radius at which the greedy policy is reached."""
        kept = self.policy[np.arange(len(self.policy)), self.before.A.argmax(axis=1)]
        return (self.before.rho * (1 - kept)).sum()

    @cached_property
    def actual(self) -> Any:
        """eta(pi') - eta(pi_k)."""
        return self.after.eta - self.before.eta

    @cached_property
    def ratio(self) -> Any:
        """r_k of (3.2); needs a positive gain."""
        return self.actual / self.gain

    @cached_property
    def rounding(self) -> float:
        """A generous bound of the float64 rounding error of eta, gains and values.

        Backward stable solution of (I - gamma P) x = b is off by a small multiple of S eps (1+gamma)/(1-gamma) in
        relative terms; sums over rho then have the size max |Q| / (1-gamma).
        """
        one = 1 - float(self.discount)
        return MARGIN * len(self.policy) * EPS / one * float(abs(self.before.Q).max()) / one


def float_trial(mdp: MDP, it: Iteration) -> TrialPoint:
    """The step of `it` in float64."""
    return TrialPoint(mdp.discount, mdp.initial, it.policy, it.step.policy, it.delta, it.before, it.after)


def exact_trial(mdp: RationalMDP, policy: Array, trial: Array, radius: float) -> TrialPoint:
    """The step from `policy` to `trial` (both on the grid) over the rationals."""
    before, after = _evaluation(mdp, policy.tobytes()), _evaluation(mdp, trial.tobytes())
    return TrialPoint(mdp.discount, mdp.initial, dyadics(policy), dyadics(trial), dyadic(radius), before, after)


@lru_cache(maxsize=2)  # the accepted trial of one step is the policy of the next
def _evaluation(mdp: RationalMDP, policy: bytes) -> Evaluation:
    return evaluate_exactly(mdp, dyadics(np.frombuffer(policy).reshape(mdp.rewards.shape)))
