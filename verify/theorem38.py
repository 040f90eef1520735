"""Theorem 3.8 of Zhao, Li and Wen (arXiv 1911.11640): Algorithm 3.1 with Gaussian policies finds a stationary mean.

Notation of `exact.gaussian.model`, `verify.lemma36` and `verify.lemma37`.

As printed.  liminf ||grad_mu eta(pi_k)|| = 0, and the limit is 0 if sigma_k converges.

It survives, though its proof rests on Lemmas 3.6 and 3.7, which fail; with what replaces them more is true.

Sharper.  S finite, p0 > 0, r and P smooth with bounded derivatives, sigma_k in [sigma_min, sigma_max] with sigma_min >
0, eta not decreased by the sigma step (here it has a ratio test of its own). Then ||grad_mu eta(pi_k)|| -> 0: the whole
sequence, whether sigma_k converges or not.
Proof.  (1) The radius has a floor. By Lemma 3.7 (c), r_k >= beta as soon as delta_k <= c(beta) = 2 (1-gamma)^3
((1-beta) p0 / gamma)^2. A radius is multiplied by gamma3 only if r_k < beta0, hence delta_k > c(beta0), and by gamma2
only if r_k < beta1, hence delta_k > c(beta1), so delta_k >= Delta := min(delta_0, gamma2 c(beta1), gamma3 c(beta0),
radius_max) for all k. In particular there are not infinitely many rejections in a row.
(2) An accepted mean step gains. By Lemma 3.6 repaired and r_k >= beta0,
    eta(pi_{k+1}) - eta(pi_k) >= beta0 ||g_k||^2 min(1/(2 h_k), sigma_k sqrt(2 delta_k / max rho) / (2 ||g_k||)),
with h_k bounded by a constant H, max rho <= 1/(1-gamma), sigma_k >= sigma_min, and delta_k >= Delta.
(3) eta is bounded and never decreases, so these gains are summable and ||g_k|| -> 0 along the accepted steps. Here g_k
is the gradient at the iterate pi_k, after the sigma step of the iteration before. A rejection leaves pi_k, and with it
g_k, as it was; so the whole sequence tends to 0.

What a finite run can check of it: the gradient falls below a tolerance, every radius respects its floor, and every
accepted mean step gains what (2) says. All three are decided in ball arithmetic.
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from flint import arb

from exact.common.parallel import Lazy
from exact.controller import ControllerSettings, Outcome
from exact.gaussian.algorithm import GaussianIteration, GaussianResult, SigmaSettings, solve
from exact.gaussian.bounds import gain_repaired
from exact.gaussian.instances import Instance, two_state
from exact.gaussian.measures import Measures, Number, measure
from verify.core.checking import check_all
from verify.core.command import CommonOptions, Study, run
from verify.core.drawing import against_panel, new_figure
from verify.core.findings import Findings
from verify.core.statement import Check, Claim, Statement, Verdict, judge
from verify.gaussian.balls import gradient_norm, measure_balls
from verify.gaussian.runs import EFFORTS, decide_in_balls, judge_balls, random_case

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOLERANCE = 1e-5
"""Runs stop once ||grad_mu eta|| is below it. A gradient g promises a gain of about g^2 / (2 curvature), which has to
stand above the rounding of V, about 1e-14 here: with curvatures up to 20, g cannot go much below 1e-6 in floats."""
MAX_ITERATIONS = 500
RADIUS_MAX = 10.0
GRID_ERROR, ROUNDING = 1e-3, 1e-13
"""Errors of the float measures, as in `verify.lemma37`."""

STATIONARY = Statement("Theorem 3.8", "printed", f"liminf ||grad_mu eta(pi_k)|| = 0: {TOLERANCE} >= min_k of it")
INCREASE = Statement(
    "Theorem 3.8, accepted steps",
    "repaired",
    "eta(pi_k+1) - eta(pi_k) >= beta0 ||g||^2 min(1/(2h), sigma sqrt(2 delta / max rho) / (2||g||))",
)
FLOOR = Statement(
    "Theorem 3.8, radius floor",
    "new",
    "delta_k >= min(delta_0, gamma2 c(beta1), gamma3 c(beta0)), c(beta) = 2 (1-gamma)^3 ((1-beta) p0 / gamma)^2",
)
STATEMENTS = (STATIONARY, INCREASE, FLOOR)


@dataclass(frozen=True)
class GaussianTrajectory:
    """One run of Algorithm 3.1, in one process."""

    seed: int | None
    """None: the two-state counterexample, with settings that make it reject."""
    options: CommonOptions

    def __str__(self) -> str:
        return "two-state" if self.seed is None else f"--seed {self.seed} --instances 1"

    def case(self) -> tuple[Instance, ControllerSettings, float, SigmaSettings | None]:
        """MDP and start, controller, initial radius, and what sigma may do: half of the runs keep it fixed."""
        strict = ControllerSettings(beta0=0.9, beta1=0.95, radius_max=RADIUS_MAX)
        if self.seed is None:
            return two_state(), strict, RADIUS_MAX, None
        instance, rng = random_case(self.seed)
        settings = (ControllerSettings(radius_max=RADIUS_MAX), strict)[rng.integers(2)]
        delta0 = float(np.exp(rng.uniform(math.log(1e-3), math.log(RADIUS_MAX))))
        return instance, settings, delta0, (None, SigmaSettings())[rng.integers(2)]

    def solve(self) -> GaussianResult:
        """Run it."""
        instance, settings, delta0, sigma_settings = self.case()
        start = instance.policy
        return solve(instance.mdp, start, settings, delta0, sigma_settings, TOLERANCE, MAX_ITERATIONS)


def increase(m: Measures, beta0: float) -> Number:
    """What an accepted mean step adds to eta at least, by the repaired Lemma 3.6."""
    return beta0 * gain_repaired(m)


def radius_floor(instance: Instance, settings: ControllerSettings, delta0: float) -> arb:
    """Delta of the proof, a lower bound of every radius."""
    gamma, p0 = arb(instance.discount), arb(float(instance.initial.min()))

    def c(beta: float) -> arb:
        return 2 * (1 - gamma) ** 3 * ((1 - arb(beta)) * p0 / gamma) ** 2

    floors = (arb(delta0), settings.gamma2 * c(settings.beta1), settings.gamma3 * c(settings.beta0))
    return floors[0].min(floors[1]).min(floors[2])


def check_trajectory(trajectory: GaussianTrajectory) -> list[Check]:
    """The three statements along one run."""
    instance, settings, delta0, _ = trajectory.case()
    result = trajectory.solve()
    # The last policy has the smallest gradient: the run stopped at the first one below the tolerance.
    final = replace(instance, policy=result.final.policy)
    where = f"{trajectory}: {instance.name}"
    checks = [judge_balls(STATIONARY, arb(TOLERANCE), gradient_norm(final, EFFORTS[0]), f"{where}, {result.message}")]
    floor = radius_floor(instance, settings, delta0)
    for k, it in enumerate(result.iterations):
        place = f"{where}, iteration {k}"
        checks.append(judge_balls(FLOOR, arb(it.delta), floor, place))
        if it.outcome is Outcome.ACCEPT:
            here = replace(instance, policy=it.current.policy)
            checks.append(check_increase(here, it, settings.beta0, trajectory.options.float_only, place))
    return checks


def check_increase(instance: Instance, it: GaussianIteration, beta0: float, float_only: bool, where: str) -> Check:
    """One accepted step, at growing precision until the verdict is clear; in floats if that is all that is asked."""

    def claims(m: Measures) -> list[Claim]:
        return [Claim(INCREASE, m.change, increase(m, beta0), 0.0)]

    if not float_only:
        checks = decide_in_balls(lambda effort: measure_balls(instance, it.delta, it.step, effort), claims, where)
        if checks and checks[0].verdict is not Verdict.UNDECIDED:
            return checks[0]
    floats = measure(instance, it.delta, it.step, it.current)
    margin = GRID_ERROR * increase(floats, beta0) + ROUNDING * floats.A_max / (1 - floats.gamma) ** 2
    return judge(INCREASE, floats.change, increase(floats, beta0), where, margin)


def check(options: CommonOptions) -> Findings:
    """All checks the options ask for."""
    runs = Lazy(partial(_trajectory, options), range(1 + options.instances))
    return check_all(check_trajectory, runs, options, "Theorem 3.8")


def _trajectory(options: CommonOptions, number: int) -> GaussianTrajectory:
    """The trajectory of this number: first the counterexample, then one for every seed."""
    return GaussianTrajectory(options.seed + number - 1 if number else None, options)


DRAWN = (None, *range(8))
"""Seeds of the trajectories in the figure, whatever was checked: a check keeps no sequence."""


def draw(checks: list[Check]) -> "Figure":
    """Left: gradient norms and radii along some runs. Right: increase of eta against its guarantee."""
    figure = new_figure(14, 4.2)
    norms, radii, increases = figure.subplots(1, 3)
    for seed in DRAWN:
        trajectory = GaussianTrajectory(seed, CommonOptions())
        result = trajectory.solve()
        norms.semilogy(
            [it.gradient_norm for it in result.iterations] + [result.gradient_norm], ".-", label=str(trajectory)
        )
        radii.semilogy([it.delta for it in result.iterations], ".-")
    norms.axhline(TOLERANCE, color="k", lw=0.8)
    norms.set(xlabel="iteration $k$", ylabel=r"$\|\nabla_\mu \eta(\pi_k)\|$", title="gradient norm")
    norms.legend(fontsize="x-small")
    radii.set(xlabel="iteration $k$", ylabel=r"$\delta_k$", title="radius")
    against_panel(increases, checks, (INCREASE,), lambda c: (c.actual, c.claimed))
    increases.set(xlabel="increase of eta", ylabel="guaranteed increase", title="accepted steps")
    return figure


STUDY = Study(
    "Theorem 3.8: Gaussian policies become stationary", "verify.theorem38", STATEMENTS, CommonOptions, check, draw
)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return run(STUDY, argv)


if __name__ == "__main__":
    sys.exit(main())
