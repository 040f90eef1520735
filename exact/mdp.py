"""Finite discounted Markov decision processes.

Notation of Zhao, Li and Wen (arXiv 1911.11640), section 2: states s in [0, S), actions a in [0, A), transition
probabilities P(t|s,a), rewards r(s,a), initial distribution rho0(s), discount gamma in [0, 1), policies pi(a|s).

Actions that a state does not have.  An unavailable pair (s, a) holds the data of the first available action of s: it
is a copy.  So every formula with a maximum over actions, in floats, over the rationals and in a certificate, is one
about the available actions, and needs no mask.  What a mask has to do is to keep the mass of policies where it belongs:
`MDP.on_available` moves the mass of a copy to the action that it copies, which changes no value and no visitation.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from exact import arrays
from exact.common.errors import InputError

Array = NDArray[np.float64]

ROW_SUM_TOLERANCE = 1e-9
"""Largest accepted |sum - 1| of a probability vector. The rounding of thousands of terms stays far below it, a mistyped
probability lies far above. What is accepted is divided by its sum: near gamma = 1 an error of 1e-9 decides."""
SUM_ROUNDING = float(np.finfo(np.float64).eps)
"""A sum of n probabilities may differ from one by n times this and be meant to be one; such a row stays as it is."""
DENSE_MAX_STATES = 1000
"""Up to so many states dense linear algebra (S^3/3 multiplications, 8 S^2 bytes) is faster than the sparse solvers."""
DENSE_MAX_ENTRIES = 20_000_000
"""A table of more than S*A*S = 2e7 numbers (160 MB) is kept sparse whatever S is."""
ARGUMENTS = (
    "an MDP takes, in this order: transitions of shape (S, A, S), or sparse of shape (S*A, S); "
    "rewards of shape (S, A); an initial distribution of shape (S,); a discount in [0, 1)"
)
"""What the messages about a wrong shape end with."""


@dataclass(frozen=True, eq=False, repr=False)
class MDP:
    """A finite discounted MDP, checked once and read-only afterwards.

    Dense arrays are copied. A sparse kernel in canonical form may take gigabytes: it is shared with the caller.

    Raises:
        InputError: a shape does not fit (arguments in another order, for example), a number is not finite, a
            probability is negative, a distribution does not sum to one (the message names the state, the action and
            the sum), or the discount is outside [0, 1).
    """

    transitions: "Array | sparse.csr_array"
    """P(t|s,a): dense of shape (S, A, S), or sparse of shape (S*A, S) whose row s*A + a belongs to (s, a)."""
    rewards: Array
    """r(s,a), shape (S, A): expected immediate reward."""
    initial: Array
    """rho0(s), shape (S,). The paper's bounds need min rho0 > 0."""
    discount: float
    """gamma in [0, 1)."""
    name: str = "mdp"
    """For messages and figures."""
    available: "NDArray[np.bool_] | None" = None
    """Whether state s has action a, shape (S, A), at least one in every state; None: all. Rewards and transitions of
    the other pairs may be anything (-inf, zeros); they are replaced as the module says."""
    states: tuple[str, ...] = ()
    """A label for every state, or none at all."""
    actions: tuple[str, ...] = ()
    """A label for every action, or none at all."""

    def __post_init__(self) -> None:
        store = object.__setattr__  # the dataclass is frozen for everybody else
        try:
            store(self, "discount", float(self.discount))
        except (TypeError, ValueError):
            raise InputError(f"{self.name}: the discount must be a number; {ARGUMENTS}") from None
        if sparse.issparse(self.transitions):
            try:
                store(self, "transitions", arrays.checked(self.transitions))
            except ValueError as error:
                raise InputError(f"{self.name}: transitions are no sparse matrix ({error})") from None
        if self.available is not None:
            self._copy_available()
        for name, value, ndim in (("rewards", self.rewards, 2), ("initial distribution", self.initial, 1)):
            store(self, name.split()[0], _floats(value, self.name, name, ndim, ARGUMENTS))
        if sparse.issparse(self.transitions):
            canonical = getattr(self.transitions, "has_canonical_format", False)
            kernel = sparse.csr_array(self.transitions, dtype=np.float64, copy=not canonical)
            kernel.sum_duplicates()  # in place: on a copy, unless there is nothing to do
            store(self, "transitions", kernel)
        else:
            store(self, "transitions", _floats(self.transitions, self.name, "transitions", 3, ARGUMENTS))
        self._check_shapes()
        for what, n in (("states", self.n_states), ("actions", self.n_actions)):
            store(self, what, _labels(getattr(self, what), n, f"{self.name}: {what}"))
        self._check_numbers()

    @classmethod
    def from_quantecon(cls, ddp: Any, initial: Any = None, name: str = "quantecon") -> "MDP":
        """The MDP of a `quantecon.markov.DiscreteDP`. R = -inf, or a pair that is not listed, is unavailable.

        Args:
            ddp: in product form (R of shape (S, A)) or as state-action pairs.
            initial: rho0, shape (S,); uniform if None.
            name: for messages and figures.
        """
        return cls(**arrays.from_quantecon(ddp, initial), name=name)

    @classmethod
    def from_state_action_pairs(
        cls, R: Any, Q: Any, s_indices: Any, a_indices: Any, gamma: float, initial: Any = None, name: str = "pairs"
    ) -> "MDP":
        """The MDP of L state-action pairs as QuantEcon has them; see `exact.arrays.from_state_action_pairs`."""
        return cls(**arrays.from_state_action_pairs(R, Q, s_indices, a_indices, gamma, initial), name=name)

    @classmethod
    def from_pymdptoolbox(cls, P: Any, R: Any, gamma: float, initial: Any = None, name: str = "toolbox") -> "MDP":
        """The MDP of pymdptoolbox's P of shape (A, S, S) and R; see `exact.arrays.from_pymdptoolbox`."""
        return cls(**arrays.from_pymdptoolbox(P, R, gamma, initial), name=name)

    def __repr__(self) -> str:
        kind = "sparse" if sparse.issparse(self.transitions) else "dense"
        mask = "" if self.available is None else f", {int(self.available.sum())} of {self.rewards.size} pairs available"
        return f"MDP({self.name}: S={self.n_states}, A={self.n_actions}, discount={self.discount:g}, {kind}{mask})"

    def _copy_available(self) -> None:
        """Check the mask, and give the unavailable pairs the data of the first available action of their state."""
        store = object.__setattr__
        given, rewards, P = np.asarray(self.available), np.asarray(self.rewards), self.transitions
        S, A = rewards.shape if rewards.ndim == 2 else (0, 0)
        if given.dtype != np.bool_ or given.shape != (S, A):
            raise InputError(f"{self.name}: available must be true or false for each of (S, A) = {(S, A)} pairs")
        if not given.any(axis=1).all():
            raise InputError(f"{self.name}: state {int(given.any(axis=1).argmin())} has no available action")
        if given.all():
            store(self, "available", None)
            return
        mask = given.copy()
        mask.flags.writeable = False
        store(self, "available", mask)
        source = np.where(mask, np.arange(A), mask.argmax(axis=1)[:, None])
        store(self, "rewards", np.take_along_axis(rewards, source, axis=1))
        if not sparse.issparse(P):
            P = np.asarray(P)
            if P.shape == (S, A, S):
                store(self, "transitions", P[np.arange(S)[:, None], source])
        elif P.shape == (S * A, S):
            store(self, "transitions", sparse.csr_array(P)[(np.arange(S)[:, None] * A + source).ravel()])

    def _check_shapes(self) -> None:
        S, A = self.rewards.shape
        if S == 0 or A == 0:
            raise InputError(f"{self.name}: needs at least one state and one action, got rewards of shape {(S, A)}")
        expected = (S * A, S) if sparse.issparse(self.transitions) else (S, A, S)
        if self.transitions.shape != expected:
            raise InputError(
                f"{self.name}: transitions have shape {self.transitions.shape}, expected {expected} "
                f"to go with rewards of shape {(S, A)}; {ARGUMENTS}"
            )
        if self.initial.shape != (S,):
            raise InputError(f"{self.name}: initial distribution has shape {self.initial.shape}, expected {(S,)}")
        if not 0 <= self.discount < 1:
            raise InputError(f"{self.name}: discount must lie in [0, 1), got {self.discount}")

    def _check_numbers(self) -> None:
        kernel, A = self.kernel, self.n_actions
        values = np.asarray(kernel.data if sparse.issparse(kernel) else kernel)
        if not np.isfinite(values).all():
            raise InputError(f"{self.name}: transitions contain a number that is not finite")
        if values.size and values.min() < 0:
            s, a = divmod(int((kernel < 0).nonzero()[0][0]), A)
            raise InputError(f"{self.name}: negative transition probability in state {s}, action {a}")
        with np.errstate(over="ignore"):  # a sum of inf is refused
            sums = np.asarray(kernel.sum(axis=1)).ravel()
        wrong = np.flatnonzero(~(np.abs(sums - 1) <= ROW_SUM_TOLERANCE))
        if wrong.size:
            s, a = divmod(int(wrong[0]), A)
            raise InputError(
                f"{self.name}: transition probabilities of state {s}, action {a} "
                f"sum to {sums[wrong[0]]:.12g}, expected 1"
            )
        object.__setattr__(self, "transitions", _renormalised(self.transitions, sums))
        object.__setattr__(self, "initial", check_distribution(self.initial, f"{self.name}: initial distribution"))

    @property
    def n_states(self) -> int:
        """S, the number of states."""
        return int(self.rewards.shape[0])

    @property
    def n_actions(self) -> int:
        """A, the number of actions."""
        return int(self.rewards.shape[1])

    @property
    def kernel(self) -> "Array | sparse.csr_array":
        """Transitions as one (S*A, S) matrix, row s*A + a; a view, dense or sparse as they were given."""
        if sparse.issparse(self.transitions):
            return self.transitions
        return self.transitions.reshape(-1, self.n_states)

    def uniform_policy(self) -> Array:
        """The policy pi(a|s) = 1/A, shape (S, A); with a mask, one over the number of available actions."""
        if self.available is None:
            return np.full((self.n_states, self.n_actions), 1 / self.n_actions)
        uniform: Array = self.available / self.available.sum(axis=1, keepdims=True)
        return uniform

    def on_available(self, policy: Any) -> Any:
        """The policy with the mass of unavailable actions on the action that they copy, the first available one.

        Args:
            policy: shape (S, A), floats or exact rationals. It is returned as it is if nothing has to move.
        """
        if self.available is None:
            return policy
        mask = self.available.astype(int)
        away = (policy * (1 - mask)).sum(axis=1)
        if not away.any():
            return policy
        moved = policy * mask
        moved[np.arange(self.n_states), mask.argmax(axis=1)] += away
        return moved

    def state_label(self, s: int) -> str:
        """The label of state s, its index if there is none."""
        return self.states[s] if self.states else str(s)

    def action_label(self, a: int) -> str:
        """The label of action a, its index if there is none."""
        return self.actions[a] if self.actions else str(a)

    def check_policy(self, policy: Array) -> Array:
        """Return `policy` as float64 of shape (S, A), or say what is wrong with it.

        Raises:
            InputError: wrong shape, a number that is not finite, a negative entry, a row that does not sum to one, or
                mass on an unavailable action.
        """
        pi = _floats(policy, self.name, "policy", ndim=2)
        if pi.shape != self.rewards.shape:
            raise InputError(f"{self.name}: policy has shape {pi.shape}, expected (S, A) = {self.rewards.shape}")
        if self.available is not None and (pi[~self.available] != 0).any():
            s, a = (int(i) for i in np.argwhere((pi != 0) & ~self.available)[0])
            raise InputError(f"{self.name}: policy has mass on action {a} of state {s}, which is not available")
        return check_distribution(pi, f"{self.name}: policy")


def check_distribution(p: Array, what: str) -> Array:
    """Check that the last axis of `p` (shape (n,) or (S, n)) holds probability distributions; returns them.

    What misses to a sum of one, at most ROW_SUM_TOLERANCE, is made good.

    Raises:
        InputError: a negative entry, or a sum other than one; the message names the row.
    """
    rows = p.reshape(-1, p.shape[-1])
    negative = np.flatnonzero((rows < 0).any(axis=1))
    if negative.size:
        where = f" in state {negative[0]}" if p.ndim == 2 else ""
        raise InputError(f"{what} has a negative probability{where}")
    with np.errstate(over="ignore"):
        sums = rows.sum(axis=1)
    wrong = np.flatnonzero(~(np.abs(sums - 1) <= ROW_SUM_TOLERANCE))
    if wrong.size:
        where = f" in state {wrong[0]}" if p.ndim == 2 else ""
        raise InputError(f"{what}{where} sums to {sums[wrong[0]]:.12g}, expected 1")
    normalised: Array = _renormalised(p, sums)
    return normalised


def _renormalised(p: Any, sums: Array) -> Any:
    """`p` with its rows divided by their sums where these are off by more than rounding; p itself if none is.

    Args:
        p: dense with the distributions along the last axis, or a sparse matrix of rows.
        sums: the sum of every row.
    """
    off = np.abs(sums - 1) > SUM_ROUNDING * p.shape[-1]
    if not off.any():
        return p
    divisor = np.where(off, sums, 1.0)
    if sparse.issparse(p):
        return sparse.csr_array((p.data / np.repeat(divisor, np.diff(p.indptr)), p.indices, p.indptr), shape=p.shape)
    scaled = p / divisor.reshape((*p.shape[:-1], 1))
    scaled.flags.writeable = False
    return scaled


def _floats(x: object, name: str, what: str, ndim: int, expected: str = "") -> Array:
    """A read-only float64 copy of x with `ndim` finite dimensions; `expected` ends the message about a wrong shape."""
    try:
        array: Array = np.array(x, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{name}: {what} must be an array of numbers ({' '.join(str(error).split())})") from None
    if array.ndim != ndim:
        hint = f"; {expected}" if expected else ""
        raise InputError(f"{name}: {what} must have {ndim} dimensions, got shape {array.shape}{hint}")
    if not np.isfinite(array).all():
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise InputError(f"{name}: {what} must be finite, found {array[index]} at index {index}")
    array.flags.writeable = False
    return array


LABEL_MAX_LENGTH = 100
"""Largest number of characters of a label."""


def _labels(given: Any, n: int, what: str) -> tuple[str, ...]:
    """The labels as a tuple of n texts of one line each, or of none."""
    labels = (given,) if isinstance(given, str) else tuple(given)
    if labels and len(labels) != n:
        raise InputError(f"{what}: expected {n} labels, got {len(labels)}")
    for i, label in enumerate(labels):
        if not isinstance(label, str) or len(label) > LABEL_MAX_LENGTH or not label.isprintable():
            raise InputError(f"{what}: label {i} must be one line of at most {LABEL_MAX_LENGTH} printable characters")
    return labels


def dense_if_small(kernel: sparse.csr_array, n_actions: int) -> "Array | sparse.csr_array":
    """The (S*A, S) kernel of an MDP as a dense (S, A, S) table if that is small, else as it is.

    Small means S <= DENSE_MAX_STATES and S*A*S <= DENSE_MAX_ENTRIES.
    """
    rows, S = kernel.shape
    if S > DENSE_MAX_STATES or rows * S > DENSE_MAX_ENTRIES:
        return kernel
    table: Array = kernel.toarray().reshape(S, n_actions, S)
    return table
