"""Theorem 3.5: eta(pi_k) of Algorithm 3.1 increases to the optimum; (3.10), its repair, and two stronger facts.

Source: Zhao, Li and Wen, arXiv 1911.11640, section 3.2.  The theorem holds (rho0 > 0).

Its proof step (3.10) is misprinted.  With delta_bar a radius below which every ratio is at least beta1, it says
    delta_k >= min(delta_K, gamma2 delta_bar) for k >= K,
but a step rejected just above delta_bar shrinks the radius by gamma3 < gamma2.  In the cash-in MDP, where
r = 1/(1 + 1.8 delta) exactly, with beta0 = .49 and beta1 = .5 the step at delta = .58 is rejected and the next radius
.348 is less than gamma2 delta_bar = .444.  Repaired: with delta_hat the radius below which no step is rejected,
    delta_k >= min(delta_K, gamma2 delta_bar, gamma3 delta_hat);
and by the prior bound r >= 1 - gamma delta/((1-gamma) p0) (`verify.lemma34`) one may take delta_bar = (1-beta1) c and
delta_hat = (1-beta0) c with c = (1-gamma) p0/gamma, for every MDP.

Linear rate.  An accepted step gains eta' - eta >= beta0 gain >= beta0 min(1, (1-gamma) delta_k) A*_k (Lemma 3.3), and
A*_k >= (1-gamma) p0 (eta* - eta_k) (`verify.lemma32`), so it multiplies eta* - eta_k by at most
1 - beta0 (1-gamma) p0 min(1, (1-gamma) delta_k); with the floor of delta_k the convergence is linear.

Finite termination.  Call (s,a) suboptimal if A*(s,a) < 0.  Once the mass sum rho pi_k on suboptimal pairs is at most
delta_k, and all their gaps under A_k exceed those of the optimal pairs, the threshold rule empties all of them first,
and a policy without suboptimal actions is optimal.  Both conditions hold from some k on: by (2.3) for pi* the mass is
at most (eta* - eta_k) / min |A*| -> 0 while delta_k has a floor, and A_k -> A*.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from exact.algorithm import DETERMINISTIC, iterate, solve
from exact.bounds import radius_floor
from exact.controller import ControllerSettings
from exact.mdp import MDP
from exact.mdps.library import cash_in, load
from verify.core.checking import check_all
from verify.core.command import Options, Study, run
from verify.core.drawing import new_figure, tightness_panel
from verify.core.findings import Findings
from verify.core.rational import dyadic, dyadics, evaluate_exactly, rational
from verify.core.statement import Check, Claim, Statement, judge
from verify.tabular.optimum import Optimum, optimum
from verify.tabular.runs import TOLERANCE, Claims, Run, beginning, check_runs, plan, rational_mdp, solver
from verify.tabular.trial import TrialPoint

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INCREASE = Statement("Theorem 3.5, eta increases", "printed", "eta(pi') >= eta(pi_k)")
LIMIT = Statement("Theorem 3.5, eta reaches the optimum", "printed", "eta(last) >= eta* - tolerance/((1-gamma) p0)")
FLOOR_PRINTED = Statement("(3.10)", "printed", "delta_k >= min(delta_K, gamma2 delta_bar)", expected="fails")
FLOOR_REPAIRED = Statement("(3.10)", "repaired", "delta_k >= min(delta_K, gamma2 delta_bar, gamma3 delta_hat)")
FLOOR = Statement("radius floor", "new", "delta_k >= min(delta_0, gamma2 (1-beta1) c, gamma3 (1-beta0) c)")
RATE = Statement("linear rate", "new", "eta' - eta >= beta0 (1-gamma) p0 min(1, (1-gamma) delta) (eta* - eta)")
TERMINATION = Statement("finite termination", "new", "eta(pi') >= eta* once suboptimal mass <= delta")
STATEMENTS = (INCREASE, LIMIT, FLOOR_PRINTED, FLOOR_REPAIRED, FLOOR, RATE, TERMINATION)


def prepare(mdp: MDP) -> Claims:
    """The claims for steps in `mdp`, whose optimum is found first."""
    best = optimum(mdp, rational_mdp(mdp))
    return lambda point: claims(point, best)


def claims(t: TrialPoint, best: Optimum) -> Iterator[Claim]:
    """Increase, rate and termination for one step."""
    yield Claim(INCREASE, t.after.eta, t.before.eta, t.rounding)
    eta_star = best.eta_like(t.before.eta)
    beta0 = dyadic(DETERMINISTIC.beta0) if not isinstance(t.p0, float) else DETERMINISTIC.beta0
    if t.p0 > 0 and t.gain > 0 and t.ratio >= beta0:
        factor = beta0 * (1 - t.discount) * t.p0 * min(1, (1 - t.discount) * t.delta)
        yield Claim(RATE, t.actual, factor * (eta_star - t.before.eta), t.rounding)
    mass = (t.before.rho * (t.policy * best.suboptimal).sum(axis=1)).sum()
    if t.p0 > 0 and mass <= t.delta and _separated(t, best):
        yield Claim(TERMINATION, t.after.eta, eta_star, t.rounding)


def _separated(t: TrialPoint, best: Optimum) -> bool:
    """Whether all suboptimal pairs have larger gaps than all optimal pairs."""
    suboptimal = t.G[best.suboptimal]
    return suboptimal.size == 0 or bool(suboptimal.min() > t.G[~best.suboptimal].max())


def check(options: Options) -> Findings:
    """The theorem on every run, its rates at every step, and the counterexample to (3.10)."""
    checks = check_runs(prepare, options, "trust-region steps")
    whole = check_all(_check_run, plan(options), options, "runs to the optimum")
    return checks + whole + _check_floor()


def _check_run(run: Run) -> list[Check]:
    """Run to the tolerance; the radii against their floor and the last policy against the certified optimum."""
    mdp = load(run.mdp)
    exact_mdp = rational_mdp(mdp)
    p0 = min(exact_mdp.initial)
    if not p0 > 0:
        return []
    start, delta0 = beginning(run, mdp)
    trajectory = solve(mdp, solver(run.options), start=start, delta0=delta0, tolerance=TOLERANCE)
    constants = (rational(getattr(DETERMINISTIC, name)) for name in ("beta0", "beta1", "gamma2", "gamma3"))
    floor = radius_floor(exact_mdp.discount, p0, dyadic(delta0), *constants)
    least = dyadic(min((record.delta for record in trajectory.records), default=delta0))
    last = evaluate_exactly(exact_mdp, dyadics(trajectory.policy)).eta
    reached = optimum(mdp, exact_mdp).eta - rational(TOLERANCE) / ((1 - exact_mdp.discount) * p0)
    return [judge(FLOOR, least, floor, str(run)), judge(LIMIT, last, reached, str(run))]


def _check_floor() -> list[Check]:
    """(3.10) in the cash-in MDP, where r(delta) = 1 / (1 + 9/5 delta): one rejected step just above delta_bar."""
    settings = ControllerSettings(beta0=0.49, beta1=0.5)
    start = np.array([[1.0, 0.0], [1.0, 0.0]])
    it = next(iterate(cash_in(), start=start, delta0=0.58, settings=settings))
    beta0, beta1, gamma2, gamma3 = (rational(getattr(settings, x)) for x in ("beta0", "beta1", "gamma2", "gamma3"))
    delta_K, delta_next = rational(it.delta), rational(it.next_delta)
    delta_bar, delta_hat = ((1 / beta - 1) * rational(5 / 9) for beta in (beta1, beta0))
    printed = min(delta_K, gamma2 * delta_bar)
    where = (
        f"--mdp cash-in, action 0, delta_0 = 0.58, beta0 = 0.49, beta1 = 0.5: ratio {it.ratio:.6f}, {it.outcome.value}"
    )
    return [
        judge(FLOOR_PRINTED, delta_next, printed, where),
        judge(FLOOR_REPAIRED, delta_next, min(printed, gamma3 * delta_hat), where),
    ]


def draw(checks: list[Check]) -> "Figure":
    """Convergence of the runs in four named MDPs, and the counterexample to (3.10)."""
    figure = new_figure(11, 4)
    left, right = figure.subplots(1, 2)
    for name in ("chain", "gridworld-5x5", "frozenlake-4x4", "queue"):
        mdp = load(name)
        trajectory = solve(mdp, tolerance=TOLERANCE)
        regret = [trajectory.final.eta - record.eta for record in trajectory.records]
        left.semilogy(regret, "o-", ms=3, label=name)
    left.set(xlabel="trial $k$", ylabel=r"$\eta^* - \eta_k$", title="Algorithm 3.1, uniform start")
    left.legend()
    tightness_panel(right, [c for c in checks if c.statement.form in ("sharper", "new")])
    return figure


STUDY = Study(
    "Theorem 3.5: Algorithm 3.1 converges to the optimum", "verify.theorem35", STATEMENTS, Options, check, draw
)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return run(STUDY, argv)


if __name__ == "__main__":
    sys.exit(main())
