"""Classical policy improvement in the interface of Algorithm 3.1, for comparison.

Each method is a proposal with the signature of a subproblem solver, accepted without a ratio test: run it with
`exact.algorithm.solve(mdp, proposal, settings=None)`.  Fixed-radius TRPO-style steps need no proposal of their own:
they are `exact.subproblem.kl.solve_kl_forward` (or any subproblem) with settings=None and delta0 the fixed radius.
"""

import numpy as np

from exact.mdp import MDP, Array
from exact.subproblem.kl import tilt
from exact.subproblem.step import Step, Subproblem
from exact.subproblem.tv import solve_tv


def policy_iteration(policy: Array, A: Array, rho: Array, delta: float) -> Step:
    """Howard's policy iteration: the greedy policy in every state; the radius is ignored."""
    return solve_tv(policy, A, rho, np.inf)


def conservative(mdp: MDP) -> Subproblem:
    """Conservative policy iteration (Kakade and Langford, ICML 2002, Theorem 4.1): mix in the greedy policy.

    pi' = (1 - alpha) pi_k + alpha greedy with alpha = (1-gamma) a / (4 R), where R is the range of the rewards and
    a = (1-gamma)^2 A*_k their policy advantage: both visitation and values are normalised by 1-gamma there. eta rises
    by at least a^2 / (8 R (1-gamma)). Where all rewards are equal every policy is optimal and any step will do.
    """
    reward_range = float(np.ptp(mdp.rewards))

    def propose(policy: Array, A: Array, rho: Array, delta: float) -> Step:
        greedy = policy_iteration(policy, A, rho, delta)
        alpha = min(1.0, (1 - mdp.discount) ** 3 * greedy.gain / (4 * reward_range)) if reward_range > 0 else 1.0
        return Step(policy + alpha * (greedy.policy - policy), alpha * greedy.gain, alpha * greedy.distance, 0.0)

    return propose


def natural_gradient(mdp: MDP, step_size: float = 1.0) -> Subproblem:
    """Exact natural policy gradient on softmax tables (Kakade 2001): pi' proportional to pi exp(eta A / (1-gamma)).

    The form of the update is Lemma 15 of Agarwal, Kakade, Lee and Mahajan (JMLR 2021); `step_size` is its eta.
    """
    price = (1 - mdp.discount) / step_size

    def propose(policy: Array, A: Array, rho: Array, delta: float) -> Step:
        trial = tilt(policy, A, price)
        tv = np.abs(trial - policy).sum(axis=1) / 2
        return Step(trial, float(rho @ (trial * A).sum(axis=1)), float(rho @ tv), 0.0)

    return propose
