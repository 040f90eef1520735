"""The distances D of the trust region: total variation and the two Kullback-Leibler divergences."""

from enum import Enum

import numpy as np

from exact.mdp import Array


class Distance(Enum):
    """The distance D of the trust region."""

    TV = "total variation"
    KL_FORWARD = "KL(pi_k || pi)"
    KL_REVERSE = "KL(pi || pi_k)"


def distance(D: Distance, policy: Array, trial: Array) -> Array:
    """D(s) between pi_k = policy and trial, both (S, A), in every state: shape (S,); infinite where KL is."""
    if D is Distance.TV:
        tv: Array = np.abs(trial - policy).sum(axis=1) / 2
        return tv
    p, q = (policy, trial) if D is Distance.KL_FORWARD else (trial, policy)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        kl: Array = np.where(p > 0, p * np.log(p / q), 0.0).sum(axis=1)
    return kl


def mean_distance(D: Distance, policy: Array, trial: Array, rho: Array) -> float:
    """sum_s rho(s) D(s); a state that is never visited may be changed for nothing, even infinitely."""
    visited = rho > 0
    return float(rho[visited] @ distance(D, policy[visited], trial[visited]))
