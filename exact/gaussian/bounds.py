"""Lower bounds on the gain and on the ratio of a Gaussian mean step: Lemmas 3.6 and 3.7, repaired and sharper.

Notation of Zhao, Li and Wen (arXiv 1911.11640), section 3.2, and of `exact.gaussian.measures.Measures`, which every
function takes.  The statements are proved in `verify.lemma36` and `verify.lemma37`, which check them.

All functions work alike on floats and on balls (python-flint's `arb`).  So what is drawn and what is certified is one
code.
"""

from exact.gaussian.measures import Measures, Number, larger


def gain_lemma36(m: Measures) -> Number:
    """Lemma 3.6 as printed, which fails: gain >= ||g||^2 min(1/(2h), sigma sqrt(delta) / (2 ||g||))."""
    return m.g**2 / 2 / larger(m.h, m.g / (m.sigma * m.delta**0.5))


def gain_repaired(m: Measures) -> Number:
    """Lemma 3.6 repaired: gain >= ||g||^2 min(1/(2h), sigma sqrt(2 delta / max rho) / (2 ||g||))."""
    return m.g**2 / 2 / larger(m.h, m.g / (m.sigma * (2 * m.delta / m.rho_max) ** 0.5))


def gain_natural(m: Measures) -> Number:
    """In the metric of KL: gain >= t ||g||_*^2 - t^2 W/2, t = min(||g||_*^2 / W, sqrt(2 delta) / ||g||_*), W =
    `Measures.bend_natural`."""
    t = 1 / larger(m.bend_natural / m.g_natural**2, m.g_natural / (2 * m.delta) ** 0.5)
    return t * m.g_natural**2 - t**2 * m.bend_natural / 2


def gain_limit(m: Measures) -> Number:
    """No feasible point gains more than sqrt(2 delta) ||g||_* + delta h_*."""
    return (2 * m.delta) ** 0.5 * m.g_natural + m.delta * m.h_natural


def loss_lemma37(m: Measures) -> Number:
    """Lemma 3.7 as printed, which fails: r >= 1 - loss, by Lemma 3.6 as printed and TV <= delta / p0.

    The loss is 8 Abar gamma delta^2 max(||g|| / (sigma sqrt(delta)), h) / (p0^2 (1-gamma)^2 ||g||^2).
    """
    steepness = larger(m.h, m.g / (m.sigma * m.delta**0.5))
    return 8 * m.A_max * m.gamma * m.delta**2 * steepness / (m.p0 * (1 - m.gamma) * m.g) ** 2


def loss_repaired(m: Measures) -> Number:
    """Lemma 3.7 repaired: r >= 1 - loss.

    The loss is 4 Abar gamma delta max(h, ||g|| / (sigma sqrt(2 (1-gamma) delta))) / (p0 (1-gamma)^2 ||g||^2).
    """
    keep = 1 - m.gamma
    steepness = larger(m.h, m.g / (m.sigma * (2 * keep * m.delta) ** 0.5))
    return 4 * m.A_max * m.gamma * m.delta * steepness / (m.p0 * (keep * m.g) ** 2)


def loss_posterior(m: Measures) -> Number:
    """r >= 1 - gamma D / ((1-gamma) min rho), known once the step is."""
    return m.gamma * m.D / ((1 - m.gamma) * m.rho_min)


def loss_prior(m: Measures) -> Number:
    """r >= 1 - gamma sqrt(delta / (2 (1-gamma)^3)) / min rho, known before the step is."""
    return m.gamma * (m.delta / (2 * (1 - m.gamma) ** 3)) ** 0.5 / m.rho_min
