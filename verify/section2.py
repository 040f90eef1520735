"""Section 2 and Definition 3.1: the identities on which everything rests.

Source: Zhao, Li and Wen, arXiv 1911.11640, eqs. (2.1)-(2.7), Definition 3.1 and (3.5).  pi and pi' are any two
policies, primes belong to pi', f(s) = sum_a pi'(a|s) A_pi(s,a).  rho_pi(s) = sum_t gamma^t P(s_t = s).

    visitation   sum_s rho(s) = 1/(1-gamma), and rho >= rho0.  rho = rho0 + gamma P' rho, and rows of P sum to one.
    (2.1)        eta = rho0'V = sum_s rho(s) sum_a pi(a|s) r(s,a): the value weighed by the start is the reward weighed
                 by the visits, since both are rho0' (I - gamma P)^{-1} r_pi.
    (2.2)        sum_a pi(a|s) A(s,a) = 0 in every state, so max_a A(s,a) >= 0.
    (2.3)        eta' - eta = sum_s rho'(s) f(s).  V' - V = (I - gamma P')^{-1} f, since f = r' + gamma P' V - V.
    (2.4)        L_pi(pi') = eta + sum_s rho(s) f(s), and L_pi(pi) = eta by (2.2).
    (2.7)        L_pi and eta agree to first order at pi: for d = pi' - pi and pi_x = pi + x d
                 |eta(pi_x) - L_pi(pi_x)| <= 2 gamma alpha^2 x^2 R/(1-gamma)^3 with alpha = max TV, R = max r - min r.
                 Proof: `verify.trapezoid`.  With x = 2^-40 an error in the gradient of L would be 2^40 times as large.
    Def. 3.1     The policy advantage is A_pi(pi') = L_pi(pi') - eta(pi); A*_pi is its maximum over all pi'.
    (3.5)        A*_pi = sum_s rho(s) max_a A(s,a): no policy has more, and the greedy one has as much.

The paper's text was not at hand when this file was written.  What is numbered (2.2), (2.7) and (3.5) here is what the
theory needs at these places.

Both sides of an equality a = b are checked as -|a - b| >= 0, over the rationals.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from exact.mdp import MDP
from exact.mdps.library import load
from exact.rational import RationalMDP, Rationals, dyadic, dyadics, evaluate_exactly
from verify.core.checking import check_all
from verify.core.command import Options, Study, run
from verify.core.drawing import new_figure, tightness_panel
from verify.core.findings import Findings
from verify.core.statement import Check, Claim, Statement, judge
from verify.tabular.certifying import step_certificates
from verify.tabular.runs import Run, plan, rational_mdp, start_policy
from verify.tabular.trial import grid_policy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MASS = Statement("total visitation", "printed", "sum rho = 1/(1-gamma)")
VISITED = Statement("visitation of the start", "printed", "min_s (rho(s) - rho0(s)) >= 0")
RETURN = Statement("(2.1), by values and by visits", "printed", "rho0'V = sum rho pi r")
CENTRED = Statement("(2.2), the mean of A", "printed", "sum_a pi A = 0 in every state")
DIFFERENCE = Statement("(2.3), performance difference", "printed", "eta' - eta = sum rho' pi' A")
SURROGATE = Statement("(2.4), L at pi", "printed", "L_pi(pi) = eta(pi)")
FIRST_ORDER = Statement(
    "(2.7), first order", "printed", "2 gamma alpha^2 x^2 R/(1-gamma)^3 >= |eta(pi_x) - L_pi(pi_x)|"
)
MAXIMUM = Statement("Definition 3.1, A* is the maximum", "printed", "A*_pi >= A_pi(pi')")
ATTAINED = Statement("(3.5), A* is attained", "printed", "A_pi(greedy) >= sum rho max A")
STATEMENTS = (MASS, VISITED, RETURN, CENTRED, DIFFERENCE, SURROGATE, FIRST_ORDER, MAXIMUM, ATTAINED)

SHORT = 2.0**-40
"""x of (2.7)."""
MAX_STATES = 100
"""MDPs with more states are left out: exact evaluation grows as S^3."""
PAIRS = 3
"""Pairs of policies of every run."""


def policies(work: Run, mdp: MDP) -> Iterator[tuple[Rationals, Rationals]]:
    """Pairs (pi, pi') on the dyadic grid, drawn from the run's seed, shape (S, A) each."""
    shape = mdp.rewards.shape
    rng = np.random.default_rng([work.seed, 5])
    for _ in range(PAIRS):
        to = rng.dirichlet(np.full(shape[1], 0.5), shape[0])
        yield dyadics(start_policy(shape, rng)), dyadics(grid_policy(to))


def claims(mdp: RationalMDP, pi: Rationals, to: Rationals) -> Iterator[Claim]:
    """Both sides of all identities for a pair of policies."""
    gamma, one = mdp.discount, 1 - mdp.discount
    before, after = evaluate_exactly(mdp, pi), evaluate_exactly(mdp, to)
    moved = bool((pi != to).any())

    def equal(statement: Statement, a: Any, b: Any, says: bool = True) -> Claim:
        return Claim(statement, -abs(a - b), 0, 0.0, says)

    def advantage(of: Rationals) -> Any:
        return (before.rho * (of * before.A).sum(axis=1)).sum()

    yield equal(MASS, before.rho.sum(), 1 / one)
    yield Claim(VISITED, (before.rho - mdp.initial).min(), 0, 0.0, bool(gamma > 0))
    yield equal(RETURN, before.eta, (before.rho * (pi * mdp.rewards).sum(axis=1)).sum())
    yield Claim(CENTRED, -abs((pi * before.A).sum(axis=1)).max(), 0, 0.0, True)
    yield equal(DIFFERENCE, after.eta - before.eta, (after.rho * (to * before.A).sum(axis=1)).sum(), moved)
    yield equal(SURROGATE, before.eta + advantage(pi), before.eta)
    x, d = dyadic(SHORT), to - pi
    alpha, R = max(abs(row).sum() / 2 for row in d), mdp.rewards.max() - mdp.rewards.min()
    nearby = evaluate_exactly(mdp, pi + x * d)
    error = abs(nearby.eta - before.eta - advantage(pi + x * d))
    yield Claim(FIRST_ORDER, 2 * gamma * (alpha * x) ** 2 * R / one**3, error, 0.0, bool(error > 0))
    A_star = (before.rho * before.A.max(axis=1)).sum()
    yield Claim(MAXIMUM, A_star, advantage(to), 0.0, bool(A_star > 0))
    greedy = dyadics(np.eye(pi.shape[1])[before.A.argmax(axis=1)])
    yield Claim(ATTAINED, advantage(greedy), A_star, 0.0, bool(A_star > 0))


def check(options: Options) -> Findings:
    """All identities at pairs of policies in every MDP."""
    return check_all(_check_run, plan(options), options, "pairs of policies")


def _check_run(work: Run) -> list[Check]:
    mdp = load(work.mdp)
    if mdp.n_states > MAX_STATES:
        return []
    exact = rational_mdp(mdp)
    return [
        judge(c.statement, c.actual, c.claimed, f"{work} (pair {i})", nontrivial=c.nontrivial)
        for i, (pi, to) in enumerate(policies(work, mdp))
        for c in claims(exact, pi, to)
    ]


def draw(checks: list[Check]) -> "Figure":
    """How tight the inequalities among them are."""
    figure = new_figure(6.5, 2.5)
    tightness_panel(figure.subplots(), [c for c in checks if c.statement in (FIRST_ORDER, MAXIMUM)])
    return figure


STUDY = Study(
    "Section 2 and Definition 3.1: the identities",
    "verify.section2",
    STATEMENTS,
    Options,
    check,
    draw,
    step_certificates,
    unread=("solver", "float_only"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return run(STUDY, argv)


if __name__ == "__main__":
    sys.exit(main())
