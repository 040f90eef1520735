"""(3.10): a floor of the radius of Algorithm 3.1; the inference that fails, what is true, and a floor for every MDP.

Source: Zhao, Li and Wen, arXiv 1911.11640, proof of Theorem 3.5.  Needs rho0 > 0.  Letters as in `exact.bounds`;
c = (1-gamma) p0 / gamma.

As printed.  As long as A*_k >= eps the proof claims, for all k >= K,
    delta_k >= min(delta_K, gamma2 delta_bar),     delta_bar = p0^2 (1-gamma)^3 eps (1-beta1) / (4 A_bar gamma),
because r_k >= beta1 below delta_bar, so that the radius grows there.

The inference is wrong.  It forgets that a step rejected just above delta_bar shrinks the radius by gamma3 < gamma2.  In
the cash-in MDP r = 1/(1 + 1.8 delta) exactly, so r >= beta1 = .5 below delta_bar = 5/9.  With beta0 = .49 the step at
delta = .58 is rejected, and the next radius, .348, is less than gamma2 delta_bar = .444.

With the paper's own delta_bar, which is far smaller, the printed floor is true all the same whenever
    gamma3 / gamma2 >= p0 (1-gamma) / 4,
for the paper's .6 and .8 always.  Proof.  By the prior bound r >= 1 - delta/c (`verify.lemma34`) a rejection needs
delta > (1-beta0) c, and r < beta1 needs delta > (1-beta1) c.  As eps <= A* <= A_bar/(1-gamma),
    delta_bar <= p0^2 (1-gamma)^2 (1-beta1) / (4 gamma) = (1-beta1) c p0 (1-gamma) / 4.
After a step with beta0 <= r < beta1 the radius is gamma2 delta > gamma2 (1-beta1) c >= gamma2 delta_bar; after a
rejection it is gamma3 delta > gamma3 (1-beta0) c >= gamma3 (1-beta1) c >= gamma2 delta_bar by the assumption.
Without the assumption it fails: cash-in with gamma3 = 1e-4, next radius 5.8e-5 < 1.389e-4.

Repaired.  With delta_hat the radius below which no step is rejected,
    delta_k >= min(delta_K, gamma2 delta_bar, gamma3 delta_hat).
By the prior bound delta_bar = (1-beta1) c and delta_hat = (1-beta0) c serve for every MDP, without eps and A_bar.
"""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from exact.algorithm import DETERMINISTIC, Iteration, iterate
from exact.bounds import radius_floor, radius_printed
from exact.controller import ControllerSettings, Outcome
from exact.mdp import MDP
from exact.mdps.library import cash_in, load
from exact.rational import RationalMDP, dyadic, rational
from verify.core.checking import check_all
from verify.core.command import Options, Study, run
from verify.core.drawing import new_figure, tightness_panel
from verify.core.findings import Findings
from verify.core.statement import Check, Statement, judge
from verify.tabular.certifying import step_certificates
from verify.tabular.runs import Run, beginning, controller, plan, rational_mdp, steps
from verify.tabular.trial import TrialPoint, exact_trial, float_trial

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRINTED = "delta_k >= min(delta_K, gamma2 delta_bar)"
PAPER = Statement("(3.10), gamma3/gamma2 >= p0(1-gamma)/4", "printed", f"{PRINTED}, the paper's delta_bar")
TINY = Statement("(3.10), tiny gamma3", "printed", f"{PRINTED}, the paper's delta_bar", expected="fails")
INFERENCE = Statement(
    "(3.10), the inference", "printed", f"{PRINTED}, any delta_bar with r >= beta1 below it", expected="fails"
)
REPAIRED = Statement("(3.10), the inference", "repaired", "delta_k >= min(delta_K, gamma2 delta_bar, gamma3 delta_hat)")
FLOOR = Statement("radius floor", "new", "delta_k >= min(delta_0, gamma2 (1-beta1) c, gamma3 (1-beta0) c)")
SHRINKING = Statement("radius that does not grow", "new", "delta_k >= (1-beta1) c where r_k < beta1")
REJECTION = Statement("radius of a rejection", "new", "delta_k >= (1-beta0) c where r_k < beta0")
STATEMENTS = (PAPER, TINY, INFERENCE, REPAIRED, FLOOR, SHRINKING, REJECTION)


def constants(settings: ControllerSettings) -> tuple[Any, Any, Any, Any]:
    """beta0, beta1, gamma2 and gamma3 as the fractions that their decimals mean."""
    return tuple(rational(getattr(settings, name)) for name in ("beta0", "beta1", "gamma2", "gamma3"))  # type: ignore[return-value]


def check(options: Options) -> Findings:
    """The floors along every run, and the counterexamples."""
    return check_all(_check_run, plan(options), options, "radii") + counterexamples()


def _check_run(work: Run) -> list[Check]:
    """The radius after every trial against its floors, with eps and A_bar over the trials so far."""
    mdp = load(work.mdp)
    exact_mdp, settings = rational_mdp(mdp), controller(work)
    gamma, p0 = exact_mdp.discount, min(exact_mdp.initial)
    if not (p0 > 0 and gamma > 0):
        return []  # at gamma = 0 every ratio is one, and no radius shrinks
    beta0, beta1, gamma2, gamma3 = constants(settings)
    delta0, c = rational(beginning(work, mdp)[1]), (1 - gamma) * p0 / gamma
    floor = radius_floor(gamma, p0, delta0, beta0, beta1, gamma2, gamma3)
    eps, A_bar, checks = None, None, []
    for it in steps(work, mdp):
        where, t = f"{work} (trial {it.k})", _point(work, mdp, exact_mdp, it)
        A_star, largest = (dyadic(x) if isinstance(x, float) else x for x in (t.A_star, t.A_bar))
        eps = A_star if eps is None else min(eps, A_star)
        A_bar = largest if A_bar is None else max(A_bar, largest)
        following = rational(it.next_delta)
        shrunk = it.next_delta < it.delta
        checks.append(judge(FLOOR, following, floor, where, nontrivial=shrunk))
        if 4 * gamma3 >= gamma2 * p0 * (1 - gamma):
            printed = min(delta0, gamma2 * radius_printed(gamma, p0, eps, A_bar, beta1))
            checks.append(judge(PAPER, following, printed, where, nontrivial=shrunk))
        checks += _ratio_checks(it, settings, c, where)
    return checks


def _ratio_checks(it: Iteration, settings: ControllerSettings, c: Any, where: str) -> list[Check]:
    """What a ratio below beta1, and one below beta0, say of the radius."""
    beta0, beta1 = constants(settings)[:2]
    delta, checks = rational(it.delta), []
    if it.ratio < settings.beta1:
        checks.append(judge(SHRINKING, delta, (1 - beta1) * c, where))
    if it.outcome is Outcome.REJECT:
        checks.append(judge(REJECTION, delta, (1 - beta0) * c, where))
    return checks


def _point(work: Run, mdp: MDP, exact_mdp: RationalMDP, it: Iteration) -> TrialPoint:
    return float_trial(mdp, it) if work.options.float_only else exact_trial(exact_mdp, it)


FIRST_RADII = (0.58, *np.arange(1, 21) / 4)
"""Radii of the first steps in the cash-in MDP."""
STRICT = tuple(ControllerSettings(beta0=beta0, beta1=0.5) for beta0 in (0.2, 0.3, 0.4, 0.49))
"""Controllers for it."""
TINY_GAMMA3 = ControllerSettings(beta0=0.49, beta1=0.5, gamma3=1e-4)


def counterexamples() -> list[Check]:
    """First steps in the cash-in MDP, where r(delta) = 1/(1 + 9/5 delta): what the next radius is."""
    checks = []
    for settings in STRICT:
        for delta in FIRST_RADII:
            it, where = _cash_in_step(float(delta), settings)
            beta0, beta1, gamma2, gamma3 = constants(settings)
            delta_bar, delta_hat = ((1 / beta - 1) * rational(5 / 9) for beta in (beta1, beta0))
            delta_K, following = rational(it.delta), rational(it.next_delta)
            printed, shrunk = min(delta_K, gamma2 * delta_bar), it.next_delta < it.delta
            checks.append(judge(INFERENCE, following, printed, where, nontrivial=shrunk))
            checks += _ratio_checks(it, settings, rational(5 / 90), where)
            checks.append(judge(REPAIRED, following, min(printed, gamma3 * delta_hat), where, nontrivial=shrunk))
    it, where = _cash_in_step(0.58, TINY_GAMMA3)
    beta1, gamma2 = constants(TINY_GAMMA3)[1:3]
    half, nine = rational(0.5), rational(0.9)  # p0 and gamma; eps = A* = 5 and A_bar = 1
    printed = min(rational(it.delta), gamma2 * radius_printed(nine, half, rational(5.0), rational(1.0), beta1))
    return [*checks, judge(TINY, rational(it.next_delta), printed, where)]


def _cash_in_step(delta: float, settings: ControllerSettings) -> tuple[Iteration, str]:
    start = np.array([[1.0, 0.0], [1.0, 0.0]])
    it = next(iterate(cash_in(), start=start, delta0=delta, settings=settings))
    constants = ", ".join(
        f"{name} = {getattr(settings, name):g}"
        for name in ("beta0", "beta1", "gamma3")
        if name != "gamma3" or settings.gamma3 != DETERMINISTIC.gamma3
    )
    where = f"--mdp cash-in, action 0, delta_0 = {delta:g}, {constants}: ratio {it.ratio:.6f}, {it.outcome.value}"
    return it, where


def draw(checks: list[Check]) -> "Figure":
    """How close the radii come to their floors."""
    figure = new_figure(7.5, 3.4)
    tightness_panel(figure.subplots(), [c for c in checks if c.nontrivial])
    return figure


STUDY = Study(
    "(3.10): the floor of the radius", "verify.radius_floor", STATEMENTS, Options, check, draw, step_certificates
)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return run(STUDY, argv)


if __name__ == "__main__":
    sys.exit(main())
