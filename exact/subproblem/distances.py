"""The distances D of the trust region: total variation and the two Kullback-Leibler divergences."""

from enum import Enum

import numpy as np

from exact.bounds import total_variation
from exact.mdp import Array


class Distance(Enum):
    """The distance D of the trust region; the value is its name in messages."""

    TV = "total variation"
    KL_FORWARD = "KL(pi_k || pi)"
    KL_REVERSE = "KL(pi || pi_k)"


def distance(D: Distance, policy: Array, trial: Array) -> Array:
    """D(s) between pi_k = `policy` and pi = `trial` in every state.

    Args:
        D: which distance.
        policy: pi_k(a|s), shape (S, A).
        trial: pi(a|s), shape (S, A).

    Returns:
        Shape (S,), >= 0; infinite where a divergence is. Divergences are in nats.
    """
    if D is Distance.TV:
        tv: Array = total_variation(policy, trial)
        return tv
    p, q = (policy, trial) if D is Distance.KL_FORWARD else (trial, policy)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        change = (q - p) / p
        # Of small changes sum p log(p/q) is a rounded zero. sum p (x - log(1+x)) is the same, because sum p x = 0.
        near = p * (change - np.log1p(change))
        far = p * (np.log(p) - np.log(q)) - (p - q)
        kl: Array = np.where(p > 0, np.where(np.abs(change) < 0.5, near, far), q).sum(axis=1)
    return np.maximum(kl, 0.0)


def mean_distance(D: Distance, policy: Array, trial: Array, rho: Array) -> float:
    """sum_s rho(s) D(s), rho of shape (S,). A state that is never visited costs nothing, even where D is infinite."""
    visited = rho > 0
    return float(rho[visited] @ distance(D, policy[visited], trial[visited]))
