"""Algorithm 4.3 of Zhao, Li and Wen (arXiv 1911.11640) on a finite MDP, many replications and rules in lockstep.

In every round each replication takes N environment steps, so that rounds measure the budget whatever a rule does:

    a trial is proposed      from the batch B of pi_k, by `verify.sampled.step`
    rules that need trial    sample it with these N steps and decide. Accepted: its samples become B. Rejected: the next
    samples                  round draws N more samples of pi_k and merges them into B (4.15), two rounds in all.
    rules that do not        decide first. Accepted: the N steps sample the new policy and become B. Rejected: they are
                             N more samples of pi_k, one round in all.
    forced                   after too many rejections the best of the rejected trial points is taken (4.13), best by
                             the rule's own estimate.

The critic is a table fitted to the current B (`verify.sampled.estimators.fit_critic`) after B's advantages were
estimated with its predecessor; the trial's advantages are estimated with pi_k's critic. With exact advantages both are
exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from exact.controller import ControllerState, Outcome
from exact.evaluation import evaluate
from exact.mdp import Array
from verify.sampled.estimators import (
    Batch,
    Estimate,
    choose,
    fit_critic,
    merge,
    performance_difference,
    returns_difference,
    returns_spread,
    reverse_surrogate,
    summarise,
)
from verify.sampled.rules import Evidence, Rule, Scale, decide_all, estimates
from verify.sampled.sampler import Booleans, Sampler, sample
from verify.sampled.step import Proposal, gradient_norms, propose

RADIUS_MIN = 1e-6
"""Floor of delta_k: the gradient vanishes at a deterministic policy, the radius must not."""
MEMORY = 0.9
"""Weight of the past in the pooled estimates: about ten iterations count."""


@dataclass(frozen=True)
class Sampling:
    """How batches are drawn and advantages estimated."""

    n_steps: int
    """N."""
    exact_advantages: bool
    """Advantages and critic from the exact values of the sampled policy; otherwise GAE with the fitted critic."""
    lam: float = 0.95
    """lambda of GAE."""


@dataclass(frozen=True, eq=False)
class Lanes:
    """State of R replications between two rounds."""

    policy: Array
    """pi_k, shape (R, S, A)."""
    eta: Array
    """Its exact eta, shape (R,): for the record, no rule sees it."""
    batch: Batch
    """B."""
    critic: Array
    """V-hat, shape (R, S)."""
    states: tuple[ControllerState, ...]
    """mu and rejections."""
    norms: tuple[Array, Array]
    """`gradient_norms` of the first batch, each (R,)."""
    owing: Booleans
    """A trial was sampled and rejected: the next N steps belong to pi_k. Shape (R,)."""
    best: Array
    """Largest estimated gain among the rejected trial points of this k, -inf if there are none. Shape (R,)."""
    best_policy: Array
    """That trial point, shape (R, S, A)."""
    best_batch: Batch
    """Its samples; not used by rules that decide before the trial is sampled."""
    pooled_held_out: Estimate
    """Held-out gains of the trials so far, summed with weights that fall by MEMORY from trial to trial."""
    pooled_reverse: Estimate
    """Reverse surrogates, in the same way."""


@dataclass(frozen=True, eq=False)
class Round:
    """What one round did; arrays of shape (R,)."""

    eta: Array
    """Exact eta of pi_k after the round."""
    radius: Array
    """Radius delta_k of the round."""
    decided: Booleans
    """A trial point was decided about."""
    accepted: Booleans
    """It passed the test."""


def draw(
    source: Sampler, policy: Array, critic: Array, sampling: Sampling, rng: np.random.Generator
) -> tuple[Batch, Array, Array]:
    """SAMPLE with every policy: the batch, and the exact eta (R,) and V (R, S) of the policies.

    Temporal differences use `critic`, V-hat(s) of shape (R, S).
    """
    exact = [evaluate(source.mdp, pi) for pi in policy]
    exact_A = np.stack([e.A for e in exact]) if sampling.exact_advantages else None
    samples = sample(source, policy, sampling.n_steps, rng)
    batch = summarise(source.mdp, samples, critic, sampling.lam, exact_A)
    return batch, np.array([e.eta for e in exact]), np.stack([e.V for e in exact])


def weigh(batch: Batch, trial: Batch, pi: Array, proposal: Proposal, gamma: float) -> Evidence:
    """All that the samples say about the trial points; nothing is pooled with earlier trials."""
    reverse = reverse_surrogate(trial, pi, proposal.policy, gamma)
    return replace(
        weigh_unsampled(batch, proposal),
        returns=returns_difference(batch, trial),
        performance=performance_difference(trial, gamma),
        reverse=reverse,
        pooled_reverse=reverse,
    )


def weigh_unsampled(batch: Batch, proposal: Proposal) -> Evidence:
    """What is known before the trial points are sampled; the rest is NaN, which the controller refuses."""
    nothing = np.full_like(batch.steps, np.nan)
    unknown = Estimate(nothing, nothing)
    return Evidence(
        predicted=proposal.predicted,
        held_out=proposal.held_out,
        sigma=returns_spread(batch),
        returns=unknown,
        performance=unknown,
        reverse=unknown,
        pooled_held_out=proposal.held_out,
        pooled_reverse=unknown,
    )


def begin(source: Sampler, rules: Sequence[Rule], sampling: Sampling, rng: np.random.Generator) -> Lanes:
    """Every replication at the uniform policy with its first batch; the critic begins at zero and is fitted to it."""
    R, mdp = len(rules), source.mdp
    policy = np.repeat(mdp.uniform_policy()[None], R, axis=0)
    batch, eta, V = draw(source, policy, np.zeros((R, mdp.n_states)), sampling, rng)
    zero = Estimate(np.zeros(R), np.zeros(R))
    return Lanes(
        policy=policy,
        eta=eta,
        batch=batch,
        critic=V if sampling.exact_advantages else fit_critic(batch, np.zeros_like(V)),
        states=tuple(ControllerState(rule.mu) for rule in rules),
        norms=gradient_norms(batch, policy),
        owing=np.zeros(R, dtype=np.bool_),
        best=np.full(R, -np.inf),
        best_policy=policy,
        best_batch=batch,
        pooled_held_out=zero,
        pooled_reverse=zero,
    )


def radii(rules: Sequence[Rule], lanes: Lanes, left: float) -> Array:
    """delta_k = mu_k times the factor of the rule's scale, shape (R,), at least RADIUS_MIN."""
    euclidean, natural = (
        now / np.where(first > 0, first, 1.0)
        for now, first in zip(gradient_norms(lanes.batch, lanes.policy), lanes.norms, strict=True)
    )
    factors = {
        Scale.NONE: np.ones_like(natural),
        Scale.EUCLIDEAN: euclidean,
        Scale.NATURAL: natural,
        Scale.LINEAR: np.full_like(natural, left),
    }
    factor = np.array([factors[rule.scale][r] for r, rule in enumerate(rules)])
    mu = np.array([state.radius for state in lanes.states])
    delta: Array = np.maximum(mu * factor, RADIUS_MIN)
    return delta


def advance(
    source: Sampler, rules: Sequence[Rule], lanes: Lanes, sampling: Sampling, left: float, rng: np.random.Generator
) -> tuple[Lanes, Round]:
    """One round of N steps for every replication, rules[r] deciding in replication r; `left` of the budget is left."""
    gamma = source.mdp.discount
    radius = radii(rules, lanes, left)
    halved = np.array([rule.half_batch for rule in rules])
    early = np.array([rule.before_trial for rule in rules])
    proposal = propose(lanes.batch, lanes.policy, radius, gamma, halved)

    known = weigh_unsampled(lanes.batch, proposal)
    first, states = decide_all(rules, lanes.states, known, early)
    lanes = _remember(lanes, rules, first, known, proposal.policy, lanes.batch)
    stay = lanes.owing | _are(first, Outcome.REJECT)
    sampled = np.where(_across(stay), lanes.policy, proposal.policy)
    sampled = np.where(_across(_are(first, Outcome.FORCE)), lanes.best_policy, sampled)
    new, eta, V = draw(source, sampled, lanes.critic, sampling, rng)

    late = ~early & ~lanes.owing
    lanes, seen = _pool(lanes, weigh(lanes.batch, new, lanes.policy, replace(proposal, policy=sampled), gamma), late)
    second, states = decide_all(rules, states, seen, late)
    lanes = _remember(lanes, rules, second, seen, proposal.policy, new)

    forced = _are(second, Outcome.FORCE)
    moved = _are(first, Outcome.ACCEPT) | _are(first, Outcome.FORCE) | _are(second, Outcome.ACCEPT)
    batch = choose(moved, new, choose(stay, merge(lanes.batch, new), lanes.batch))
    batch = choose(forced, lanes.best_batch, batch)
    policy = np.where(_across(moved), sampled, np.where(_across(forced), lanes.best_policy, lanes.policy))
    for r in np.flatnonzero(forced):
        exact = evaluate(source.mdp, policy[r])
        eta[r], V[r] = exact.eta, exact.V
    moved |= forced
    critic = np.where(moved[:, None], V, lanes.critic) if sampling.exact_advantages else fit_critic(batch, lanes.critic)
    following = replace(
        lanes,
        policy=policy,
        eta=np.where(moved, eta, lanes.eta),
        batch=batch,
        critic=critic,
        states=tuple(states),
        owing=_are(second, Outcome.REJECT),
        best=np.where(moved, -np.inf, lanes.best),
    )
    accepted = _are(first, Outcome.ACCEPT) | _are(second, Outcome.ACCEPT)
    return following, Round(following.eta, radius, early | late, accepted)


def _remember(
    lanes: Lanes,
    rules: Sequence[Rule],
    outcomes: Sequence[Outcome | None],
    evidence: Evidence,
    trial: Array,
    samples: Batch,
) -> Lanes:
    """Add the trial points that were not accepted to the rejected set of (4.13), of which only the best matters."""
    gain = estimates(rules, evidence)
    better = (_are(outcomes, Outcome.REJECT) | _are(outcomes, Outcome.FORCE)) & (gain > lanes.best)
    return replace(
        lanes,
        best=np.where(better, gain, lanes.best),
        best_policy=np.where(_across(better), trial, lanes.best_policy),
        best_batch=choose(better, samples, lanes.best_batch),
    )


def _pool(lanes: Lanes, evidence: Evidence, among: Booleans) -> tuple[Lanes, Evidence]:
    """Add the trials of `among` to the running sums, and put these into the evidence."""

    def add(sums: Estimate, new: Estimate) -> Estimate:
        value = np.where(among, MEMORY * sums.value + new.value, sums.value)
        return Estimate(value, np.where(among, np.hypot(MEMORY * sums.error, new.error), sums.error))

    held_out, reverse = add(lanes.pooled_held_out, evidence.held_out), add(lanes.pooled_reverse, evidence.reverse)
    lanes = replace(lanes, pooled_held_out=held_out, pooled_reverse=reverse)
    return lanes, replace(evidence, pooled_held_out=held_out, pooled_reverse=reverse)


def _are(outcomes: Sequence[Outcome | None], which: Outcome) -> Booleans:
    return np.array([outcome is which for outcome in outcomes])


def _across(mask: Booleans) -> Booleans:
    """A mask over replications, shaped for policies."""
    return mask[:, None, None]
