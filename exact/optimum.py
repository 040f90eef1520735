"""The optimum of a finite MDP by Howard's policy iteration (1960), as the reference of the other methods.

It shares no rule with Algorithm 3.1: it needs no visitation, no radius and no ratio, and it improves every state, also
one that is never visited.  Its certificate holds for every policy.  By the Bellman equation

    0 <= V*(s) - V(s) <= max_t max_a A(t,a) / (1-gamma).
"""

from dataclasses import dataclass

import numpy as np

from exact.evaluation import Evaluation, evaluate
from exact.mdp import MDP, Array

MAX_ITERATIONS = 1000
"""Policy iteration takes a dozen iterations on most MDPs. More than this are a sign that rounding decides."""


@dataclass(frozen=True, eq=False, repr=False)
class Optimum:
    """A deterministic policy, its values, and how far they can be from the optimal ones."""

    policy: Array
    """Shape (S, A), one action in every state."""
    values: Evaluation
    """Its evaluation."""
    gap: float
    """V* - V is at most this in every state, in units of return."""
    iterations: int
    """Number of policies that were evaluated."""

    def __repr__(self) -> str:
        return f"Optimum(eta={self.values.eta:.6g}, within {self.gap:.3g}, {self.iterations} iterations)"


def certified_gap(mdp: MDP, values: Evaluation) -> float:
    """Upper bound of max_s V*(s) - V(s), in units of return, with the rounding error of the advantages."""
    largest = float(values.A.max()) if values.A.size else 0.0
    return (max(0.0, largest) + values.rounding) / (1 - mdp.discount)


def optimum(mdp: MDP, max_iterations: int = MAX_ITERATIONS) -> Optimum:
    """Policy iteration from the actions of the largest reward, until no advantage is above its rounding error.

    Args:
        mdp: the MDP.
        max_iterations: largest number of policies that are evaluated. `gap` says how good the last one is.

    Raises:
        EvaluationError: as `exact.evaluation.evaluate`.
    """
    actions, states, everything = mdp.rewards.argmax(axis=1), np.arange(mdp.n_states), np.eye(mdp.n_actions)
    values = None
    for k in range(1, max_iterations + 1):
        policy = mdp.on_available(everything[actions])
        values = evaluate(mdp, policy, guess=values)
        better = values.A.max(axis=1) > np.maximum(values.A[states, actions], 0) + values.rounding
        if k == max_iterations or not better.any():
            return Optimum(policy, values, certified_gap(mdp, values), k)
        actions = np.where(better, values.A.argmax(axis=1), actions)
    raise ValueError(f"max_iterations must be at least 1, got {max_iterations}")
