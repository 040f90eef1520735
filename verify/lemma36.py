"""Lemma 3.6 of Zhao, Li and Wen (arXiv 1911.11640): what the mean step (3.12) gains. Fails as printed.

Notation of `exact.gaussian.model`. g is the gradient of L_k in mu at mu_k, g_s = rho(s) q_s'; the trust region is
sum_s rho(s) (mu_s - mu_{k,s})^2 <= 2 sigma^2 delta; h = 1 + max over it of the spectral norm of the Hessian of L_k in
mu, which is diag(rho(s) q_s''): h = 1 + max_s rho(s) max |q_s''(m)| over |m - mu_{k,s}| <= sigma sqrt(2 delta/rho(s)).

As printed.  The maximiser of (3.12) gains at least ||g||^2 min(1/(2h), sigma sqrt(delta) / (2 ||g||)).

It fails.  The proof walks from mu_k along g with a step as long as sigma sqrt(delta) / ||g||. The rho-weighted KL of
that step is delta sum_s rho(s) g_s^2 / (2 ||g||^2), which can be as large as delta max(rho) / 2, and rho is not
normalised: it sums to 1/(1-gamma). The step is infeasible once max(rho) > 2. Counterexample, `one_state` of
`exact.gaussian.instances`: one state, reward sin a, gamma = .95 (rho = 20), mu_k = 0, sigma = 1. At delta = 1e-3 the
best feasible point, mu = sqrt(2 delta / rho), gains 20 exp(-1/2) sin(.01) = 0.12130; the lemma claims 0.19180.

Repaired.  The maximiser gains at least ||g||^2 min(1/(2h), sigma sqrt(2 delta / max rho) / (2 ||g||)).
Proof.  Let t = min(1/h, sigma sqrt(2 delta / max rho) / ||g||). The KL of mu_k + t g is t^2 sum rho g_s^2 / (2 sigma^2)
<= t^2 max(rho) ||g||^2 / (2 sigma^2) <= delta: feasible, and so is the segment to it, since the region is convex. On
the segment the Hessian of L_k is at least -h, hence gain >= t ||g||^2 - t^2 h ||g||^2 / 2 >= t ||g||^2 / 2 by t h <= 1.

The printed lemma cannot fail for max(rho) <= 2, since sqrt(delta) <= sqrt(2 delta / max rho) then: it follows from the
repaired one.  That is why instances with a small discount never show its fault.

In the metric of KL.  Measure with the metric of the constraint, ||x||^2 = sum rho x_s^2 / sigma^2, twice the KL of a
shift x. The dual norm of g is ||g||_* = sigma sqrt(sum g_s^2 / rho(s)). Let W = sigma^4 sum rho q_s'^2 max |q_s''|, the
maxima over the region. Then gain >= t ||g||_*^2 - t^2 W/2 with t = min(||g||_*^2 / W, sqrt(2 delta) / ||g||_*).
Proof.  Walk t along the natural gradient x_s = sigma^2 g_s / rho(s) = sigma^2 q_s', whose norm is ||g||_*. The KL is
t^2 ||g||_*^2 / 2 <= delta, and L_k rises by at least t ||g||_*^2 - t^2 sum rho x_s^2 max |q_s''| / 2.
(With h_* ||g||_*^2 for W, h_* = sigma^2 max |q''|, as this file had it first, the bound can be weaker than the repaired
one: one state that bends and does not slope spoils it. Neither bound is always the better one with W, either.)

Converse.  Every feasible point gains at most sqrt(2 delta) ||g||_* + delta h_*, by the same expansion and
Cauchy-Schwarz. So the gain is sqrt(2 delta) ||g||_* up to delta h_*: the bound in this metric is exact to first order,
whereas the repaired one loses a factor of 2 at least.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from exact.gaussian import bounds
from exact.gaussian.instances import Instance
from exact.gaussian.measures import Measures
from exact.gaussian.model import evaluate
from exact.gaussian.steps import mean_step
from verify.core.command import FalsifierOptions, Study, run
from verify.core.drawing import against_panel, new_figure
from verify.core.findings import Findings
from verify.core.statement import Check, Claim, Statement
from verify.gaussian.balls import Effort, measure_balls
from verify.gaussian.runs import Lemma, check_lemma

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CONSTRAINT = Statement("constraint of (3.12)", "printed", "delta >= sum rho KL(pi_k || pi')")
OPTIMAL = Statement("(3.12) is solved", "new", "gain of the step >= 63/64 of the dual bound at the price said")
PRINTED = Statement(
    "Lemma 3.6", "printed", "gain >= ||g||^2 min(1/(2h), sigma sqrt(delta) / (2||g||))", expected="fails"
)
REPAIRED = Statement("Lemma 3.6", "repaired", "gain >= ||g||^2 min(1/(2h), sigma sqrt(2 delta / max rho) / (2||g||))")
SMALL = Statement("Lemma 3.6, max rho <= 2", "printed", "gain >= ||g||^2 min(1/(2h), sigma sqrt(delta) / (2||g||))")
NATURAL = Statement(
    "Lemma 3.6, metric of KL", "new", "gain >= t ||g||_*^2 - t^2 W/2, t = min(||g||_*^2/W, sqrt(2 delta)/||g||_*)"
)
CONVERSE = Statement("Lemma 3.6, converse", "new", "sqrt(2 delta) ||g||_* + delta h_* >= gain of the step")
STATEMENTS = (CONSTRAINT, OPTIMAL, PRINTED, SMALL, REPAIRED, NATURAL, CONVERSE)

GRID_ERROR = 1e-3
"""Relative error of the float h and h_*, which are maxima over a grid."""
ROUNDING = 1e-9
"""Relative error of everything else, generously."""


def claims(m: Measures) -> Iterator[Claim]:
    """Both sides of the statements."""
    printed, repaired, natural = bounds.gain_lemma36(m), bounds.gain_repaired(m), bounds.gain_natural(m)
    second_order, first_order = m.delta * m.h_natural, (2 * m.delta) ** 0.5 * m.g_natural
    yield Claim(OPTIMAL, 64 * m.attained, 63 * m.dual, ROUNDING * abs(m.dual))
    yield Claim(PRINTED, m.gain, printed, GRID_ERROR * printed)
    if m.rho_max <= 2:
        yield Claim(SMALL, m.gain, printed, GRID_ERROR * printed)
    yield Claim(REPAIRED, m.gain, repaired, GRID_ERROR * repaired)
    yield Claim(NATURAL, m.gain, natural, GRID_ERROR * second_order + ROUNDING * natural)
    yield Claim(CONVERSE, bounds.gain_limit(m), m.attained, GRID_ERROR * second_order + ROUNDING * first_order)


def encloser(instance: Instance, delta: float, effort: Effort) -> Measures:
    """Rigorous measures; the gain is enclosed between the float step's and the dual bound."""
    step = mean_step(instance.mdp, evaluate(instance.mdp, instance.policy), delta)
    return measure_balls(instance, delta, step, effort)


def closeness(actual: float, claimed: float) -> float:
    """Claimed gain per actual gain."""
    return claimed / actual


LEMMA = Lemma("Lemma 3.6", (PRINTED, REPAIRED, NATURAL), claims, encloser, closeness, CONSTRAINT)


def check(options: FalsifierOptions) -> Findings:
    """All checks the options ask for."""
    return check_lemma(LEMMA, options)


def draw(checks: list[Check]) -> "Figure":
    """Actual against claimed gain; above the line the claim is violated."""
    figure = new_figure(5.5, 4.5)
    ax = figure.add_subplot()
    against_panel(ax, checks, (PRINTED, REPAIRED, NATURAL), lambda c: (c.actual, c.claimed))
    ax.set(xlabel="gain of the mean step", ylabel="claimed lower bound", title="Lemma 3.6: violated above the line")
    return figure


STUDY = Study(
    "Lemma 3.6: the gain of the Gaussian mean step", "verify.lemma36", STATEMENTS, FalsifierOptions, check, draw
)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return run(STUDY, argv)


if __name__ == "__main__":
    sys.exit(main())
