"""Random Garnet MDPs, exactly representable in float64.

Notation: S states, A actions, b = branching, the number of successors of every (s, a); gamma the discount.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from exact.common.errors import InputError
from exact.mdp import MDP, Array, dense_if_small
from exact.small_fractions import DENOMINATOR_LIMIT

PROBABILITY_UNIT = DENOMINATOR_LIMIT
"""Probabilities are multiples of 1/PROBABILITY_UNIT. float64 holds them exactly, and rows sum to exactly one."""
REWARD_UNIT = 1 << 8
"""Rewards are multiples of 1/REWARD_UNIT."""
GARNET_MAX_TRANSITIONS = 1 << 28
"""Largest S*A*branching. Such a kernel takes 3 GiB, and several times as much while it is made."""
GARNET_FORM = "garnet:S=20,A=4,b=3,gamma=0.9,seed=7"
"""A specification that garnet_from_text reads. The name of a Garnet MDP is its specification."""
HARD = ",hard=1"
"""What the specification of a hard one ends in."""


def garnet(n_states: int, n_actions: int, branching: int, discount: float, seed: int, hard: bool = False) -> MDP:
    """A random MDP G(S, A, b) after Archibald, McKinnon and Thomas (1995) and Bhatnagar et al. (Automatica 2009).

    Every (s, a) has `branching` distinct successors, chosen uniformly. branching - 1 distinct random points cut the
    unit interval into pieces, and the lengths of the pieces, multiples of 2^-16, are the probabilities. Rewards r(s,a)
    are standard normal, rounded to multiples of 2^-8. rho0 is uniform. Transitions are dense for few states, else
    sparse (`exact.mdp.dense_if_small`). It takes time S * A * branching^2.

    Args:
        n_states: S >= 1.
        n_actions: A >= 1.
        branching: b in [1, min(S, 2^16)], with S * A * b at most GARNET_MAX_TRANSITIONS.
        discount: gamma in [0, 1).
        seed: integer >= 0. The same arguments give the same MDP.
        hard: whether it gets what random MDPs lack: see `_harden`.

    Raises:
        InputError: an argument is out of its range.
    """
    S, A, b = n_states, n_actions, branching
    if S < 1 or A < 1:
        raise InputError(f"garnet: needs at least one state and one action, got S={S}, A={A}")
    if not 1 <= b <= min(S, PROBABILITY_UNIT):
        raise InputError(f"garnet: branching must lie in 1..{min(S, PROBABILITY_UNIT)}, got {b}")
    if S * A * b > GARNET_MAX_TRANSITIONS:
        raise InputError(f"garnet: S*A*b = {S * A * b} transitions are too many, at most {GARNET_MAX_TRANSITIONS}")
    if seed < 0:
        raise InputError(f"garnet: seed must not be negative, got {seed}")
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    successors = _subsets(rng, S * A, S, b)
    cuts = _subsets(rng, S * A, PROBABILITY_UNIT - 1, b - 1) + 1
    pieces = np.diff(cuts, axis=1, prepend=0, append=PROBABILITY_UNIT)
    kernel = sparse.csr_array(
        ((pieces / PROBABILITY_UNIT).ravel(), successors.ravel(), np.arange(0, S * A * b + 1, b, dtype=np.int32)),
        shape=(S * A, S),
    )
    rewards = np.rint(rng.standard_normal((S, A)) * REWARD_UNIT) / REWARD_UNIT
    name = f"garnet:S={S},A={A},b={b},gamma={float(discount)!r},seed={seed}"
    if not hard:
        return MDP(dense_if_small(kernel, A), rewards, np.full(S, 1 / S), discount, name)
    if S > PROBABILITY_UNIT:
        raise InputError(f"garnet: a hard one has at most {PROBABILITY_UNIT} states, got {S}")
    cuts = _subsets(rng, 1, PROBABILITY_UNIT - 1, S - 1)[0] + 1
    initial = np.diff(cuts, prepend=0, append=PROBABILITY_UNIT) / PROBABILITY_UNIT
    kernel, rewards = _harden(kernel, rewards)
    return MDP(dense_if_small(kernel, A), rewards, initial, discount, name + HARD)


def _harden(kernel: sparse.csr_array, rewards: Array) -> tuple[sparse.csr_array, Array]:
    """Ties and an absorbing state: rewards are whole numbers, in every second state the last action is a copy of the
    first, and the last state absorbs with reward 0. The start distribution of such an MDP is random, not uniform.
    """
    S, A = rewards.shape
    rows = np.arange(S * A)
    rows[A - 1 :: 2 * A] = rows[:: 2 * A]
    rewards = np.rint(rewards.ravel())[rows].reshape(S, A)
    rewards[-1] = 0
    absorbing = sparse.csr_array((np.ones(A), (np.arange(A), np.full(A, S - 1))), shape=(A, S))
    return sparse.csr_array(sparse.vstack([kernel[rows[:-A]], absorbing], format="csr")), rewards


def _subsets(rng: np.random.Generator, n: int, population: int, size: int) -> NDArray[np.int32]:
    """n uniformly random subsets of 0 .. population-1, shape (n, size), each sorted.

    Floyd's algorithm (Bentley and Floyd, Communications of the ACM 30, 1987) for all rows at once: for
    j = population - size .. population - 1 draw t from 0 .. j; add t, or j if t is already in the subset.
    """
    chosen = np.empty((n, size), dtype=np.int32)
    for i, j in enumerate(range(population - size, population)):
        t = rng.integers(0, j + 1, size=n, dtype=np.int32)
        taken = (chosen[:, :i] == t[:, None]).any(axis=1)
        chosen[:, i] = np.where(taken, j, t)
    chosen.sort(axis=1)
    return chosen


def garnet_from_text(text: str) -> MDP:
    """The Garnet MDP of a specification such as GARNET_FORM.

    Raises:
        InputError: a value is missing, given twice, not a number or out of its range.
    """
    pairs = [item.partition("=") for item in text.removeprefix("garnet:").removesuffix(HARD).split(",")]
    values = {key.strip(): value.strip() for key, _, value in pairs}
    if len(pairs) != 5 or set(values) != {"S", "A", "b", "gamma", "seed"}:
        raise InputError(f"{text!r}: expected S, A, b, gamma and seed once each, as in {GARNET_FORM}")
    try:
        S, A, b, seed = (int(values[key]) for key in ("S", "A", "b", "seed"))
        gamma = float(values["gamma"])
    except ValueError:
        raise InputError(f"{text!r}: S, A, b, seed must be integers and gamma a number, as in {GARNET_FORM}") from None
    return garnet(S, A, b, gamma, seed, hard=text.endswith(HARD))
