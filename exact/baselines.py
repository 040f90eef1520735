"""Classical policy improvement in the interface of Algorithm 3.1, for comparison.

Each method proposes steps with the signature of a subproblem solver, and every step is accepted without a ratio test:
run it with `exact.algorithm.solve(mdp, proposal, settings=None)`.  Steps of a fixed radius, as TRPO takes them, need no
function here: they are `exact.subproblem.kl.solve_kl_forward` (or another subproblem) with settings=None, and delta0 is
the radius.
"""

import numpy as np

from exact.bounds import total_variation
from exact.mdp import MDP, Array
from exact.subproblem.kl import tilt
from exact.subproblem.step import Step, Subproblem
from exact.subproblem.tv import solve_tv


def policy_iteration(policy: Array, A: Array, rho: Array, delta: float) -> Step:
    """Howard's policy iteration (1960): the greedy policy in every state. The radius is ignored.

    Arguments and result as for `exact.subproblem.step.Subproblem`.
    """
    return solve_tv(policy, A, rho, np.inf)


def conservative(mdp: MDP) -> Subproblem:
    """Conservative policy iteration (Kakade and Langford, ICML 2002, Theorem 4.1): mix in the greedy policy.

    pi' = (1 - alpha) pi_k + alpha greedy, alpha = (1-gamma) a / (4 R). R is the range of the rewards, and
    a = (1-gamma)^2 A*_k is the policy advantage of that paper, which normalises visitation and values by 1-gamma. eta
    rises by at least a^2 / (8 R (1-gamma)). If all rewards are equal, every policy is optimal and any step will do.

    Args:
        mdp: the MDP; its rewards and its discount determine alpha.
    """
    reward_range = float(np.ptp(mdp.rewards))

    def propose(policy: Array, A: Array, rho: Array, delta: float) -> Step:
        greedy = policy_iteration(policy, A, rho, delta)
        alpha = min(1.0, (1 - mdp.discount) ** 3 * greedy.gain / (4 * reward_range)) if reward_range > 0 else 1.0
        return Step(policy + alpha * (greedy.policy - policy), alpha * greedy.gain, alpha * greedy.distance, 0.0)

    return propose


def natural_gradient(mdp: MDP, step_size: float = 1.0) -> Subproblem:
    """Exact natural policy gradient on softmax tables (Kakade 2001): pi' proportional to pi exp(eta A / (1-gamma)).

    The form of the update is Lemma 15 of Agarwal, Kakade, Lee and Mahajan (JMLR 2021).

    Args:
        mdp: the MDP; its discount enters the update.
        step_size: eta of that lemma, > 0.
    """
    price = (1 - mdp.discount) / step_size

    def propose(policy: Array, A: Array, rho: Array, delta: float) -> Step:
        trial = tilt(policy, A, price)
        distance = float(rho @ total_variation(policy, trial))
        return Step(trial, float(rho @ (trial * A).sum(axis=1)), distance, 0.0)

    return propose
