"""Lemma 3.7 of Zhao, Li and Wen (arXiv 1911.11640): the ratio (3.2) of the mean step (3.12). Fails as printed.

Notation of `exact.gaussian.model` and `verify.lemma36` (g, h, the trust region); pi' = N(mu', sigma^2) is the trial
point, rho' its visitation, TV(s) and KL(s) the distances between pi_k(.|s) and pi'(.|s), f(s) = E A(s,a) under pi',
gain = sum_s rho(s) f(s), D = sum_s rho(s) TV(s), p0 = min rho0, Abar = max |A|.

As printed.  r_k >= 1 - 8 Abar gamma delta^2 max(||g||/(sigma sqrt(delta)), h) / (p0^2 (1-gamma)^2 ||g||^2).

It fails.  The proof bounds max_s TV(s) by delta / p0, as if delta bounded a TV; it bounds a KL, and TV is of the order
of its square root. Besides it uses Lemma 3.6 as printed, which fails too. Counterexample, `two_state` of
`exact.gaussian.instances`: r(0,a) = sin a, P(1|0,a) = (1 + sin a)/2; r(1,.) = 0, P(1|1,.) = 1/2; gamma = 1/2, rho0 =
(1/2, 1/2), sigma = 1, mu_k = (0, 0). Then rho = (1, 1), V = 0, Abar = 1; state 1 is indifferent, so the maximiser of
(3.12) is mu' = (sqrt(2 delta), 0), and r = 1 / (1 + exp(-1/2) sin(sqrt(2 delta)) / 4) = 1 - O(sqrt(delta)), below a
claim of 1 - O(delta^(3/2)): at delta = 1e-4, r = .997860 and the claim is .999894. `crossing` finds the radius below
which the claim is violated, about .002.

Repaired.  r_k >= 1 - 4 Abar gamma delta max(h, ||g||/(sigma sqrt(2 (1-gamma) delta))) / (p0 (1-gamma)^2 ||g||^2).
Proof.  Theorem 1 of TRPO gives eta(pi') - L_k(pi') >= -4 Abar gamma alpha^2 / (1-gamma)^2 with alpha = max_s TV(s).
Pinsker: TV(s)^2 <= KL(s)/2, and p0 KL(s) <= rho(s) KL(s) <= delta, so alpha^2 <= delta / (2 p0). Divide by the gain,
which is at least ||g||^2 / (2 max(h, ||g|| sqrt(max rho) / (sigma sqrt(2 delta)))) by the repaired Lemma 3.6, and use
max rho <= 1/(1-gamma). The bound still tends to 1, at the rate sqrt(delta).

Sharper.  Neither Abar nor g nor h is needed, because the maximiser of (3.12) has f(s) >= 0 in every state: otherwise
putting mu'_s back to mu_{k,s} would gain and save budget. With (2.3), eta(pi') - eta(pi_k) = sum_s rho'(s) f(s), hence
    r_k >= min_s rho'(s) / rho(s),
and three consequences:
(a) r_k >= (1-gamma) p0, from rho' >= p0 and rho <= 1/(1-gamma). With beta0 <= (1-gamma) p0 no mean step is rejected.
(b) r_k >= 1 - gamma D / ((1-gamma) min rho). As row vectors rho' - rho = gamma rho (P' - P) (I - gamma P')^-1. The
    signed measure rho (P' - P) has a negative part of mass D at most, since the next state's distribution varies no
    more than the action's, and the resolvent multiplies it by 1/(1-gamma): rho'(s) >= rho(s) - gamma D / (1-gamma).
(c) r_k >= 1 - gamma sqrt(delta / (2 (1-gamma)^3)) / min rho: before the step is known, D <= sum rho sqrt(KL/2) <=
    sqrt(sum rho) sqrt(sum rho KL / 2) <= sqrt(delta / (2 (1-gamma))) by Pinsker and Cauchy-Schwarz. min rho >= p0.
"""

import math
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq

from exact.gaussian import bounds
from exact.gaussian.instances import Instance, two_state
from exact.gaussian.measures import Measures, Number, measure_step
from exact.gaussian.model import evaluate
from exact.gaussian.steps import mean_step
from verify.core.command import FalsifierOptions, Study, run
from verify.core.drawing import against_panel, new_figure
from verify.core.findings import Findings
from verify.core.statement import Check, Claim, Statement
from verify.gaussian.balls import Effort, NotCertifiedError, maximiser_balls, measure_balls
from verify.gaussian.runs import Lemma, check_lemma

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PRINTED = Statement(
    "Lemma 3.7",
    "printed",
    "r >= 1 - 8 Abar gamma delta^2 max(||g||/(sigma sqrt(delta)), h) / (p0^2 (1-gamma)^2 ||g||^2)",
    expected="fails",
)
REPAIRED = Statement(
    "Lemma 3.7",
    "repaired",
    "r >= 1 - 4 Abar gamma delta max(h, ||g||/(sigma sqrt(2(1-gamma) delta))) / (p0 (1-gamma)^2 ||g||^2)",
)
NO_REJECTION = Statement("Lemma 3.7 (a), no rejection", "new", "r >= (1-gamma) p0")
POSTERIOR = Statement("Lemma 3.7 (b), posterior", "new", "r >= 1 - gamma D / ((1-gamma) min rho)")
PRIOR = Statement("Lemma 3.7 (c), prior", "new", "r >= 1 - gamma sqrt(delta / (2 (1-gamma)^3)) / min rho")
STATEMENTS = (PRINTED, REPAIRED, NO_REJECTION, POSTERIOR, PRIOR)

GRID_ERROR = 1e-3
"""Relative error of the float h and Abar, which are maxima over a grid."""
ROUNDING = 1e-13
"""Error of the float change of eta, in units of Abar / (1-gamma)^2, the scale of eta times that of rho."""


def claims(m: Measures) -> Iterator[Claim]:
    """Both sides of the five statements, all but one of the form r >= 1 - loss."""
    printed, repaired = bounds.loss_lemma37(m), bounds.loss_repaired(m)
    noise = ROUNDING * m.A_max / (1 - m.gamma) ** 2 / m.attained
    if m.at_maximiser:
        yield Claim(PRINTED, m.r, 1 - printed, GRID_ERROR * printed + noise)
    yield Claim(REPAIRED, m.r, 1 - repaired, GRID_ERROR * repaired + noise)
    yield Claim(NO_REJECTION, m.r, (1 - m.gamma) * m.p0, noise)
    yield Claim(POSTERIOR, m.r, 1 - bounds.loss_posterior(m), noise)
    yield Claim(PRIOR, m.r, 1 - bounds.loss_prior(m), noise)


def encloser(instance: Instance, delta: float, effort: Effort) -> Measures:
    """Rigorous measures at the exact maximiser; where that cannot be enclosed, at the float one.

    The second case is that of large radii, where the Lagrangian is not concave. There the printed statement is not
    checked, for its premise is not certain. The others are: their proofs ask no more of the trial point than to be
    feasible, with f >= 0 and the gain of the repaired Lemma 3.6.
    """
    step = mean_step(instance.mdp, evaluate(instance.mdp, instance.policy), delta)
    try:
        return maximiser_balls(instance, step, effort)
    except NotCertifiedError:
        return measure_balls(instance, delta, step, effort)


def closeness(actual: Number, claimed: Number) -> float:
    """Actual loss 1 - r per claimed loss."""
    return float((1 - actual) / (1 - claimed))


LEMMA = Lemma("Lemma 3.7", (PRINTED, REPAIRED, POSTERIOR, PRIOR), claims, encloser, closeness)


def check(options: FalsifierOptions) -> Findings:
    """All checks the options ask for."""
    return check_lemma(LEMMA, options)


def crossing() -> float:
    """The radius below which the two-state counterexample violates the printed lemma."""

    def slack(log_delta: float) -> float:
        printed = next(iter(claims(measure_step(two_state(), math.exp(log_delta)))))
        return float(printed.actual - printed.claimed)

    return math.exp(brentq(slack, math.log(1e-5), math.log(0.1), xtol=1e-9))


def draw(checks: list[Check]) -> "Figure":
    """Left: the two-state counterexample over the radius. Right: actual against allowed losses of all checks."""
    figure = new_figure(11, 4.2)
    left, right = figure.subplots(1, 2)
    loss_panel(left)
    against_panel(right, checks, STATEMENTS, lambda c: (1 - c.claimed, 1 - c.actual))
    right.set(xlabel="loss allowed", ylabel="loss $1 - r$", title="all checks: violated above the line")
    return figure


def loss_panel(ax: "Axes") -> "Axes":
    """1 - r of the two-state counterexample and what the statements allow it to be."""
    deltas = np.geomspace(1e-6, 0.1, 31)
    found = [{c.statement: c for c in claims(measure_step(two_state(), delta))} for delta in deltas]
    ax.loglog(deltas, [1 - c[PRINTED].actual for c in found], "k", lw=2, label="$1 - r$, exact")
    for statement in (PRINTED, REPAIRED, POSTERIOR, PRIOR):
        ax.loglog(deltas, [1 - c[statement].claimed for c in found], "--", label=statement.label)
    ax.axvline(crossing(), color="grey", lw=0.8)
    ax.set(xlabel=r"radius $\delta$", ylabel="loss $1 - r$", title="two-state counterexample")
    ax.legend(fontsize="small")
    return ax


STUDY = Study(
    "Lemma 3.7: the ratio of the Gaussian mean step", "verify.lemma37", STATEMENTS, FalsifierOptions, check, draw
)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return run(STUDY, argv)


if __name__ == "__main__":
    sys.exit(main())
