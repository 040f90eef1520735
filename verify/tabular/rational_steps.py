"""Policy-improvement steps over the rationals, each a few lines, and runs of them until the policy is optimal.

A step maps (policy, evaluation) to the next policy.  All functions take object arrays of exact rationals or float64
arrays.  G(s,a) = max_b A(s,b) - A(s,a) is the gap, and mass always moves to the first greedy action of its state.  A
mass that leaves a pair in part is rounded down to the grid of `verify.tabular.trial`, so that fractions stay short.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from exact.evaluation import Evaluation
from exact.rational import RationalMDP, Rationals, evaluate_exactly
from verify.tabular.trial import GRID

if TYPE_CHECKING:
    from flint import fmpq

Step = Callable[[Rationals, Evaluation], Rationals]
"""Takes pi (S, A) and its evaluation, and gives the next policy."""


def gaps(A: Any) -> Any:
    """G(s,a), shape (S, A)."""
    return A.max(axis=1)[:, None] - A


def move(policy: Any, A: Any, moved: Any) -> Any:
    """The policy after the masses `moved`, shape (S, A), went to the first greedy action of their states."""
    trial = policy - moved
    trial[np.arange(len(A)), A.argmax(axis=1)] += moved.sum(axis=1)
    return trial


def _emptied_first(cost: Any, order: Any, budget: Any) -> Any:
    """How much of each cost is used when `order` is followed until the budget ends; arrays of shape (n,)."""
    used = 0 * cost
    for i in order:
        used[i] = min(cost[i], budget)
        budget = budget - used[i]
    return used


def per_state(d: Any) -> Step:
    """The maximiser of sum_a pi'(a|s) A(s,a) within total variation d, in every state for itself; 0 < d <= 1."""

    def step(policy: Rationals, now: Evaluation) -> Rationals:
        G = gaps(now.A)
        pairs = zip(policy * (G > 0), (-G).argsort(axis=1, kind="stable"), strict=True)
        return move(policy, now.A, np.array([_emptied_first(mass, order, d) for mass, order in pairs]))

    return step


def knapsack(delta: Any) -> Step:
    """The maximiser of (3.6) for the radius delta, but for the rounding of the pair that is emptied in part.

    A state without visitation costs nothing: it becomes greedy.
    """

    def step(policy: Rationals, now: Evaluation) -> Rationals:
        G, rho = gaps(now.A), now.rho[:, None]
        mass = policy * (G > 0)
        used = _emptied_first((rho * mass).ravel(), (-G).ravel().argsort(kind="stable"), delta).reshape(G.shape)
        part = round_down(used / np.where(rho > 0, rho, rho + 1))
        return move(policy, now.A, np.where(used == rho * mass, mass, part))

    return step


def _floor(x: "fmpq") -> "fmpq":
    from flint import fmpq

    return fmpq((x * GRID).floor(), GRID)


round_down = np.frompyfunc(_floor, 1, 1)
"""Every rational rounded down to a multiple of 1/GRID."""


def howard(policy: Rationals, now: Evaluation) -> Rationals:
    """Howard's policy iteration (1960): the greedy action in every state that can be improved."""
    return move(policy, now.A, policy * (gaps(now.A) > 0))


def simplex(policy: Rationals, now: Evaluation) -> Rationals:
    """Simplex policy iteration: Howard's step in one state only, where the advantage is largest (Dantzig's rule)."""
    best = now.A.max(axis=1)
    there = np.arange(len(best)) == best.argmax()
    return move(policy, now.A, policy * (gaps(now.A) > 0) * there[:, None])


def mixture(alpha: Any) -> Step:
    """Conservative policy iteration (Kakade and Langford 2002): (1 - alpha) pi + alpha greedy."""
    return lambda policy, now: policy + alpha * (howard(policy, now) - policy)


def projected(size: Any, shrink: Any = 1) -> Step:
    """Mirror descent with the squared Euclidean distance: the projection of shrink (pi + size A) onto the simplex."""

    def step(policy: Rationals, now: Evaluation) -> Rationals:
        return np.array([project(row) for row in shrink * (policy + size * now.A)])

    return step


def project(x: Any) -> Any:
    """The point of the simplex nearest to x, shape (A,): max(x - tau, 0), where tau makes the sum one."""
    falling = np.sort(x)[::-1]
    taus = [(falling[: n + 1].sum() - 1) / (n + 1) for n in range(len(x))]
    tau = max(taus)  # the candidates rise as long as the next entry exceeds them, then they fall
    return np.array([max(entry - tau, 0 * entry) for entry in x])


@dataclass(frozen=True, eq=False)
class Move:
    """One step of a run, from an accepted policy to the next."""

    k: int
    """Index, from 0."""
    policy: Rationals
    """pi_k, shape (S, A)."""
    before: Evaluation
    trial: Rationals
    """pi_{k+1}."""
    after: Evaluation


def moves(mdp: RationalMDP, start: Rationals, step: Step, limit: int) -> Iterator[Move]:
    """The steps from `start` until the policy is optimal from every state, at most `limit` of them."""
    policy, now = start, evaluate_exactly(mdp, start)
    for k in range(limit):
        if is_optimal(now):
            return
        trial = step(policy, now)
        after = evaluate_exactly(mdp, trial)
        yield Move(k, policy, now, trial, after)
        policy, now = trial, after


def is_optimal(now: Evaluation) -> bool:
    """Whether no action has a positive advantage in any state."""
    return not bool((now.A > 0).any())


def knapsack_value(policy: Any, now: Evaluation, delta: Any) -> Any:
    """The optimal gain of (3.6) for the radius delta, exactly: no part is rounded."""
    G = gaps(now.A)
    cost = (now.rho[:, None] * policy * (G > 0)).ravel()
    return (_emptied_first(cost, (-G).ravel().argsort(kind="stable"), delta) * G.ravel()).sum()
