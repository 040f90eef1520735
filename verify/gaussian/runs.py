"""The mean steps on which Lemmas 3.6 and 3.7 are checked, how a verdict is reached, and a search for worse steps.

A run is one random instance with a few radii, drawn from its seed; one more run has the two counterexamples.  Verdicts
come from ball arithmetic: its precision grows until they are clear.
--float-only leaves open what floats cannot decide.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from flint import arb, ctx

from exact.common.parallel import Lazy
from exact.gaussian.instances import Instance, Trigonometric, one_state, random_instance, two_state
from exact.gaussian.measures import Measures, measure_step
from exact.gaussian.model import GaussianPolicy, evaluate
from exact.gaussian.steps import mean_step
from verify.core.checking import IMPOSSIBLE, check_all, climb, decide
from verify.core.command import FalsifierOptions
from verify.core.findings import Findings
from verify.core.statement import Check, Claim, Statement, Verdict, is_nontrivial, judge
from verify.gaussian.balls import Effort, NotCertifiedError, used_budget

EFFORTS = (Effort(64, 64), Effort(128, 256), Effort(192, 1024))
"""Tried in turn until no verdict is open."""
COUNTEREXAMPLE_RADII = tuple(10.0**-k for k in range(1, 7))
"""Radii at which the counterexamples are checked."""
RADII_PER_SEED = 3
"""Number of radii of a random instance."""
SMALLEST_RADIUS, LARGEST_RADIUS = 1e-6, 3.0
"""Range of the radii."""
SEARCHED_RUNS = 8
"""The falsifier starts at the first case of so many runs."""
SEARCH_RESTARTS = 2
"""Climbs of one search; they share its perturbations."""

Claims = Callable[[Measures], Iterable[Claim]]
Encloser = Callable[[Instance, float, Effort], Measures]
"""Rigorous measures of the step at this instance and radius."""
Closeness = Callable[[float, float], float]
"""(actual, claimed) -> how close the statement is to failing: 1 at equality, more where it is violated."""


@dataclass(frozen=True)
class Lemma:
    """What a statement file adds to the work. Its functions belong to a module, because other processes call them."""

    title: str
    """What the progress bar says."""
    searched: tuple[Statement, ...]
    """Statements that the falsifier tries to break."""
    claims: Claims
    """Both sides of its statements at one step."""
    encloser: Encloser
    """Measures of the step in balls."""
    closeness: Closeness
    """How close a statement is to failing."""
    constraint: Statement | None = None
    """That the step stays within the radius. A step that does not has none of the other measures."""


@dataclass(frozen=True)
class GaussianRun:
    """The instances of one seed, or the counterexamples: one item of work for a process."""

    seed: int | None
    """None: the counterexamples."""
    options: FalsifierOptions
    """The command line."""

    def __str__(self) -> str:
        return "counterexample" if self.seed is None else f"--seed {self.seed} --instances 1"

    def cases(self) -> Iterator[tuple[Instance, float]]:
        """The instances with their radii."""
        if self.seed is None:
            yield from ((case, delta) for case in (one_state(), two_state()) for delta in COUNTEREXAMPLE_RADII)
            return
        instance, rng = random_case(self.seed)
        span = math.log(SMALLEST_RADIUS), math.log(LARGEST_RADIUS)
        for delta in np.exp(rng.uniform(*span, RADII_PER_SEED)):
            yield instance, float(delta)


def random_case(seed: int) -> tuple[Instance, np.random.Generator]:
    """The random instance of a seed (S in 1..4, J in 1..3, gamma in [.1, .97]), and its generator for more draws."""
    rng = np.random.default_rng([seed, 0])
    S, J = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    return random_instance(rng, S, J, float(rng.uniform(0.1, 0.97)), f"random S={S} J={J}"), rng


def plan(options: FalsifierOptions) -> Sequence[GaussianRun]:
    """The runs that the options ask for."""
    return Lazy(partial(_run, options), range(1 + options.instances))


def _run(options: FalsifierOptions, number: int) -> GaussianRun:
    """The run of this number in the plan."""
    return GaussianRun(options.seed + number - 1 if number else None, options)


def check_lemma(lemma: Lemma, options: FalsifierOptions) -> Findings:
    """All checks of one lemma, and of the worst cases that the falsifier finds near some of them."""
    runs = plan(options)
    checks = check_all(partial(_check_run, lemma), runs, options, lemma.title)
    jobs = [(statement, run) for statement in lemma.searched for run in runs[:SEARCHED_RUNS] if options.search]
    return checks + check_all(partial(_search, lemma), jobs, options, "falsifier")


def _check_run(lemma: Lemma, run: GaussianRun) -> list[Check]:
    return [
        check
        for instance, delta in run.cases()
        for check in check_step(lemma, instance, delta, run.options.float_only, f"{run}: {instance.name}, {delta=:.6g}")
    ]


def _search(lemma: Lemma, job: tuple[Statement, GaussianRun]) -> list[Check]:
    statement, run = job
    instance, delta = next(run.cases())
    rng = np.random.default_rng([run.seed or 0, 1])
    worst = falsify((instance, delta), partial(_closeness, lemma, statement), run.options.search, rng)
    where = f"falsifier of {statement.label} near {run} --search {run.options.search}"
    return check_step(lemma, *worst, run.options.float_only, f"{where}: delta={worst[1]:.6g}")


def check_step(lemma: Lemma, instance: Instance, delta: float, float_only: bool, where: str) -> list[Check]:
    """All claims about one mean step."""

    if not float_only:
        within = check_constraint(lemma.constraint, instance, delta, where) if lemma.constraint else []
        return within + decide_in_balls(lambda effort: lemma.encloser(instance, delta, effort), lemma.claims, where)
    measures = measure_step(instance, delta)
    return [judge(c.statement, c.actual, c.claimed, where, c.margin, c.nontrivial) for c in lemma.claims(measures)]


def check_constraint(statement: Statement, instance: Instance, delta: float, where: str) -> list[Check]:
    """Whether the mean step at this radius stays within it."""
    step = mean_step(instance.mdp, evaluate(instance.mdp, instance.policy), delta)
    return decide(
        [
            lambda effort=effort: [  # type: ignore[misc]
                judge_balls(statement, arb(delta), used_budget(instance, step.policy, effort), where)
            ]
            for effort in EFFORTS
        ]
    )


def decide_in_balls(enclose: Callable[[Effort], Measures], claims: Claims, where: str) -> list[Check]:
    """The claims about one step, at growing precision until no verdict is open; empty if nothing can be enclosed.

    Args:
        enclose: rigorous measures of the step; may raise NotCertifiedError.
        claims: the claims about it.
        where: what repeats the step.
    """

    def in_balls(effort: Effort) -> list[Check] | None:
        try:
            measures = enclose(effort)
        except NotCertifiedError:
            return None
        with ctx.workprec(effort.bits):
            return [judge_balls(c.statement, c.actual, c.claimed, where, c.nontrivial) for c in claims(measures)]

    return decide([partial(in_balls, effort) for effort in EFFORTS])


def judge_balls(statement: Statement, actual: arb, claimed: arb, where: str, nontrivial: bool | None = None) -> Check:
    """Compare two balls: undecided if they leave both outcomes open. Other arguments as for `judge`."""
    slack = actual - claimed
    verdict = Verdict.HOLDS if slack >= 0 else Verdict.VIOLATED if slack < 0 else Verdict.UNDECIDED
    decided = verdict is not Verdict.UNDECIDED
    sides = float(arb(actual).mid()), float(arb(claimed).mid()), float(slack.mid())
    telling = is_nontrivial(*sides[:2]) if nontrivial is None else nontrivial
    return Check(statement, *sides, verdict, decided, where, telling)


Case = tuple[Instance, float]
"""An instance with a radius."""


def falsify(case: Case, score: Callable[[Case], float], trials: int, rng: np.random.Generator) -> Case:
    """The case near a given one that makes `score` large, by hill climbing with strides of all scales.

    The first climb begins at the given case, the others further away.
    """
    best, highest = case, IMPOSSIBLE
    for restart in range(SEARCH_RESTARTS):
        start = case if restart == 0 else _neighbour(case, 1.0, rng)
        found, value = climb(
            start, score, lambda here: _neighbour(here, 10.0 ** rng.uniform(-2, 0.5), rng), trials // SEARCH_RESTARTS
        )
        if value > highest:
            best, highest = found, value
    return best


def _closeness(lemma: Lemma, statement: Statement, case: Case) -> float:
    measures = measure_step(*case)
    if not measures.attained > 0:
        return IMPOSSIBLE
    claim = next(claim for claim in lemma.claims(measures) if claim.statement == statement)
    return lemma.closeness(claim.actual, claim.claimed)


def _neighbour(case: Case, stride: float, rng: np.random.Generator) -> Case:
    """A random case `stride` away: another reward, discount, mu_k, sigma_k or delta.

    The unit of stride is 1 for rewards and means, a factor of e for sigma and 1/(1-gamma), and a decade for delta; the
    last three stay within the ranges of the random instances.
    """
    instance, delta = case
    what, old, policy = rng.integers(5), instance.coefficients, instance.policy
    factor = math.exp(stride * rng.normal())
    if what == 0:
        rewards = old.rewards + stride * rng.normal(size=old.rewards.shape)
        return replace(instance, coefficients=Trigonometric(rewards, old.transitions)), delta
    if what == 1:
        return replace(instance, discount=1 - min(max((1 - instance.discount) * factor, 0.03), 0.9)), delta
    if what == 2:
        mu = policy.mu + stride * rng.normal(size=policy.mu.shape)
        return replace(instance, policy=GaussianPolicy(mu, policy.sigma)), delta
    if what == 3:
        sigma = min(max(policy.sigma * factor, 0.3), 2.0)
        return replace(instance, policy=GaussianPolicy(policy.mu, sigma)), delta
    return instance, min(max(delta * factor ** math.log(10), SMALLEST_RADIUS), LARGEST_RADIUS)
