"""Arrays of other packages as the arguments of an MDP: QuantEcon's, pymdptoolbox's, and rewards R(s,a,s').

Every function returns the keyword arguments of `exact.mdp.MDP`.  rho0 is uniform if it is not given.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from exact.common.errors import InputError
from exact.common.files import reason
from exact.small_fractions import fraction

Array = NDArray[np.float64]
COMPRESSED = {"csr": sparse.csr_array, "csc": sparse.csc_array, "bsr": sparse.bsr_array}
"""The formats of SciPy whose `indptr` says where each row or column begins in the other arrays."""


def checked(matrix: Any) -> Any:
    """The sparse matrix with the same arrays, checked before SciPy's compiled code reads and writes where they point.

    SciPy's own check is not enough. It skips `indptr` if its last entry is 0 or negative, and the differences that it
    takes may overflow.

    Raises:
        ValueError: the arrays do not fit together, or an index is out of range.
    """
    if matrix.format == "coo":
        return sparse.coo_array((matrix.data, matrix.coords), shape=matrix.shape)  # checks the indices
    if matrix.format not in COMPRESSED:
        matrix = matrix.tocsr()
    parts = matrix.data, matrix.indices, matrix.indptr
    found = COMPRESSED[matrix.format](parts, shape=matrix.shape)
    if (found.indptr[1:] < found.indptr[:-1]).any():
        raise ValueError("indptr must be a non-decreasing sequence")
    found.check_format(full_check=True)
    return found


MAX_PAIRS = 20_000_000
"""Largest accepted S*A. A table of rewards of this size takes 160 MB."""


def expected_rewards(rows: Any, p: Any, r: Any, n_rows: int) -> Array:
    """r(s,a) = sum_t P(t|s,a) R(s,a,t) for rows of (s, a), summed over fractions and rounded once.

    A row whose transitions all have one reward has this reward: what its probabilities miss to one does not matter.

    Args:
        rows: row of every transition, in [0, n_rows); shape (n,).
        p: its probability, shape (n,).
        r: its reward, shape (n,).
        n_rows: number of rows. A row without transitions gets 0.
    """
    rows, p, r = np.asarray(rows, dtype=np.int64), np.asarray(p, dtype=np.float64), np.asarray(r, dtype=np.float64)
    used = p != 0
    rows, p, r = rows[used], p[used], r[used]
    if not (np.isfinite(p).all() and np.isfinite(r).all()):
        raise InputError("a transition's probability or reward is not finite")
    low, high = np.full(n_rows, np.inf), np.full(n_rows, -np.inf)
    np.minimum.at(low, rows, r)
    np.maximum.at(high, rows, r)
    result = np.where(low == high, low, 0.0)
    mixed = (low < high)[rows]
    sums: dict[int, Any] = {}
    for row, weight, reward in zip(rows[mixed].tolist(), p[mixed].tolist(), r[mixed].tolist(), strict=True):
        sums[row] = sums.get(row, 0) + fraction(weight) * fraction(reward)
    for row, total in sums.items():
        result[row] = float(total)
    return result


def from_quantecon(ddp: Any, initial: Any = None) -> dict[str, Any]:
    """The arguments of the MDP of a `quantecon.markov.DiscreteDP`, in product form or as state-action pairs."""
    for field in ("R", "Q", "beta", "s_indices", "a_indices"):
        if not hasattr(ddp, field):
            raise InputError(f"from_quantecon needs a DiscreteDP; the object has no {field}")
    if ddp.s_indices is not None:
        return from_state_action_pairs(ddp.R, ddp.Q, ddp.s_indices, ddp.a_indices, ddp.beta, initial)
    R, Q = _numbers(ddp.R, "R"), _numbers(ddp.Q, "Q")
    return _arguments(Q, R, ~np.isneginf(R), ddp.beta, initial)


def from_state_action_pairs(
    R: Any, Q: Any, s_indices: Any, a_indices: Any, gamma: float, initial: Any = None
) -> dict[str, Any]:
    """The arguments of the MDP of L state-action pairs, as QuantEcon has them.

    Args:
        R: reward of every pair, shape (L,). -inf means that the pair is not available.
        Q: P(t|s,a) of every pair, shape (L, S), dense or sparse.
        s_indices: state of every pair, shape (L,).
        a_indices: action of every pair, shape (L,). A pair that is not listed is not available.
        gamma: discount.
        initial: rho0, shape (S,); uniform if None.
    """
    R, s, a = _numbers(R, "R"), _numbers(s_indices, "s_indices", None), _numbers(a_indices, "a_indices", None)
    kernel = _matrix(Q, "state-action pairs: Q") if sparse.issparse(Q) else _numbers(Q, "Q")
    if R.ndim != 1 or kernel.ndim != 2 or not R.shape == s.shape == a.shape == kernel.shape[:1] or not len(R):
        raise InputError(
            f"state-action pairs: expected R, s_indices, a_indices of shape (L,) and Q of shape (L, S), got "
            f"{R.shape}, {s.shape}, {a.shape}, {kernel.shape}"
        )
    S, wrong = kernel.shape[1], s.dtype.kind not in "iu" or a.dtype.kind not in "iu"
    if wrong or s.min() < 0 or s.max() >= S or a.min() < 0:
        raise InputError(f"state-action pairs: s_indices must be in 0..{S - 1} and a_indices whole numbers >= 0")
    A = int(a.max()) + 1
    if S * A > MAX_PAIRS:
        raise InputError(f"state-action pairs: {S} states and {A} actions, expected at most {MAX_PAIRS} pairs")
    rows = s.astype(np.int64) * A + a
    if len(np.unique(rows)) < len(rows):
        raise InputError("state-action pairs: a pair is listed twice")
    available = np.zeros(S * A, dtype=bool)
    available[rows] = ~np.isneginf(R)
    rewards = np.zeros(S * A)
    rewards[rows] = R
    place = sparse.csr_array((np.ones(len(rows)), (rows, np.arange(len(rows)))), shape=(S * A, len(rows)))
    if sparse.issparse(kernel):
        table = place @ kernel
    else:
        table = np.zeros((S * A, S))
        table[rows] = kernel
        table = table.reshape(S, A, S)
    return _arguments(table, rewards.reshape(S, A), available.reshape(S, A), gamma, initial)


def from_pymdptoolbox(P: Any, R: Any, gamma: float, initial: Any = None) -> dict[str, Any]:
    """The arguments of the MDP of pymdptoolbox's arrays.

    Args:
        P: P(t|s,a), shape (A, S, S), or A matrices of shape (S, S), dense or sparse.
        R: rewards of shape (S,), (S, A) or (A, S, S), or A matrices of shape (S, S). R(a,s,t) is reduced exactly.
        gamma: discount.
        initial: rho0, shape (S,); uniform if None.
    """
    matrices = [_matrix(p, "pymdptoolbox: P") for p in P] if hasattr(P, "__iter__") else []
    if not matrices or any(p.shape != (matrices[0].shape[0],) * 2 for p in matrices):
        raise InputError(f"pymdptoolbox: P must be A matrices of shape (S, S), got {[p.shape for p in matrices]}")
    A, S = len(matrices), matrices[0].shape[0]
    stacked = sparse.vstack(matrices, format="csr")  # row a*S + s
    order = (np.arange(S)[:, None] + S * np.arange(A)).ravel()
    kernel = sparse.csr_array(stacked[order])
    rewards = _toolbox_rewards(R, matrices, S, A)
    dense = not any(sparse.issparse(p) for p in P)
    table = kernel.toarray().reshape(S, A, S) if dense else kernel
    return _arguments(table, rewards, None, gamma, initial)


def _toolbox_rewards(R: Any, matrices: Sequence[Any], S: int, A: int) -> Array:
    """r(s,a), shape (S, A), of pymdptoolbox's three forms."""
    if not sparse.issparse(R) and not (np.iterable(R) and any(sparse.issparse(r) for r in R)):
        plain = _numbers(R, "R")
        if plain.shape == (S,):
            return np.repeat(plain[:, None], A, axis=1)
        if plain.shape == (S, A):
            return plain
        if plain.shape != (A, S, S):
            expected = f"({S},), ({S}, {A}) or ({A}, {S}, {S})"
            raise InputError(f"pymdptoolbox: R must have the shape {expected}, got {plain.shape}")
    if sparse.issparse(R):
        return np.asarray(_matrix(R, "pymdptoolbox: R").toarray())
    if len(R) != A:
        raise InputError(f"pymdptoolbox: R must hold {A} matrices, one for every action, got {len(R)}")
    each = []
    for p, r in zip(matrices, R, strict=True):
        coo, r = sparse.coo_array(p), _matrix(r, "pymdptoolbox: R")
        if r.shape != (S, S):
            raise InputError(f"pymdptoolbox: a matrix of R has the shape {r.shape}, expected {(S, S)}")
        rewards = np.asarray(r[coo.row, coo.col]).ravel()
        each.append(expected_rewards(coo.row, coo.data, rewards, S))
    return np.stack(each, axis=1)


def _numbers(x: Any, what: str, dtype: Any = np.float64) -> NDArray[Any]:
    """The array that x is; dtype None: of the type that its numbers have."""
    try:
        return np.asarray(x, dtype=dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{what} must be an array of numbers ({reason(error)})") from None


def _matrix(x: Any, what: str) -> Any:
    try:
        return sparse.csr_array(checked(x) if sparse.issparse(x) else x, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what} must hold matrices ({reason(error)})") from None


def _arguments(P: Any, r: Array, available: Any, gamma: float, initial: Any) -> dict[str, Any]:
    uniform = np.full(r.shape[0], 1 / r.shape[0]) if initial is None else initial
    return {"transitions": P, "rewards": r, "initial": uniform, "discount": gamma, "available": available}
