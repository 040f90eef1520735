"""Rigorous enclosures of everything Lemmas 3.6 to 3.8 speak about, by ball arithmetic (python-flint's `arb`).

The instances of `exact.gaussian.instances` have float coefficients, which are exact numbers.  Their closed forms are
made of exp, cos, sin, erf and one linear system.  So every quantity has an enclosure as narrow as the precision allows.
Two kinds of quantity are maxima over an interval of actions or means.  They are enclosed cell by cell: on |m - x| <= w

    |F(m) - F(x)| <= |F'(x)| w + max|F''| w^2 / 2,       max|F''| <= sum_j j^2 amplitude_j for a trigonometric sum,

so the error falls with the square of the number of cells.

The gain of (3.12) lies between the gain of the trial point, once that is proved to be feasible, and the dual bound
price delta + sum_s rho(s) max_m [q_s(m) - V(s) - price (m - mu_{k,s})^2 / (2 sigma^2)], valid for price >= 0.
"""

from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
from flint import arb, arb_mat, ctx

from exact.gaussian.instances import Instance
from exact.gaussian.measures import Measures, larger
from exact.gaussian.model import GaussianPolicy
from exact.gaussian.steps import MeanStep

Balls = Any
"""A NumPy object array of flint.arb."""

NEWTON_RADIUS = 1e-7
"""Half-width, in standard deviations, of the interval in which a float maximiser's exact counterpart is looked for."""
NEWTON_ROUNDS = 4
"""Interval Newton squares the width each time: 1e-7 becomes less than any precision in use."""


class NotCertifiedError(ArithmeticError):
    """A premise (feasibility of the trial point, uniqueness of the maximiser) could not be proved at this precision."""


@dataclass(frozen=True)
class Effort:
    """How hard to try."""

    bits: int
    """Precision of the balls."""
    cells: int
    """Cells per interval when a maximum is enclosed."""


@dataclass(frozen=True, eq=False)
class Enclosure:
    """The values of a policy as balls, with Q(s,.) as a trigonometric polynomial."""

    instance: Instance
    """The MDP and sigma."""
    means: Balls
    """The means mu, shape (S,)."""
    rho: Balls
    """rho(s), shape (S,)."""
    V: Balls
    """V(s), shape (S,)."""
    eta: Any
    """eta, one ball."""
    Q: Balls
    """Coefficients of Q(s,.) in 1, cos a, sin a, cos 2a, ...: shape (S, 2J + 1)."""

    def q(self, s: int, m: arb, order: int) -> arb:
        """The n-th derivative of q_s at m."""
        return _wave(self.Q[s], m, self.instance.policy.sigma, order)


def _exact(x: Any) -> Balls:
    """Floats as exact balls."""
    return np.frompyfunc(arb, 1, 1)(np.asarray(x))


def _solve(M: arb_mat, b: Balls) -> Balls:
    return np.array(M.solve(arb_mat(len(b), 1, list(b))).entries(), dtype=object)


def _wave(coefficients: Balls, m: arb, sigma: float, order: int) -> arb:
    """d^n/dm^n of E f(a), a ~ N(m, sigma^2), for f with these coefficients in 1, cos a, sin a, cos 2a, ..."""
    total = coefficients[0] if order == 0 else arb(0)
    for j in range(1, len(coefficients) // 2 + 1):
        sine, cosine = (j * m).sin_cos()
        cycle = (cosine, -sine, -cosine, sine)
        scale = j**order * (-((arb(sigma) * j) ** 2) / 2).exp()
        total += scale * (coefficients[2 * j - 1] * cycle[order % 4] + coefficients[2 * j] * cycle[(order + 3) % 4])
    return total


def _amplitude(coefficients: Balls, sigma: float, order: int) -> arb:
    """An upper bound of |d^n/dm^n E f| over all m, n >= 1."""
    total = arb(0)
    for j in range(1, len(coefficients) // 2 + 1):
        size = (coefficients[2 * j - 1] ** 2 + coefficients[2 * j] ** 2).sqrt()
        total += j**order * (-((arb(sigma) * j) ** 2) / 2).exp() * size
    return total


def enclose(instance: Instance, means: Balls) -> Enclosure:
    """Evaluate the policy N(means, sigma_k^2) in balls; `means` may be exact numbers or proper balls, shape (S,)."""
    S, sigma, gamma = len(means), instance.policy.sigma, arb(instance.discount)
    R, T = _exact(instance.coefficients.rewards), _exact(instance.coefficients.transitions)
    r = np.array([_wave(R[s], means[s], sigma, 0) for s in range(S)], dtype=object)
    P = [[_wave(T[s, :, t], means[s], sigma, 0) for t in range(S)] for s in range(S)]
    M = arb_mat(S, S, [int(s == t) - gamma * P[s][t] for s in range(S) for t in range(S)])
    V, rho = _solve(M, r), _solve(M.transpose(), _exact(instance.initial))
    return Enclosure(instance, means, rho, V, rho @ r, R + gamma * (T @ V))


def peak(coefficients: Balls, sigma: float, order: int, centre: arb, radius: arb, cells: int) -> arb:
    """A ball that contains max |d^n/dm^n E f| over |m - centre| <= radius; see the module's docstring."""
    w = radius / cells
    sag = _amplitude(coefficients, sigma, order + 2) * w**2 / 2
    low, high = arb(0), arb(0)
    for i in range(cells):
        x = centre + (2 * i + 1 - cells) * w
        value = abs(_wave(coefficients, x, sigma, order))
        low = low.max(value.lower())
        high = high.max((value + abs(_wave(coefficients, x, sigma, order + 1)) * w + sag).upper())
    return low.union(high)


def _dual_peak(current: Enclosure, s: int, price: arb, radius: arb, cells: int) -> arb:
    """A ball that contains the maximum over |x| <= radius of q_s(mu_s + x) - V(s) - price x^2 / (2 sigma^2)."""
    sigma = current.instance.policy.sigma
    stiffness, w = price / arb(sigma) ** 2, radius / cells
    sag = (_amplitude(current.Q[s], sigma, 2) + stiffness) * w**2 / 2
    low, high = arb(0), arb(0)  # the value at x = 0
    for i in range(cells):
        x = (2 * i + 1 - cells) * w
        m = current.means[s] + x
        value = current.q(s, m, 0) - current.V[s] - stiffness * x**2 / 2
        low = low.max(value.lower())
        high = high.max((value + abs(current.q(s, m, 1) - stiffness * x) * w + sag).upper())
    return low.union(high)


def used_budget(instance: Instance, trial: GaussianPolicy, effort: Effort) -> arb:
    """sum_s rho(s) KL(pi_k(.|s) || trial(.|s)), the distance of (3.12) and (3.13)."""
    with ctx.workprec(effort.bits):
        current = enclose(instance, _exact(instance.policy.mu))
        ratio = arb(instance.policy.sigma) / arb(trial.sigma)
        shifts = (_exact(trial.mu) - current.means) / arb(trial.sigma)
        total: arb = (current.rho * (shifts**2 / 2 + ((ratio**2 - 1) / 2 - ratio.log()))).sum()
        return total


def gradient_norm(instance: Instance, effort: Effort) -> arb:
    """||grad_mu eta|| at the policy of the instance."""
    with ctx.workprec(effort.bits):
        current = enclose(instance, _exact(instance.policy.mu))
        g: arb = _norm([w * current.q(s, current.means[s], 1) for s, w in enumerate(current.rho)])
        return g


def _norm(x: list[arb]) -> arb:
    return sum((entry**2 for entry in x), arb(0)).sqrt()


def _region(rho: arb, sigma: float | arb, delta: arb) -> arb:
    """sigma sqrt(2 delta / rho(s)), how far mean s can move in the trust region."""
    return sigma * (2 * delta / rho).sqrt()


def measure_balls(instance: Instance, delta: float, step: MeanStep, effort: Effort) -> Measures:
    """`Measures` of the trial point `step`, taken as exact numbers, with `gain` enclosed from both sides.

    Raises:
        NotCertifiedError: the trial point could not be proved feasible.
    """
    with ctx.workprec(effort.bits):
        current = enclose(instance, _exact(instance.policy.mu))
        trial, radius = _exact(step.policy.mu), arb(delta)
        used = current.rho @ (trial - current.means) ** 2 / (2 * arb(instance.policy.sigma) ** 2)
        if not used <= radius:
            raise NotCertifiedError(f"{instance.name}: the trial point is not provably within the radius {delta}")
        measures = _collect(current, trial, radius, effort.cells)
        price = arb(step.price)
        bound = price * radius
        for s, rho in enumerate(current.rho):
            reach = _region(rho, instance.policy.sigma, radius)
            bound += rho * _dual_peak(current, s, price, reach, effort.cells)
        return replace(measures, gain=measures.attained.union(bound.upper()), dual=bound)


def maximiser_balls(instance: Instance, step: MeanStep, effort: Effort) -> Measures:
    """`Measures` at the exact maximiser of (3.12) whose dual price is step.price, for the radius that goes with it.

    For a price > 0 the point with q_s'(m) = price (m - mu_{k,s}) / sigma^2 in every state solves (3.12) for the radius
    delta := its own distance, if it maximises the Lagrangian over that trust region; and it does, uniquely, if price >
    sigma^2 max|q_s''| there, since the Lagrangian is then strictly concave. Interval Newton encloses the point, so
    delta is a ball, close to the radius that the float step was made for.

    Raises:
        NotCertifiedError: the price is zero, the Lagrangian is not provably concave, or Newton does not contract.
    """
    with ctx.workprec(effort.bits):
        current = enclose(instance, _exact(instance.policy.mu))
        price, sigma = arb(step.price), arb(instance.policy.sigma)
        if not price > 0:
            raise NotCertifiedError(f"{instance.name}: the trust region does not bind")
        points = [_newton(current, s, price, float(m)) for s, m in enumerate(step.policy.mu)]
        trial = np.array(points, dtype=object)
        delta = current.rho @ (trial - current.means) ** 2 / (2 * sigma**2)
        measures = _collect(current, trial, delta, effort.cells)
        if not measures.h_natural < price:
            raise NotCertifiedError(f"{instance.name}: the Lagrangian is not provably concave in the trust region")
        return replace(measures, at_maximiser=True)


def _newton(current: Enclosure, s: int, price: arb, start: float) -> arb:
    """The root of F(m) = q_s'(m) - price (m - mu_{k,s}) / sigma^2 near `start`, enclosed by interval Newton."""
    stiffness = price / arb(current.instance.policy.sigma) ** 2

    def image(box: arb) -> arb:
        middle = box.mid()
        F = current.q(s, middle, 1) - stiffness * (middle - current.means[s])
        step: arb = F / (current.q(s, box, 2) - stiffness)
        return middle - step

    box = arb(start, NEWTON_RADIUS * current.instance.policy.sigma)
    root = image(box)
    if not box.contains(root):
        raise NotCertifiedError(f"{current.instance.name}: interval Newton does not contract in state {s}")
    for _ in range(NEWTON_ROUNDS):
        root = root.intersection(image(root))  # both contain the root that the first contraction proved to exist
    return root


def _collect(current: Enclosure, trial: Balls, delta: arb, cells: int) -> Measures:
    """The measures at `trial`; `gain` is what the trial point attains."""
    instance, rho = current.instance, current.rho
    sigma, S = arb(instance.policy.sigma), len(rho)
    after = enclose(instance, trial)
    f = np.array([current.q(s, trial[s], 0) - current.V[s] for s in range(S)], dtype=object)
    slopes = [current.q(s, current.means[s], 1) for s in range(S)]
    bends = [
        peak(current.Q[s], instance.policy.sigma, 2, current.means[s], _region(rho[s], sigma, delta), cells)
        for s in range(S)
    ]
    A = current.Q.copy()
    A[:, 0] -= current.V
    circle = [peak(A[s], 0.0, 0, arb(0), arb.pi(), cells) for s in range(S)]
    tv = [(abs(x) / (sigma * arb(8).sqrt())).erf() for x in trial - current.means]
    attained = rho @ f
    return Measures(
        at_maximiser=False,
        sigma=sigma,
        delta=delta,
        gamma=arb(instance.discount),
        p0=arb(float(instance.initial.min())),
        rho_min=-_largest(-rho),
        rho_max=_largest(rho),
        g=_norm([w * x for w, x in zip(rho, slopes, strict=True)]),
        g_natural=sigma * _norm([w.sqrt() * x for w, x in zip(rho, slopes, strict=True)]),
        h=1 + _largest([w * x for w, x in zip(rho, bends, strict=True)]),
        h_natural=sigma**2 * _largest(bends),
        bend_natural=sigma**4 * sum((w * x**2 * b for w, x, b in zip(rho, slopes, bends, strict=True)), arb(0)),
        gain=attained,
        dual=attained,
        change=after.eta - current.eta,
        attained=attained,
        A_max=_largest(circle),
        D=sum((w * x for w, x in zip(rho, tv, strict=True)), arb(0)),
    )


def _largest(values: Any) -> arb:
    """The maximum of balls."""
    largest: arb = reduce(larger, values)
    return largest
