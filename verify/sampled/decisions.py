"""How often every rule is wrong about a single step: the sampled decision beside the exact change of eta.

Steps of several RADII are proposed from a batch, at policies on the way to the optimum (STAGES).  Every rule decides
about them on the same samples; only the held-out rule has steps of its own, and rules with common noise have samples of
their own.  All gains are in units of eta* -
eta(uniform).  The pooled rule has only one trial to pool here, and no step is forced.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from exact.algorithm import iterate
from exact.controller import ControllerState, Outcome
from exact.evaluation import evaluate
from exact.mdp import MDP, Array
from exact.mdps.library import load
from exact.subproblem.kl import solve_kl_reverse
from verify.sampled.batches import Draw, Newest, Sampling, draw_batch
from verify.sampled.curves import optimal_return
from verify.sampled.estimators import fit_critic
from verify.sampled.evidence import evidence_after, pair
from verify.sampled.rules import RULES, Evidence, decide_all
from verify.sampled.sampler import Booleans, SuccessorTables, draw_noise, tabulate
from verify.sampled.step import propose

STAGES = (0.0, 0.5, 0.9)
"""Share of the way from the uniform policy to the optimum at which steps are judged."""
RADII = (0.003, 0.03, 0.3)
"""Mean KL divergence of the steps."""
STAGE_RADIUS = 0.01
"""Radius of the exact steps that lead to the stages."""
WARM_UP = 2
"""Batches that the critic is fitted to, one after the other, before the one that chooses the step."""


@dataclass(frozen=True)
class DecisionTask:
    """All rules on one MDP at one batch size and one level of advantage error."""

    mdp: str
    sampling: Sampling
    replications: int
    """Independent steps per stage and radius."""
    seed: np.random.SeedSequence


@dataclass(frozen=True, eq=False)
class Decisions:
    """Decisions of one rule about n steps; arrays of shape (n,), gains in units of eta* - eta(uniform)."""

    radius: Array
    """Mean KL divergence of the step."""
    gain: Array
    """True gain eta(trial) - eta(pi_k)."""
    predicted: Array
    """In-sample surrogate gain."""
    estimate: Array
    """The rule's estimate of the gain."""
    error: Array
    """The standard error it claims."""
    accepted: Booleans
    """Whether the rule accepted the step."""


def run_decisions(task: DecisionTask) -> list[Decisions]:
    """The decisions of every rule of RULES, in that order, over all stages."""
    mdp = load(task.mdp)
    tables, rng = tabulate(mdp), np.random.default_rng(task.seed)
    optimum = optimal_return(mdp)
    unit = optimum - evaluate(mdp, mdp.uniform_policy()).eta
    parts = [_judge(tables, pi, task, unit, rng) for pi in stages(mdp, optimum)]
    return [_join([part[i] for part in parts]) for i in range(len(RULES))]


def stages(mdp: MDP, optimum: float) -> Iterator[Array]:
    """The first policy at or beyond each of STAGES on a path of small exact KL steps from the uniform policy."""
    path = iterate(mdp, solve_kl_reverse, delta0=STAGE_RADIUS / (1 - mdp.discount), settings=None)
    step = next(path)
    start = step.before.eta
    for share in STAGES:
        while step.before.eta < start + share * (optimum - start):
            step = next(path)
        yield step.policy


def _judge(
    tables: SuccessorTables, pi: Array, task: DecisionTask, unit: float, rng: np.random.Generator
) -> list[Decisions]:
    """Every rule's decisions at one policy."""
    radius = np.repeat(RADII, task.replications)
    policies = np.repeat(pi[None], len(radius), axis=0)
    drawn, newest, critic = _batch(tables, policies, task.sampling, rng)
    seen = {
        (halved, common): _evidence(tables, policies, drawn, newest, critic, radius, halved, common, task.sampling, rng)
        for halved, common in ((False, False), (True, False), (False, True))
    }
    found = []
    for rule in RULES:
        evidence, trial_eta = seen[rule.half_batch, rule.common_noise]
        n = len(radius)
        outcomes, _ = decide_all([rule] * n, [ControllerState(rule.mu)] * n, evidence, np.ones(n, dtype=np.bool_))
        estimate = rule.estimate(evidence)
        found.append(
            Decisions(
                radius,
                (trial_eta - drawn.eta) / unit,
                evidence.predicted.value / unit,
                estimate.value / unit,
                estimate.error / unit,
                np.array([outcome is Outcome.ACCEPT for outcome in outcomes]),
            )
        )
    return found


def _batch(
    tables: SuccessorTables, policies: Array, sampling: Sampling, rng: np.random.Generator
) -> tuple[Draw, Newest, Array]:
    """B, its steps, and the critic as it is once fitted to B."""
    critic = np.zeros(policies.shape[:2])
    for _ in range(WARM_UP + 1):
        noise = draw_noise(tables.mdp, sampling.n_steps, len(policies), rng)
        drawn = draw_batch(tables, policies, critic, sampling, noise)
        critic = drawn.V if sampling.exact_advantages else fit_critic(drawn.batch, critic)
    return drawn, Newest(noise, drawn.samples.rewards), critic


def _evidence(
    tables: SuccessorTables,
    policies: Array,
    drawn: Draw,
    newest: Newest,
    critic: Array,
    radius: Array,
    halved: bool,
    common: bool,
    sampling: Sampling,
    rng: np.random.Generator,
) -> tuple[Evidence, Array]:
    """Propose, sample the trial points, and evidence_after them; also their exact etas."""
    gamma, R = tables.mdp.discount, len(radius)
    proposal = propose(drawn.batch, policies, radius, gamma, np.full(R, halved))
    noise = newest.noise if common else draw_noise(tables.mdp, sampling.n_steps, R, rng)
    trial = draw_batch(tables, proposal.policy, critic, sampling, noise)
    evidence = evidence_after(drawn.batch, trial.batch, policies, proposal, gamma)
    return pair(evidence, newest, trial.samples, np.full(R, common)), trial.eta


def _join(parts: Sequence[Decisions]) -> Decisions:
    """The decisions of several stages or MDPs together."""
    names = ("radius", "gain", "predicted", "estimate", "error", "accepted")
    return Decisions(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@dataclass(frozen=True)
class DecisionRow:
    """One rule at one batch size, one level of advantage error, over all MDPs, stages and the radii named."""

    rule: str
    n_steps: int
    advantages: str
    """exact, or gae."""
    radius: float | None
    """None: all of RADII together."""
    steps: int
    worse: float
    """Share of the steps that truly made the policy worse."""
    false_accepts: float
    """Share of those that were accepted; NaN if there were none."""
    false_rejects: float
    """Share of the truly better steps that were rejected."""
    wrong_sign: float
    """Share of the steps whose estimated gain has the wrong sign: the rule's evidence without its thresholds."""
    bias: float
    """Mean of estimate - gain."""
    bias_error: float
    """Standard error of the bias over the steps."""
    claimed_error: float
    """Root mean square of the standard error claimed."""
    actual_error: float
    """Standard deviation of estimate - gain."""
    overfit: float
    """Mean in-sample predicted gain over mean true gain."""
    samples_per_gain: float
    """Environment steps (trial, and more samples of pi_k after a rejection) per unit of true gain of accepted steps."""


def summarise_decisions(found: Sequence[Sequence[Decisions]], sampling: Sampling) -> list[DecisionRow]:
    """Rows of every rule over all radii, and radius by radius, from the decisions of all MDPs."""
    rows = []
    for i, rule in enumerate(RULES):
        every = _join([decisions[i] for decisions in found])
        for radius in (None, *RADII):
            chosen = np.ones(len(every.gain), dtype=np.bool_) if radius is None else every.radius == radius
            rows.append(_row(rule.name, rule.before_trial, every, chosen, radius, sampling))
    return rows


def _row(
    name: str, before_trial: bool, d: Decisions, chosen: Booleans, radius: float | None, sampling: Sampling
) -> DecisionRow:
    gain, accepted, estimate = d.gain[chosen], d.accepted[chosen], d.estimate[chosen]
    worse, better = gain < 0, gain > 0
    off = estimate - gain
    rejection = 1 if before_trial else 2
    cost = sampling.n_steps * (accepted.sum() + rejection * (~accepted).sum())
    return DecisionRow(
        rule=name,
        n_steps=sampling.n_steps,
        advantages="exact" if sampling.exact_advantages else "gae",
        radius=radius,
        steps=len(gain),
        worse=float(worse.mean()),
        false_accepts=_share(accepted, worse),
        false_rejects=_share(~accepted, better),
        wrong_sign=float((estimate * gain < 0).mean()),
        bias=float(off.mean()),
        bias_error=float(off.std() / np.sqrt(len(off))),
        claimed_error=float(np.sqrt((d.error[chosen] ** 2).mean())),
        actual_error=float(off.std()),
        overfit=float(d.predicted[chosen].mean() / gain.mean()),
        samples_per_gain=float(cost / gain[accepted].sum()),
    )


def _share(hit: Booleans, of: Booleans) -> float:
    """The share of those in `of` that `hit` holds for; NaN if there are none."""
    return float(hit[of].mean()) if of.any() else float("nan")
