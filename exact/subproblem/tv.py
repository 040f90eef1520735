"""The subproblem (3.6), policy improvement within total variation, solved exactly by sorting.

Zhao, Li and Wen (arXiv 1911.11640), eq. (3.6), in the notation of section 2, with pi_k the current policy:

    max_pi  sum_s rho(s) sum_a pi(a|s) A(s,a)    s.t.    sum_s rho(s) TV(s) <= delta,    pi(.|s) a distribution,

where TV(s) = 1/2 sum_a |pi(a|s) - pi_k(a|s)|, and A and rho are those of pi_k.

Closed form.  Write G(s,a) = max_b A(s,b) - A(s,a) for the gap.  Mass m that moves from action a to a greedy action
gains rho(s) m G(s,a) and costs rho(s) m of the budget delta.  So a unit of budget buys G(s,a) wherever it is spent:
(3.6) is a continuous knapsack.  Empty the pairs (s,a) in the order of falling G until the budget is used.  The last
pair is emptied in part.

Certificate.  Let lambda >= 0, let pi be feasible, and let m(s,a) = max(pi_k - pi, 0) be the mass that leaves (s,a).
    gain <= sum rho m G <= lambda delta + sum_{s,a} rho(s) pi_k(a|s) max(G(s,a) - lambda, 0).
The rule above attains equality if lambda is the gap of the pair that is emptied in part: lambda is the dual price of
the linear program.

The idea is not new.  Wasserstein policy optimisation (arXiv 2306.14133) contains TV as the case of the 0/1 ground
metric, and L1-robust Bellman updates are solved by the same sorting (Ho, Petrik, Wiesemann, ICML 2018).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exact.mdp import Array
from exact.subproblem.step import Step, check_radius

SORT_LIMIT = 1 << 11
"""Up to so many pairs (s,a) are sorted. Of more, only those near the threshold are, which are found in O(S A)."""
SAMPLE_ROWS = 1 << 13
"""The threshold is guessed from a sample of at most so many states, and of at most an eighth of them."""
STANDARD_ERRORS = 3
"""Half-width of the bracket around the guessed threshold, in standard errors of the sample."""
CHUNK_PAIRS = 1 << 15
"""Pairs handled at a time. Their temporary arrays stay in the processor's cache, and none has the size S A."""


def gaps(A: Array) -> Array:
    """G(s,a) = max_b A(s,b) - A(s,a) >= 0, shape (S, A): what a unit of mass gains that leaves (s,a)."""
    G: Array = A.max(axis=1, keepdims=True) - A
    return G


def solve_tv(policy: Array, A: Array, rho: Array, delta: float) -> Step:
    """Solve (3.6) in closed form: a continuous knapsack over the gaps G (see the module docstring).

    A small problem is sorted. In a large one a sample of the states gives a bracket (lo, hi] of gaps around the
    threshold. One pass over the pairs empties those above hi, and only those inside the bracket are sorted. A bracket
    that proves wrong is opened on that side, so the result is exact either way. Among equal gaps the order is
    arbitrary: the maximiser is not unique there.

    Args:
        policy: pi_k(a|s), shape (S, A).
        A: advantage of pi_k, shape (S, A).
        rho: unnormalised visitation of pi_k, shape (S,), >= 0.
        delta: radius, in units of rho-weighted total variation. More than 1/(1-gamma) is never used.

    Returns:
        The step. Its `price` is zero if the whole greedy policy lies within the radius.

    Raises:
        InputError: delta is not positive.
    """
    check_radius(delta)
    lo, hi = _bracket(policy, A, rho, delta) if A.size > SORT_LIMIT else (0.0, np.inf)
    while True:
        sweep = _empty_above(policy, A, rho, lo, hi)
        budget = delta - sweep.spent
        if budget < 0 and hi < np.inf:
            hi = np.inf
        elif lo > 0 and sweep.cost.sum() < budget:
            lo = 0.0
        else:
            return _fill_bracket(sweep, policy, rho, budget, lo)


@dataclass(frozen=True, eq=False)
class _Sweep:
    """The policy after all pairs with a gap above hi have been emptied, and the pairs inside the bracket (lo, hi]."""

    trial: Array  # shape (S, A)
    greedy: NDArray[np.intp]  # a greedy action of every state, shape (S,)
    gain: float
    spent: float
    pairs: NDArray[np.intp]  # flat indices s * A + a inside the bracket, rising; shape (n,)
    gap: Array  # G of those pairs, shape (n,)
    cost: Array  # rho(s) pi_k(a|s) of those pairs, shape (n,)


def _empty_above(policy: Array, A: Array, rho: Array, lo: float, hi: float) -> _Sweep:
    """Empty all pairs with a gap above hi, in one pass over chunks of states."""
    S, n_actions = A.shape
    trial, greedy = np.empty_like(policy), np.empty(S, dtype=np.intp)
    ones = np.ones(n_actions)

    def sweep(part: slice) -> tuple[float, float, NDArray[np.intp], Array, Array]:
        pi, advantage, weight, out = policy[part], A[part], rho[part], trial[part]
        best = greedy[part] = advantage.argmax(axis=1)
        best += np.arange(0, advantage.size, n_actions)
        G = advantage.ravel()[best][:, None] - advantage
        emptied = hi < G
        inside = ((lo < G) ^ emptied).ravel().nonzero()[0]
        gap, cost = G.ravel()[inside], weight[inside // n_actions] * pi.ravel()[inside]
        if hi == np.inf:  # nothing is emptied: a small problem skips half the work
            out[:] = pi
            return 0.0, 0.0, inside + part.start * n_actions, gap, cost
        moved = pi * emptied
        removed = moved @ ones
        np.subtract(pi, moved, out=out)
        out.ravel()[best] += removed
        gain = float(weight @ np.einsum("sa,sa->s", moved, G))
        return gain, float(weight @ removed), inside + part.start * n_actions, gap, cost

    rows = max(1, CHUNK_PAIRS // n_actions)
    gain, spent, pairs, gap, cost = zip(*(sweep(slice(s, s + rows)) for s in range(0, S, rows)), strict=True)
    return _Sweep(
        trial, greedy, sum(gain), sum(spent), np.concatenate(pairs), np.concatenate(gap), np.concatenate(cost)
    )


def _fill_bracket(sweep: _Sweep, policy: Array, rho: Array, budget: float, lo: float) -> Step:
    """Spend the rest of the budget on the bracket's pairs in the order of falling gap, on the last one in part."""
    order = (-sweep.gap).argsort()
    spent = sweep.cost[order].cumsum()
    full = int(spent.searchsorted(budget, side="right"))  # the first `full` pairs fit entirely
    chosen = order[: full + 1]
    share = np.ones(len(chosen))
    price = lo
    if full < len(order):
        price = float(sweep.gap[order[full]])
        before = spent[full - 1] if full else 0.0
        share[full] = max(budget - before, 0.0) / sweep.cost[order[full]]

    pairs = sweep.pairs[chosen]
    states = pairs // policy.shape[1]
    moved = share * policy.ravel()[pairs]
    trial = sweep.trial
    trial.ravel()[pairs] -= moved
    np.add.at(trial.ravel(), states * policy.shape[1] + sweep.greedy[states], moved)
    used = rho[states] * moved
    return Step(trial, sweep.gain + float(used @ sweep.gap[chosen]), sweep.spent + float(used.sum()), price)


def _bracket(policy: Array, A: Array, rho: Array, delta: float) -> tuple[float, float]:
    """Gaps lo < hi that very likely enclose the threshold, from an even sample of the states.

    The sample's pairs above the threshold cost about delta times the sampled share of the states. How far that may be
    off, the standard error, is known from the sample, too. A wrong bracket costs only time.
    """
    stride = max(8, len(rho) // SAMPLE_ROWS)
    gap, cost = gaps(A[::stride]), rho[::stride, None] * policy[::stride]
    order = np.argsort(-gap, axis=None)
    spent, falling = np.cumsum(cost.ravel()[order]), gap.ravel()[order]
    target = delta * len(cost) / len(rho)
    guess = falling[min(int(np.searchsorted(spent, target)), len(falling) - 1)]
    margin = STANDARD_ERRORS * np.sqrt(len(cost)) * float(np.std((cost * (gap > guess)).sum(axis=1)))
    above, below = np.searchsorted(spent, [target - margin, target + margin])
    hi = float(falling[above - 1]) if above > 0 else np.inf
    lo = float(falling[below]) if below < len(falling) else 0.0
    return lo, hi
