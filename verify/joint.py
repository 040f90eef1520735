"""The joint trial of (3.12) and (3.13) with one ratio (3.20), as the paper prints it, and what Theorem 3.8 says of it.

Source: Zhao, Li and Wen, arXiv 1911.11640, section 3.2.  Notation of `exact.gaussian.joint`, `verify.lemma36` and
`verify.lemma37`: mu' and sigma' = u sigma_k are the trial's, d <= delta is the KL of the mean step, c = 1/(1-gamma).

True of it, with proofs:
    Constraint.  The rho-weighted KL from pi_k to the trial is at most delta, since (3.13) has the same radius as
        (3.12).
    Gain.  It is at least that of the mean step, since sigma_k is feasible in (3.13).
    Sigma cannot shrink.  The KL of the trial is K(u) = d/u^2 + c (log u + 1/(2u^2) - 1/2), and the second term is never
        negative.  So K(u) <= delta needs u >= sqrt(d/delta).  If (3.12) binds, d = delta, this is u >= 1: the exact
        excess of a smaller sigma is c (log u + 1/(2u^2) - 1/2) + delta (1/u^2 - 1) > 0.  As sigma_k grows until (3.12)
        does not bind, entropy is never lost to a step that could still use its radius.
    Sigma moves little.  c (log u + 1/(2u^2) - 1/2) <= delta, and with w = log u the bracket is at least e^-2 w^2 for
        w <= 1.  So |log u| <= e sqrt((1-gamma) delta) where (1-gamma) delta <= 1/2.
    Lemma 3.7, repaired, extends.  Its proof needs eta' - L' >= -4 Abar gamma alpha^2/(1-gamma)^2 (true of any two
        policies), alpha^2 <= delta/(2 p0) (Pinsker, and p0 KL(s) <= delta: the constraint), and a gain of at least the
        repaired Lemma 3.6 (the gain above).  All three hold for the joint trial.
    Theorem 3.8.1 holds for the paper's algorithm (S finite, p0 > 0, r and P smooth and bounded, with bounded
        derivatives, beta1 < 1, sigma_k >= sigma_bar > 0).  Let ||g_k|| >= eps for all k.  h_k is bounded, as sigma_k
        >= sigma_bar; so by the repaired Lemma 3.7 all small radii have r_k >= beta1, and the radius has a floor.  Then
        not all trials are rejected for ever, and an accepted one gains at least a constant; but eta is bounded.
    Theorem 3.8.2, too, and whether or not sigma_k converges: ||g_k|| -> 0.  Otherwise ||g_k|| >= 2 eps for infinitely
        many k.  By 3.8.1 there are infinitely many disjoint stretches, each from such a k to the first l > k with
        ||g_l|| < eps.  The accepted trials of a stretch gain at least beta0/2 min(eps^2/h, eps sigma_bar
        sqrt(2 (1-gamma) delta_j)), as max rho <= 1/(1-gamma).  All these gains together are finite.  So along the
        stretches delta_j -> 0, in the end the second term is the smaller one, and the sum of sqrt(delta_j) over a
        stretch tends to 0.  A rejection moves nothing.  An accepted trial moves mu by at most sigma sqrt(2 delta_j/p0)
        and log sigma by at most e sqrt((1-gamma) delta_j).  How far does g move?  g_s = rho(s) q_s'.  A smoothed
        bounded function F(m, sigma) = E f(m + sigma xi), xi normal, has derivatives in m of at most C/sigma, C/sigma^2
        and C/sigma^3, and sigma dF/dsigma = sigma^2 F''.  So P_pi, rho and V change by at most C sqrt(delta_j), q_s' by
        at most C sqrt(delta_j)/sigma_bar, and so does g.  Over a late stretch it cannot fall from 2 eps to eps.

Not true of it: what rests on f(s) >= 0 in every state, since one sigma serves all states.  The joint trial can be worse
than pi_k however much the surrogate promises, and r >= min rho'/rho >= (1-gamma) p0 fails: the MDP `shared_sigma` of
`exact.gaussian.instances` has at delta = 50 a surrogate gain of +21, and eta falls by 13 (r = -.63).  So the ratio test
cannot be left out here.
"""

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from flint import arb, ctx

from exact.common.parallel import Lazy
from exact.controller import ControllerSettings, Outcome
from exact.gaussian.bounds import gain_repaired, loss_repaired
from exact.gaussian.instances import Instance, shared_sigma, two_state
from exact.gaussian.joint import JointStep, joint_step, solve_joint
from exact.gaussian.measures import Measures
from exact.gaussian.model import evaluate
from verify.core.checking import check_all, decide
from verify.core.command import CommonOptions, Study, run
from verify.core.drawing import against_panel, new_figure
from verify.core.findings import Findings
from verify.core.statement import Check, Statement
from verify.gaussian.balls import Effort, NotCertifiedError, enclose, measure_balls, used_budget
from verify.gaussian.runs import EFFORTS, judge_balls, random_case

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CONSTRAINT = Statement("constraint of (3.13)", "printed", "delta >= sum rho KL(pi_k || joint trial)")
GAIN = Statement("(3.13), its gain", "printed", "L_k(mu', sigma') >= L_k(mu', sigma_k)")
NO_SHRINKING = Statement("sigma cannot shrink", "new", "sigma'/sigma_k >= sqrt(KL of the mean step / delta)")
EXCESS = Statement(
    "sigma cannot shrink, the excess", "new", "c (log u + 1/(2u^2) - 1/2) + delta (1/u^2 - 1) >= 0, u < 1"
)
LITTLE = Statement("sigma moves little", "new", "e sqrt((1-gamma) delta) >= |log u| where (1-gamma) delta <= 1/2")
REPAIRED = Statement("Lemma 3.7, joint trial", "repaired", "r >= 1 - the loss of the repaired Lemma 3.7")
INCREASE = Statement(
    "Theorem 3.8, joint trial accepted", "repaired", "eta' - eta >= beta0 (the gain of Lemma 3.6 repaired)"
)
MONOTONE = Statement("monotone improvement, joint trial", "new", "eta' - eta >= 0 for every radius", expected="fails")
NO_REJECTION = Statement("Lemma 3.7 (a), joint trial", "new", "r >= (1-gamma) p0", expected="fails")
STATEMENTS = (CONSTRAINT, GAIN, NO_SHRINKING, EXCESS, LITTLE, REPAIRED, INCREASE, MONOTONE, NO_REJECTION)

SIGMAS = (0.1, 3.0)
"""Smallest and largest sigma: sigma_bar, and an end of the search."""
RADII = 3
"""Radii of a random instance."""
SMALLEST_RADIUS, LARGEST_RADIUS = 1e-6, 10.0
TRIALS = 6
"""Trials of Algorithm 3.1 that are checked in every run."""


@dataclass(frozen=True)
class JointRun:
    """The instances of one seed, or the known ones: one item of work for a process."""

    seed: int | None
    """None: the counterexample, and the two-state MDP."""

    def __str__(self) -> str:
        return "counterexample" if self.seed is None else f"--seed {self.seed} --instances 1"

    def cases(self) -> Iterator[tuple[Instance, float]]:
        """The instances with their radii."""
        if self.seed is None:
            yield from ((shared_sigma(), delta) for delta in (1e-4, 1.0, 10.0, 30.0, 50.0))
            yield from ((two_state(), 10.0**-k) for k in range(1, 6))
            return
        instance, rng = random_case(self.seed)
        for delta in np.exp(rng.uniform(math.log(SMALLEST_RADIUS), math.log(LARGEST_RADIUS), RADII)):
            yield instance, float(delta)


@dataclass(frozen=True, eq=False)
class Trial:
    """The joint trial in balls, beside the measures of its mean step."""

    mean: Measures
    """Of the mean step; h, g and Abar are those of pi_k."""
    used: arb
    """rho-weighted KL from pi_k to the trial."""
    mean_used: arb
    """rho-weighted KL of the mean step."""
    u: arb
    """sigma'/sigma_k."""
    gain: arb
    """L_k(trial) - L_k(pi_k)."""
    change: arb
    """eta(trial) - eta(pi_k)."""


def measure_trial(instance: Instance, delta: float, step: JointStep, effort: Effort) -> Trial:
    """The trial point, taken as exact numbers.

    Raises:
        NotCertifiedError: the mean step could not be proved feasible.
    """
    mean = measure_balls(instance, delta, step.mean, effort)
    with ctx.workprec(effort.bits):
        current = enclose(instance, _balls(instance.policy.mu))
        there = replace(instance, policy=step.policy)
        after = enclose(there, _balls(step.policy.mu))
        at = replace(current, instance=there)  # Q of pi_k, averaged with the trial's sigma
        f = [at.q(s, m, 0) - current.V[s] for s, m in enumerate(_balls(step.policy.mu))]
        gain = sum((w * x for w, x in zip(current.rho, f, strict=True)), arb(0))
        change = after.eta - current.eta
    used, mean_used = (used_budget(instance, policy, effort) for policy in (step.policy, step.mean.policy))
    return Trial(mean, used, mean_used, arb(step.policy.sigma) / arb(instance.policy.sigma), gain, change)


def _balls(x: np.ndarray) -> np.ndarray:
    return np.array([arb(float(value)) for value in x], dtype=object)


def step_checks(t: Trial, delta: float, where: str) -> list[Check]:
    """All statements about one joint trial."""
    radius, keep = arb(delta), 1 - t.mean.gamma
    checks = [
        judge_balls(CONSTRAINT, radius, t.used, where),
        judge_balls(NO_SHRINKING, t.u, (t.mean_used / radius).sqrt(), where),
    ]
    if t.u != 1:
        checks.append(judge_balls(GAIN, t.gain, t.mean.attained, where))
    if keep * radius <= 0.5:
        checks.append(judge_balls(LITTLE, arb(1).exp() * (keep * radius).sqrt(), abs(t.u.log()), where))
    if t.gain > 0:
        r = t.change / t.gain
        if t.mean.g > 0:
            checks.append(judge_balls(REPAIRED, r, 1 - loss_repaired(replace(t.mean, delta=radius)), where))
        checks.append(judge_balls(NO_REJECTION, r, keep * t.mean.p0, where))
        checks.append(judge_balls(MONOTONE, t.change, arb(0), where, nontrivial=True))
    return checks


def certain(instance: Instance, delta: float, step: JointStep, where: str) -> tuple[list[Check], Trial | None]:
    """The checks of one trial at growing precision until no verdict is open, and the best enclosure."""
    found: list[Trial] = []

    def attempt(effort: Effort) -> list[Check] | None:
        try:
            found.append(measure_trial(instance, delta, step, effort))
        except NotCertifiedError:
            return None
        with ctx.workprec(effort.bits):
            return step_checks(found[-1], delta, where)

    checks = decide([lambda effort=effort: attempt(effort) for effort in EFFORTS])  # type: ignore[misc]
    if found:
        return checks, found[-1]
    used = used_budget(instance, step.policy, EFFORTS[-1])
    return [judge_balls(CONSTRAINT, arb(delta), used, where)], None


def check(options: CommonOptions) -> Findings:
    """Every joint trial at every radius, and along runs of Algorithm 3.1; the excess of a smaller sigma."""
    runs = Lazy(partial(_run, options.seed), range(1 + options.instances))
    return check_all(_check_run, runs, options, "joint trials") + excess_checks(options.seed)


def _run(first_seed: int, number: int) -> JointRun:
    """The run of this number: first the two-state case, then one for every seed."""
    return JointRun(first_seed + number - 1 if number else None)


def _check_run(work: JointRun) -> list[Check]:
    checks: list[Check] = []
    for instance, delta in work.cases():
        step = joint_step(instance.mdp, evaluate(instance.mdp, instance.policy), delta, SIGMAS)
        checks += certain(instance, delta, step, f"{work}: {instance.name}, {delta=:.6g}")[0]
    return checks + along_a_run(work)


def along_a_run(work: JointRun) -> list[Check]:
    """What the accepted trials of Algorithm 3.1 add to eta, from the first case of the run."""
    instance, delta = next(work.cases())
    settings = ControllerSettings()
    iterations = solve_joint(instance.mdp, instance.policy, settings, max(delta, 1e-3), SIGMAS, 1e-4, TRIALS)
    checks = []
    for k, it in enumerate(iterations):
        if it.outcome is Outcome.REJECT:
            continue
        here = replace(instance, policy=it.current.policy)
        where = f"{work}: {instance.name}, iteration {k}"
        t = certain(here, it.delta, it.step, where)[1]
        if t is not None:
            promised = settings.beta0 * gain_repaired(replace(t.mean, delta=arb(it.delta)))
            checks.append(judge_balls(INCREASE, t.change, promised, where))
    return checks


def excess_checks(seed: int) -> list[Check]:
    """The excess of a sigma below sigma_k over the radius, at random u, c and delta."""
    rng = np.random.default_rng([seed, 6])
    checks = []
    for i in range(50):
        u, c, delta = (
            arb(float(rng.uniform(0.01, 1))),
            arb(float(10 ** rng.uniform(0, 3))),
            arb(float(10 ** rng.uniform(-6, 1))),
        )
        shrink = 1 / u**2
        excess = c * (u.log() + shrink / 2 - 0.5) + delta * (shrink - 1)
        checks.append(judge_balls(EXCESS, excess, arb(0), f"--seed {seed}, draw {i}", nontrivial=True))
    return checks


def draw(checks: list[Check]) -> "Figure":
    """Left: what the joint trial gains and what it promised, over the radius. Right: losses found and allowed."""
    figure = new_figure(11, 4.2)
    left, right = figure.subplots(1, 2)
    instance, radii = shared_sigma(), np.geomspace(1e-2, 60, 40)
    current = evaluate(instance.mdp, instance.policy)
    steps = [joint_step(instance.mdp, current, float(delta), SIGMAS) for delta in radii]
    left.semilogx(radii, [step.gain for step in steps], "--", label="promised by $L_k$")
    left.semilogx(
        radii, [evaluate(instance.mdp, s.policy).eta - current.eta for s in steps], "k", label=r"$\eta' - \eta$"
    )
    left.axhline(0, color="grey", lw=0.8)
    left.set(xlabel=r"radius $\delta$", ylabel="gain", title="one sigma for two states")
    left.legend()
    against_panel(right, checks, (REPAIRED,), lambda c: (1 - c.claimed, 1 - c.actual))
    right.set(xlabel="loss allowed", ylabel="loss $1 - r$", title="joint trials: violated above the line")
    return figure


STUDY = Study(
    "(3.13) and (3.20): the joint trial as printed",
    "verify.joint",
    STATEMENTS,
    CommonOptions,
    check,
    draw,
    unread=("float_only",),
)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return run(STUDY, argv)


if __name__ == "__main__":
    sys.exit(main())
