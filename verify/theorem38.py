"""Theorem 3.8 of Zhao, Li and Wen (arXiv 1911.11640): Algorithm 3.1 with Gaussian policies finds a stationary mean.

Notation of `exact.gaussian.model`, `verify.lemma36` and `verify.lemma37`; g_k is the gradient of eta in mu at pi_k.

As printed.  3.8.1: liminf ||g_k|| = 0.  3.8.2: the limit is 0 if sigma_k converges.

Both survive, though the proofs rest on Lemmas 3.6 and 3.7, which fail, on (3.22), a floor of the radius whose inference
has the fault of (3.10) (a rejection shrinks by gamma3, not gamma2), and 3.8.2 on ||mu_{k+1} - mu_k|| <= sigma
sqrt(delta_k), which fails where rho(s) < 2.  Repaired: ||mu_{k+1} - mu_k|| <= sigma sqrt(2 delta_k / min rho).

Here sigma is kept fixed, or moves by a step of its own with a ratio test of its own (the variant of
`exact.gaussian.algorithm`). The joint trial that (3.13) and (3.20) describe is in `verify.joint`.

Sharper.  S finite, p0 > 0, r and P smooth with bounded derivatives, sigma_k in [sigma_min, sigma_max] with sigma_min >
0, eta not decreased by the sigma step. Then ||g_k|| -> 0: the whole sequence, whether sigma_k converges or not.
Proof.  (1) The radius has a floor. By Lemma 3.7 (c), r_k >= beta as soon as delta_k <= c(beta) = 2 (1-gamma)^3
((1-beta) p0 / gamma)^2. A radius is multiplied by gamma3 only if r_k < beta0, hence delta_k > c(beta0), and by gamma2
only if r_k < beta1, hence delta_k > c(beta1), so delta_k >= Delta := min(delta_0, gamma2 c(beta1), gamma3 c(beta0),
radius_max) for all k. In particular there are not infinitely many rejections in a row.
(2) An accepted mean step gains. By Lemma 3.6 repaired and r_k >= beta0,
    eta(pi_{k+1}) - eta(pi_k) >= beta0 ||g_k||^2 min(1/(2 h_k), sigma_k sqrt(2 delta_k / max rho) / (2 ||g_k||)),
with h_k bounded by a constant H, max rho <= 1/(1-gamma), sigma_k >= sigma_min, and delta_k >= Delta.
(3) eta never decreases and is at most eta_max = max r/(1-gamma), so the gains of (2) add up to eta_max - eta(pi_0) at
most, and ||g_k|| -> 0 along the accepted steps. Here g_k is the gradient at the iterate pi_k, after the sigma step of
the iteration before. A rejection leaves pi_k, and with it g_k, as it was; so the whole sequence tends to 0.

What a finite run can check of it, without a tolerance: the sum of (3) along the run, which is what forces ||g_k|| to
zero; every radius against its floor; every accepted step against (2) and against the length of 3.8.2. All are decided
in ball arithmetic.
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import TYPE_CHECKING

import numpy as np
from flint import arb, ctx

from exact.common.parallel import Lazy
from exact.controller import ControllerSettings, Outcome
from exact.gaussian.algorithm import GaussianIteration, GaussianResult, SigmaSettings, solve
from exact.gaussian.bounds import gain_repaired
from exact.gaussian.instances import Instance, two_state
from exact.gaussian.measures import Measures, Number, larger, measure
from exact.mdp import Array
from verify.core.checking import check_all
from verify.core.command import CommonOptions, Study, run
from verify.core.drawing import against_panel, new_figure
from verify.core.findings import Findings
from verify.core.statement import Check, Claim, Statement, judge
from verify.gaussian.balls import enclose, measure_balls
from verify.gaussian.runs import EFFORTS, decide_in_balls, judge_balls, random_case

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOLERANCE = 1e-5
"""Runs stop once ||grad_mu eta|| is below it; no verdict rests on it. A gradient g promises a gain of about g^2 /
(2 curvature), which has to stand above the rounding of V, about 1e-14 here: with curvatures up to 20, g cannot go much
below 1e-6 in floats."""
MAX_ITERATIONS = 500
RADIUS_MAX = 10.0
GRID_ERROR, ROUNDING = 1e-3, 1e-13
"""Errors of the float measures, as in `verify.lemma37`."""

STATIONARY = Statement(
    "Theorem 3.8.1, liminf ||g|| = 0",
    "printed",
    "eta_max - eta_0 >= beta0 sum_k ||g||^2 min(1/(2h), sigma .../(2||g||))",
)
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
LENGTH = Statement(
    "Theorem 3.8.2, its step length", "printed", "sigma sqrt(delta) >= ||mu_k+1 - mu_k||", expected="fails"
)
LENGTH_REPAIRED = Statement(
    "Theorem 3.8.2, its step length", "repaired", "sigma sqrt(2 delta / min rho) >= ||mu_k+1 - mu_k||"
)
FLOOR_322 = Statement(
    "(3.22), the inference",
    "printed",
    "delta_k >= min(delta_K, gamma2 delta_bar), r >= beta1 below it",
    expected="fails",
)
FLOOR_322_REPAIRED = Statement(
    "(3.22), the inference", "repaired", "delta_k >= min(delta_K, gamma2 delta_bar, gamma3 delta_hat)"
)
ACCEPTANCE = Statement("acceptance (3.3), mean step", "printed", "0 >= |mu_k+1 - (mu' if r_k >= beta0 else mu_k)|")
RADIUS = Statement("radius (3.4), mean step", "printed", "0 >= |delta_k+1 - delta_k (gamma1, gamma2 or gamma3)|")
STATEMENTS = (ACCEPTANCE, RADIUS, STATIONARY, INCREASE, FLOOR, LENGTH, LENGTH_REPAIRED, FLOOR_322, FLOOR_322_REPAIRED)


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
    """The statements along one run."""
    instance, settings, delta0, _ = trajectory.case()
    result = trajectory.solve()
    where = f"{trajectory}: {instance.name}"
    floor, total, known = radius_floor(instance, settings, delta0), arb(0), True
    checks: list[Check] = []
    for k, it in enumerate(result.iterations):
        place = f"{where}, iteration {k}"
        shrunk = it.delta < delta0
        following = result.iterations[k + 1] if k + 1 < len(result.iterations) else None
        mu = (following.current if following else result.final).policy.mu
        checks += loop_checks(it, mu, following.delta if following else None, settings, place)
        checks.append(judge_balls(FLOOR, arb(it.delta), floor, place, shrunk))
        if it.outcome is Outcome.ACCEPT:
            here = replace(instance, policy=it.current.policy)
            found, promised = check_accepted(here, it, settings.beta0, trajectory.options.float_only, place)
            checks += found
            total, known = total + (promised or 0), known and promised is not None
    if known and not trajectory.options.float_only:
        with ctx.workprec(EFFORTS[0].bits):
            room = largest_return(instance) - return_of(instance)
            checks.append(judge_balls(STATIONARY, room, total, f"{where}, {result.message}"))
    return checks


def loop_checks(
    it: GaussianIteration, mu: Array, delta: float | None, settings: ControllerSettings, where: str
) -> list[Check]:
    """(3.3) and (3.4): the means and the radius that the loop went on with, by the ratio that it names."""
    accepted = it.r >= settings.beta0
    factor = settings.gamma1 if it.r >= settings.beta1 else settings.gamma2 if accepted else settings.gamma3
    right = it.step.policy.mu if accepted else it.current.policy.mu
    moved = float(abs(mu - right).max()) + float(accepted != (it.outcome is Outcome.ACCEPT))
    checks = [judge_balls(ACCEPTANCE, arb(-moved), arb(0), where, nontrivial=True)]
    if delta is not None:
        wrong = abs(delta - min(it.delta * factor, settings.radius_max))
        checks.append(judge_balls(RADIUS, arb(-wrong), arb(0), where, nontrivial=True))
    return checks


def largest_return(instance: Instance) -> arb:
    """An upper bound of eta: the largest constant term and amplitudes of r(s,.), over 1 - gamma."""
    rewards = instance.coefficients.rewards
    sizes = [
        arb(float(row[0])) + sum((arb(float(x)) ** 2 + arb(float(y)) ** 2).sqrt() for x, y in row[1:].reshape(-1, 2))
        for row in rewards
    ]
    bound: arb = reduce(larger, sizes) / (1 - arb(instance.discount))
    return bound


def return_of(instance: Instance) -> arb:
    """eta at the policy of the instance."""
    eta: arb = enclose(instance, np.array([arb(m) for m in instance.policy.mu], dtype=object)).eta
    return eta


def check_accepted(
    instance: Instance, it: GaussianIteration, beta0: float, float_only: bool, where: str
) -> tuple[list[Check], arb | None]:
    """One accepted step, at growing precision until all is clear, or in floats if that is all that is asked.

    Returns:
        The checks, and the increase that is promised, as a ball; None where no ball was found.
    """
    promised: list[arb] = []
    shift = it.step.policy.mu - it.current.policy.mu

    def claims(m: Measures) -> list[Claim]:
        promise, exact = increase(m, beta0), not isinstance(m.delta, float)
        promised.append(promise)
        old, new = (np.array([arb(float(x)) for x in pi.mu]) for pi in (it.current.policy, it.step.policy))
        moved = ((new - old) @ (new - old)).sqrt() if exact else float(np.linalg.norm(shift))
        margin = GRID_ERROR * float(promise) + ROUNDING * float(m.A_max) / (1 - float(m.gamma)) ** 2
        scale = ROUNDING * float(m.sigma)
        return [
            Claim(INCREASE, m.change, promise, margin),
            Claim(LENGTH, m.sigma * m.delta**0.5, moved, scale),
            Claim(LENGTH_REPAIRED, m.sigma * (2 * m.delta / m.rho_min) ** 0.5, moved, scale),
        ]

    if float_only:
        found = claims(measure(instance, it.delta, it.step, it.current))
        return [judge(c.statement, c.actual, c.claimed, where, c.margin) for c in found], None
    checks = decide_in_balls(lambda effort: measure_balls(instance, it.delta, it.step, effort), claims, where)
    return checks, promised[-1] if promised else None


def inference_322() -> list[Check]:
    """The first radius of the two-state MDP after a rejection. There r = 1 / (1 + exp(-1/2) sin(sqrt(2 delta)) / 4)."""
    settings, delta = ControllerSettings(beta0=0.9495, beta1=0.95), 0.065
    instance = two_state()
    it = solve(instance.mdp, instance.policy, settings, delta, None, TOLERANCE, 1).iterations[0]

    def radius_of(beta: float) -> arb:
        """Where r = beta; r falls with the radius."""
        return (4 * arb(0.5).exp() * (1 / arb(beta) - 1)).asin() ** 2 / 2

    delta_bar, delta_hat = radius_of(settings.beta1), radius_of(settings.beta0)
    following = arb(delta) * (settings.gamma3 if it.outcome is Outcome.REJECT else settings.gamma2)
    printed = arb(delta).min(settings.gamma2 * delta_bar)
    where = f"two-state, delta = {delta}, beta0 = {settings.beta0}, beta1 = {settings.beta1}: {it.outcome.value}"
    return [
        judge_balls(FLOOR_322, following, printed, where),
        judge_balls(FLOOR_322_REPAIRED, following, printed.min(settings.gamma3 * delta_hat), where),
    ]


def check(options: CommonOptions) -> Findings:
    """All checks the options ask for."""
    runs = Lazy(partial(_trajectory, options), range(1 + options.instances))
    return check_all(check_trajectory, runs, options, "Theorem 3.8") + inference_322()


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
