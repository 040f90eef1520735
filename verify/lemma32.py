"""Lemma 3.2: a policy is optimal if and only if its policy advantage A*_pi is zero. Needs rho0 > 0.

Source: Zhao, Li and Wen, arXiv 1911.11640, section 3.1; A*_pi = sum_s rho_pi(s) max_a A_pi(s,a).  It holds as printed.

New, a two-sided bound that contains it, for p0 = min rho0 > 0:

    (1-gamma) p0 A*_pi <= eta* - eta(pi) <= A*_pi / ((1-gamma) p0).

Proof.  By (2.3), eta* - eta = sum_s rho*(s) sum_a pi*(a|s) A_pi(s,a) <= max(rho*/rho_pi) A*_pi, and
rho* <= 1/(1-gamma), rho_pi >= p0.  For the other side take the greedy policy g: eta* - eta >= eta(g) - eta
= sum_s rho_g(s) max_a A_pi(s,a) >= min(rho_g/rho_pi) A*_pi >= (1-gamma) p0 A*_pi.

Sharper, simpler, and without rho0 > 0: with m(s) = max_a A_pi(s,a) >= 0,

    rho0'm <= eta* - eta(pi) <= max m / (1-gamma).

Proof.  V* - V = (I - gamma P*)^{-1} (sum_a pi* A) <= max m/(1-gamma) in every state, since sum_a pi*(a|s) A(s,a) <=
m(s) and the rows of the inverse sum to 1/(1-gamma).  The greedy policy g has V* >= V_g = V + (I - gamma P_g)^{-1} m >=
V + m. Weigh both by rho0.  The bound above follows from it: p0 max m <= A* <= rho0'm / ((1-gamma) p0), as p0 <= rho <=
1/(1-gamma) and p0 <= rho0.  So it is obsolete.

rho0 > 0 is necessary for the lemma: in the MDP "unvisited" the policy that never sees state 1 has A* = 0 and eta = 0,
but eta* = 9.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from exact.bounds import regret_bounds
from exact.mdp import MDP
from exact.mdps.library import load, unvisited
from exact.rational import dyadics, evaluate_exactly
from verify.core.checking import check_all
from verify.core.command import Options, Study, run
from verify.core.drawing import new_figure, tightness_panel
from verify.core.findings import Findings
from verify.core.statement import Check, Claim, Statement, judge
from verify.tabular.certifying import step_certificates
from verify.tabular.optimum import Optimum, optimum
from verify.tabular.runs import Claims, Run, check_runs, plan, rational_mdp
from verify.tabular.trial import TrialPoint, grid_policy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFICIENT = Statement("Lemma 3.2, A* = 0 implies optimal", "printed", "eta(pi) >= eta* where A* = 0")
NECESSARY = Statement("Lemma 3.2, optimal implies A* = 0", "printed", "0 >= A* where eta(pi) = eta*")
UPPER = Statement("regret at most", "new", "A*/((1-gamma) p0) >= eta* - eta(pi)")
LOWER = Statement("regret at least", "new", "eta* - eta(pi) >= (1-gamma) p0 A*")
UPPER_SHARPER = Statement("regret at most", "sharper", "max m/(1-gamma) >= eta* - eta(pi)")
LOWER_SHARPER = Statement("regret at least", "sharper", "eta* - eta(pi) >= rho0'm")
UNVISITED = Statement("Lemma 3.2 without rho0 > 0", "printed", "eta(pi) >= eta* where A* = 0", expected="fails")
STATEMENTS = (SUFFICIENT, NECESSARY, UNVISITED, UPPER, LOWER, UPPER_SHARPER, LOWER_SHARPER)


def prepare(mdp: MDP) -> Claims:
    """The claims for steps in `mdp`, whose optimum is found first."""
    best = optimum(mdp, rational_mdp(mdp))
    return lambda point: claims(point, best)


def claims(t: TrialPoint, best: Optimum) -> Iterator[Claim]:
    """The two-sided bounds for the policy that a step starts from."""
    regret, scale = best.eta_like(t.before.eta) - t.before.eta, (1 - t.discount) * t.p0
    least, most = regret_bounds(t.discount, t.initial, t.m)
    yield Claim(UPPER_SHARPER, most, regret, t.rounding)
    yield Claim(LOWER_SHARPER, regret, least, t.rounding)
    if t.p0 > 0:
        yield Claim(UPPER, t.A_star / scale, regret, t.rounding / float(scale))
        yield Claim(LOWER, regret, scale * t.A_star, t.rounding)


def check(options: Options) -> Findings:
    """The lemma at random optimal policies of every MDP, and the two-sided bound at every policy of every run."""
    at_optima = check_all(_check_optimal, plan(options), options, "optimal policies")
    return at_optima + check_runs(prepare, options, "policies of the runs") + [_needs_p0()]


def _check_optimal(run: Run) -> list[Check]:
    """A random policy on the optimal actions: its advantage is zero and it is optimal, if rho0 > 0."""
    mdp = load(run.mdp)
    rational = rational_mdp(mdp)
    best = optimum(mdp, rational)
    if not min(rational.initial) > 0:
        return []
    weights = np.where(best.suboptimal, 0, np.random.default_rng([run.seed, 3]).random(mdp.rewards.shape))
    policy = evaluate_exactly(rational, dyadics(grid_policy(weights / weights.sum(axis=1, keepdims=True))))
    A_star = (policy.rho * policy.A.max(axis=1)).sum()
    where = str(run)
    chosen = bool(best.suboptimal.any())  # else every policy is optimal
    return [
        judge(NECESSARY, -A_star, 0, where, nontrivial=chosen),
        judge(SUFFICIENT, policy.eta, best.eta, where, nontrivial=chosen),
    ]


def _needs_p0() -> Check:
    """The policy that always takes action 0 in the MDP whose second state is never visited."""
    mdp = unvisited()
    rational = rational_mdp(mdp)
    stay = evaluate_exactly(rational, dyadics(np.array([[1.0, 0.0], [1.0, 0.0]])))
    assert (stay.rho * stay.A.max(axis=1)).sum() == 0
    return judge(UNVISITED, stay.eta, optimum(mdp, rational).eta, "--mdp unvisited, action 0 in both states")


def draw(checks: list[Check]) -> "Figure":
    """How tight the two sides are."""
    figure = new_figure(6.5, 3)
    tightness_panel(figure.subplots(), [c for c in checks if c.statement.form in ("sharper", "new")])
    return figure


STUDY = Study(
    "Lemma 3.2: optimal if and only if A* = 0", "verify.lemma32", STATEMENTS, Options, check, draw, step_certificates
)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return run(STUDY, argv)


if __name__ == "__main__":
    sys.exit(main())
