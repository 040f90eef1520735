"""The ladder of lower bounds on eta(pi'): how much the surrogate L_k can be wrong, from the paper's bound downwards.

Every X below satisfies eta(pi') >= L_k(pi') - X for any two policies; letters as in `exact.bounds`, alpha = max TV(s).

    TRPO          4 A_bar gamma alpha^2 / (1-gamma)^2      Schulman et al. 2015, Theorem 1; used by the paper
    Pirotta       gamma alpha span(f) / (1-gamma)^2        Pirotta et al. 2013
    CPO           2 gamma max|f| D / (1-gamma)             Achiam et al. 2017
    span          gamma D span(f) / (1-gamma)
    a posteriori  gamma D span(V' - V)

Proof of the last two.  From (2.3) and rho' = rho - (rho - rho'): eta' - L' = (rho' - rho)' f, and with
(I - gamma P') (V' - V) = f this is gamma rho' (P' - P) (V' - V), where rho' stands for rho transposed.  Each row of
P' - P sums to zero and splits into a positive and a negative part of mass at most TV(s), so the s-th term is at most
TV(s) span(V' - V) in absolute value: |eta' - L'| <= gamma D span(V' - V).  As V' - V = (I - gamma P')^{-1} f lies
between min f / (1-gamma) and max f / (1-gamma), its span is at most span(f) / (1-gamma).

A check compares X (actual) with the error L_k(pi') - eta(pi') (claimed), so the tightness is error / X.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from exact.bounds import surrogate_error_ladder
from exact.mdp import MDP
from verify.core.command import Options, Study, run
from verify.core.drawing import new_figure, tightness_panel
from verify.core.findings import Findings
from verify.core.statement import Check, Claim, Statement
from verify.tabular.certifying import step_certificates
from verify.tabular.runs import Claims, check_runs
from verify.tabular.trial import TrialPoint

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LADDER = {
    "TRPO": Statement("TRPO Theorem 1", "printed", "4 A_bar gamma alpha^2/(1-gamma)^2 >= L' - eta'"),
    "Pirotta": Statement("Pirotta et al. 2013", "printed", "gamma alpha span(f)/(1-gamma)^2 >= L' - eta'"),
    "CPO": Statement("CPO, Achiam et al. 2017", "printed", "2 gamma max|f| D/(1-gamma) >= L' - eta'"),
    "span": Statement("span form", "new", "gamma D span(f)/(1-gamma) >= L' - eta'"),
    "a posteriori": Statement("a posteriori", "new", "gamma D span(V' - V) >= L' - eta'"),
}
STATEMENTS = tuple(LADDER.values())


def claims(t: TrialPoint) -> Iterator[Claim]:
    """X against the error of the surrogate, for every rung."""
    error = t.gain - t.actual
    ladder = surrogate_error_ladder(t.discount, t.TV, t.f, t.D, t.A_bar, t.before.V, t.after.V)
    for name, X in ladder.items():
        yield Claim(LADDER[name], X, error, t.rounding)


def prepare(mdp: MDP) -> Claims:
    """These claims need no preparation for an MDP."""
    return claims


def check(options: Options) -> Findings:
    """Every rung at every step of every run."""
    return check_runs(prepare, options, "trust-region steps")


def draw(checks: list[Check]) -> "Figure":
    """How tight every rung is."""
    figure = new_figure(6.5, 3)
    tightness_panel(figure.subplots(), checks)
    return figure


STUDY = Study(
    "Lower bounds on eta(pi'): eta(pi') >= L_k(pi') - X",
    "verify.ladder",
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
