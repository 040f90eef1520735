"""InnerSolu, STRO, Algorithm 4.2, and the log-std half (4.12) of the alternating Gaussian update.

Notation: B the batch, D-hat the mean KL divergence from theta_k over B, L-hat the surrogate (4.3) up to its constant
eta-hat.  Every function returns new parameters; none changes its arguments.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from deep.config import InnerSettings
from deep.model.policies import Distribution, Policy


@dataclass(frozen=True)
class Surrogate:
    """The estimates (4.3) made from samples of pi_k: all means are over n samples."""

    policy: Policy
    observations: Tensor
    """Normalised, shape (n, inputs)."""
    actions: Tensor
    advantages: Tensor
    """A-hat, shape (n,)."""
    log_prob: Tensor
    """log pi_k(a_i|s_i), shape (n,)."""
    pi: Distribution
    """pi_k at the observations."""
    entropy_bonus: float = 0.0
    """See InnerSettings."""

    def subset(self, index: Tensor) -> "Surrogate":
        """The estimates from the samples b_l of B."""
        pi = Distribution(self.pi.output[index], self.pi.log_std)
        parts = (self.observations[index], self.actions[index], self.advantages[index], self.log_prob[index])
        return Surrogate(self.policy, *parts, pi, self.entropy_bonus)

    def gain_and_distance(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """L-hat(theta) - eta-hat and D-hat(theta), scalars."""
        new = self.policy.distribution(theta, self.observations)
        return self._gain(new), self.policy.distance(self.pi, new).mean()

    def objective_and_distance(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """The gain above plus entropy_bonus times the mean entropy, and D-hat(theta), scalars."""
        new = self.policy.distribution(theta, self.observations)
        return self.objective(new), self.policy.distance(self.pi, new).mean()

    def objective(self, new: Distribution) -> Tensor:
        """What InnerSolu maximises, for a policy with the distributions `new` at the observations."""
        return self._gain(new) + self.entropy_bonus * self.policy.entropy(new)

    def _gain(self, new: Distribution) -> Tensor:
        weights = torch.exp(self.policy.log_prob(new, self.actions) - self.log_prob)
        return (weights * self.advantages).mean()

    def gradient(self, theta: Tensor) -> Tensor:
        """Gradient of the objective at theta, shape (size,)."""
        linear = self.policy.linearise(theta, self.observations)
        by_output, by_log_std = self.distribution_gradient(Distribution(linear.output, theta[self.policy.mean_size :]))
        return torch.cat([linear.vjp(by_output), by_log_std])

    def distribution_gradient(self, new: Distribution) -> tuple[Tensor, ...]:
        """Gradients of the objective in the outputs and in the log-std, in their shapes."""
        parts = [part.detach().requires_grad_() for part in new]
        with torch.enable_grad():
            objective = self.objective(Distribution(*parts))
        return torch.autograd.grad(objective, parts, materialize_grads=True)


class CgResult(NamedTuple):
    """Outcome of conjugate gradients."""

    solution: Tensor
    residual: Tensor
    """g - H d."""
    iterations: int
    converged: bool
    message: str


def conjugate_gradients(product: Callable[[Tensor], Tensor], g: Tensor, iterations: int, tolerance: float) -> CgResult:
    """Solve H d = g for a symmetric positive definite H given by v -> H v.

    Args:
        product: v -> H v.
        g: right-hand side, shape (p,).
        iterations: most iterations.
        tolerance: stop when ||H d - g|| <= tolerance * ||g||.

    Returns:
        d and how it was found. Stops, and says so, at a direction of non-positive curvature; d is then the last
        iterate.
    """
    d, r = torch.zeros_like(g), g.clone()
    p, rr = r.clone(), float(r @ r)
    goal = tolerance**2 * rr
    if rr == 0:
        return CgResult(d, r, 0, True, "the right-hand side is zero")
    for i in range(iterations):
        hp = product(p)
        curvature = float(p @ hp)
        if not curvature > 0:
            return CgResult(d, r, i, False, f"curvature {curvature:.3g}: the matrix is not positive definite")
        alpha = rr / curvature
        d.add_(p, alpha=alpha)
        r.sub_(hp, alpha=alpha)
        before, rr = rr, float(r @ r)
        if rr <= goal:
            return CgResult(d, r, i + 1, True, "converged")
        p.mul_(rr / before).add_(r)
    return CgResult(d, r, iterations, False, f"residual {math.sqrt(rr):.3g} after {iterations} iterations")


class Step(NamedTuple):
    """Decision of the line search; `theta` is the starting point, untouched, when it found nothing."""

    theta: Tensor
    found: bool
    objective: float
    """L-hat over B minus eta-hat, plus the entropy bonus, at `theta`."""
    distance: float
    """D-hat over B at `theta`."""


@torch.no_grad()
def line_search(
    whole: Surrogate,
    part: Surrogate,
    theta: Tensor,
    direction: Tensor,
    slope: float,
    first: float,
    delta: float,
    settings: InnerSettings,
) -> Step:
    """Longest alpha of first * backtrack_factor^j that meets both conditions of (4.8).

    L-hat (with the entropy bonus) rises on b_l by at least tau * alpha * slope, and D-hat over all of B stays <= delta.

    Args:
        whole, part: the estimates over B and over b_l.
        theta: theta_{k,l}.
        direction: d_l.
        slope: d_l' g_l, > 0.
        first: first step length tried.
        delta: radius delta_k.
        settings: tau, backtracks, backtrack_factor.
    """
    start, distance = whole.objective_and_distance(theta)
    start_part = start if part is whole else part.objective_and_distance(theta)[0]
    alpha = first
    for _ in range(settings.backtracks):
        trial = theta + alpha * direction
        reached, trial_distance = whole.objective_and_distance(trial)
        rise = (reached if part is whole else part.objective_and_distance(trial)[0]) - start_part
        if float(trial_distance) <= delta and float(rise) >= settings.tau * alpha * slope:
            return Step(trial, True, float(reached), float(trial_distance))
        alpha *= settings.backtrack_factor
    return Step(theta, False, float(start), float(distance))


def boundary_step(delta: float, distance: float, slope_so_far: float, curvature: float) -> float:
    """The alpha > 0 at which the quadratic model of D-hat along s + alpha d reaches delta.

    1/2 (s + alpha d)' H (s + alpha d) = distance + alpha s'Hd + alpha^2 d'Hd / 2 = delta.

    Args:
        delta: radius.
        distance: D-hat at s = theta_{k,l} - theta_k, <= delta.
        slope_so_far: s' H d.
        curvature: d' H d, > 0.
    """
    room = max(delta - distance, 0.0)
    return (-slope_so_far + math.sqrt(slope_so_far**2 + 2 * curvature * room)) / curvature


class Direction(NamedTuple):
    """A solution of H_l d_l = g_l."""

    g: Tensor
    """Its trust-region block only, unless joint_log_std."""
    d: Tensor
    hd: Tensor
    """H_l d_l without the damping."""
    slope: float
    """d_l' g_l."""


def search_direction(
    part: Surrogate, theta: Tensor, theta_k: Tensor, settings: InnerSettings, rng: np.random.Generator
) -> Direction:
    """d_l of Algorithm 4.2, by conjugate gradients: g_l from b_l at theta, H_l the damped Fisher matrix at theta_k."""
    policy = part.policy
    g = part.gradient(theta)
    if not settings.joint_log_std:
        g[policy.mean_size :] = 0  # H_l is block-diagonal, so the solution stays in the block as well
    fisher = policy.fisher_vector_product(theta_k, policy.linearise(theta_k, _fisher_samples(part, settings, rng)))
    d, residual, *_ = conjugate_gradients(
        lambda v: fisher(v).add_(v, alpha=settings.damping), g, settings.cg_iterations, settings.cg_tolerance
    )
    return Direction(g, d, g - residual - settings.damping * d, float(d @ g))


def inner_solu(
    whole: Surrogate, theta_k: Tensor, delta: float, settings: InnerSettings, rng: np.random.Generator
) -> Step:
    """Maximise L-hat over the trust region D-hat <= delta approximately, Algorithm 4.2.

    Args:
        whole: the estimates over B around theta_k.
        theta_k: current parameters, shape (size,).
        delta: radius delta_k.
        settings: see InnerSettings. Unless joint_log_std, theta_sigma stays fixed (4.11).
        rng: draws the subsets b_l.

    Returns:
        The last theta_{k,l}, its objective and distance over B; `found` if any inner step was taken.
    """
    policy, n = whole.policy, len(whole.actions)
    entropy_k = float(policy.entropy(whole.pi))
    with torch.no_grad():
        step = Step(theta_k, False, float(whole.objective_and_distance(theta_k)[0]), 0.0)
    for i in range(1, settings.iterations + 1):
        part = whole
        if settings.subset < 1:
            chosen = np.sort(rng.choice(n, max(1, round(settings.subset * n)), replace=False))
            part = whole.subset(torch.from_numpy(chosen).to(theta_k.device))
        _, d, hd, slope = search_direction(part, step.theta, theta_k, settings, rng)
        curvature = float(d @ hd)
        if not (slope > 0 and curvature > 0):
            break
        first = boundary_step(delta, step.distance, float((step.theta - theta_k) @ hd), curvature)
        before, step = step, line_search(whole, part, step.theta, d, slope, first, delta, settings)
        if not step.found:
            step = before
            break
        if i % settings.l0 == 0 and _stop(policy, whole, before, step, entropy_k, settings):
            break
    return step


def _fisher_samples(part: Surrogate, settings: InnerSettings, rng: np.random.Generator) -> Tensor:
    """The observations of b_l that H_l is the mean over."""
    if settings.fisher_subset == 1:
        return part.observations
    n = len(part.actions)
    chosen = np.sort(rng.choice(n, max(1, round(settings.fisher_subset * n)), replace=False))
    return part.observations[torch.from_numpy(chosen).to(part.observations.device)]


@torch.no_grad()
def _stop(
    policy: Policy, whole: Surrogate, before: Step, step: Step, entropy_k: float, settings: InnerSettings
) -> bool:
    """Stopping rule (4.9): L-hat changes little, or the entropy has changed much since theta_k."""
    if settings.iterations == 1:
        return True
    rise = abs(step.objective - before.objective) <= settings.eps * max(abs(before.objective), abs(step.objective))
    entropy = float(policy.entropy(policy.distribution(step.theta, whole.observations)))
    return rise or abs(entropy - entropy_k) >= settings.eps * abs(entropy_k)


def log_std_step(
    whole: Surrogate,
    theta: Tensor,
    theta_k: Tensor,
    limits: tuple[float, float],
    rate: float,
    settings: InnerSettings,
) -> Tensor:
    """Projected gradient ascent on L-hat in theta_sigma with the mean fixed, eq. (4.12).

    Args:
        whole: the estimates over B around theta_k.
        theta: parameters with the new mean, shape (size,).
        theta_k: parameters before this iteration.
        limits: smallest and largest log-std.
        rate: length of a gradient step per unit of gradient.
        settings: bound Abar_k = log_std_bound + log_std_bound_entropy * |entropy|, and number of steps.

    Returns:
        The parameters with theta_sigma moved by at most Abar_k in each coordinate, and then into its limits.
    """
    policy, m = whole.policy, whole.policy.mean_size
    if m == policy.size:
        return theta
    if settings.joint_log_std:
        return torch.cat([theta[:m], theta[m:].clamp(*limits)])
    bound = settings.log_std_bound + settings.log_std_bound_entropy * abs(float(policy.entropy(whole.pi)))
    means = policy.distribution(theta, whole.observations).output
    sigma_k, sigma = theta_k[m:], theta[m:]
    for _ in range(settings.log_std_steps):
        _, g = whole.distribution_gradient(Distribution(means, sigma))
        sigma = torch.clamp(sigma + rate * g, sigma_k - bound, sigma_k + bound).clamp(*limits)
    return torch.cat([theta[:m], sigma])
