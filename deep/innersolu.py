"""From a batch to a trial point: InnerSolu (STRO, Algorithm 4.2), then the log-std step (4.12).

Notation: B the batch, b_l a random subset of it, theta_k the parameters of the policy that drew B, theta_{k,l} those
after l - 1 inner steps; L-hat and D-hat as in deep.surrogate.  Every function returns new parameters; none changes its
arguments.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from deep.config import InnerSettings
from deep.model.policies import Distribution
from deep.surrogate import Surrogate

LOG_STD_SLACK = 0.1
"""With a ceiling on the log-std D-hat of the whole step is at most delta_k times one plus this: InnerSolu may take it
to delta_k, and the log-std step (4.12) comes after it."""
BISECTIONS = 12


class CgResult(NamedTuple):
    """Outcome of conjugate gradients."""

    solution: Tensor
    residual: Tensor
    """g - H d, as the iteration carries it along."""
    relative_residual: float
    """||g - H d|| / ||g||; 0 if g is zero."""
    iterations: int
    converged: bool
    definite: bool
    """Whether no direction of non-positive curvature was met."""
    message: str


def conjugate_gradients(product: Callable[[Tensor], Tensor], g: Tensor, iterations: int, tolerance: float) -> CgResult:
    """Solve H d = g for a symmetric positive definite H given by v -> H v.

    Args:
        product: v -> H v.
        g: right-hand side, shape (p,).
        iterations: most iterations.
        tolerance: stop when ||H d - g|| <= tolerance * ||g||.

    Returns:
        d and how it was found. The method stops at a direction of non-positive curvature and says so; d is then the
        last iterate.
    """
    d, r = torch.zeros_like(g), g.clone()
    p, rr = r.clone(), float(r @ r)
    if rr == 0:
        return CgResult(d, r, 0.0, 0, True, True, "the right-hand side is zero")
    gg, goal = rr, tolerance**2 * rr
    for i in range(iterations):
        hp = product(p)
        curvature = float(p @ hp)
        if not curvature > 0:
            message = f"curvature {curvature:.3g}: the matrix is not positive definite"
            return CgResult(d, r, math.sqrt(rr / gg), i, False, False, message)
        alpha = rr / curvature
        d.add_(p, alpha=alpha)
        r.sub_(hp, alpha=alpha)
        before, rr = rr, float(r @ r)
        if rr <= goal:
            return CgResult(d, r, math.sqrt(rr / gg), i + 1, True, True, "converged")
        p.mul_(rr / before).add_(r)
    message = f"residual {math.sqrt(rr):.3g} after {iterations} iterations"
    return CgResult(d, r, math.sqrt(rr / gg), iterations, False, True, message)


class Search(NamedTuple):
    """What happened inside InnerSolu. The names are those of the entries in metrics.jsonl."""

    inner_steps: int = 0
    """Inner steps l that were taken."""
    cg_iterations: int = 0
    """Iterations of conjugate gradients, all inner steps together."""
    cg_residual: float = 0.0
    """Largest relative residual ||H_l d_l - g_l|| / ||g_l|| that was left."""
    cg_indefinite: int = 0
    """How often conjugate gradients met a direction of non-positive curvature. H_l is positive definite, so anything
    but 0 means that rounding has the upper hand."""

    def with_solution(self, found: CgResult) -> "Search":
        """The record with another solve of H_l d_l = g_l."""
        return Search(
            self.inner_steps,
            self.cg_iterations + found.iterations,
            max(self.cg_residual, found.relative_residual),
            self.cg_indefinite + (not found.definite),
        )


class Step(NamedTuple):
    """Where InnerSolu is, or ended."""

    theta: Tensor
    """theta_{k,l}, shape (size,)."""
    pi: Distribution
    """Its policy at B's observations."""
    objective: float
    """L-hat over B minus eta-hat, plus the entropy bonus, at `theta`."""
    distance: float
    """D-hat over B at `theta`."""
    search: Search = Search()

    @property
    def found(self) -> bool:
        """Whether any inner step was taken."""
        return self.search.inner_steps > 0


@torch.no_grad()
def line_search(
    whole: Surrogate,
    part: Surrogate,
    step: Step,
    direction: "Direction",
    first: float,
    delta: float,
    settings: InnerSettings,
) -> Step | None:
    """The step of the longest alpha = first * backtrack_factor^j that meets both conditions of (4.8).

    L-hat (with the entropy bonus) rises on b_l by at least tau * alpha * slope, and D-hat over all of B stays <= delta.

    Args:
        whole, part: the estimates over B and over b_l.
        step: where to start, theta_{k,l}.
        direction: d_l.
        first: first step length tried.
        delta: radius.
        settings: tau, and the step lengths.

    Returns:
        theta_{k,l+1}, or None if none of the lengths will do.
    """
    alpha = first
    for _ in range(settings.backtracks):
        trial = step.theta + alpha * direction.d
        pi = whole.at(trial)
        reached, distance = whole.objective(pi), whole.distance(pi)
        on_part = reached if part is whole else part.objective(part.at(trial))
        rise = on_part - direction.objective
        if float(distance) <= delta and float(rise) >= settings.tau * alpha * direction.slope:
            return Step(trial, pi, float(reached), float(distance), step.search)
        alpha *= settings.backtrack_factor
    return None


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
    """Gradient on b_l; its trust-region block only, unless joint_log_std."""
    d: Tensor
    hd: Tensor
    """H_l d_l without the damping."""
    slope: float
    """d_l' g_l."""
    objective: float
    """What g_l is the gradient of, on b_l at theta_{k,l}."""
    solution: CgResult
    """What conjugate gradients say about d_l."""


def search_direction(part: Surrogate, theta: Tensor, settings: InnerSettings, rng: np.random.Generator) -> Direction:
    """d_l of Algorithm 4.2 by conjugate gradients.

    Args:
        part: the estimates over b_l. H_l is the damped Fisher matrix at its theta_k.
        theta: theta_{k,l}, where g_l is the gradient.
        settings: see InnerSettings.
        rng: draws the samples of H_l, if those are a part of b_l.
    """
    policy, theta_k, linear = part.policy, part.theta, part.linearise(theta)
    objective, g = part.objective_and_gradient(theta, linear)
    if not settings.joint_log_std:
        g[policy.mean_size :] = 0  # H_l is block-diagonal, so the solution stays in the block as well
    if settings.fisher_subset < 1:
        index = random_rows(len(part.actions), settings.fisher_subset, rng).to(theta.device)
        linear = policy.linearise(theta_k, part.observations[index])
    elif theta is not theta_k:
        linear = part.linearise(theta_k)
    fisher = policy.fisher_vector_product(theta_k, linear)
    found = conjugate_gradients(
        lambda v: fisher(v).add_(v, alpha=settings.damping), g, settings.cg_iterations, settings.cg_tolerance
    )
    d = found.solution
    return Direction(g, d, g - found.residual - settings.damping * d, float(d @ g), float(objective), found)


def random_rows(n: int, fraction: float, rng: np.random.Generator) -> Tensor:
    """Ascending numbers of a random part of n rows, at least one."""
    return torch.from_numpy(np.sort(rng.choice(n, max(1, round(fraction * n)), replace=False)))


def inner_solu(whole: Surrogate, delta: float, settings: InnerSettings, rng: np.random.Generator) -> Step:
    """Maximise L-hat over the trust region D-hat <= delta approximately, Algorithm 4.2.

    Args:
        whole: the estimates over B around theta_k.
        delta: radius delta_k.
        settings: see InnerSettings. Unless joint_log_std, theta_sigma stays fixed (4.11).
        rng: draws the subsets b_l.

    Returns:
        The last theta_{k,l}; theta_k itself, the same tensor, if no inner step was possible.
    """
    theta_k = whole.theta
    with torch.no_grad():
        step = Step(theta_k, whole.pi, float(whole.objective(whole.pi)), 0.0)
    for i in range(1, settings.iterations + 1):
        part = whole
        if settings.subset < 1:
            part = whole.subset(random_rows(len(whole.actions), settings.subset, rng).to(theta_k.device))
        direction = search_direction(part, step.theta, settings, rng)
        step = step._replace(search=step.search.with_solution(direction.solution))
        curvature = float(direction.d @ direction.hd)
        if not (direction.slope > 0 and curvature > 0):
            break
        first = boundary_step(delta, step.distance, float((step.theta - theta_k) @ direction.hd), curvature)
        longer = line_search(whole, part, step, direction, first, delta, settings)
        if longer is None:
            break
        before, step = step, longer._replace(search=longer.search._replace(inner_steps=i))
        if i % settings.l0 == 0 and _stop(whole, before, step, settings):
            break
    return step


@torch.no_grad()
def _stop(whole: Surrogate, before: Step, step: Step, settings: InnerSettings) -> bool:
    """Stopping rule (4.9): L-hat changes little, or the entropy has changed much since theta_k."""
    if settings.iterations == 1:
        return True
    if abs(step.objective - before.objective) <= settings.eps * max(abs(before.objective), abs(step.objective)):
        return True
    entropy_k, entropy = (float(whole.policy.entropy(pi)) for pi in (whole.pi, step.pi))
    return abs(entropy - entropy_k) >= settings.eps * abs(entropy_k)


class TrialPoint(NamedTuple):
    """What one iteration proposes."""

    theta: Tensor
    """Shape (size,)."""
    pi: Distribution
    """Its policy at B's observations."""
    delta: float
    """delta_k."""
    search: Search
    """How InnerSolu found it."""


@torch.no_grad()
def log_std_step(
    whole: Surrogate,
    step: Step,
    limits: tuple[float, float],
    rate: float,
    settings: InnerSettings,
    farthest: float = math.inf,
) -> tuple[Tensor, Distribution]:
    """Projected gradient ascent on L-hat in theta_sigma with the mean fixed, eq. (4.12).

    Args:
        whole: the estimates over B around theta_k.
        step: the end of InnerSolu, with the new mean.
        limits: smallest and largest log-std.
        rate: length of a gradient step per unit of gradient.
        settings: bound Abar_k = log_std_bound + log_std_bound_entropy * |entropy|, and number of steps.
        farthest: D-hat may be at most this after the step, and comes first: a move that is longer is shortened, even if
            it then ends outside its limits.

    Returns:
        The parameters with theta_sigma moved by at most Abar_k in each coordinate, and then into its limits; and their
        policy at B's observations.
    """
    policy, theta, m = whole.policy, step.theta, whole.policy.mean_size
    if m == policy.size:
        return theta, step.pi
    sigma_k, sigma = whole.theta[m:], theta[m:]
    if settings.joint_log_std:
        sigma = sigma.clamp(*limits)
    else:
        bound = settings.log_std_bound + settings.log_std_bound_entropy * abs(float(policy.entropy(whole.pi)))
        for _ in range(settings.log_std_steps):
            g = whole.distribution_gradient(Distribution(step.pi.output, sigma))[2]
            sigma = torch.clamp(sigma + rate * g, sigma_k - bound, sigma_k + bound).clamp(*limits)
    sigma = _shortened(whole, step.pi.output, theta[m:], sigma, farthest)
    return torch.cat([theta[:m], sigma]), Distribution(step.pi.output, sigma)


def _shortened(whole: Surrogate, output: Tensor, start: Tensor, end: Tensor, farthest: float) -> Tensor:
    """The last point on the way from one log-std to another with D-hat <= farthest; the start if there is none.

    D-hat is convex in the log-std, so the points that meet the condition lie together.
    """

    def at(part: float) -> Tensor:
        return start + part * (end - start)

    def near(part: float) -> bool:
        return float(whole.distance(Distribution(output, at(part)))) <= farthest

    if math.isinf(farthest) or near(1.0):
        return end
    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if near(middle) else (low, middle)
    return at(low)
