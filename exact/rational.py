"""Finite MDPs and policy evaluation in exact rational arithmetic, by python-flint.

A float64 of an MDP means a fraction, and every policy in the runs of `verify` lies on a dyadic grid.  So V, rho and
eta are rational numbers, and an inequality between them is true or false.  Arrays are NumPy object
arrays of `flint.fmpq`; the formulas of `exact.bounds` take them as they are.  flint is loaded with the first exact
number.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from exact.evaluation import Evaluation
from exact.mdp import MDP, Array
from exact.small_fractions import fraction

if TYPE_CHECKING:
    from flint import fmpq, fmpq_mat

Rationals = Any
"""A NumPy object array of fmpq."""


def rational(x: float) -> "fmpq":
    """The fraction that the float x means, by `exact.small_fractions.fraction`: 0.9 means 9/10, 0.333... means 1/3."""
    from flint import fmpq

    meant = fraction(x)
    return fmpq(meant.numerator, meant.denominator)


def dyadic(x: float) -> "fmpq":
    """The float x itself, as a rational number."""
    from flint import fmpq

    return fmpq(*float(x).as_integer_ratio())


def rationals(x: Any) -> Rationals:
    """`rational` of every element."""
    return np.frompyfunc(rational, 1, 1)(np.asarray(x, dtype=np.float64))


def dyadics(x: Array) -> Rationals:
    """`dyadic` of every element."""
    from flint import fmpq

    return np.frompyfunc(lambda value: fmpq(*value.as_integer_ratio()), 1, 1)(np.asarray(x, dtype=np.float64))


@dataclass(frozen=True, eq=False)
class RationalMDP:
    """A finite MDP with rational data. The transition kernel is sparse; the pair (s, a) has row s*A + a."""

    indptr: Any
    """The entries of row i are those from indptr[i] to indptr[i + 1] - 1. Shape (S*A + 1,)."""
    successors: Any
    """Next state of every entry."""
    probabilities: Rationals
    """P(t|s,a) of every entry; rows sum to exactly one."""
    rewards: Rationals
    """r(s,a), shape (S, A)."""
    initial: Rationals
    """rho0(s), shape (S,); sums to exactly one."""
    discount: "fmpq"
    """gamma."""

    @cached_property
    def row_of_entry(self) -> Any:
        """Kernel row of every entry."""
        return np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr))


def from_mdp(mdp: MDP) -> RationalMDP:
    """Read the data of `mdp` as fractions. What a distribution misses to one goes to its largest entry."""
    kernel = sparse.csr_array(mdp.kernel)
    probabilities = rationals(kernel.data)
    for start, end in zip(kernel.indptr[:-1], kernel.indptr[1:], strict=True):
        normalise(probabilities[start:end])
    initial = rationals(mdp.initial)
    normalise(initial)
    return RationalMDP(
        kernel.indptr, kernel.indices, probabilities, rationals(mdp.rewards), initial, rational(mdp.discount)
    )


def normalise(p: Rationals) -> None:
    """Give what a distribution misses to one to its largest entry, in place."""
    residue = 1 - p.sum()
    if residue != 0:
        p[p.argmax()] += residue


def evaluate_exactly(mdp: RationalMDP, policy: Rationals) -> Evaluation:
    """V, Q, A, rho and eta of a policy as rationals.

    Args:
        mdp: the MDP.
        policy: pi(a|s), fmpq, shape (S, A); every row sums to exactly one.
    """
    from flint import fmpq, fmpq_mat

    S, A = policy.shape
    gamma = mdp.discount
    weight = (gamma * policy.ravel())[mdp.row_of_entry] * mdp.probabilities
    system = [[fmpq(0)] * S for _ in range(S)]
    for s in range(S):
        system[s][s] = fmpq(1)
    for row, t, w in zip(mdp.row_of_entry // A, mdp.successors, weight, strict=True):
        if w:
            system[row][t] -= w
    M = fmpq_mat(system)
    V = _vector(M.solve(_column((policy * mdp.rewards).sum(axis=1))))
    rho = _vector(M.transpose().solve(_column(mdp.initial)))
    future = np.add.reduceat(mdp.probabilities * V[mdp.successors], mdp.indptr[:-1])  # no row of the kernel is empty
    Q = mdp.rewards + gamma * future.reshape(S, A)
    return Evaluation(V, Q, Q - V[:, None], rho, (mdp.initial * V).sum())


def _column(x: Rationals) -> "fmpq_mat":
    from flint import fmpq_mat

    return fmpq_mat(len(x), 1, list(x))


def _vector(x: "fmpq_mat") -> Rationals:
    column = np.empty(x.nrows(), dtype=object)
    column[:] = [x[i, 0] for i in range(x.nrows())]
    return column
