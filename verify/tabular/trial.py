"""One trust-region step with every quantity that the statements need, in float64 or in exact rationals.

The checked runs keep their policies on a dyadic grid, which float64 holds exactly.  So the float run and its exact
check see the same policies.  The threshold rule of (3.6) empties some pairs and one in part; that part is rounded down.
The result is the exact maximiser of (3.6) for the radius D that it uses, and D is by less than a cell of the grid
smaller than the radius that was given: `verify.algorithm31` checks both.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from exact import bounds
from exact.algorithm import Iteration
from exact.evaluation import Evaluation
from exact.mdp import MDP, Array
from exact.rational import RationalMDP, Rationals, dyadic, dyadics, evaluate_exactly
from exact.subproblem.step import Step, Subproblem

GRID = 1 << 16
"""Probabilities of the policies that runs start from are multiples of 1/GRID. So are those of the steps of a convex
solver, which is accurate to about 1e-7 only."""
FINE_GRID = 1 << 32
"""Probabilities of the steps of the closed form are multiples of 1/FINE_GRID. Radii down to 1e-4 p0 need a fine one: a
step whose mass is less than a cell would not move."""
SNAP = 2.0**-4
"""A mass this close below a grid point, in units of the grid, is taken to be on it. Without this a pair that floats
empty up to rounding would keep some mass."""


def on_grid(subproblem: Subproblem, grid: int = FINE_GRID) -> Subproblem:
    """The same solver, with the masses that it moves rounded down to multiples of 1/grid. pi_k has to be on that grid.

    The mass that leaves the actions of a state goes to the action that gained most, as every maximiser has it.
    What the solver says of its step (gain and distance) is passed on, less what the rounding has taken away. So a
    solver that says something wrong still says it.
    """

    def solve(policy: Array, A: Array, rho: Array, delta: float) -> Step:
        step = subproblem(policy, A, rho, delta)
        wanted = np.maximum(policy - step.policy, 0)
        moved = np.floor(wanted * grid + SNAP) / grid
        states, target = np.arange(len(A)), (step.policy - policy).argmax(axis=1)
        trial = policy - moved
        trial[states, target] += moved.sum(axis=1)
        lost = wanted - moved
        gain = step.gain - float(rho @ (lost * (A[states, target][:, None] - A)).sum(axis=1))
        return Step(trial, gain, step.distance - float(rho @ lost.sum(axis=1)), step.price)

    return solve


def grid_policy(policy: Array) -> Array:
    """The policy rounded down to the grid, shape (S, A). What a state misses goes to its likeliest action."""
    rounded = np.floor(policy * GRID) / GRID
    rounded[np.arange(len(policy)), policy.argmax(axis=1)] += 1 - rounded.sum(axis=1)
    return rounded


EPS = float(np.finfo(np.float64).eps)
"""Spacing of float64 at one."""
MARGIN = 64
"""Factor of `TrialPoint.rounding`. Only --float-only and the falsifier's search rest on it; verdicts do not."""


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
    said: Iteration
    """What the solver and the algorithm say of this step, in floats, whatever the other numbers are."""

    @cached_property
    def part_emptied(self) -> int:
        """Number of pairs (s,a) that keep a part of their mass, at least 1: so many masses may have been rounded."""
        return max(1, int(((self.trial > 0) & (self.trial < self.policy)).sum()))

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
    def m(self) -> Any:
        """m(s) = max_a A(s,a) >= 0, shape (S,)."""
        return self.before.A.max(axis=1)

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
        return self.m[:, None] - self.before.A

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
        return (self.before.rho * self.m).sum()

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
    return TrialPoint(mdp.discount, mdp.initial, it.policy, it.step.policy, it.delta, it.before, it.after, it)


def exact_trial(mdp: RationalMDP, it: Iteration) -> TrialPoint:
    """The step of `it`, whose policies are dyadic, over the rationals."""
    policy, trial = it.policy, it.step.policy
    (pi, before), (pi_new, after) = _evaluation(mdp, policy.tobytes()), _evaluation(mdp, trial.tobytes())
    return TrialPoint(mdp.discount, mdp.initial, pi, pi_new, dyadic(it.delta), before, after, it)


@lru_cache(maxsize=2)  # the accepted trial of one step is the policy of the next
def _evaluation(mdp: RationalMDP, policy: bytes) -> tuple[Rationals, Evaluation]:
    pi = dyadics(np.frombuffer(policy).reshape(mdp.rewards.shape))
    return pi, evaluate_exactly(mdp, pi)
