"""What Algorithm 4.3 knows: the sampled estimates (4.1)-(4.5) of Zhao, Li and Wen (arXiv 1911.11640), for tables.

On a finite MDP every mean that the algorithm takes over a batch is a function of a few sums for each state-action pair.
A `BatchSums` keeps these sums for R replications, in two halves: the first and the second N/2 steps.  Two batches are
merged by adding their sums.

Estimates are in units of return: the means over steps of (4.3) are divided by 1 - gamma.  The paper's rho is not
normalised and has the mass 1/(1-gamma); a mean over steps has the mass one.

    surrogate gain from pi to pi'      1/(1-gamma) mean[(pi'/pi - 1) A-hat]                        (2.4), (4.3)
    difference of returns              mean R'_i - mean R_i                                        (4.1)
    the same, common random numbers    mean (R'_i - R_i), both trajectories drawn with one noise
    performance difference             1/(1-gamma) mean'[r + gamma V-hat(s') - V-hat(s)]           (2.3)
    reverse surrogate                  -1/(1-gamma) mean'[(pi/pi' - 1) A-hat']
    trapezoid                          half the surrogate gain plus half the reverse surrogate     (verify.trapezoid)

A prime marks the trial policy, its samples, and the advantages estimated from them.  Whatever V-hat is, the performance
difference telescopes in expectation to eta(pi') - sum_s rho0(s) V-hat(s).  So its bias is the critic's error at the
start, which no standard error over the trial's samples shows.

Standard errors of means over steps treat the steps as independent.
"""

from dataclasses import dataclass, fields, replace

import numpy as np

from exact.mdp import MDP, Array
from verify.sampled.sampler import Booleans, Integers, Samples

HALVES = 2
"""Parts of a batch: one can judge the step that the other has chosen."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """An estimated change of eta for every replication."""

    value: Array
    """Shape (R,), in units of return."""
    error: Array
    """Its standard error, shape (R,)."""


@dataclass(frozen=True, eq=False)
class BatchSums:
    """Sums over a batch for each of R replications. Each replication drew its batch with one policy."""

    visits: Array
    """Number of samples of (s,a), shape (2, R, S, A): first and second half of the batch."""
    advantage: Array
    """Sum of A-hat over them, same shape."""
    advantage_squared: Array
    """Sum of A-hat^2 over them, same shape."""
    value_target: Array
    """Sum of V-hat(s) + A-hat over the samples of s, the target of (4.5), shape (R, S)."""
    td: Array
    """Sum of r + gamma V-hat(s') - V-hat(s), shape (R,)."""
    td_squared: Array
    """Sum of its squares, shape (R,)."""
    returns: Array
    """Sum of R_i over complete trajectories, shape (R,)."""
    returns_squared: Array
    """Sum of R_i^2, shape (R,)."""
    trajectories: Array
    """Number of complete trajectories, shape (R,), at least 1 (see `total_rewards`)."""

    @property
    def steps(self) -> Array:
        """|B|, shape (R,)."""
        n: Array = self.visits.sum(axis=(0, 2, 3))
        return n


def summarise(mdp: MDP, samples: Samples, V: Array, lam: float, exact_A: Array | None = None) -> BatchSums:
    """The sums of a batch, its advantages taken from a table or estimated by GAE.

    Args:
        mdp: the MDP that was sampled.
        samples: N steps of R replications.
        V: the critic V-hat(s) of every replication, shape (R, S); the temporal differences use it.
        lam: lambda of GAE (4.4), in [0, 1].
        exact_A: advantages A(s,a) of every replication, shape (R, S, A); None estimates them by GAE.
    """
    N, R = samples.states.shape
    S, A = mdp.rewards.shape
    replication = np.arange(R)
    value = V[replication, samples.states]
    td = samples.rewards + mdp.discount * V[replication, samples.next_states] - value
    advantage = gae(td, samples.ended, lam)
    if exact_A is not None:
        advantage = exact_A[replication, samples.states, samples.actions]
    half = (np.arange(N) >= N // HALVES)[:, None]
    cell = ((half * R + replication) * S + samples.states) * A + samples.actions

    def per_pair(x: Array) -> Array:
        return _sums(cell, x, HALVES * R * S * A).reshape(HALVES, R, S, A)

    target = _sums(replication * S + samples.states, value + advantage, R * S).reshape(R, S)
    returns, squares, count = total_rewards(samples)
    return BatchSums(
        per_pair(np.ones_like(td)), per_pair(advantage), per_pair(advantage**2), target,
        td.sum(axis=0), (td**2).sum(axis=0), returns, squares, count,
    )  # fmt: skip


def gae(td: Array, ended: Booleans, lam: float) -> Array:
    """Generalised advantage estimates (4.4), A_t = td_t + lambda [episode goes on] A_{t+1}, shape (N, R).

    The episode goes on with probability gamma, which is the factor gamma of (4.4); the batch's last step is cut like
    an end.

    Args:
        td: r_t + gamma V(s'_t) - V(s_t), shape (N, R).
        ended: the episode ended with step t, shape (N, R).
        lam: lambda in [0, 1]; at 1 the estimate is unbiased whatever V is, but for the cut at the batch's end.
    """
    advantage = np.empty_like(td)
    ahead = np.zeros(td.shape[1])
    for t in range(len(td) - 1, -1, -1):
        ahead = td[t] + lam * np.where(ended[t], 0.0, ahead)
        advantage[t] = ahead
    return advantage


def total_rewards(samples: Samples) -> tuple[Array, Array, Array]:
    """Sum, sum of squares and number of the R_i of (4.1)-(4.2), each of shape (R,).

    The trajectory that the batch cuts off counts only where fewer than two are complete.
    """
    earned = np.cumsum(samples.rewards, axis=0)
    ended = samples.ended.copy()
    ended[-1] |= ended.sum(axis=0) < HALVES
    replication, t = ended.T.nonzero()  # by replication, then by time
    so_far = earned[t, replication]
    first = np.diff(replication, prepend=-1) > 0
    R_i = so_far - np.where(first, 0.0, np.roll(so_far, 1))
    R = len(ended[0])
    return _sums(replication, R_i, R), _sums(replication, R_i**2, R), _sums(replication, np.ones_like(R_i), R)


def merge(a: BatchSums, b: BatchSums) -> BatchSums:
    """Both batches together, (4.15)."""
    return BatchSums(*(getattr(a, f.name) + getattr(b, f.name) for f in fields(BatchSums)))


def select(first: Booleans, a: BatchSums, b: BatchSums) -> BatchSums:
    """Replication by replication, a where `first` (shape (R,)) and b elsewhere."""

    def pick(x: Array, y: Array) -> Array:
        axis = 1 if x.ndim == 4 else 0
        mask = first.reshape([-1 if i == axis else 1 for i in range(x.ndim)])
        return np.where(mask, x, y)

    return BatchSums(*(pick(getattr(a, f.name), getattr(b, f.name)) for f in fields(BatchSums)))


def fit_critic(batch: BatchSums, V: Array) -> Array:
    """Least squares fit (4.5) of a table to V-hat + A-hat: the mean over the visits; unvisited states keep V."""
    n = batch.visits.sum(axis=(0, 3))
    return np.where(n > 0, batch.value_target / np.maximum(n, 1), V)


def returns_spread(batch: BatchSums) -> Array:
    """sigma-hat of (4.2), the sample standard deviation of the R_i, shape (R,); zero where there is one trajectory."""
    n = batch.trajectories
    variance = np.maximum(batch.returns_squared - batch.returns**2 / n, 0) / np.maximum(n - 1, 1)
    return np.sqrt(variance)


def returns_mean(batch: BatchSums) -> Estimate:
    """eta-hat of (4.1) with its standard error."""
    return Estimate(batch.returns / batch.trajectories, returns_spread(batch) / np.sqrt(batch.trajectories))


def returns_difference(batch: BatchSums, trial: BatchSums) -> Estimate:
    """eta-hat(trial) - eta-hat(pi_k), the numerator of (4.14)."""
    old, new = returns_mean(batch), returns_mean(trial)
    return Estimate(new.value - old.value, np.hypot(new.error, old.error))


def paired_difference(rewards: Array, trial: Samples) -> Estimate:
    """eta-hat(trial) - eta-hat(pi_k) from trajectories that pi_k and the trial drew with common random numbers.

    Args:
        rewards: r_t of pi_k's steps, shape (N, R).
        trial: the trial's steps, drawn with the same `Noise`, so that trajectory i of both has the same steps.
    """
    total, squares, n = total_rewards(replace(trial, rewards=trial.rewards - rewards))
    variance = np.maximum(squares - total**2 / n, 0) / np.maximum(n - 1, 1)
    return Estimate(total / n, np.sqrt(variance / n))


def performance_difference(trial: BatchSums, gamma: float) -> Estimate:
    """(2.3) on the trial's samples: the mean temporal difference of pi_k's critic, over 1 - gamma."""
    n = trial.steps
    return _scaled_mean(trial.td, trial.td_squared, n, gamma)


def surrogate_gain(sums: tuple[Array, Array, Array], pi: Array, to: Array, gamma: float) -> Estimate:
    """L-hat_pi(to) - L-hat_pi(pi) = 1/(1-gamma) mean[(to/pi - 1) A-hat], (4.3), over a batch drawn with pi.

    Args:
        sums: visits, sum and sum of squares of A-hat per pair, each (R, S, A): `half(batch, i)` or `whole(batch)`.
        pi: the policies that drew the batch, shape (R, S, A).
        to: the policies to predict, shape (R, S, A).
        gamma: discount.
    """
    visits, advantage, squared = sums
    weight = np.divide(to, pi, out=np.ones_like(pi), where=visits > 0) - 1
    axes = (1, 2)
    total, squares = (weight * advantage).sum(axis=axes), (weight**2 * squared).sum(axis=axes)
    return _scaled_mean(total, squares, visits.sum(axis=axes), gamma)


def reverse_surrogate(trial: BatchSums, pi: Array, new: Array, gamma: float) -> Estimate:
    """-[L-hat_new(pi) - L-hat_new(new)]: the gain as the trial's own samples see the way back."""
    back = surrogate_gain(whole(trial), new, pi, gamma)
    return Estimate(-back.value, back.error)


def average(a: Estimate, b: Estimate) -> Estimate:
    """The mean of two estimates, taken as independent."""
    return Estimate((a.value + b.value) / 2, np.hypot(a.error, b.error) / 2)


def half(batch: BatchSums, i: int) -> tuple[Array, Array, Array]:
    """Visits, advantage sums and sums of squares of half i in {0, 1}, each (R, S, A)."""
    return batch.visits[i], batch.advantage[i], batch.advantage_squared[i]


def whole(batch: BatchSums) -> tuple[Array, Array, Array]:
    """The same of the whole batch."""
    return batch.visits.sum(axis=0), batch.advantage.sum(axis=0), batch.advantage_squared.sum(axis=0)


def _sums(index: Integers, x: Array, n: int) -> Array:
    """Sum of x over every value of index in [0, n), shape (n,)."""
    sums: Array = np.bincount(index.ravel(), x.ravel(), minlength=n).astype(np.float64)
    return sums


def _scaled_mean(total: Array, squares: Array, n: Array, gamma: float) -> Estimate:
    mean = total / n
    variance = np.maximum(squares / n - mean**2, 0) * n / np.maximum(n - 1, 1)
    return Estimate(mean / (1 - gamma), np.sqrt(variance / n) / (1 - gamma))
