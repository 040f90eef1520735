"""The step that a sampled surrogate asks for, and how much of its promise samples that did not select it confirm.

Over a batch B drawn with pi_k the surrogate (4.3) of Zhao, Li and Wen (arXiv 1911.11640) is linear in the table pi':

    L-hat(pi') - L-hat(pi_k) = sum_s rho-hat(s) sum_a (pi' - pi_k)(a|s) A-hat(s,a),
    rho-hat(s) = n(s) / (N (1-gamma)),    A-hat(s,a) = sum over the visits of (s,a) of A-hat_t / (n(s) pi_k(a|s)),

with noise in both factors. It is maximised subject to sum_s rho-hat(s) KL(pi' || pi_k)(s) <= delta, whose solution
pi' ~ pi_k exp(t A-hat) (`exact.subproblem.kl`) is at the same time the natural gradient step of length t on tabular
softmax policies, H^{-1} g of Algorithm 4.2 with the exact curvature. So it overfits the batch just as a network's step
does: it climbs the noise in A-hat, and the surrogate evaluated on the same batch counts that climb as a gain.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import elementwise

from exact.mdp import Array
from verify.sampled.estimators import BatchSums, Estimate, average, half, surrogate_gain, whole
from verify.sampled.sampler import Booleans, Integers

SHORTEST, LONGEST = 1e-2, 1e8
"""Bracket of the step length t, as multiples of its value for small steps. A radius that even the longest step does
not use up exceeds all that the greedy policy can spend; the longest step then is the greedy policy but for rounding."""

FLAT = 1e-20
"""Variance of A-hat under pi_k below which a policy stays where it is: it is deterministic but for rounding."""
TOLERANCE = 1e-8
"""Of log t, and of the logarithm of the used radius."""


@dataclass(frozen=True, eq=False)
class Proposal:
    """A trial point for every replication, with what the batch says about it before the trial is sampled."""

    policy: Array
    """pi'(a|s), shape (R, S, A)."""
    predicted: Estimate
    """L-hat(pi') - L-hat(pi_k) on the samples that chose pi': the denominator of (4.14)."""
    held_out: Estimate
    """Predicted gain on samples that did not: see `propose`."""


def propose(batch: BatchSums, pi: Array, radius: Array, gamma: float, half_batch: Booleans) -> Proposal:
    """Solve the sampled subproblem in every replication.

    The step comes from the whole batch or, where `half_batch` holds, from its first half. `held_out` is then the gain
    of that very step on the second half. For steps from the whole batch it is cross-fitted: each half chooses a step
    of its own, the other half predicts its gain, and the mean of both is taken. That is the gain of steps from half as
    many samples, hence somewhat noisier than the step proposed.

    Args:
        batch: samples of pi.
        pi: pi_k of every replication, shape (R, S, A).
        radius: mean KL divergence per sample; delta_k of (3.1) is radius / (1 - gamma). Shape (R,).
        gamma: discount.
        half_batch: boolean, shape (R,).
    """
    halves = half(batch, 0), half(batch, 1)
    steps = [natural_step(sums, pi, radius) for sums in halves]
    full = natural_step(whole(batch), pi, radius)
    across = [surrogate_gain(halves[1 - i], pi, steps[i], gamma) for i in range(2)]
    crossed = average(*across)
    mine = surrogate_gain(whole(batch), pi, full, gamma)
    own = surrogate_gain(halves[0], pi, steps[0], gamma)
    return Proposal(
        np.where(half_batch[:, None, None], steps[0], full),
        _where(half_batch, own, mine),
        _where(half_batch, across[0], crossed),
    )


def natural_step(sums: tuple[Array, Array, Array], pi: Array, radius: Array) -> Array:
    """pi_k exp(t A-hat) normalised, with t such that the mean of KL(pi' || pi_k) over the samples is `radius`.

    The batched form of `exact.subproblem.kl.solve_kl_reverse` at (A-hat, rho-hat), against which it is tested.

    Args:
        sums: visits, sum and sum of squares of A-hat per pair, each (R, S, A).
        pi: pi_k, shape (R, S, A).
        radius: mean KL divergence, > 0, shape (R,).
    """
    A_hat, rho_hat = _surrogate(sums, pi)
    A_hat -= np.where(pi > 0, A_hat, -np.inf).max(axis=2, keepdims=True)  # no exponent above zero: no overflow
    A_hat[pi == 0] = 0

    def log_kl(log_t: Array, r: Integers) -> Array:
        t = np.exp(log_t)
        new, z = _tilt(pi[r], A_hat[r], t)
        kl = t[:, None] * np.einsum("rsa,rsa->rs", new, A_hat[r]) - np.log(z)
        used: Array = np.maximum(np.einsum("rs,rs->r", rho_hat[r], kl), np.finfo(float).tiny)
        return np.log(used / radius[r])

    every = np.arange(len(pi))
    centred = A_hat - np.einsum("rsa,rsa->rs", pi, A_hat)[:, :, None]
    variance = np.einsum("rs,rsa,rsa,rsa->r", rho_hat, pi, centred, centred)
    movable = variance > FLAT
    small = np.sqrt(2 * radius / np.where(movable, variance, 1.0))
    ends = np.log(SHORTEST * small), np.log(LONGEST * small)
    found = elementwise.find_root(log_kl, ends, args=(every,), tolerances={"xatol": TOLERANCE, "fatol": TOLERANCE})
    beyond = np.where(log_kl(ends[1], every) < 0, ends[1], ends[0])
    log_t = np.where(found.success, found.x, beyond)
    return _tilt(pi, A_hat, np.where(movable, np.exp(log_t), 0.0))[0]


def gradient_norms(batch: BatchSums, pi: Array) -> tuple[Array, Array]:
    """||g|| and (g' H^{-1} g)^{1/2} of the sampled surrogate at pi_k, each (R,), up to the factor 1/(1-gamma).

    g is its gradient with respect to the logits of tabular softmax policies, g(s,a) = rho-hat(s) pi_k(a|s) (A-hat(s,a)
    - sum_b pi_k(b|s) A-hat(s,b)), and H the Hessian of the mean KL divergence over the batch.
    """
    A_hat, rho_hat = _surrogate(whole(batch), pi)
    A_hat = A_hat - np.einsum("rsa,rsa->rs", pi, A_hat)[:, :, None]
    g = rho_hat[:, :, None] * pi * A_hat
    return np.sqrt(np.einsum("rsa,rsa->r", g, g)), np.sqrt(np.einsum("rsa,rsa->r", g, A_hat))


def _surrogate(sums: tuple[Array, Array, Array], pi: Array) -> tuple[Array, Array]:
    """A-hat(s,a), (R, S, A), and rho-hat(s) of total mass one, (R, S)."""
    visits, total, _ = sums
    n = visits.sum(axis=2)
    A_hat = np.divide(total, n[:, :, None] * pi, out=np.zeros_like(pi), where=visits > 0)
    return A_hat, n / n.sum(axis=1, keepdims=True)


def _tilt(pi: Array, A: Array, t: Array) -> tuple[Array, Array]:
    """pi exp(t A) normalised, (R, S, A), and its normaliser z, (R, S), for A <= 0 with a zero in every row."""
    new = pi * np.exp(t[:, None, None] * A)
    z = np.einsum("rsa->rs", new)
    return new / z[:, :, None], z


def _where(mask: Booleans, a: Estimate, b: Estimate) -> Estimate:
    return Estimate(np.where(mask, a.value, b.value), np.where(mask, a.error, b.error))
