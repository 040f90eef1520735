"""Gaussian MDPs with trigonometric rewards and transitions, whose expectations are closed forms.

In every state r(s,a) and P(t|s,a) are trigonometric polynomials in the action,

    f(a) = c_0 + sum_{j=1}^{J} c_{2j-1} cos(j a) + c_{2j} sin(j a),

and E cos(j a) = exp(-j^2 sigma^2 / 2) cos(j m), E sin(j a) = exp(-j^2 sigma^2 / 2) sin(j m) for a ~ N(m, sigma^2).  So
there is no quadrature error, and every quantity of Zhao, Li and Wen (arXiv 1911.11640), section 3.2, is made of
elementary functions: a verifier can enclose it rigorously from the coefficients.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from exact.common.errors import InputError
from exact.gaussian.model import GaussianMDP, GaussianPolicy
from exact.mdp import ROW_SUM_TOLERANCE, Array

GRID = 2.0**30
"""Random coefficients are multiples of 1/GRID. float64 adds them exactly, so probabilities sum to exactly one."""


@dataclass(frozen=True, eq=False)
class Trigonometric:
    """Coefficients of r(s,a) and P(t|s,a). A call gives the moments of `exact.gaussian.model.Moments` in closed form.

    Raises:
        InputError: shapes do not fit, a number is not finite, the transitions do not sum to one for every action, or a
            constant term is smaller than the sum of its amplitudes (if it is not, P(t|s,a) >= 0 for every action).
    """

    rewards: Array
    """c_b of r(s,.), shape (S, 2J + 1): constant, cos a, sin a, cos 2a, sin 2a, ..."""
    transitions: Array
    """c_b of P(t|s,.), shape (S, 2J + 1, S), t last."""

    def __post_init__(self) -> None:
        for name in ("rewards", "transitions"):
            array = np.array(getattr(self, name), dtype=np.float64)
            if not np.isfinite(array).all():
                raise InputError(f"trigonometric mdp: {name} must be finite")
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        shape = self.rewards.shape
        if len(shape) != 2 or shape[1] % 2 == 0 or self.transitions.shape != (*shape, shape[0]):
            raise InputError(
                f"trigonometric mdp: rewards {shape} and transitions {self.transitions.shape} must have shapes "
                "(S, 2J+1) and (S, 2J+1, S)"
            )
        unit = np.eye(1, shape[1])[0]
        wrong = np.abs(self.transitions.sum(axis=2) - unit).max(axis=1) > ROW_SUM_TOLERANCE
        amplitudes = np.hypot(self.transitions[:, 1::2], self.transitions[:, 2::2]).sum(axis=1)
        wrong |= (self.transitions[:, 0] < amplitudes - ROW_SUM_TOLERANCE).any(axis=1)
        if wrong.any():
            raise InputError(
                f"trigonometric mdp: transitions of state {np.flatnonzero(wrong)[0]} do not sum to one for every "
                "action, or their constant term is smaller than the sum of the amplitudes"
            )

    @property
    def harmonics(self) -> int:
        """J, the highest frequency."""
        return int(self.rewards.shape[1]) // 2

    def __call__(self, means: Array, sigma: float, order: int, /) -> tuple[Array, Array]:
        """The n-th derivative in m of E r, shape (S, G), and of E P, shape (S, G, S); arguments as for `Moments`."""
        basis = gaussian_basis(means, sigma, order, self.harmonics)
        return np.einsum("sgb,sb->sg", basis, self.rewards), basis @ self.transitions


def gaussian_basis(means: Array, sigma: float, order: int, harmonics: int) -> Array:
    """d^n/dm^n of E (1, cos a, sin a, cos 2a, ...) for a ~ N(m, sigma^2), m = `means`, n = `order`, J = `harmonics`.

    A derivative multiplies by j and shifts the phase by a quarter of a period.

    Returns:
        Shape means.shape + (2J + 1,).
    """
    j = np.arange(1, harmonics + 1)
    scale = j**order * np.exp(-0.5 * (j * sigma) ** 2)
    angle = means[..., None] * j
    C, D = np.cos(angle), np.sin(angle)
    cycle = (C, -D, -C, D)  # successive derivatives of cos; sin is the fourth
    basis = np.empty((*means.shape, 2 * harmonics + 1))
    basis[..., 0] = order == 0
    basis[..., 1::2] = scale * cycle[order % 4]
    basis[..., 2::2] = scale * cycle[(order + 3) % 4]
    return basis


@dataclass(frozen=True, eq=False)
class Instance:
    """One case of the Gaussian lemmas: an MDP with its coefficients, and the current policy pi_k."""

    coefficients: Trigonometric
    """Of the rewards and the transitions."""
    initial: Array
    """rho0(s), shape (S,)."""
    discount: float
    """gamma in [0, 1)."""
    policy: GaussianPolicy
    """pi_k = N(mu_k, sigma_k^2)."""
    name: str
    """For messages and figures."""

    @cached_property
    def mdp(self) -> GaussianMDP:
        """The MDP with the closed-form moments."""
        return GaussianMDP(self.coefficients, self.initial, self.discount, self.name)


def one_state() -> Instance:
    """The counterexample to Lemma 3.6: one state, r(a) = sin a, gamma = .95 (rho = 20), mu_k = 0, sigma_k = 1."""
    coefficients = Trigonometric(np.array([[0.0, 0.0, 1.0]]), np.array([[[1.0], [0.0], [0.0]]]))
    return Instance(coefficients, np.ones(1), 0.95, GaussianPolicy(np.zeros(1), 1.0), "one-state")


def two_state() -> Instance:
    """The counterexample to Lemma 3.7: r(0,a) = sin a, P(1|0,a) = (1 + sin a)/2, r(1,.) = 0, P(1|1,.) = 1/2.

    gamma = 1/2, rho0 = (1/2, 1/2), sigma_k = 1, mu_k = (0, 0): rho = (1, 1), V = 0, max|A| = 1.
    """
    rewards = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    transitions = np.zeros((2, 3, 2))
    transitions[:, 0] = 0.5
    transitions[0, 2] = (-0.5, 0.5)
    policy = GaussianPolicy(np.zeros(2), 1.0)
    return Instance(Trigonometric(rewards, transitions), np.full(2, 0.5), 0.5, policy, "two-state")


def shared_sigma() -> Instance:
    """Where the joint trial of (3.12) and (3.13) loses: one sigma serves two states, and only one of them gains by it.

    State 0: reward 3/4, P(1|0,a) = 1/2 - 63/128 cos a. State 1: reward cos a, P(0|1,.) = 1/64. gamma = .95, rho0 =
    (63/64, 1/64), mu_k = (0, 0), sigma_k = 1/8. State 1 is rich as long as sigma is small, and rarely reached; a large
    sigma leads there and makes it poor. L_k, which counts visits of pi_k, sees the first and hardly the second.
    """
    rewards = np.array([[0.75, 0.0, 0.0], [0.0, 1.0, 0.0]])
    transitions = np.zeros((2, 3, 2))
    transitions[:, 0] = (0.5, 0.5), (1 / 64, 63 / 64)
    transitions[0, 1] = (63 / 128, -63 / 128)
    policy = GaussianPolicy(np.zeros(2), 0.125)
    return Instance(Trigonometric(rewards, transitions), np.array([63 / 64, 1 / 64]), 0.95, policy, "shared-sigma")


def random_instance(
    rng: np.random.Generator, n_states: int, harmonics: int, discount: float, name: str = "random"
) -> Instance:
    """A random smooth instance: trigonometric rewards and transitions with J = `harmonics`, and a random policy.

    Rewards have normal coefficients that fall like 1/j. A transition row starts from random weights w(t) >= 1/(2S).
    Each harmonic has an amplitude of at most .9 w(t)/J, so P(t|s,a) >= .1 w(t). The initial distribution mixes a
    uniform and a random part, so p0 >= 1/(2S). sigma_k is log-uniform in [.3, 2], mu_k uniform in [-pi, pi].

    Raises:
        InputError: n_states < 1 or harmonics < 1.
    """
    if n_states < 1 or harmonics < 1:
        raise InputError(f"random instance: needs n_states >= 1 and harmonics >= 1, got {n_states} and {harmonics}")
    S, B = n_states, 2 * harmonics + 1
    decay = np.repeat(1 / np.arange(1, harmonics + 1), 2)
    rewards = rng.normal(size=(S, B)) * np.concatenate(([1.0], decay))
    weights = 0.5 / S + 0.5 * rng.dirichlet(np.ones(S), size=S)
    share = rng.uniform(-1, 1, size=(S, B - 1, S))
    share -= np.einsum("sbt,st->sb", share, weights)[:, :, None]
    transitions = np.concatenate(
        (weights[:, None], weights[:, None] * share * (0.9 / (np.sqrt(8) * harmonics))), axis=1
    )
    initial = 0.5 / S + 0.5 * rng.dirichlet(np.ones(S))
    policy = GaussianPolicy(rng.uniform(-np.pi, np.pi, S), float(np.exp(rng.uniform(np.log(0.3), np.log(2)))))
    totals = np.eye(1, B)[0]
    coefficients = Trigonometric(_on_grid(rewards), _exact_sums(transitions, totals))
    return Instance(coefficients, _exact_sums(initial, np.array(1.0)), discount, policy, name)


def _on_grid(x: Array) -> Array:
    return np.round(x * GRID) / GRID


def _exact_sums(x: Array, totals: Array) -> Array:
    """x rounded to multiples of 1/GRID. The last entry of the last axis makes the sums exactly `totals`."""
    rounded = _on_grid(x)
    rounded[..., -1] = totals - rounded[..., :-1].sum(axis=-1)
    return rounded
