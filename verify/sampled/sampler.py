"""SAMPLE (Algorithm 4.1 of Zhao, Li and Wen, arXiv 1911.11640) on a finite MDP, many replications in lockstep.

Episodes.  After every step the episode ends with probability 1 - gamma, and the next one starts from rho0.  So an
episode reaches its step t with probability gamma^t, and for *undiscounted* sums over an episode

    E[sum of rewards] = eta(pi), eq. (2.1),        E[visits of s] = rho_pi(s), eq. (2.3).

The total reward R_i of (4.1)-(4.2) then estimates eta without a cut horizon, and every sample has the same weight, as
in the means over the batch of (4.3).  A finite batch leaves two errors of order 1/(N (1-gamma)): it begins at the start
of an episode; and the episode that it cuts off does not count in (4.1), which favours short episodes.

The end does not depend on state and action.  So the next state is drawn also where the episode ends, and a temporal
difference is r + gamma V(s') - V(s) at every step.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from exact.mdp import MDP, Array

Integers = NDArray[np.intp]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Samples:
    """N steps of each of R independent replications; every array has shape (N, R)."""

    states: Integers
    """s_t."""
    actions: Integers
    """a_t ~ pi(.|s_t)."""
    rewards: Array
    """r(s_t, a_t), the MDP's expected reward of the pair: rewards carry no noise of their own."""
    next_states: Integers
    """s'_t ~ P(.|s_t, a_t), also where the episode ends."""
    ended: Booleans
    """The episode ended with step t: s_{t+1} is drawn from rho0, otherwise s_{t+1} = s'_t."""


@dataclass(frozen=True, eq=False)
class Noise:
    """The random numbers of N steps of R replications. Policies sampled with one `Noise` have common random numbers.

    Their episodes begin in the same states and end at the same steps, since neither depends on the policy.
    """

    action: Array
    """Uniform on [0, 1), shape (N, R): chooses a_t by inversion of pi(.|s_t)."""
    successor: Array
    """Uniform on [0, 1), shape (N, R): chooses s'_t by inversion of P(.|s_t, a_t)."""
    ended: Booleans
    """Whether the episode ends with step t, shape (N, R)."""
    starts: Integers
    """States drawn from rho0, shape (N + 1, R): the last is the first state, the others follow the ends."""


@dataclass(frozen=True, eq=False)
class SuccessorTables:
    """The successors of every state-action pair of one MDP. Next states are drawn from them by inversion."""

    mdp: MDP
    """The MDP."""
    successors: Integers
    """Possible next states of the pair s*A + a, shape (S*A, w), padded with the last one."""
    cumulative: Array
    """Their cumulative probabilities, shape (S*A, w)."""


def tabulate(mdp: MDP) -> SuccessorTables:
    """Tabulate the successors of every state-action pair. The width w is the largest number of them."""
    kernel: Any = sparse.csr_array(mdp.kernel)
    kernel.eliminate_zeros()
    counts = np.diff(kernel.indptr)
    column = np.minimum(np.arange(counts.max()), counts[:, None] - 1)
    entry = kernel.indptr[:-1, None] + column
    cumulative = np.take_along_axis(np.cumsum(kernel.data), entry.ravel(), 0).reshape(entry.shape)
    before = np.cumsum(kernel.data)[kernel.indptr[:-1]] - kernel.data[kernel.indptr[:-1]]
    return SuccessorTables(mdp, kernel.indices[entry].astype(np.intp), cumulative - before[:, None])


def draw_noise(mdp: MDP, n_steps: int, replications: int, rng: np.random.Generator) -> Noise:
    """The random numbers of n_steps >= 1 steps of R replications."""
    shape = (n_steps, replications)
    action, successor = rng.random(shape), rng.random(shape)
    ended = rng.random(shape) >= mdp.discount
    starts = rng.choice(mdp.n_states, size=(n_steps + 1, replications), p=mdp.initial)
    return Noise(action, successor, ended, starts)


def select_noise(first: Booleans, a: Noise, b: Noise) -> Noise:
    """Replication by replication, a where `first` (shape (R,)) and b elsewhere."""
    return Noise(*(np.where(first, getattr(a, f.name), getattr(b, f.name)) for f in fields(Noise)))


def sample(tables: SuccessorTables, policies: Array, noise: Noise) -> Samples:
    """Take N steps with each policy, starting every replication at the beginning of an episode.

    Args:
        tables: the MDP.
        policies: pi(a|s) of every replication, shape (R, S, A).
        noise: the random numbers to take them with, of N steps and R replications.
    """
    mdp, R = tables.mdp, len(policies)
    pi = np.cumsum(policies, axis=2)[:, :, :-1]  # the last action takes what rounding leaves over
    successor = tables.cumulative[:, :-1]
    replication = np.arange(R)
    shape = noise.action.shape
    states, actions, next_states = (np.empty(shape, dtype=np.intp) for _ in range(3))
    s = noise.starts[-1]
    for t in range(len(noise.action)):
        a = (pi[replication, s] <= noise.action[t, :, None]).sum(axis=1)
        pair = s * mdp.n_actions + a
        following = tables.successors[pair, (successor[pair] <= noise.successor[t, :, None]).sum(axis=1)]
        states[t], actions[t], next_states[t] = s, a, following
        s = np.where(noise.ended[t], noise.starts[t], following)
    return Samples(states, actions, mdp.rewards[states, actions], next_states, noise.ended)
