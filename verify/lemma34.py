"""Lemmas 3.3 and 3.4, monotone improvement, and what is true beyond them, for every maximiser of (3.6).

Source: Zhao, Li and Wen, arXiv 1911.11640, section 3.2.  pi' maximises sum_s rho(s) sum_a pi(a|s) A(s,a) subject to
D = sum_s rho(s) TV(s) <= delta; letters as in `exact.bounds`.

As printed (both hold for the trial pi'; Lemma 3.4 is vacuous but for tiny delta):
    Lemma 3.3   L_k(pi') - L_k(pi_k) >= min(1, (1-gamma) delta) A*.
    Lemma 3.4   r_k >= min(1 - c delta, 1 - c / (1-gamma)) with c = 4 A_bar gamma delta / (p0^2 (1-gamma)^2 A*).
Two steps of their proofs are rows of their own:
    mixture     (1-t) pi_k + t greedy, t = min(1, (1-gamma) delta), has D <= delta and the gain t A*.
    TV          max_s TV(s) <= delta/p0, since rho >= rho0 >= p0.
The paper writes pi_{k+1} for pi'.  Read literally both lemmas fail after a rejection, where pi_{k+1} = pi_k gains
nothing: in the cash-in MDP with beta0 = .49, beta1 = .5 and delta = .58 the claim of Lemma 3.3 is .29.

Sharper or new, with proofs.  All need rho > 0 in every state, as rho0 > 0 implies it; p0 > 0 where p0 appears.  In a
state that is never visited a maximiser may do anything: in the MDP "unvisited" moving to the worse action of state 1
costs no budget and changes no gain, so this maximiser has f(1) = -2.
    Optimality.  The threshold rule attains lambda delta + sum rho pi_k (G - lambda)_+, an upper bound of every feasible
        gain: see `exact.subproblem.tv`.  All that follows holds for every maximiser.
    f >= 0.  If f(s) < 0, resetting pi'(.|s) to pi_k(.|s) frees budget and raises the gain by -rho(s) f(s) > 0.
    Monotone.  V' - V = (I - gamma P')^{-1} f >= 0, in every state and for every delta, with no ratio test.
    Ratio by visitation.  eta' - eta = rho' f (eq. (2.3)) and the gain is rho f, so r_k >= min_s rho'(s)/rho(s), which
        is at least (1-gamma) p0, as rho' >= rho0 >= p0 and rho <= 1/(1-gamma).  With beta0 <= (1-gamma) p0 no step
        is ever rejected.
    Prior ratio.  rho - rho' = gamma (I - gamma P')^{-T} (P - P')' rho, and |(P - P')' rho|_1 <= 2 D splits into equal
        positive and negative parts, so (rho - rho')(s) <= gamma D / (1-gamma); divide by rho(s) and weigh by rho f:
        r_k >= 1 - gamma D / ((1-gamma) min rho) >= 1 - gamma delta / ((1-gamma) p0): free of A* and A_bar.
    Posterior ratio.  The same with the roles of pi and pi' exchanged, (rho - rho')(s) <= gamma D' / (1-gamma), gives
        rho(s) <= rho'(s) (1 + gamma D' / ((1-gamma) min rho')), so r_k >= 1 / (1 + gamma D' / ((1-gamma) min rho')).
    Span ratio.  |eta' - L'| <= gamma D span(f)/(1-gamma) (`verify.ladder`).  Divided by the gain: r_k >= 1 - gamma D
        span(f) / ((1-gamma) gain), as prior as the prior ratio, true for any two policies, better in the median.
    Lemma 3.3 sharpened.  Mixing pi_k with the greedy policy in the proportion min(1, delta/B), where B = sum_s rho(s)
        (1 - pi_k(greedy(s)|s)) is its distance, is feasible, so the gain is at least min(1, delta/B) A*;
        B <= 1/(1-gamma) gives Lemma 3.3.
"""

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from exact import bounds
from exact.algorithm import Iteration, iterate, record
from exact.controller import ControllerSettings, Outcome
from exact.mdp import MDP
from exact.mdps.library import cash_in, load, unvisited
from exact.rational import dyadic, dyadics, evaluate_exactly
from verify.core.checking import check_all
from verify.core.command import SearchOptions, Study, run
from verify.core.drawing import new_figure, tightness_panel
from verify.core.findings import Findings
from verify.core.statement import Check, Claim, Statement, is_nontrivial, judge
from verify.tabular.certifying import step_certificates
from verify.tabular.falsify import worst_step
from verify.tabular.runs import Claims, Run, check_runs, check_step, rational_mdp, small_runs, solver, steps
from verify.tabular.trial import TrialPoint, exact_trial, float_trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEMMA_33 = Statement("Lemma 3.3", "printed", "gain >= min(1, (1-gamma) delta) A*")
LEMMA_34 = Statement(
    "Lemma 3.4", "printed", "r >= 1 - max(delta, 1/(1-gamma)) 4 A_bar gamma delta/(p0^2 (1-gamma)^2 A*)"
)
OPTIMAL = Statement("closed form of (3.6)", "new", "gain >= lambda delta + sum rho pi_k (G - lambda)_+")
MIXTURE = Statement("Lemma 3.3, its mixture is feasible", "printed", "delta >= D of the mixture")
TV_RADIUS = Statement("Lemma 3.4, its bound of TV", "printed", "delta/p0 >= max_s TV(s)")
LITERAL = Statement(
    "Lemma 3.3, read literally", "printed", "L_k(pi_k+1) - L_k(pi_k) >= min(1, (1-gamma) delta) A*", "fails"
)
STATEWISE = Statement("no state is made worse", "new", "min_s f(s) >= 0 where rho > 0")
STATEWISE_UNVISITED = Statement("no state is made worse, rho(s) = 0", "new", "min_s f(s) >= 0", expected="fails")
SPAN = Statement("span ratio", "new", "r >= 1 - gamma D span(f)/((1-gamma) gain)")
MONOTONE = Statement("monotone improvement", "new", "min_s V'(s) - V(s) >= 0")
VISITATION = Statement("ratio by visitation", "new", "r >= min_s rho'(s)/rho(s)")
NO_REJECTION = Statement("least ratio", "new", "min_s rho'(s)/rho(s) >= (1-gamma) p0")
PRIOR = Statement("prior ratio", "new", "r >= 1 - gamma D/((1-gamma) min rho)")
PRIOR_RADIUS = Statement("prior ratio by the radius", "new", "r >= 1 - gamma delta/((1-gamma) p0)")
POSTERIOR = Statement("posterior ratio", "new", "r >= 1/(1 + gamma D'/((1-gamma) min rho'))")
SHARP_33 = Statement("Lemma 3.3", "sharper", "gain >= min(1, delta/B) A*")
STATEMENTS = (
    LEMMA_33,
    MIXTURE,
    LITERAL,
    LEMMA_34,
    TV_RADIUS,
    OPTIMAL,
    STATEWISE,
    STATEWISE_UNVISITED,
    MONOTONE,
    VISITATION,
    NO_REJECTION,
    PRIOR,
    PRIOR_RADIUS,
    SPAN,
    POSTERIOR,
    SHARP_33,
)


def claims(t: TrialPoint) -> Iterator[Claim]:
    """Both sides of every statement for one step, each only where its assumptions hold."""
    gamma, rho = t.discount, t.before.rho
    yield Claim(LEMMA_33, t.gain, bounds.lemma33(gamma, t.A_star, t.delta), t.rounding)
    yield Claim(MIXTURE, t.delta, min(1, (1 - gamma) * t.delta) * t.greedy_cost, t.rounding)
    yield Claim(OPTIMAL, t.gain, t.dual, t.rounding)
    if t.greedy_cost > 0:
        yield Claim(SHARP_33, t.gain, bounds.gain_sharper(t.greedy_cost, t.A_star, t.delta), t.rounding)
    if min(rho) > 0:
        yield Claim(STATEWISE, t.f.min(), 0, t.rounding, bool(t.D > 0))
        yield Claim(MONOTONE, (t.after.V - t.before.V).min(), 0, t.rounding, bool(gamma * t.D > 0))
        if t.gain > 0:
            yield from ratio_claims(t)


def ratio_claims(t: TrialPoint) -> Iterator[Claim]:
    """The lower bounds of the ratio. With gamma = 0 it is one, and so are they: that says nothing."""
    gamma, rho, rho_new = t.discount, t.before.rho, t.after.rho
    relative = t.rounding / float(t.gain)
    least = bounds.ratio_from_visitations(rho, rho_new)

    def bound(statement: Statement, actual: Any, claimed: Any) -> Claim:
        says = bool(gamma > 0) and is_nontrivial(actual, claimed)
        return Claim(statement, actual, claimed, relative * (1 + abs(float(claimed))), says)

    yield bound(VISITATION, t.ratio, least)
    yield bound(PRIOR, t.ratio, bounds.ratio_prior(gamma, min(rho), t.D))
    yield bound(SPAN, t.ratio, bounds.ratio_span(gamma, t.D, t.f, t.gain))
    if min(rho_new) > 0:
        yield bound(POSTERIOR, t.ratio, bounds.ratio_posterior(gamma, min(rho_new), t.D_new))
    if t.p0 > 0:
        yield bound(LEMMA_34, t.ratio, bounds.lemma34(gamma, t.p0, t.A_bar, t.A_star, t.delta))
        yield bound(NO_REJECTION, least, (1 - gamma) * t.p0)
        yield bound(PRIOR_RADIUS, t.ratio, bounds.ratio_prior(gamma, t.p0, t.delta))
        yield Claim(TV_RADIUS, t.delta / t.p0, max(t.TV), t.rounding)


def prepare(mdp: MDP) -> Claims:
    """These claims need no preparation for an MDP."""
    return claims


def check(options: SearchOptions) -> Findings:
    """All statements at every step of all runs, and at the worst steps that the falsifier finds near some of them."""
    checks = check_runs(prepare, options, "trust-region steps")
    small = small_runs(options, SEARCHED_STATES, SEARCHED_RUNS)
    jobs = [(statement, run, options) for statement in SEARCHED for run in small]
    return checks + check_all(_search, jobs, options, "falsifier") + [_literally(), _unvisited()]


def _literally() -> Check:
    """Lemma 3.3 for pi_{k+1} after the rejection in the cash-in MDP at delta = .58: pi_{k+1} = pi_k gains nothing."""
    settings = ControllerSettings(beta0=0.49, beta1=0.5)
    mdp = cash_in()
    it = next(iterate(mdp, start=np.array([[1.0, 0.0], [1.0, 0.0]]), delta0=0.58, settings=settings))
    assert it.outcome is Outcome.REJECT
    t = exact_trial(rational_mdp(mdp), it)
    where = "--mdp cash-in, action 0, delta = 0.58, beta0 = 0.49, beta1 = 0.5: reject"
    return judge(LITERAL, dyadic(0.0), bounds.lemma33(t.discount, t.A_star, t.radius), where)


def _unvisited() -> Check:
    """A maximiser of (3.6) in the MDP "unvisited" that moves to the worse action of the state that is never visited."""
    mdp = unvisited()
    exact = rational_mdp(mdp)
    before = evaluate_exactly(exact, dyadics(np.array([[1.0, 0.0], [0.0, 1.0]])))  # state 1 earns 1 a step
    worse = dyadics(np.array([[1.0, 0.0], [1.0, 0.0]]))
    assert before.rho[1] == 0
    return judge(STATEWISE_UNVISITED, (worse * before.A).sum(axis=1).min(), 0, "--mdp unvisited, delta arbitrary")


SEARCHED = (LEMMA_33, LEMMA_34, PRIOR, SPAN, POSTERIOR)
"""Statements that the falsifier tries to break."""
SEARCHED_RUNS, SEARCHED_STATES = 8, 20
"""The falsifier starts at the first steps of so many runs, in MDPs of at most so many states."""


def _search(job: tuple[Statement, Run, SearchOptions]) -> list[Check]:
    statement, run, options = job
    mdp = load(run.mdp)
    first = next(steps(run, mdp), None)
    if first is None:
        return []
    rng = np.random.default_rng([run.seed, 2])
    worst = worst_step(mdp, first, partial(_closeness, statement), solver(options), options.search, rng)
    it = worst.step(solver(options))
    where = f"falsifier of {statement.label} near {run} --search {options.search}"
    return [] if it is None else check_step(claims, worst.mdp(), it, options, where)


def _closeness(statement: Statement, mdp: MDP, it: Iteration) -> float:
    """How close the statement (perhaps a copy, in a worker process) is to failing: 1 at equality.

    Ratios are measured by their distance from one.
    """
    found = [claim for claim in claims(float_trial(mdp, it)) if claim.statement == statement]
    if not found:
        return -np.inf
    actual, claimed = found[0].actual, found[0].claimed
    if statement == LEMMA_33:
        return float(claimed / actual)
    return float((1 - actual) / (1 - claimed)) if claimed < 1 else -np.inf


def draw(checks: list[Check]) -> "Figure":
    """Left: the cash-in MDP's ratio with its bounds over the radius. Right: how tight every statement is."""
    figure = new_figure(11, 4.2)
    left, right = figure.subplots(1, 2)
    ratio_panel(left)
    tightness_panel(right, checks)
    return figure


def ratio_panel(ax: "Axes") -> "Axes":
    """r(delta) of the cash-in MDP from pi_k = action 0, exact, with Lemma 3.4 and the sharper bounds below it."""
    mdp = cash_in()
    start = np.array([[1.0, 0.0], [1.0, 0.0]])
    deltas = np.geomspace(1e-4, 5, 200)
    records = [record(mdp, next(iterate(mdp, start=start, delta0=delta))) for delta in deltas]
    ax.plot(deltas, [r.ratio for r in records], "k", lw=2, label="$r$, exact")
    ax.plot(deltas, [r.bound_posterior for r in records], "--", label="posterior bound (equal to $r$ here)")
    ax.plot(deltas, [r.bound_prior for r in records], label="prior bound")
    ax.plot(deltas, [r.bound_lemma34 for r in records], label="Lemma 3.4")
    ax.set(xscale="log", ylim=(-1, 1.1), xlabel=r"radius $\delta$", ylabel="ratio $r$", title="cash-in MDP")
    ax.legend(loc="lower left")
    return ax


STUDY = Study(
    "Lemmas 3.3 and 3.4, and what is stronger",
    "verify.lemma34",
    STATEMENTS,
    SearchOptions,
    check,
    draw,
    step_certificates,
)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return run(STUDY, argv)


if __name__ == "__main__":
    sys.exit(main())
