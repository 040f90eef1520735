"""Lemmas 3.3 and 3.4, monotone improvement, and what is true beyond them, for every maximiser of (3.6).

Source: Zhao, Li and Wen, arXiv 1911.11640, section 3.2.  pi' maximises sum_s rho(s) sum_a pi(a|s) A(s,a) subject to
D = sum_s rho(s) TV(s) <= delta; letters as in `exact.bounds`.

As printed (both hold; Lemma 3.4 is vacuous but for tiny delta):
    Lemma 3.3   L_k(pi') - L_k(pi_k) >= min(1, (1-gamma) delta) A*.
    Lemma 3.4   r_k >= min(1 - c delta, 1 - c / (1-gamma)) with c = 4 A_bar gamma delta / (p0^2 (1-gamma)^2 A*).

Sharper or new, with proofs:
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
    Lemma 3.3 sharpened.  Mixing pi_k with the greedy policy in the proportion min(1, delta/B), where B = sum_s rho(s)
        (1 - pi_k(greedy(s)|s)) is its distance, is feasible, so the gain is at least min(1, delta/B) A*;
        B <= 1/(1-gamma) gives Lemma 3.3.
"""

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from exact import bounds
from exact.algorithm import Iteration, iterate, record
from exact.mdp import MDP
from exact.mdps.library import cash_in, load
from verify.core.checking import check_all
from verify.core.command import SearchOptions, Study, run
from verify.core.drawing import new_figure, tightness_panel
from verify.core.findings import Findings
from verify.core.statement import Check, Claim, Statement
from verify.tabular.falsify import worst_step
from verify.tabular.runs import Claims, Run, check_runs, check_step, small_runs, solver, steps
from verify.tabular.trial import TrialPoint, float_trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEMMA_33 = Statement("Lemma 3.3", "printed", "gain >= min(1, (1-gamma) delta) A*")
LEMMA_34 = Statement(
    "Lemma 3.4", "printed", "r >= 1 - max(delta, 1/(1-gamma)) 4 A_bar gamma delta/(p0^2 (1-gamma)^2 A*)"
)
OPTIMAL = Statement("closed form of (3.6)", "new", "gain >= lambda delta + sum rho pi_k (G - lambda)_+")
STATEWISE = Statement("no state is made worse", "new", "min_s f(s) >= 0")
MONOTONE = Statement("monotone improvement", "new", "min_s V'(s) - V(s) >= 0")
VISITATION = Statement("ratio by visitation", "new", "r >= min_s rho'(s)/rho(s)")
NO_REJECTION = Statement("least ratio", "new", "min_s rho'(s)/rho(s) >= (1-gamma) p0")
PRIOR = Statement("prior ratio", "new", "r >= 1 - gamma D/((1-gamma) min rho)")
PRIOR_RADIUS = Statement("prior ratio by the radius", "new", "r >= 1 - gamma delta/((1-gamma) p0)")
POSTERIOR = Statement("posterior ratio", "new", "r >= 1/(1 + gamma D'/((1-gamma) min rho'))")
SHARP_33 = Statement("Lemma 3.3", "sharper", "gain >= min(1, delta/B) A*")
STATEMENTS = (
    LEMMA_33,
    LEMMA_34,
    OPTIMAL,
    STATEWISE,
    MONOTONE,
    VISITATION,
    NO_REJECTION,
    PRIOR,
    PRIOR_RADIUS,
    POSTERIOR,
    SHARP_33,
)


def claims(t: TrialPoint) -> Iterator[Claim]:
    """Both sides of every statement for one step; those that divide by p0 or by the gain only where it is positive."""
    gamma, rho, rho_new = t.discount, t.before.rho, t.after.rho
    yield Claim(LEMMA_33, t.gain, bounds.lemma33(gamma, t.A_star, t.delta), t.rounding)
    yield Claim(OPTIMAL, t.gain, t.dual, t.rounding)
    yield Claim(STATEWISE, t.f.min(), 0, t.rounding)
    yield Claim(MONOTONE, (t.after.V - t.before.V).min(), 0, t.rounding)
    if t.greedy_cost > 0:
        yield Claim(SHARP_33, t.gain, bounds.gain_sharper(t.greedy_cost, t.A_star, t.delta), t.rounding)
    if not (t.p0 > 0 and t.gain > 0):
        return
    relative = t.rounding / float(t.gain)
    least = bounds.ratio_from_visitations(rho, rho_new)
    printed = bounds.lemma34(gamma, t.p0, t.A_bar, t.A_star, t.delta)
    yield Claim(LEMMA_34, t.ratio, printed, relative * (1 + abs(float(printed))))
    yield Claim(VISITATION, t.ratio, least, relative)
    yield Claim(NO_REJECTION, least, (1 - gamma) * t.p0, relative)
    yield Claim(PRIOR, t.ratio, bounds.ratio_prior(gamma, min(rho), t.D), relative)
    yield Claim(PRIOR_RADIUS, t.ratio, bounds.ratio_prior(gamma, t.p0, t.delta), relative)
    yield Claim(POSTERIOR, t.ratio, bounds.ratio_posterior(gamma, min(rho_new), t.D_new), relative)


def prepare(mdp: MDP) -> Claims:
    """These claims need no preparation for an MDP."""
    return claims


def check(options: SearchOptions) -> Findings:
    """All statements at every step of all runs, and at the worst steps that the falsifier finds near some of them."""
    checks = check_runs(prepare, options, "trust-region steps")
    small = small_runs(options, SEARCHED_STATES, SEARCHED_RUNS)
    jobs = [(statement, run, options) for statement in SEARCHED for run in small]
    return checks + check_all(_search, jobs, options, "falsifier")


SEARCHED = (LEMMA_33, LEMMA_34, PRIOR, POSTERIOR)
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


STUDY = Study("Lemmas 3.3 and 3.4, and what is stronger", "verify.lemma34", STATEMENTS, SearchOptions, check, draw)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return run(STUDY, argv)


if __name__ == "__main__":
    sys.exit(main())
