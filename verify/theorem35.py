"""Theorem 3.5: eta(pi_k) of Algorithm 3.1 increases to the optimum; how fast, after how many trials, without a test.

Source: Zhao, Li and Wen, arXiv 1911.11640, section 3.2.  Needs rho0 > 0.  Letters as in `exact.bounds`.

As printed.  Theorem 3.5.1: eta(pi_{k+1}) >= eta(pi_k).  Theorem 3.5.2: eta(pi_k) tends to the optimum.  Both hold.  The
step of the proof that adds up the gains holds as well: an accepted trial has
    eta' - eta >= beta0 gain >= beta0 min(1, (1-gamma) delta_k) A*_k        by (3.3) and Lemma 3.3.
Its other step, the floor (3.10) of the radius, is in `verify.radius_floor`.

Linear rate.  With A*_k >= (1-gamma) p0 (eta* - eta_k) (`verify.lemma32`) an accepted trial multiplies eta* - eta_k by
at most 1 - beta0 (1-gamma) p0 min(1, (1-gamma) delta_k).  Sharper, without p0, and for every trial:
    eta' - eta = r gain >= r min(1, delta/B) A* >= r min(1, delta/B) (1-gamma) (A*/max m) (eta* - eta),
by Lemma 3.3 sharpened (`verify.lemma34`) and eta* - eta <= max m/(1-gamma), m(s) = max_a A(s,a).  The first rate is
obsolete beside it: r >= beta0, B <= 1/(1-gamma) and A* >= p0 max m.

Finite termination.  Algorithm 3.1 reaches an optimal policy after finitely many trials.  Proof.  Call (s,a) suboptimal
if A*(s,a) < 0.  By (2.3) against pi*, the mass M_k = sum rho pi_k on suboptimal pairs is at most (eta* - eta_k) divided
by the least |A*| of those pairs.  So M_k -> 0, while the radius has a floor; and as A_k -> A*, all suboptimal pairs get
larger gaps than all optimal ones.  From then on the threshold rule empties the suboptimal pairs first, and all of them
once M_k is below the floor: the trial is optimal.  It may be rejected, because it spends the rest of a large radius on
optimal pairs whose gaps are not zero yet, or because its ratio is small: cash-in with gamma = .99 proposes the optimum
at once, with r = .01.  But a rejection needs delta > (1-beta0) (1-gamma) p0/gamma, and it leaves pi_k, and with it M_k
and the gaps, as they were.  So after at most 1 + log(delta_k gamma / ((1-beta0) (1-gamma) p0)) / log(1/gamma3)
rejections an optimal trial is accepted.

That is how a finite run checks the limit without a tolerance.  Floats go on until A* drowns in their rounding; then the
same algorithm goes on over the rationals until A* = 0 exactly.  A run that has not ended after the trials that are
granted leaves the statement undecided.

No ratio test needed.  r >= (1-gamma) p0 > 0 (`verify.lemma34`).  So with a fixed radius, every trial taken, eta
increases all the same, and by the sharper rate and the argument above it reaches the optimum.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from exact.algorithm import DETERMINISTIC, Iteration, iterate, solve
from exact.bounds import lemma33, rate_sharper
from exact.controller import ControllerSettings, ControllerState, Outcome, decide
from exact.mdp import MDP, Array
from exact.mdps.library import cash_in, load
from exact.rational import RationalMDP, dyadics, evaluate_exactly, rational
from exact.subproblem.step import Subproblem
from verify.core.checking import check_all
from verify.core.command import Options, Study, run
from verify.core.drawing import new_figure, tightness_panel
from verify.core.findings import Findings
from verify.core.statement import Check, Claim, Statement, Verdict, judge
from verify.tabular.certifying import step_certificates
from verify.tabular.optimum import Optimum, optimum
from verify.tabular.runs import Run, beginning, check_step, controller, plan, rational_mdp, solver, steps, stop
from verify.tabular.trial import TrialPoint

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INCREASE = Statement("Theorem 3.5.1, eta increases", "printed", "eta(pi_k+1) >= eta(pi_k)")
GAIN = Statement("Theorem 3.5, accepted steps", "printed", "eta' - eta >= beta0 min(1, (1-gamma) delta) A*")
LIMIT = Statement("Theorem 3.5.2, eta reaches the optimum", "printed", "eta(last) >= eta* over the rationals")
RATE = Statement("linear rate", "new", "eta' - eta >= beta0 (1-gamma) p0 min(1, (1-gamma) delta) (eta* - eta)")
RATE_SHARPER = Statement("linear rate", "sharper", "eta' - eta >= r min(1, delta/B) (1-gamma) A*/max m (eta* - eta)")
TERMINATION = Statement(
    "finite termination", "new", "eta(pi_k+1) >= eta* once suboptimal mass <= delta, gaps separated, trial accepted"
)
REJECTED = Statement("an optimal trial is accepted", "new", "r >= beta0 where pi' is optimal", expected="fails")
FIXED = Statement("no ratio test needed, eta increases", "new", "eta(pi_k+1) >= eta(pi_k) with a fixed radius")
FIXED_LIMIT = Statement("no ratio test needed, the limit", "new", "eta(last) >= eta* with a fixed radius")
STATEMENTS = (INCREASE, GAIN, LIMIT, RATE, RATE_SHARPER, TERMINATION, REJECTED, FIXED, FIXED_LIMIT)

WHOLE_RUN = 500
"""A run to the optimum gets at most so many trials in floats,"""
FINISH = 40
"""and so many over the rationals; MDPs of more than LARGE states get a tenth of it."""
LARGE = 60
FIXED_LEAST = 0.02
"""Smallest fixed radius, as a share of the total visitation: the number of trials grows as its inverse."""


def claims(t: TrialPoint, best: Optimum, settings: ControllerSettings) -> Iterator[Claim]:
    """Increase, rates and termination for one trial."""
    exact = not isinstance(t.p0, float)
    eta_star, one = best.eta_like(t.before.eta), 1 - t.discount
    beta0 = rational(settings.beta0) if exact else settings.beta0
    regret = eta_star - t.before.eta
    if not t.p0 > 0:
        return
    if t.said.outcome is Outcome.ACCEPT:
        moved = bool(t.D > 0)
        yield Claim(INCREASE, t.after.eta, t.before.eta, t.rounding, moved)
        yield Claim(GAIN, t.actual, beta0 * lemma33(t.discount, t.A_star, t.delta), t.rounding)
        yield Claim(RATE, t.actual, beta0 * one * t.p0 * min(1, one * t.delta) * regret, t.rounding)
        mass = (t.before.rho * (t.policy * best.suboptimal).sum(axis=1)).sum()
        if mass <= t.delta and _separated(t, best):
            yield Claim(TERMINATION, t.after.eta, eta_star, t.rounding, bool(mass > 0))
    if t.gain > 0 and t.greedy_cost > 0:
        rate = t.ratio * rate_sharper(t.discount, t.greedy_cost, t.A_star, max(t.m), t.delta)
        yield Claim(RATE_SHARPER, t.actual, rate * regret, t.rounding)


def _separated(t: TrialPoint, best: Optimum) -> bool:
    """Whether all suboptimal pairs have larger gaps than all optimal pairs."""
    suboptimal = t.G[best.suboptimal]
    return suboptimal.size == 0 or bool(suboptimal.min() > t.G[~best.suboptimal].max())


def check(options: Options) -> Findings:
    """The rates at every trial, every run to its end, and an optimal trial that is rejected."""
    checks = check_all(_check_steps, plan(options), options, "trust-region steps")
    return checks + check_all(_check_ends, plan(options), options, "runs to the optimum") + [_rejected_optimum()]


def _check_steps(work: Run) -> list[Check]:
    mdp = load(work.mdp)
    best, settings = optimum(mdp, rational_mdp(mdp)), controller(work)
    return [
        check
        for it in steps(work, mdp)
        for check in check_step(lambda t: claims(t, best, settings), mdp, it, work.options, f"{work} (trial {it.k})")
    ]


def _check_ends(work: Run) -> list[Check]:
    """The run of the ratio test, and one with a fixed radius and every trial taken, both to the optimum."""
    mdp = load(work.mdp)
    exact_mdp = rational_mdp(mdp)
    if not min(exact_mdp.initial) > 0:
        return []
    start, delta0 = beginning(work, mdp)
    fixed = max(delta0, FIXED_LEAST / (1 - mdp.discount))
    checks = []
    for statement, settings, delta in ((LIMIT, controller(work), delta0), (FIXED_LIMIT, None, fixed)):
        propose, policy, first = solver(work.options), start, delta
        whole = iterate(mdp, propose, start=start, delta0=delta, settings=settings, tolerance=stop(mdp))
        for k, it in enumerate(islice(whole, WHOLE_RUN), start=1):
            policy, delta = (it.policy if it.outcome is Outcome.REJECT else it.step.policy), it.next_delta
            if statement is FIXED_LIMIT and k <= FINISH and mdp.n_states <= LARGE:
                checks.append(_increases(exact_mdp, it, f"{work}, fixed radius {delta:.6g} (trial {it.k})"))
        eta, ended = finish(exact_mdp, policy, delta, settings, propose)
        found = judge(statement, eta, optimum(mdp, exact_mdp).eta, f"{work}, delta_0 = {first:.6g}", nontrivial=True)
        checks.append(found if ended else replace(found, verdict=Verdict.UNDECIDED, exact=False, nontrivial=False))
    return checks


def _increases(exact_mdp: RationalMDP, it: Iteration, where: str) -> Check:
    before, after = (evaluate_exactly(exact_mdp, dyadics(pi)).eta for pi in (it.policy, it.step.policy))
    return judge(FIXED, after, before, where, nontrivial=bool((it.policy != it.step.policy).any()))


def finish(
    mdp: RationalMDP, policy: Array, delta: float, settings: ControllerSettings | None, propose: Subproblem
) -> tuple[object, bool]:
    """Algorithm 3.1 from `policy` with exact values and ratios: eta of its last iterate, and whether A* = 0 there.

    Args:
        mdp: the MDP.
        policy: on the dyadic grid, shape (S, A).
        delta: the radius.
        settings: the controller's constants; None takes every trial and keeps the radius.
        propose: the subproblem's solver. It sees A and rho rounded to floats.
    """
    state, current = ControllerState(delta), evaluate_exactly(mdp, dyadics(policy))
    for _ in range(FINISH if len(policy) <= LARGE else FINISH // 10):
        if not current.A.max() > 0:
            break
        step = propose(policy, current.A.astype(float), current.rho.astype(float), state.radius)
        trial = dyadics(step.policy)
        after = evaluate_exactly(mdp, trial)
        gain = (current.rho * (trial * current.A).sum(axis=1)).sum()
        if settings is not None:
            ratio = float((after.eta - current.eta) / gain) if gain > 0 else -np.inf
            outcome, state = decide(settings, state, ratio)
            if outcome is Outcome.REJECT:
                continue
        policy, current = step.policy, after
    return current.eta, not current.A.max() > 0


def _rejected_optimum() -> Check:
    """Cash-in with gamma = .99 and the whole visitation as radius: the optimum is proposed with the ratio 1 - gamma."""
    known = cash_in()
    mdp = MDP(known.transitions, known.rewards, known.initial, 0.99, "cash-in, gamma = .99")
    exact_mdp, start = rational_mdp(mdp), np.array([[1.0, 0.0], [1.0, 0.0]])
    it = next(iterate(mdp, start=start, delta0=100.0))
    before, after = (evaluate_exactly(exact_mdp, dyadics(pi)) for pi in (start, it.step.policy))
    assert after.eta == optimum(mdp, exact_mdp).eta
    ratio = (after.eta - before.eta) / (before.rho * (dyadics(it.step.policy) * before.A).sum(axis=1)).sum()
    where = f"{mdp.name}, action 0, delta_0 = 100: {it.outcome.value}"
    return judge(REJECTED, ratio, rational(DETERMINISTIC.beta0), where)


def draw(checks: list[Check]) -> "Figure":
    """Convergence of the runs in four named MDPs, and how tight the rates are."""
    figure = new_figure(11, 4)
    left, right = figure.subplots(1, 2)
    for name in ("chain", "gridworld-5x5", "frozenlake-4x4", "queue"):
        mdp = load(name)
        trajectory = solve(mdp, tolerance=stop(mdp))
        regret = [trajectory.final.eta - record.eta for record in trajectory.records]
        left.semilogy(regret, "o-", ms=3, label=name)
    left.set(xlabel="trial $k$", ylabel=r"$\eta^* - \eta_k$", title="Algorithm 3.1, uniform start")
    left.legend()
    tightness_panel(right, [c for c in checks if c.statement in (GAIN, RATE, RATE_SHARPER)])
    return figure


STUDY = Study(
    "Theorem 3.5: Algorithm 3.1 converges to the optimum",
    "verify.theorem35",
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
