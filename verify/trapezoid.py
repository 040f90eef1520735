"""The trapezoid: the surrogate's gain and the reverse surrogate's, averaged, give eta's change to third order.

For policies pi and pi' of one finite MDP, with A and rho of the policy in the index,
    F = L_pi(pi') - eta(pi)      = sum_s rho_pi(s)  sum_a (pi' - pi)(a|s) A_pi(s,a)       the surrogate gain (2.4),
    B = -[L_pi'(pi) - eta(pi')]  = sum_s rho_pi'(s) sum_a (pi' - pi)(a|s) A_pi'(s,a)      the reverse surrogate,
    eta(pi') - eta(pi) = (F + B)/2 + e,      e = O(||pi' - pi||^3),
while F and B alone are off by O(||pi' - pi||^2).  (Equation numbers: Zhao, Li and Wen, arXiv 1911.11640.)

Proof.  Let d = pi' - pi, g(x) = eta(pi + x d) on [0, 1], M = (I - gamma P_x)^{-1} and P_d(s,t) = sum_a d(a|s) P(t|s,a).
Write Q[w] for the action values of pi + x d under the reward w, and eta[w] for its return. With f_0 = r and
f_{j+1}(s) = sum_a d(a|s) Q[f_j](s,a), differentiating V = M r_x gives V' = M f_1 (the policy gradient theorem), and
f_{j+1} = gamma P_d M f_j for j >= 1, M' = gamma M P_d M give (M f_j)' = (j + 1) M f_{j+1}. So
    g^(j)(x) = j! eta[f_j].
g'(0) = F and g'(1) = B, since sum_a d = 0 lets A stand for Q. Thus (F + B)/2 is the trapezoidal rule for the integral
of g' over [0, 1], whose error is e = -g'''(xi)/12. By parts, e = -1/2 int_0^1 (1-x) x g'''(x) dx, so that also
|e + g'''(0)/12| <= max |g''''| / 24. And eta(pi') - eta(pi) - F = g''(xi)/2.

Constants.  Let alpha = max_s TV(s), TV(s) = 1/2 sum_a |d(a|s)|, and R = max r - min r. A sum against d is at most TV(s)
times the spread, and Q[r] spreads by at most R/(1-gamma), M f_j by at most 2 max|f_j|/(1-gamma), so
    max|f_1| <= alpha R/(1-gamma),  max|f_{j+1}| <= 2 gamma alpha max|f_j|/(1-gamma),  |eta[f_j]| <= max|f_j|/(1-gamma).

Every check is decided over the rationals, so steps h d can be as short as the order of the error needs to show beside
constants that are far from tight: h = 1, 1/16, ..., 16^-8.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from exact.mdp import MDP
from exact.mdps.library import load
from exact.rational import RationalMDP, Rationals, dyadic, dyadics, evaluate_exactly
from verify.core.checking import check_all
from verify.core.command import Options, Study, run
from verify.core.drawing import new_figure, tightness_panel
from verify.core.findings import Findings
from verify.core.statement import Check, Statement, judge
from verify.tabular.certifying import step_certificates
from verify.tabular.runs import Run, plan, rational_mdp, start_policy
from verify.tabular.trial import grid_policy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORWARD = Statement("surrogate gain, second order", "new", "2 gamma alpha^2 R/(1-gamma)^3 >= |eta(pi') - eta(pi) - F|")
TRAPEZOID = Statement("trapezoid, third order", "new", "2 gamma^2 alpha^3 R/(1-gamma)^4 >= |e|")
LEADING = Statement("trapezoid, leading term", "new", "8 gamma^3 alpha^4 R/(1-gamma)^5 >= |e + eta[f_3]/2|")

STEPS = tuple(16.0**-j for j in range(9))
"""Factors h of every direction. With a wrong constant or sign in e's leading term the last would violate its bound."""
MAX_STATES = 100
"""MDPs with more states are left out: exact evaluation grows as S^3."""
STATEMENTS = (FORWARD, TRAPEZOID, LEADING)


def errors(mdp: RationalMDP, pi: Rationals, to: Rationals) -> tuple[Any, Any]:
    """(eta(to) - eta(pi) - F, e) of the two policies, each (S, A), as rationals."""
    before, after = evaluate_exactly(mdp, pi), evaluate_exactly(mdp, to)
    d = to - pi
    F = (before.rho * (d * before.A).sum(axis=1)).sum()
    B = (after.rho * (d * after.A).sum(axis=1)).sum()
    gain = after.eta - before.eta
    return gain - F, gain - (F + B) / 2


def derivative_rewards(mdp: RationalMDP, pi: Rationals, d: Rationals) -> Iterator[tuple[Rationals, Any]]:
    """f_j (shape (S,)) and eta[f_j] = g^(j)(0)/j! for j = 1, 2, ...: rewards whose returns are eta's derivatives."""
    rewarded = mdp
    while True:
        f = (d * evaluate_exactly(rewarded, pi).Q).sum(axis=1)
        rewarded = replace(mdp, rewards=np.repeat(f[:, None], pi.shape[1], axis=1))
        yield f, evaluate_exactly(rewarded, pi).eta


def steps(run: Run, mdp: MDP) -> Iterator[tuple[Any, Rationals, Rationals]]:
    """h, pi and h d for the direction of a run: from its start policy to a random one, both on the dyadic grid."""
    shape = mdp.rewards.shape
    rng = np.random.default_rng([run.seed, 3])
    pi = dyadics(start_policy(shape, rng))
    d = dyadics(grid_policy(rng.dirichlet(np.ones(shape[1]), shape[0]))) - pi
    for h in map(dyadic, STEPS):
        yield h, pi, h * d


def _check_run(run: Run) -> list[Check]:
    mdp = load(run.mdp)
    if mdp.n_states > MAX_STATES:
        return []
    exact = rational_mdp(mdp)
    gamma, R = exact.discount, exact.rewards.max() - exact.rewards.min()
    checks = []
    for h, pi, d in steps(run, mdp):
        alpha = max(abs(row).sum() / 2 for row in d)
        forward, e = errors(exact, pi, pi + d)
        derivatives = derivative_rewards(exact, pi, d)
        third = [next(derivatives)[1] for _ in range(3)][2]
        where = f"{run} (h = {h})"
        second_order = 2 * gamma * alpha**2 * R / (1 - gamma) ** 3
        third_order = 2 * gamma**2 * alpha**3 * R / (1 - gamma) ** 4
        fourth_order = 8 * gamma**3 * alpha**4 * R / (1 - gamma) ** 5
        checks += [
            judge(FORWARD, second_order, abs(forward), where),
            judge(TRAPEZOID, third_order, abs(e), where),
            judge(LEADING, fourth_order, abs(e + third / 2), where),
        ]
    return checks


def check(options: Options) -> Findings:
    """All statements along the directions of all runs."""
    return check_all(_check_run, plan(options), options, "directions")


def draw(checks: list[Check]) -> "Figure":
    """Left: both errors against the step, on one line per direction. Right: how tight the bounds are."""
    figure = new_figure(11, 4.2)
    left, right = figure.subplots(1, 2)
    h = np.array(STEPS)
    for statement, color in ((FORWARD, "C0"), (TRAPEZOID, "C1")):
        sizes = np.reshape([c.claimed for c in checks if c.statement == statement], (-1, len(STEPS)))
        shown = sizes[sizes[:, -1] > 0]
        left.loglog(h, (shown / shown[:, -1:]).T, color=color, alpha=0.2)
        left.plot([], [], color=color, label=f"error of the {statement.name}")
    left.loglog(h, (h / h[-1]) ** 2, "k--", label="$h^2$")
    left.loglog(h, (h / h[-1]) ** 3, "k:", label="$h^3$")
    left.set(xlabel="step $h$", ylabel="error, relative to its value at the shortest step", title="order of the error")
    left.legend(loc="lower right")
    tightness_panel(right, checks)
    return figure


STUDY = Study(
    "The trapezoid of the surrogate and its reverse",
    "verify.trapezoid",
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
