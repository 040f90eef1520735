"""Algorithm 3.1 with Gaussian policies: the steps and the loops do what they say, and what was ordered.

Source: Zhao, Li and Wen, arXiv 1911.11640, (3.2)-(3.4), (3.12), (3.13) and (3.20).  `verify.algorithm31` asks the same
of finite MDPs.  Two algorithms are looked at: the variant of `exact.gaussian.algorithm`, in which sigma moves by a step
of its own, and the paper's joint trial, `exact.gaussian.joint`.  u = 2^-26.

    reports      gain, distance and ratio of the software are those of its own policies: (3.2) of the mean, (3.20) of
                 the joint trial, and the ratio of the sigma step.
    sigma step   |log sigma'/sigma| is at most the width that was given, and no surrogate at the two ends of the width,
                 or at sigma itself, is larger than that at sigma'.
    loops        The next policy and the next radius are those that the ratio decides about, (3.3) and (3.4).

Everything is decided in ball arithmetic at the float policies, taken as exact numbers.  A report is a float, and u is a
part of the claim about it; its scale is R/(1-gamma) for a gain, R the largest coefficient of Q or value of V', and the
quantity itself for a distance.
"""

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from flint import arb, ctx

from exact.common.parallel import Lazy
from exact.controller import ControllerSettings, Outcome
from exact.gaussian.algorithm import GaussianIteration, SigmaSettings, solve
from exact.gaussian.instances import Instance, shared_sigma, two_state
from exact.gaussian.joint import JointIteration, solve_joint
from exact.gaussian.model import GaussianPolicy, evaluate
from exact.gaussian.steps import MeanStep, mean_step, sigma_step
from verify.core.checking import check_all
from verify.core.command import CommonOptions, Study, run
from verify.core.drawing import new_figure, tightness_panel
from verify.core.findings import Findings
from verify.core.statement import Check, Statement
from verify.gaussian.balls import Effort, Enclosure, enclose, gradient_norm, used_budget
from verify.gaussian.runs import judge_balls, random_case

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CONSTRAINT = Statement("constraint of (3.12), along runs", "printed", "delta_k >= sum rho KL(pi_k || pi')")
GAIN = Statement("gain, as said, Gaussian", "new", "u R/(1-gamma) >= |gain said - gain|")
DISTANCE = Statement("distance, as said, Gaussian", "new", "u (D + u) >= |D said - D|")
ETA = Statement("eta, as said, Gaussian", "new", "u R/(1-gamma) >= |eta said - eta|")
GRADIENT = Statement("gradient, as said, Gaussian", "new", "u R/(1-gamma)^2 >= | ||g|| said - ||g|| |")
RATIO = Statement("ratio (3.2), (3.20), as said, Gaussian", "new", "u R/(1-gamma) >= |ratio said gain - change|")
WIDTH = Statement("sigma step, its width", "new", "(1 + u) width >= |log(sigma'/sigma)|")
BEST = Statement("sigma step, the best", "new", "(1 + u) gain >= the gains at both ends of the width")
UPHILL = Statement("sigma step, not downhill", "new", "gain of the sigma step >= 0")
SIGMA = Statement("sigma step, acceptance", "printed", "0 >= |sigma_k+1 - (sigma' if r >= beta0 else sigma_k)|")
JOINT = Statement("acceptance (3.3), joint trial", "printed", "0 >= |pi_k+1 - (pi' if r_k >= beta0 else pi_k)|")
RADIUS = Statement("radius (3.4), joint trial", "printed", "0 >= |delta_k+1 - delta_k (gamma1, gamma2 or gamma3)|")
STATEMENTS = (CONSTRAINT, GAIN, DISTANCE, ETA, GRADIENT, RATIO, WIDTH, BEST, UPHILL, SIGMA, JOINT, RADIUS)

U = 2.0**-26
"""u, half of the digits of float64."""
EFFORT = Effort(128, 1)
"""Precision of the balls; no maximum is enclosed here."""
Item = TypeVar("Item")
STRICT = ControllerSettings(beta0=0.9, beta1=0.95, radius_max=10.0)
"""Rejects often."""
LONG = SigmaSettings(width0=1.0)
"""In the known instances the first sigma step is long, so that one is rejected, too."""
LENGTH = 4
"""Iterations of every run that are looked at."""
TIE = (46, 1.0)
"""Seed and radius of a mean step in which two peaks tie, so that no price spends the radius exactly."""
SIGMAS = (0.1, 3.0)
"""Smallest and largest sigma."""


def cases(seed: int | None) -> Iterator[tuple[Instance, float]]:
    """The instances of a run with their first radii; None: two in which a strict test rejects."""
    if seed is None:
        yield two_state(), 10.0
        shared = shared_sigma()
        yield replace(shared, policy=GaussianPolicy(shared.policy.mu + 0.3, shared.policy.sigma)), 50.0
        return
    instance, rng = random_case(seed)
    yield instance, float(np.exp(rng.uniform(math.log(1e-3), math.log(10.0))))


def _balls(x: Any) -> Any:
    return np.frompyfunc(arb, 1, 1)(np.asarray(x))


def surrogate(current: Enclosure, policy: GaussianPolicy) -> arb:
    """L_k(policy) - eta_k in balls."""
    at = replace(current, instance=replace(current.instance, policy=policy))  # Q of pi_k under the other sigma
    f = (at.q(s, m, 0) - v for s, (m, v) in enumerate(zip(_balls(policy.mu), current.V, strict=True)))
    return sum((w * x for w, x in zip(current.rho, f, strict=True)), arb(0))


def enclosed(instance: Instance, policy: GaussianPolicy) -> Enclosure:
    """The values of a policy in balls."""
    return enclose(replace(instance, policy=policy), _balls(policy.mu))


def check_reports(
    instance: Instance,
    old: GaussianPolicy,
    new: GaussianPolicy,
    said: tuple[float | None, float | None, float],
    where: str,
) -> Iterator[Check]:
    """GAIN, DISTANCE and RATIO of one step; `said` is gain, distance and ratio, None where nothing is said."""
    gain_said, distance, ratio = said
    with ctx.workprec(EFFORT.bits):
        current, after = enclosed(instance, old), enclosed(instance, new)
        gain, change = surrogate(current, new), after.eta - current.eta
        size = max(abs(x).upper() for x in (*current.Q.ravel(), *after.V))
        scale = arb(U) * size / (1 - arb(instance.discount))
        used = used_budget(replace(instance, policy=old), new, EFFORT)
        if gain_said is not None:
            yield judge_balls(GAIN, scale, abs(arb(gain_said) - gain), where, bool(gain > scale))
        if distance is not None:
            yield judge_balls(DISTANCE, arb(U) * (used + U), abs(arb(distance) - used), where, bool(used > U))
        yield judge_balls(RATIO, scale, abs(arb(ratio) * gain - change), where, bool(gain > scale))


def check_sigma(instance: Instance, start: GaussianPolicy, width: float, where: str) -> Iterator[Check]:
    """WIDTH, BEST and UPHILL for the sigma step from a policy."""
    trial = sigma_step(instance.mdp, evaluate(instance.mdp, start), width, SIGMAS)
    with ctx.workprec(EFFORT.bits):
        moved = abs((arb(trial.sigma) / arb(start.sigma)).log())
        yield judge_balls(WIDTH, (1 + arb(U)) * width, moved, where, bool(moved > 0))
        current = enclosed(instance, start)
        gain = surrogate(current, trial)
        yield judge_balls(UPHILL, gain + arb(U) ** 2, arb(0), where, bool(moved > 0))
        for sign in (-1, 1):
            sigma = min(max(start.sigma * math.exp(sign * width), SIGMAS[0]), SIGMAS[1])
            other = surrogate(current, GaussianPolicy(start.mu, sigma))
            yield judge_balls(BEST, (1 + arb(U)) * gain + arb(U) ** 2, other, where)


def check_constraint(instance: Instance, step: MeanStep, delta: float, where: str) -> Check:
    """CONSTRAINT for a mean step from the policy of the instance."""
    with ctx.workprec(EFFORT.bits):
        return judge_balls(CONSTRAINT, arb(delta), used_budget(instance, step.policy, EFFORT), where)


def check_values(instance: Instance, it: GaussianIteration | JointIteration, where: str) -> Iterator[Check]:
    """ETA and GRADIENT of the policy that an iteration starts from."""
    here = replace(instance, policy=it.current.policy)
    with ctx.workprec(EFFORT.bits):
        current, one = enclosed(instance, it.current.policy), 1 - arb(instance.discount)
        scale = arb(U) * max(abs(x).upper() for x in current.Q.ravel()) / one
        yield judge_balls(ETA, scale, abs(arb(it.current.eta) - current.eta), where, True)
        norm = gradient_norm(here, EFFORT)
        yield judge_balls(GRADIENT, scale / one, abs(arb(it.gradient_norm) - norm), where, bool(norm > scale / one))


def check_variant(
    instance: Instance, it: GaussianIteration, following: GaussianIteration | None, beta0: float, where: str
) -> Iterator[Check]:
    """One iteration of `exact.gaussian.algorithm`: the mean step, and the sigma step after it."""
    old, mean = it.current.policy, it.step.policy
    yield from check_values(instance, it, where)
    yield check_constraint(replace(instance, policy=old), it.step, it.delta, where)
    yield from check_reports(instance, old, mean, (it.step.gain, it.step.distance, it.r), where)
    if it.sigma_width is None:
        return
    yield from check_sigma(instance, mean, it.sigma_width, where)
    if it.sigma_r is not None and following is not None:
        trial = sigma_step(instance.mdp, evaluate(instance.mdp, mean), it.sigma_width, SIGMAS)
        yield from check_reports(instance, mean, trial, (None, None, it.sigma_r), f"{where}, sigma step")
        right = trial.sigma if it.sigma_r >= beta0 else mean.sigma
        moved = abs(following.current.policy.sigma - right)
        yield judge_balls(SIGMA, arb(-moved), arb(0), where, nontrivial=True)


def check_joint(
    instance: Instance, it: JointIteration, following: JointIteration | None, settings: ControllerSettings, where: str
) -> Iterator[Check]:
    """One iteration of `exact.gaussian.joint`, and what its loop went on with."""
    old, new = it.current.policy, it.step.policy
    yield from check_reports(instance, old, new, (it.step.gain, None, it.r), where)
    if following is not None:
        accepted = it.r >= settings.beta0
        right, next_policy = (new if accepted else old), following.current.policy
        moved = float(abs(next_policy.mu - right.mu).max()) + abs(next_policy.sigma - right.sigma)
        moved += float(accepted != (it.outcome is Outcome.ACCEPT))
        yield judge_balls(JOINT, arb(-moved), arb(0), where, nontrivial=True)
        factor = settings.gamma1 if it.r >= settings.beta1 else settings.gamma2 if accepted else settings.gamma3
        wrong = abs(following.delta - min(it.delta * factor, settings.radius_max))
        yield judge_balls(RADIUS, arb(-wrong), arb(0), where, nontrivial=True)


def _check_run(seed: int | None) -> list[Check]:
    name = "known" if seed is None else f"--seed {seed} --instances 1"
    checks: list[Check] = []
    sigma = LONG if seed is None else SigmaSettings()
    for instance, delta in cases(seed):
        variant = solve(instance.mdp, instance.policy, STRICT, delta, sigma, 1e-4, LENGTH + 1).iterations
        for k, (it, following) in enumerate(pairs(variant)):
            where = f"{name}: {instance.name}, iteration {k}"
            checks += check_variant(instance, it, following, STRICT.beta0, where)
        joint = solve_joint(instance.mdp, instance.policy, STRICT, delta, SIGMAS, 1e-4, LENGTH + 1)
        for k, (trial, next_trial) in enumerate(pairs(joint)):
            checks += check_joint(instance, trial, next_trial, STRICT, f"{name}: {instance.name}, joint iteration {k}")
    if seed is None:
        tie, radius = random_case(TIE[0])[0], TIE[1]
        step = mean_step(tie.mdp, evaluate(tie.mdp, tie.policy), radius)
        checks.append(check_constraint(tie, step, radius, f"--seed {TIE[0]}: {tie.name}, delta = {radius:g}"))
    return checks


def pairs(iterations: Sequence[Item]) -> list[tuple[Item, Item | None]]:
    """The first LENGTH iterations, each with the one that follows it."""
    return list(zip_longest(iterations, iterations[1:]))[:LENGTH]


def _seed(options: CommonOptions, number: int) -> int | None:
    """The seed of this run: first the two-state MDP, then one run for every seed."""
    return None if number == 0 else options.seeds[number - 1]


def check(options: CommonOptions) -> Findings:
    """The first iterations of both algorithms in every instance."""
    runs = Lazy(partial(_seed, options), range(1 + options.instances))
    return check_all(_check_run, runs, options, "Gaussian steps as they were ordered")


def draw(checks: list[Check]) -> "Figure":
    """How good the ends of the sigma step's width are, compared with what was chosen."""
    figure = new_figure(6.5, 2)
    tightness_panel(figure.subplots(), [c for c in checks if c.statement in (WIDTH, BEST)])
    return figure


STUDY = Study(
    "Algorithm 3.1 with Gaussian policies: the steps that were ordered",
    "verify.algorithm38",
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
