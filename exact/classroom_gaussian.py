"""The counterexamples to Lemmas 3.6 and 3.7 of Zhao, Li and Wen (arXiv 1911.11640), for the classroom page.

Both lemmas speak about the mean step (3.12) of a Gaussian policy; printed and repaired forms are compared with the
exact step on the two smallest problems that refute the printed ones.
"""

import math
from typing import Any

import numpy as np

from exact.classroom_data import digits
from exact.gaussian import GaussianEvaluation, action_value, evaluate, gradient
from exact.gaussian_library import Instance, one_state, two_state
from exact.gaussian_steps import curvature, mean_step

RADII = np.geomspace(1e-5, 1, 51)
"""KL radii of the panels; 1e-4 and 1e-3 are among them."""


def counterexamples() -> dict[str, Any]:
    """Both panels: the radii, and for each lemma the truth, the printed claim and the repaired claim."""
    return {"delta": digits(RADII), "lemma36": _columns(_gains()), "lemma37": _columns(_disagreements())}


def _columns(rows: list[tuple[float, float, float]]) -> dict[str, Any]:
    return dict(zip(("truth", "printed", "repaired"), digits(np.transpose(rows)), strict=True))


def _gains() -> list[tuple[float, float, float]]:
    """Lemma 3.6, one state, reward sin a: the best feasible gain, and its claimed lower bounds, for every radius.

    Printed: ||g||^2 min(1/(2h), sigma sqrt(delta) / (2||g||)). The step in its proof leaves the region where max rho
    exceeds 2; repaired, sqrt(delta) becomes sqrt(2 delta / max rho).
    """
    instance = one_state()
    current, norm = _current(instance)
    sigma = current.policy.sigma
    rows = []
    for delta in RADII:
        h = _h(instance, current, delta)

        def claim(width: float, h: float = h) -> float:
            return norm**2 * min(1 / (2 * h), sigma * math.sqrt(width) / (2 * norm))

        gain = mean_step(instance.mdp, current, float(delta)).gain
        rows.append((gain, claim(delta), claim(2 * delta / current.rho.max())))
    return rows


def _disagreements() -> list[tuple[float, float, float]]:
    """Lemma 3.7, two states: 1 - r of the exact step, and its claimed upper bounds, for every radius.

    Printed: 8 Abar gamma delta^2 max(||g||/(sigma sqrt(delta)), h) / (p0^2 (1-gamma)^2 ||g||^2), with a KL radius where
    the proof needs a total variation. Repaired by Pinsker's inequality:
    4 Abar gamma delta max(h, ||g|| / (sigma sqrt(2 (1-gamma) delta))) / (p0 (1-gamma)^2 ||g||^2).
    """
    instance = two_state()
    current, norm = _current(instance)
    sigma, gamma, p0 = current.policy.sigma, instance.discount, float(instance.initial.min())
    A_bar = _largest_advantage(instance, current)
    rows = []
    for delta in RADII:
        step = mean_step(instance.mdp, current, float(delta))
        r = (evaluate(instance.mdp, step.policy).eta - current.eta) / step.gain
        h = _h(instance, current, delta)
        scale = A_bar * gamma * delta / (p0 * (1 - gamma) ** 2 * norm**2)
        printed = 8 * scale * delta / p0 * max(norm / (sigma * math.sqrt(delta)), h)
        repaired = 4 * scale * max(h, norm / (sigma * math.sqrt(2 * (1 - gamma) * delta)))
        rows.append((1 - r, printed, repaired))
    return rows


def _current(instance: Instance) -> tuple[GaussianEvaluation, float]:
    """The evaluation of pi_k and ||g||, the norm of the gradient of L_k in the means."""
    current = evaluate(instance.mdp, instance.policy)
    return current, float(np.linalg.norm(gradient(instance.mdp, current)[:-1]))


def _h(instance: Instance, current: GaussianEvaluation, delta: float) -> float:
    """h_k = max ||Hessian|| + 1 over the region."""
    return 1 + float((current.rho * curvature(instance.mdp, current, delta)).max())


def _largest_advantage(instance: Instance, current: GaussianEvaluation) -> float:
    """Abar = max |A|: Q(s, a) is the limit of q_s(a, sigma) for sigma -> 0; the grid holds the maxima of sin."""
    actions = np.tile(np.linspace(-np.pi, np.pi, 1001), (instance.initial.size, 1))
    Q = action_value(instance.mdp, current.V, actions, np.finfo(float).tiny)
    return float(np.abs(Q - current.V[:, None]).max())
