"""Algorithm 3.1 and the subproblem (3.6): the solver and the loop do what they say, and what the paper says.

Source: Zhao, Li and Wen, arXiv 1911.11640, section 3.1, eqs. (3.1)-(3.4) and (3.6).  All other files of this package
take a step of the software and ask what is true of it.  This one asks whether it is the step that was ordered.

    (3.1), (3.6)  D = sum_s rho(s) TV(s) <= delta_k.  The masses of a step are rounded down to multiples of 2^-b.  So
                  with n pairs that keep a part of their mass D may be off by n max rho / 2^b, and by no more: on the
                  one side because nothing may exceed the radius, on the other because a radius that has a price
                  (lambda > 0) is worth spending.
    (3.6), dual   The step is optimal for the radius that was given: with the price lambda that the solver names,
                  gain >= lambda delta_k + sum rho pi_k (G - lambda)_+, which no feasible policy exceeds (proof:
                  `exact.subproblem.tv`), up to lambda n max rho / 2^b for the rounding of the masses.
    reports       gain, distance, eta, V, A, rho and the ratio (3.2) of the software are those of its own policies.
    (3.3)         A trial is accepted if and only if the ratio is at least beta0; then pi_{k+1} is the trial, else pi_k.
    (3.4)         delta_{k+1} = gamma1 delta_k, gamma2 delta_k or gamma3 delta_k as the ratio says.

A report is a float.  It has to agree with the exact value to u = 2^-26, half of the digits of float64, of the scale of
the quantity: max|Q|/(1-gamma) for a gain, max|Q| for a value, 1/(1-gamma) for a visitation.  This is a claim about the
software, and u is part of it; no claim of the theory has such a term.  The last two rows compare floats that the
software has named, exactly.
"""

import sys
from collections.abc import Iterator, Sequence
from itertools import islice, zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from exact.algorithm import Iteration
from exact.controller import ControllerSettings, Outcome
from exact.mdp import MDP
from exact.mdps.library import load
from exact.rational import dyadic, dyadics
from verify.core.checking import check_all
from verify.core.command import Options, Study, run
from verify.core.drawing import new_figure, tightness_panel
from verify.core.findings import Findings
from verify.core.statement import Check, Claim, Statement, judge
from verify.tabular.certifying import step_certificates
from verify.tabular.runs import Run, check_step, controller, plan, step_grid, steps
from verify.tabular.runs import trials as trials_of
from verify.tabular.trial import TrialPoint

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUDGET = Statement("constraint of (3.6)", "printed", "delta_k + n max rho/2^b >= D")
SPENT = Statement("the radius is spent", "new", "D >= delta_k - n max rho/2^b where lambda > 0")
DUAL = Statement(
    "(3.6) at the radius given, by the price said",
    "new",
    "gain + lambda n max rho/2^b + u >= lambda delta_k + sum rho pi_k (G - lambda)_+",
)
GAIN = Statement("gain, as said", "new", "u max|Q|/(1-gamma) >= |gain said - gain|")
DISTANCE = Statement("distance, as said", "new", "u/(1-gamma) >= |D said - D|")
ETA = Statement("eta, as said", "new", "u max|Q| >= |eta said - eta| of pi_k and pi'")
VALUES = Statement("V, as said", "new", "u max|Q| >= max_s |V said - V|")
ADVANTAGES = Statement("A, as said", "new", "u max|Q| >= max |A said - A|")
VISITS = Statement("rho, as said", "new", "u/(1-gamma) >= sum_s |rho said - rho|")
RATIO = Statement("ratio (3.2), as said", "new", "u max|Q|/(1-gamma) >= |ratio said gain - (eta' - eta)|")
ACCEPTANCE = Statement("acceptance (3.3)", "printed", "0 >= |pi_k+1 - (pi' if r_k >= beta0 else pi_k)|")
RADIUS = Statement("radius (3.4)", "printed", "0 >= |delta_k+1 - delta_k (gamma1, gamma2 or gamma3)|")
STATEMENTS = (BUDGET, SPENT, DUAL, GAIN, DISTANCE, ETA, VALUES, ADVANTAGES, VISITS, RATIO, ACCEPTANCE, RADIUS)

HALF_THE_DIGITS = 2.0**-26
"""u."""
RAISE, RAISED_STATES = 10.0, 100
"""What is added to all rewards in the last trial of a run, in units of max|r|; in MDPs of at most so many states."""
LARGE = ("garnet:S=64,A=33,b=3,gamma=0.9,seed=0", 1)
"""A run in which (3.6) has more pairs than are sorted, and the threshold lies inside the bracket; see
`exact.subproblem.tv`."""


def claims(t: TrialPoint, grid: int) -> Iterator[Claim]:
    """Both sides of all statements about one step; `grid` is 2^b."""
    exact = number(t)
    step, one = t.said.step, 1 - t.discount
    cells = exact(float(t.part_emptied)) * max(t.before.rho) / grid
    u, Q = exact(HALF_THE_DIGITS), max(abs(t.before.Q).max(), abs(t.after.Q).max())
    price = exact(step.price)
    excess = t.G - price
    dual = price * t.radius + (t.before.rho * (t.policy * excess * (excess > 0)).sum(axis=1)).sum()
    yield Claim(BUDGET, t.radius + cells, t.D, t.rounding, bool(t.price > 0))
    if t.price > 0:
        yield Claim(SPENT, t.D, t.radius - cells, t.rounding)
    yield Claim(DUAL, t.gain + price * cells + u * Q / one, dual, t.rounding)
    yield Claim(GAIN, u * Q / one, abs(exact(step.gain) - t.gain), t.rounding, bool(t.gain > u * Q / one))
    yield Claim(DISTANCE, u / one, abs(exact(step.distance) - t.D), t.rounding, bool(t.D * one > u))
    errors = [abs(exact(said.eta) - true.eta) for said, true in _evaluations(t)]
    yield Claim(ETA, u * Q, max(errors), t.rounding, bool(Q > 0))
    errors = [abs(_like(t, said.V) - true.V).max() for said, true in _evaluations(t)]
    yield Claim(VALUES, u * Q, max(errors), t.rounding, bool(Q > 0))
    errors = [abs(_like(t, said.A) - true.A).max() for said, true in _evaluations(t)]
    yield Claim(ADVANTAGES, u * Q, max(errors), t.rounding, bool(Q > 0))
    errors = [abs(_like(t, said.rho) - true.rho).sum() for said, true in _evaluations(t)]
    yield Claim(VISITS, u / one, max(errors), t.rounding, True)
    if t.gain > u * Q / one:
        finite = np.isfinite(t.said.ratio)
        wrong = abs(exact(t.said.ratio) * t.gain - t.actual) if finite else t.gain
        yield Claim(RATIO, u * Q / one, wrong, t.rounding, True)


def number(t: TrialPoint) -> Any:
    """float, or the exact value of a float, as the numbers of the step are."""
    return float if isinstance(t.p0, float) else dyadic


def _like(t: TrialPoint, x: Any) -> Any:
    return x if isinstance(t.p0, float) else dyadics(x)


def _evaluations(t: TrialPoint) -> list[tuple[Any, Any]]:
    """What was said of pi_k and of pi', and what is true."""
    return [(t.said.before, t.before), (t.said.after, t.after)]


def loop_checks(it: Iteration, following: Iteration | None, settings: ControllerSettings, where: str) -> list[Check]:
    """(3.3) and (3.4) at one trial; the next trial shows what the loop went on with."""
    accepted = it.ratio >= settings.beta0
    factor = settings.gamma1 if it.ratio >= settings.beta1 else settings.gamma2 if accepted else settings.gamma3
    right = dyadic(it.delta * factor)
    wrong = [abs(dyadic(it.next_delta) - right), dyadic(float(accepted != (it.outcome is Outcome.ACCEPT)))]
    moved = dyadic(0.0)
    if following is not None:
        wrong[0] = max(wrong[0], abs(dyadic(following.delta) - right))
        moved = dyadics(abs(following.policy - (it.step.policy if accepted else it.policy))).sum()
    return [
        judge(ACCEPTANCE, -max(moved, wrong[1]), 0, where, nontrivial=following is not None),
        judge(RADIUS, -wrong[0], 0, where, nontrivial=True),
    ]


def check(options: Options) -> Findings:
    """Every step of every run, and the loop from each trial to the next."""
    found = check_all(_check_run, plan(options), options, "steps as they were ordered")
    return (
        found if options.mdp else found + check_all(_check_run, [Run(*LARGE, options)], options, "steps of many pairs")
    )


def _check_run(work: Run) -> list[Check]:
    mdp = load(work.mdp)
    grid, settings = step_grid(work.options), controller(work)
    checks: list[Check] = []
    trials = list(steps(work, mdp))
    for it, following in zip_longest(trials, trials[1:]):
        where = f"{work} (trial {it.k})"
        checks += check_step(lambda t: claims(t, grid), mdp, it, work.options, where)
        checks += loop_checks(it, following, settings, where)
    for it in islice(trials_of(work, raised(mdp)), int(mdp.n_states <= RAISED_STATES)):
        where = f"{work} (trial 0 with {RAISE:g} max|r| more for every reward)"
        checks += check_step(lambda t: claims(t, grid), raised(mdp), it, work.options, where)
    return checks


def raised(mdp: MDP) -> MDP:
    """The MDP with a constant added to all rewards, which changes neither A nor the step, but every value."""
    more = RAISE * float(abs(mdp.rewards).max())
    return MDP(mdp.transitions, mdp.rewards + more, mdp.initial, mdp.discount, f"{mdp.name}, raised")


def draw(checks: list[Check]) -> "Figure":
    """How much of the radius is spent, and how much of the dual bound is attained."""
    figure = new_figure(6.5, 3)
    tightness_panel(figure.subplots(), [c for c in checks if c.statement in (BUDGET, SPENT, DUAL)])
    return figure


STUDY = Study(
    "Algorithm 3.1 and (3.6): the step that was ordered",
    "verify.algorithm31",
    STATEMENTS,
    Options,
    check,
    draw,
    step_certificates,
)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return run(STUDY, argv)


if __name__ == "__main__":
    sys.exit(main())
