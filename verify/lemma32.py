"""Lemma 3.2: a policy is optimal if and only if its policy advantage A*_pi is zero. Needs rho0 > 0.

Source: Zhao, Li and Wen, arXiv 1911.11640, section 3.1; A*_pi = sum_s rho_pi(s) max_a A_pi(s,a).  It holds as printed.

New, a two-sided bound that contains it, for p0 = min rho0 > 0:

    (1-gamma) p0 A*_pi <= eta* - eta(pi) <= A*_pi / ((1-gamma) p0).

Proof.  By (2.3), eta* - eta = sum_s rho*(s) sum_a pi*(a|s) A_pi(s,a) <= max(rho*/rho_pi) A*_pi, and
rho* <= 1/(1-gamma), rho_pi >= p0.  For the other side take the greedy policy g: eta* - eta >= eta(g) - eta
= sum_s rho_g(s) max_a A_pi(s,a) >= min(rho_g/rho_pi) A*_pi >= (1-gamma) p0 A*_pi.

rho0 > 0 is necessary: in the MDP "unvisited" the policy that never sees state 1 has A* = 0 and eta = 0, but eta* = 9.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from exact.mdp import MDP
from exact.mdps.library import load, unvisited
from verify.core.checking import check_all
from verify.core.command import Options, Study, run
from verify.core.drawing import new_figure, tightness_panel
from verify.core.findings import Findings
from verify.core.rational import dyadics, evaluate_exactly
from verify.core.statement import Check, Claim, Statement, judge
from verify.tabular.optimum import Optimum, optimum
from verify.tabular.runs import Claims, Run, check_runs, plan, rational_mdp
from verify.tabular.trial import TrialPoint, grid_policy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFICIENT = Statement("Lemma 3.2, A* = 0 implies optimal", "printed", "eta(pi) >= eta* where A* = 0")
NECESSARY = Statement("Lemma 3.2, optimal implies A* = 0", "printed", "0 >= A* where eta(pi) = eta*")
UPPER = Statement("regret at most", "new", "A*/((1-gamma) p0) >= eta* - eta(pi)")
LOWER = Statement("regret at least", "new", "eta* - eta(pi) >= (1-gamma) p0 A*")
UNVISITED = Statement("Lemma 3.2 without rho0 > 0", "printed", "eta(pi) >= eta* where A* = 0", expected="fails")
STATEMENTS = (SUFFICIENT, NECESSARY, UNVISITED, UPPER, LOWER)


def prepare(mdp: MDP) -> Claims:
    """The claims for steps in `mdp`, whose optimum is found first."""
    best = optimum(mdp, rational_mdp(mdp))
    return lambda point: claims(point, best)


def claims(t: TrialPoint, best: Optimum) -> Iterator[Claim]:
    """The two-sided bound for the policy that a step starts from."""
    if t.p0 > 0:
        regret, scale = best.eta_like(t.before.eta) - t.before.eta, (1 - t.discount) * t.p0
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
    return [judge(NECESSARY, -A_star, 0, where), judge(SUFFICIENT, policy.eta, best.eta, where)]


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


STUDY = Study("Lemma 3.2: optimal if and only if A* = 0", "verify.lemma32", STATEMENTS, Options, check, draw)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return run(STUDY, argv)


if __name__ == "__main__":
    sys.exit(main())
