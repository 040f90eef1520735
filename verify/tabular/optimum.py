"""The optimum of a finite MDP, certified over the rationals."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from exact.algorithm import solve
from exact.baselines import policy_iteration
from exact.mdp import MDP
from exact.rational import RationalMDP, dyadics, evaluate_exactly

MAX_ITERATIONS = 100
"""Policy iteration in floats hands over to the rationals after at most so many iterations."""


@dataclass(frozen=True, eq=False)
class Optimum:
    """Optimal value and optimal actions."""

    eta: Any
    """eta*, a rational number."""
    V: Any
    """V*(s), shape (S,)."""
    suboptimal: Any
    """Whether A*(s,a) < 0, shape (S, A): a policy is optimal from everywhere iff it avoids these actions."""

    def eta_like(self, number: Any) -> Any:
        """eta* as a float if `number` is one, else as it is."""
        return float(self.eta) if isinstance(number, float) else self.eta


@lru_cache(maxsize=1)
def optimum(mdp: MDP, rational: RationalMDP) -> Optimum:
    """Policy iteration over the rationals, from the policy that it ends at in floats: usually one evaluation."""
    policy = solve(mdp, policy_iteration, settings=None, max_iterations=MAX_ITERATIONS).policy
    actions = policy.argmax(axis=1)
    states = np.arange(mdp.n_states)
    while True:
        best = evaluate_exactly(rational, dyadics(np.eye(mdp.n_actions)[actions]))
        improvable = best.A.max(axis=1) > 0
        if not improvable.any():
            return Optimum(best.eta, best.V, best.A < 0)
        actions = np.where(improvable & (best.A[states, actions] == 0), best.A.argmax(axis=1), actions)
