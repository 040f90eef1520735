"""Exact evaluation of a policy: its values V, Q and A, its discounted visitation rho and its return eta.

Notation of Zhao, Li and Wen (arXiv 1911.11640), section 2.  Let P_pi(s,t) = sum_a pi(a|s) P(t|s,a) and
r_pi(s) = sum_a pi(a|s) r(s,a).  Everything follows from two linear systems with one matrix,

    (I - gamma P_pi) V = r_pi,        (I - gamma P_pi)' rho = rho0,

and Q = r + gamma P V, A = Q - V, eta = rho0' V.  rho is the paper's *unnormalised* visitation: sum(rho) = 1/(1-gamma).

Near gamma = 1 all values share a constant of the size 1/(1-gamma), in whose rounding the advantages would drown.  So V
is kept as h + g/(1-gamma): rows of P sum to one, hence (I - gamma P_pi) h = r_pi - g, and A = r + gamma P h - h - g
never sees the constant.  h is refined until its residual is one of rounding.  A constant in all rewards goes into g.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.linalg import lapack
from scipy.sparse.linalg import LinearOperator, bicgstab, splu

from exact.common.errors import FaultError
from exact.mdp import DENSE_MAX_STATES, MDP, Array

SPARSE_LU_MAX_STATES = 3000
"""Above it sparse LU is slower than the Krylov solver: the factors of a random transition graph are not sparse."""
RESIDUAL_TOLERANCE = 1e-12
"""Largest accepted residual of an iterative solution, relative to the right-hand side. In the maximum norm the error of
V is at most 1/(1-gamma) times the residual."""
SWEEPS = 4
"""At most so many sweeps of iterative refinement. Each gains the digits that 1-gamma leaves of a float64."""
ROUNDING = 16 * float(np.finfo(np.float64).eps)
"""A residual of h below this, relative to the range of r plus max|h|, is rounding: no sweep can make it smaller."""
RESIDUAL_LIMIT = 1e-9
"""Above this, relative to the range of r plus max|h|, the evaluation has failed. What lies between is less
accurate, not wrong."""


class EvaluationError(FaultError):
    """The values of a policy cannot be computed in float64: they overflow, or no solver reached its tolerance."""


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """Exact values of one policy. V, Q, A and eta are in units of return, rho in expected discounted visits."""

    V: Array
    """V_pi(s), shape (S,)."""
    Q: Array
    """Q_pi(s,a), shape (S, A)."""
    A: Array
    """A_pi(s,a) = Q - V, shape (S, A); sum_a pi(a|s) A(s,a) = 0."""
    rho: Array
    """rho_pi(s) = sum_t gamma^t P(s_t = s), shape (S,)."""
    eta: float
    """Expected discounted return, eq. (2.1)."""
    rounding: float = 0.0
    """Largest rounding error of A, in units of return. Zero over the rationals."""

    @property
    def policy_advantage(self) -> float:
        """A*_pi = sum_s rho(s) max_a A(s,a), the policy advantage of the greedy policy (Definition 3.1).

        It is never negative: max_a A(s,a) >= 0, because the mean of A(s,.) under pi is zero. So what rounding leaves
        below zero is zero. `evaluate` refuses values in which that would be more than rounding.
        """
        return max(0.0, float(self.rho @ self.A.max(axis=1)))

    @property
    def largest_advantage(self) -> float:
        """Largest max_a A(s,a) of a state with rho(s) > 0. eta* - eta is at most 1/(1-gamma) times it if rho > 0."""
        return max(0.0, float(self.A.max(axis=1)[self.rho > 0].max()))

    def __repr__(self) -> str:
        S, A = self.A.shape
        return f"Evaluation(eta={float(self.eta):.6g}, A*={self.policy_advantage:.3g}, S={S}, A={A})"


def policy_transitions(mdp: MDP, policy: Array) -> "Array | sparse.csr_array":
    """P_pi(s,t) = sum_a pi(a|s) P(t|s,a), shape (S, S); sparse if the MDP's transitions are."""
    if not sparse.issparse(mdp.transitions):
        P_pi: Array = np.matmul(policy[:, None, :], mdp.transitions)[:, 0, :]
        return P_pi
    S, A = policy.shape
    chosen = np.flatnonzero(policy)  # of a deterministic policy only one row of A in the kernel
    rows: Any = mdp.transitions[chosen]
    rows.data *= np.repeat(policy.ravel()[chosen], np.diff(rows.indptr))
    # The weighted rows of a state, stored one after another, are its row of P_pi: a repeated successor is added up in
    # every product.
    starts = rows.indptr[np.searchsorted(chosen, np.arange(S + 1) * A)]
    return sparse.csr_array((rows.data, rows.indices, starts), shape=(S, S))


def evaluate(mdp: MDP, policy: Array, guess: Evaluation | None = None) -> Evaluation:
    """Evaluate `policy` exactly: up to rounding, or up to RESIDUAL_TOLERANCE in a large MDP.

    The number of states chooses the method: dense LU up to DENSE_MAX_STATES, sparse LU up to SPARSE_LU_MAX_STATES,
    then BiCGSTAB with a checked residual.

    Args:
        mdp: the MDP.
        policy: pi(a|s), shape (S, A), a distribution in every state. `MDP.check_policy` checks that, this does not.
        guess: the evaluation of a nearby policy, from which the iterative solver starts.

    Raises:
        EvaluationError: the values overflow, the discount is too close to one, or the iterative solver
            did not converge.
    """
    one = 1 - mdp.discount
    size = float(np.abs(mdp.rewards).max())
    if size > np.finfo(np.float64).max * one * one / 16:  # the scale of A*, with room for sums
        raise EvaluationError(f"{mdp.name}: rewards up to {size:.3g} overflow at the discount {mdp.discount:.17g}")
    P_pi = policy_transitions(mdp, policy)
    centre, length = reward_range(mdp)
    if abs(centre) <= length:
        centre = 0.0  # nothing is gained then, and simple numbers stay exact
    rewards = mdp.rewards - centre
    if mdp.n_states <= DENSE_MAX_STATES:
        solve, solve_transposed = _dense_lu(mdp.discount, P_pi)
    elif mdp.n_states <= SPARSE_LU_MAX_STATES:
        solve, solve_transposed = _sparse_lu(mdp.discount, P_pi)
    else:
        solve, solve_transposed = _krylov(mdp, P_pi, guess)
    h, g, rounding = _relative_values(mdp, P_pi, (policy * rewards).sum(axis=1), solve)
    future = mdp.discount * (mdp.kernel @ h).reshape(policy.shape)
    constant = (g + centre) / one
    V, Q = h + constant, mdp.rewards + (future + mdp.discount * constant)
    A = rewards + future - h[:, None] - g
    rho = np.maximum(solve_transposed(mdp.initial), mdp.initial)
    mass = one * float(rho.sum())
    if abs(mass - 1) > ROUNDING:
        rho /= mass
    return Evaluation(V, Q, A, rho, float(mdp.initial @ h) + constant, rounding)


def reward_range(mdp: MDP) -> tuple[float, float]:
    """Middle and length of the interval that holds all rewards. Returns differ by at most length / (1-gamma)."""
    low, high = float(mdp.rewards.min()), float(mdp.rewards.max())
    return low / 2 + high / 2, high - low


def _relative_values(mdp: MDP, P_pi: Any, r_pi: Array, solve: "Solver") -> tuple[Array, float, float]:
    """h, shape (S,), and g with V = h + g/(1-gamma), refined from a solution for V; and the rounding error of A.

    Raises:
        EvaluationError: the residual stays large.
    """
    gamma, one = mdp.discount, 1 - mdp.discount
    small = ROUNDING if mdp.n_states <= SPARSE_LU_MAX_STATES else RESIDUAL_TOLERANCE
    h, g, residual = np.zeros_like(r_pi), 0.0, r_pi
    for _ in range(SWEEPS):
        correction = solve(residual)
        constant = float(correction.min() + correction.max()) / 2
        h = h + (correction - constant)
        g += one * constant
        residual = r_pi - g - (h - gamma * (P_pi @ h))
        error = float(np.abs(residual).max())
        size = reward_range(mdp)[1] + float(np.abs(h).max()) + np.finfo(np.float64).tiny
        if error <= small * size:
            break
    else:
        if not error <= RESIDUAL_LIMIT * size:
            raise EvaluationError(
                f"{mdp.name}: the values at the discount {mdp.discount:.17g} cannot be computed in float64 "
                f"(relative residual {error / size:.2g})"
            )
    return h, g, 2 * error + ROUNDING * size


Solver = Callable[[Array], Array]


def _dense_lu(discount: float, P_pi: Any) -> tuple[Solver, Solver]:
    M = -discount * (P_pi.toarray() if sparse.issparse(P_pi) else P_pi)
    M[np.diag_indices_from(M)] += 1
    lu, pivots, _ = lapack.dgetrf(M, overwrite_a=True)  # I - gamma P_pi is strictly row-dominant: never singular
    return (lambda b: lapack.dgetrs(lu, pivots, b)[0], lambda b: lapack.dgetrs(lu, pivots, b, trans=1)[0])


def _sparse_lu(discount: float, P_pi: Any) -> tuple[Solver, Solver]:
    lu = splu(sparse.eye_array(P_pi.shape[0], format="csc") - discount * sparse.csc_array(P_pi))
    return lu.solve, lambda b: lu.solve(b, trans="T")


def _krylov(mdp: MDP, P_pi: Any, guess: Evaluation | None) -> tuple[Solver, Solver]:
    S, gamma = mdp.n_states, mdp.discount
    transposed = P_pi.T
    forward = LinearOperator((S, S), matvec=lambda x: x - gamma * (P_pi @ x), dtype=np.float64)
    backward = LinearOperator((S, S), matvec=lambda x: x - gamma * (transposed @ x), dtype=np.float64)
    return (
        lambda b: _bicgstab(forward, b, None if guess is None else guess.V, mdp.name),
        lambda b: _bicgstab(backward, b, None if guess is None else guess.rho, mdp.name),
    )


def _bicgstab(operator: LinearOperator, b: Array, x0: Array | None, name: str) -> Array:
    """Solve to RESIDUAL_TOLERANCE. BiCGSTAB's own residual may drift from the true one; then it starts again."""
    scale = float(np.linalg.norm(b))
    x: Array = np.zeros_like(b) if x0 is None else x0
    for _ in range(5):
        x = bicgstab(operator, b, x0=x, rtol=RESIDUAL_TOLERANCE / 2, atol=0.0, maxiter=2000)[0]
        residual = float(np.linalg.norm(b - operator.matvec(x)))
        if residual <= RESIDUAL_TOLERANCE * scale:
            return x
    raise EvaluationError(
        f"{name}: BiCGSTAB stopped at a relative residual of {residual / scale:.2g}, wanted {RESIDUAL_TOLERANCE}"
    )
