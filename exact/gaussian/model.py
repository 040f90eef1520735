"""Gaussian policies on a finite state set with a scalar action: exact eta, V, rho, L_k and their derivatives.

Zhao, Li and Wen (arXiv 1911.11640), section 3.2: policies pi(.|s) = N(mu_s, sigma^2), whose mean depends on the state
and whose standard deviation does not.  Rewards r(s,a) and transition probabilities P(t|s,a) are smooth in a real action
a.  Only their expectations under a Gaussian enter,

    r_pi(s) = E r(s, a),   P_pi(s,t) = E P(t|s, a),   a ~ N(mu_s, sigma^2),

and with M = (I - gamma P_pi)^-1 the rest is linear algebra: V = M r_pi, rho = M' rho0, eta = rho0' V.  For the current
policy pi_k let Q(s,a) = r(s,a) + gamma sum_t P(t|s,a) V(t) and q_s(m, sigma) = E_{N(m, sigma^2)} Q(s,a).  Then

    L_k(mu, sigma) = eta + sum_s rho(s) (q_s(mu_s, sigma) - V(s)),                                              (2.4)

is a sum over states.  In mu its gradient is rho(s) q_s' and its Hessian is diagonal, rho(s) q_s'' (primes are
derivatives in m).  At pi_k the gradient of L_k in (mu, sigma) is that of eta.

Derivatives in sigma need nothing new: an expectation F(m, sigma) under a Gaussian solves the heat equation
dF/dsigma = sigma F'', so dF/dl = sigma^2 F'' for l = log sigma.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.polynomial.hermite_e import hermegauss, hermeval

from exact.common.errors import InputError
from exact.mdp import ROW_SUM_TOLERANCE, Array, check_distribution

DEFAULT_NODES = 40
"""Gauss-Hermite nodes K. `quadrature` tells the error that they leave."""


class Moments(Protocol):
    """A function for the expected rewards and transitions under Gaussian actions, and their derivatives in the mean."""

    def __call__(self, means: Array, sigma: float, order: int, /) -> tuple[Array, Array]:
        """d^n/dm^n of E r(s,a), shape (S, G), and of E P(t|s,a), shape (S, G, S), for a ~ N(m, sigma^2).

        Args:
            means: m, shape (S, G), any number G of means for each state.
            sigma: standard deviation, > 0.
            order: n >= 0.
        """
        ...


def quadrature(
    reward: Callable[[Array], Array], transition: Callable[[Array], Array], nodes: int = DEFAULT_NODES
) -> Moments:
    """Moments of arbitrary smooth functions by Gauss-Hermite quadrature.

    With x ~ N(0, 1) and the Hermite polynomial He_n, d^n/dm^n E f(m + sigma x) = E[f(m + sigma x) He_n(x)] / sigma^n.
    For n = 0 the error of the K-point rule is at most K!/(2K)! sigma^(2K) max|f^(2K)|, the standard remainder for the
    weight of N(0, 1). For f(a) = cos(w a + c) and K = 40 that is below 3e-19 up to w sigma = 4.5. Then it grows fast:
    it is 2e-9 at w sigma = 6. Where the rule is so accurate, rounding limits the accuracy. n = 1..4 lose about
    10^n / K digits more, because He_n(x) is large at the outer nodes.

    Args:
        reward: takes actions a of shape (S, N), row s for state s; returns r(s, a), shape (S, N).
        transition: takes the same; returns P(t|s, a), shape (S, N, S), t last.
        nodes: K >= 1.

    Raises:
        InputError: nodes < 1.
    """
    if nodes < 1:
        raise InputError(f"quadrature: needs at least one node, got {nodes}")
    x, weights = hermegauss(nodes)
    weights = weights / np.sqrt(2 * np.pi)

    def moments(means: Array, sigma: float, order: int, /) -> tuple[Array, Array]:
        S, G = means.shape
        w = weights * hermeval(x, np.eye(order + 1)[order]) / sigma**order
        actions = (means[:, :, None] + sigma * x).reshape(S, G * nodes)
        r = reward(actions).reshape(S, G, nodes) @ w
        P = np.einsum("sgkt,k->sgt", transition(actions).reshape(S, G, nodes, S), w)
        return r, P

    return moments


@dataclass(frozen=True, eq=False)
class GaussianMDP:
    """A discounted MDP with S states and a scalar action, known through its Gaussian moments.

    Raises:
        InputError: the initial distribution or the discount is wrong, or the moments, tried at mean 0 and standard
            deviation 1, have a wrong shape, are not finite, or are no probabilities.
    """

    moments: Moments
    """E r and E P: `quadrature(r, P)` for smooth functions r and P, or a closed form."""
    initial: Array
    """rho0(s), shape (S,)."""
    discount: float
    """gamma in [0, 1)."""
    name: str = "gaussian-mdp"
    """For messages and figures."""

    def __post_init__(self) -> None:
        initial = np.array(self.initial, dtype=np.float64)
        if initial.ndim != 1 or not initial.size or not np.isfinite(initial).all():
            raise InputError(f"{self.name}: initial distribution must be a vector of finite numbers, shape (S,)")
        check_distribution(initial, f"{self.name}: initial distribution")
        if not 0 <= self.discount < 1:
            raise InputError(f"{self.name}: discount must lie in [0, 1), got {self.discount}")
        initial.flags.writeable = False
        object.__setattr__(self, "initial", initial)
        S = initial.size
        r, P = self.moments(np.zeros((S, 1)), 1.0, 0)
        if r.shape != (S, 1) or P.shape != (S, 1, S):
            raise InputError(
                f"{self.name}: moments have shapes {r.shape} and {P.shape}, expected {(S, 1)} and {(S, 1, S)} "
                f"to go with an initial distribution of shape {(S,)}"
            )
        if not (np.isfinite(r).all() and np.isfinite(P).all()):
            raise InputError(f"{self.name}: the expected reward or transition under N(0, 1) is not finite")
        wrong = np.flatnonzero((np.abs(P[:, 0].sum(axis=1) - 1) > ROW_SUM_TOLERANCE) | (P[:, 0].min(axis=1) < 0))
        if wrong.size:
            raise InputError(
                f"{self.name}: expected transitions of state {wrong[0]} under N(0, 1) are no distribution: "
                f"smallest entry {P[wrong[0]].min():.6g}, sum {P[wrong[0]].sum():.12g}"
            )

    @property
    def n_states(self) -> int:
        """S, the number of states."""
        return int(self.initial.size)


@dataclass(frozen=True, eq=False)
class GaussianPolicy:
    """pi(.|s) = N(mu_s, sigma^2), with a scalar action and one sigma for all states.

    Raises:
        InputError: mu is not a vector of finite numbers, or sigma is not a positive finite number.
    """

    mu: Array
    """Means mu_s, shape (S,)."""
    sigma: float
    """Standard deviation, > 0."""

    def __post_init__(self) -> None:
        mu = np.array(self.mu, dtype=np.float64)
        if mu.ndim != 1 or not np.isfinite(mu).all():
            raise InputError(f"gaussian policy: mu must be a vector of finite numbers, got shape {mu.shape}")
        if not (np.isfinite(self.sigma) and self.sigma > 0):
            raise InputError(f"gaussian policy: sigma must be a positive finite number, got {self.sigma}")
        mu.flags.writeable = False
        object.__setattr__(self, "mu", mu)


@dataclass(frozen=True, eq=False)
class GaussianEvaluation:
    """Exact values of one Gaussian policy. V and eta are in units of return, rho in expected discounted visits."""

    policy: GaussianPolicy
    """The policy that was evaluated."""
    V: Array
    """V_pi(s), shape (S,)."""
    rho: Array
    """rho_pi(s) = sum_t gamma^t P(s_t = s), shape (S,). Its sum is 1/(1-gamma)."""
    eta: float
    """Expected discounted return (2.1)."""
    M: Array
    """(I - gamma P_pi)^-1, shape (S, S)."""


def evaluate(mdp: GaussianMDP, policy: GaussianPolicy) -> GaussianEvaluation:
    """Evaluate `policy` exactly, up to the error of the moments and rounding.

    Raises:
        InputError: the policy has another number of states than the MDP.
    """
    if policy.mu.size != mdp.n_states:
        raise InputError(f"{mdp.name}: policy has {policy.mu.size} means, expected {mdp.n_states}, one per state")
    r, P = mdp.moments(policy.mu[:, None], policy.sigma, 0)
    M = np.asarray(np.linalg.inv(np.eye(mdp.n_states) - mdp.discount * P[:, 0]), dtype=np.float64)
    V = M @ r[:, 0]
    return GaussianEvaluation(policy, V, mdp.initial @ M, float(mdp.initial @ V), M)


def action_value(mdp: GaussianMDP, V: Array, means: Array, sigma: float, order: int = 0) -> Array:
    """d^n/dm^n of q_s(m, sigma) = E_{N(m, sigma^2)} Q(s,a), shape (S, G).

    Args:
        mdp: the MDP.
        V: values of the policy that defines Q, shape (S,).
        means: m, shape (S, G).
        sigma: standard deviation, > 0.
        order: n >= 0.
    """
    r, P = mdp.moments(means, sigma, order)
    q: Array = r + mdp.discount * (P @ V)
    return q


def policy_advantage(mdp: GaussianMDP, current: GaussianEvaluation, trial: GaussianPolicy) -> Array:
    """f(s) = E_{a ~ trial} A_k(s,a), shape (S,); L_k(trial) - L_k(pi_k) = sum_s rho(s) f(s), eq. (2.4).

    f is exactly 0 in a state where the trial has pi_k's distribution: there q_s - V(s) would be a rounding error.
    """
    f = action_value(mdp, current.V, trial.mu[:, None], trial.sigma)[:, 0] - current.V
    unchanged = (trial.mu == current.policy.mu) & (trial.sigma == current.policy.sigma)
    return np.where(unchanged, 0.0, f)


def surrogate(mdp: GaussianMDP, current: GaussianEvaluation, trial: GaussianPolicy) -> float:
    """L_k(trial) of eq. (2.4), in units of return; L_k(pi_k) = eta(pi_k)."""
    return current.eta + float(current.rho @ policy_advantage(mdp, current, trial))


def kl(current: GaussianPolicy, trial: GaussianPolicy) -> Array:
    """KL(N(mu_s, sigma^2) || N(mu'_s, sigma'^2)) in each state, shape (S,), in nats."""
    ratio = current.sigma / trial.sigma
    shift = (trial.mu - current.mu) / trial.sigma
    divergence: Array = 0.5 * shift**2 + (0.5 * (ratio**2 - 1) - np.log(ratio))
    return divergence


def gradient(mdp: GaussianMDP, current: GaussianEvaluation) -> Array:
    """Gradient of eta at pi_k, which is that of L_k, in (mu_1, ..., mu_S, log sigma): shape (S + 1,)."""
    mu, sigma = current.policy.mu[:, None], current.policy.sigma
    slope = action_value(mdp, current.V, mu, sigma, 1)[:, 0]
    bend = action_value(mdp, current.V, mu, sigma, 2)[:, 0]
    return np.append(current.rho * slope, sigma**2 * (current.rho @ bend))
