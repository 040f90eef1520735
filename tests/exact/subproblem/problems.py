"""Random subproblems, and a bound of their gain that does not use their solution."""

import numpy as np

from exact.subproblem.tv import gaps


def problem(S, n_actions, seed, ties=False):
    """A random subproblem: policy with zeros, advantages (on a coarse grid if ties), visitation with a zero."""
    rng = np.random.default_rng(seed)
    policy = rng.dirichlet(np.full(n_actions, 0.5), S)
    policy[rng.random(S) < 0.3] = np.eye(n_actions)[0]
    A = rng.standard_normal((S, n_actions))
    rho = rng.exponential(size=S)
    rho[rng.integers(S)] = 0
    return policy, np.rint(2 * A) / 2 if ties else A, rho


def dual_bound(policy, A, rho, delta, price):
    """lambda delta + sum rho pi_k (G - lambda)_+ : an upper bound of (3.6)'s optimal gain for every price >= 0."""
    return float(price * delta + np.sum(rho[:, None] * policy * np.maximum(gaps(A) - price, 0)))
