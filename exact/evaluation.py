"""Exact evaluation of a policy: its values V, Q and A, its discounted visitation rho and its return eta.

Notation of Zhao, Li and Wen (arXiv 1911.11640), section 2.  Let P_pi(s,t) = sum_a pi(a|s) P(t|s,a) and
r_pi(s) = sum_a pi(a|s) r(s,a).  Everything follows from two linear systems with one matrix,

    (I - gamma P_pi) V = r_pi,        (I - gamma P_pi)' rho = rho0,

and Q = r + gamma P V, A = Q - V, eta = rho0' V.  rho is the paper's *unnormalised* visitation: sum(rho) = 1/(1-gamma).
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


class EvaluationError(FaultError):
    """No solver brought the residual of a policy's linear system below its tolerance."""


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

    @property
    def policy_advantage(self) -> float:
        """A*_pi = sum_s rho(s) max_a A(s,a), the policy advantage of the greedy policy (Definition 3.1).

        It is never negative: max_a A(s,a) >= 0, because the mean of A(s,.) under pi is zero. So what rounding leaves
        below zero is zero.
        """
        return max(0.0, float(self.rho @ self.A.max(axis=1)))

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
        EvaluationError: the iterative solver did not converge.
    """
    P_pi = policy_transitions(mdp, policy)
    r_pi = (policy * mdp.rewards).sum(axis=1)
    if mdp.n_states <= DENSE_MAX_STATES:
        solve, solve_transposed = _dense_lu(mdp.discount, P_pi)
    elif mdp.n_states <= SPARSE_LU_MAX_STATES:
        solve, solve_transposed = _sparse_lu(mdp.discount, P_pi)
    else:
        solve, solve_transposed = _krylov(mdp, P_pi, guess)
    V, rho = solve(r_pi), solve_transposed(mdp.initial)
    Q = mdp.rewards + mdp.discount * (mdp.kernel @ V).reshape(policy.shape)
    return Evaluation(V, Q, Q - V[:, None], rho, float(mdp.initial @ V))


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
