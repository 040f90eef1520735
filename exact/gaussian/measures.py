"""What Lemmas 3.6 and 3.7 of Zhao, Li and Wen (arXiv 1911.11640) speak about, measured at one mean step.

`measure` fills the record with floats; `verify.gaussian.balls` fills it with rigorous balls.  The bounds of
`exact.gaussian.bounds` take either.  Notation of `exact.gaussian.model`: rho and q_s belong to pi_k = N(mu_k, sigma^2),
the trust region is sum_s rho(s) (mu_s - mu_{k,s})^2 <= 2 sigma^2 delta, and primes are derivatives in the mean.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import erf

from exact.gaussian.instances import Instance, gaussian_basis
from exact.gaussian.model import GaussianEvaluation, evaluate, gradient, policy_advantage
from exact.gaussian.steps import MeanStep, curvature, mean_step
from exact.mdp import Array

Number = Any
"""A float or a flint.arb: both add, multiply, divide and take powers."""

CIRCLE_POINTS = 720
"""Actions of one period at which max|A| is looked for; the error is at most max|A''| (pi/720)^2 / 2 = 1e-5 max|A''|."""


@dataclass(frozen=True, eq=False)
class Measures:
    """One mean step from pi_k with radius delta, as numbers."""

    at_maximiser: bool
    """Whether the trial point is the exact maximiser of (3.12), in balls; floats cannot tell and say yes."""
    sigma: Number
    """sigma_k."""
    delta: Number
    """Radius, rho-weighted KL."""
    gamma: Number
    """Discount."""
    p0: Number
    """min_s rho0(s)."""
    rho_min: Number
    """min_s rho(s)."""
    rho_max: Number
    """max_s rho(s)."""
    g: Number
    """||g||, Euclidean norm of the gradient of L_k (and of eta) in mu at mu_k: g_s = rho(s) q_s'."""
    g_natural: Number
    """sigma sqrt(sum_s g_s^2 / rho(s)): the norm dual to sqrt(2 KL) = sqrt(sum rho (mu - mu_k)^2) / sigma."""
    h: Number
    """h_k = 1 + max over the trust region of the spectral norm of the Hessian of L_k in mu, which is diagonal:
    1 + max_s rho(s) max_m |q_s''(m)|, m within sigma sqrt(2 delta / rho(s)) of mu_{k,s}."""
    h_natural: Number
    """sigma^2 max_s max_m |q_s''(m)|: the same curvature measured in units of 2 KL."""
    bend_natural: Number
    """sigma^4 sum_s rho(s) q_s'^2 max_m |q_s''(m)|: the curvature along the natural gradient, at most h_natural times
    g_natural^2."""
    gain: Number
    """Largest L_k(mu) - eta(pi_k) over the trust region: a ball between what the trial point attains and what duality
    allows; as a float, what the trial point attains."""
    dual: Number
    """price delta + sum rho max psi at the price that the step names; no feasible point gains more."""
    change: Number
    """eta(trial) - eta(pi_k)."""
    attained: Number
    """L_k(trial) - eta(pi_k), the denominator of the ratio (3.2)."""
    A_max: Number
    """Abar = max_{s,a} |A_k(s,a)| over all real actions."""
    D: Number
    """sum_s rho(s) TV(s) between pi_k and the trial point; TV(s) = erf(|mu_s - mu_{k,s}| / (2 sqrt(2) sigma))."""

    @property
    def r(self) -> Number:
        """The ratio (3.2)."""
        return self.change / self.attained


def larger(a: Number, b: Number) -> Number:
    """max(a, b), rigorous for balls."""
    return max(a, b) if isinstance(a, float) else a.max(b)


def measure(instance: Instance, delta: float, step: MeanStep, current: GaussianEvaluation | None = None) -> Measures:
    """`Measures` in floating point.

    Args:
        instance: the MDP and pi_k.
        delta: the radius.
        step: the trial point of (3.12) at pi_k and delta.
        current: the evaluation of pi_k, if it is at hand.
    """
    mdp, sigma = instance.mdp, instance.policy.sigma
    current = current or evaluate(mdp, instance.policy)
    rho = current.rho
    g = gradient(mdp, current)[:-1]
    bends = curvature(mdp, current, delta)
    tv = erf(np.abs(step.policy.mu - instance.policy.mu) / (2 * np.sqrt(2) * sigma))
    return Measures(
        at_maximiser=True,
        sigma=sigma,
        delta=delta,
        gamma=instance.discount,
        p0=float(instance.initial.min()),
        rho_min=float(rho.min()),
        rho_max=float(rho.max()),
        g=float(np.linalg.norm(g)),
        g_natural=sigma * float(np.sqrt((g**2 / rho).sum())),
        h=1 + float((rho * bends).max()),
        h_natural=sigma**2 * float(bends.max()),
        bend_natural=sigma**4 * float((g**2 / rho * bends).sum()),
        gain=step.gain,
        dual=step.bound,
        change=evaluate(mdp, step.policy).eta - current.eta,
        attained=float(rho @ policy_advantage(mdp, current, step.policy)),
        A_max=_largest_advantage(instance, current.V),
        D=float(rho @ tv),
    )


def measure_step(instance: Instance, delta: float) -> Measures:
    """`Measures` of the mean step at this instance and radius, in floating point."""
    current = evaluate(instance.mdp, instance.policy)
    return measure(instance, delta, mean_step(instance.mdp, current, delta), current)


def _largest_advantage(instance: Instance, V: Array) -> float:
    """max |A(s,a)|: the instances are periodic in the action, so one period is all of the real line."""
    actions = np.linspace(0, 2 * np.pi, CIRCLE_POINTS, endpoint=False)
    Q = instance.coefficients.rewards + instance.discount * (instance.coefficients.transitions @ V)
    basis = gaussian_basis(actions, 0.0, 0, instance.coefficients.harmonics)
    return float(np.abs(Q @ basis.T - V[:, None]).max())
