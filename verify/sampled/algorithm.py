"""Algorithm 4.3 of Zhao, Li and Wen (arXiv 1911.11640) on a finite MDP, many replications and rules in lockstep.

In every round each replication takes N environment steps, whatever its rule does.  So rounds measure the budget.

    propose      A trial policy is proposed from the batch B of pi_k, by `verify.sampled.step`.
    decide late  Rules that need samples of the trial take the N steps with it and then decide.
                     Accepted: its samples become B.
                     Rejected: the next round draws N more samples of pi_k and merges them into B (4.15). The rejection
                     costs two rounds in all.
    decide early Rules that need none decide first.
                     Accepted: the N steps are taken with the new policy and become B.
                     Rejected: they are N more samples of pi_k. The rejection costs one round in all.
    force        After too many rejections the best of the rejected trial policies is taken (4.13). The rule's own
                 estimate says which is best.

The critic is a table.  B's advantages are estimated with the critic of the batch before; then the critic is fitted to
B (`verify.sampled.estimators.fit_critic`).  The trial's advantages are estimated with pi_k's critic.  With exact
advantages both are exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from exact.controller import ControllerState, Outcome
from exact.evaluation import evaluate
from exact.mdp import Array
from verify.sampled.estimators import (
    BatchSums,
    Estimate,
    fit_critic,
    merge,
    performance_difference,
    returns_difference,
    returns_spread,
    reverse_surrogate,
    select,
    summarise,
)
from verify.sampled.rules import Evidence, Rule, Scale, decide_all, estimates
from verify.sampled.sampler import Booleans, SuccessorTables, sample
from verify.sampled.step import Proposal, gradient_norms, propose

RADIUS_MIN = 1e-6
"""Least delta_k. The gradient vanishes at a deterministic policy; the radius must not."""
MEMORY = 0.9
"""Weight of the past in the pooled estimates: about ten trials count."""


@dataclass(frozen=True)
class Sampling:
    """How batches are drawn and advantages estimated."""

    n_steps: int
    """N, the steps of one batch."""
    exact_advantages: bool
    """Whether advantages and critic are the exact values of the sampled policy. Otherwise GAE with a fitted critic."""
    lam: float = 0.95
    """lambda of GAE."""


@dataclass(frozen=True, eq=False)
class Replications:
    """State of R replications between two rounds."""

    policy: Array
    """pi_k, shape (R, S, A)."""
    eta: Array
    """Its exact eta, shape (R,). It is for the record: no rule sees it."""
    batch: BatchSums
    """B."""
    critic: Array
    """V-hat, shape (R, S)."""
    controllers: tuple[ControllerState, ...]
    """mu and the number of rejections of every replication."""
    first_norms: tuple[Array, Array]
    """`gradient_norms` of the first batch, each (R,)."""
    resampling: Booleans
    """Whether the next N steps belong to pi_k, because a sampled trial was rejected. Shape (R,)."""
    best: Array
    """Largest estimated gain among the rejected trials of this k, -inf if there are none. Shape (R,)."""
    best_policy: Array
    """The policy of that trial, shape (R, S, A)."""
    best_batch: BatchSums
    """Its samples. Rules that decide early do not use them."""
    pooled_held_out: Estimate
    """Held-out gains of the trials so far, summed with weights that fall by MEMORY from trial to trial."""
    pooled_reverse: Estimate
    """Reverse surrogates, summed in the same way."""


@dataclass(frozen=True, eq=False)
class Round:
    """What one round did; arrays of shape (R,)."""

    eta: Array
    """Exact eta of pi_k after the round."""
    radius: Array
    """Radius delta_k of the round."""
    decided: Booleans
    """Whether a trial was decided about."""
    accepted: Booleans
    """Whether it passed the test."""


def draw_batch(
    tables: SuccessorTables, policy: Array, critic: Array, sampling: Sampling, rng: np.random.Generator
) -> tuple[BatchSums, Array, Array]:
    """SAMPLE with every policy.

    Args:
        tables: the MDP.
        policy: pi(a|s) of every replication, shape (R, S, A).
        critic: V-hat(s) for the temporal differences, shape (R, S).
        sampling: how many steps, and which advantages.
        rng: source of all randomness.

    Returns:
        The batch, and the exact eta, shape (R,), and V, shape (R, S), of the policies.
    """
    exact = [evaluate(tables.mdp, pi) for pi in policy]
    exact_A = np.stack([e.A for e in exact]) if sampling.exact_advantages else None
    samples = sample(tables, policy, sampling.n_steps, rng)
    batch = summarise(tables.mdp, samples, critic, sampling.lam, exact_A)
    return batch, np.array([e.eta for e in exact]), np.stack([e.V for e in exact])


def evidence_before(batch: BatchSums, proposal: Proposal) -> Evidence:
    """What is known before the trials are sampled. The rest is NaN, and the controller refuses that."""
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


def evidence_after(batch: BatchSums, trial: BatchSums, pi: Array, proposal: Proposal, gamma: float) -> Evidence:
    """All that the samples of pi_k and of the trials say about the trials. Nothing is pooled with earlier trials."""
    reverse = reverse_surrogate(trial, pi, proposal.policy, gamma)
    return replace(
        evidence_before(batch, proposal),
        returns=returns_difference(batch, trial),
        performance=performance_difference(trial, gamma),
        reverse=reverse,
        pooled_reverse=reverse,
    )


def begin(tables: SuccessorTables, rules: Sequence[Rule], sampling: Sampling, rng: np.random.Generator) -> Replications:
    """Every replication at the uniform policy with its first batch. The critic begins at zero and is fitted to it."""
    R, mdp = len(rules), tables.mdp
    policy = np.repeat(mdp.uniform_policy()[None], R, axis=0)
    batch, eta, V = draw_batch(tables, policy, np.zeros((R, mdp.n_states)), sampling, rng)
    zero = Estimate(np.zeros(R), np.zeros(R))
    return Replications(
        policy=policy,
        eta=eta,
        batch=batch,
        critic=V if sampling.exact_advantages else fit_critic(batch, np.zeros_like(V)),
        controllers=tuple(ControllerState(rule.mu) for rule in rules),
        first_norms=gradient_norms(batch, policy),
        resampling=np.zeros(R, dtype=np.bool_),
        best=np.full(R, -np.inf),
        best_policy=policy,
        best_batch=batch,
        pooled_held_out=zero,
        pooled_reverse=zero,
    )


def radii(rules: Sequence[Rule], state: Replications, left: float) -> Array:
    """delta_k = mu_k times the factor of the rule's scale, at least RADIUS_MIN. Shape (R,).

    Args:
        rules: the rule of every replication.
        state: the replications.
        left: share of the budget that is left, in [0, 1].
    """
    euclidean, natural = (
        now / np.where(first > 0, first, 1.0)
        for now, first in zip(gradient_norms(state.batch, state.policy), state.first_norms, strict=True)
    )
    factors = {
        Scale.NONE: np.ones_like(natural),
        Scale.EUCLIDEAN: euclidean,
        Scale.NATURAL: natural,
        Scale.LINEAR: np.full_like(natural, left),
    }
    factor = np.array([factors[rule.scale][r] for r, rule in enumerate(rules)])
    mu = np.array([controller.radius for controller in state.controllers])
    delta: Array = np.maximum(mu * factor, RADIUS_MIN)
    return delta


def advance(
    tables: SuccessorTables,
    rules: Sequence[Rule],
    state: Replications,
    sampling: Sampling,
    left: float,
    rng: np.random.Generator,
) -> tuple[Replications, Round]:
    """One round of N steps for every replication; rules[r] decides in replication r. Other arguments as for `radii`."""
    gamma = tables.mdp.discount
    radius = radii(rules, state, left)
    early = np.array([rule.before_trial for rule in rules])
    late = ~early & ~state.resampling
    proposal = propose(state.batch, state.policy, radius, gamma, np.array([rule.half_batch for rule in rules]))

    known = evidence_before(state.batch, proposal)
    first, controllers = decide_all(rules, state.controllers, known, early)
    state = _keep_best(state, rules, first, known, proposal.policy, state.batch)
    stay = state.resampling | _which(first, Outcome.REJECT)
    sampled = np.where(_for_policies(stay), state.policy, proposal.policy)
    sampled = np.where(_for_policies(_which(first, Outcome.FORCE)), state.best_policy, sampled)
    new, eta, V = draw_batch(tables, sampled, state.critic, sampling, rng)

    seen = evidence_after(state.batch, new, state.policy, replace(proposal, policy=sampled), gamma)
    state, seen = _pool(state, seen, late)
    second, controllers = decide_all(rules, controllers, seen, late)
    state = _keep_best(state, rules, second, seen, proposal.policy, new)

    moved = _which(first, Outcome.ACCEPT) | _which(first, Outcome.FORCE) | _which(second, Outcome.ACCEPT)
    batch = select(moved, new, select(stay, merge(state.batch, new), state.batch))
    state = replace(
        state,
        policy=np.where(_for_policies(moved), sampled, state.policy),
        batch=batch,
        controllers=tuple(controllers),
        resampling=_which(second, Outcome.REJECT),
    )
    following = _settle(tables, state, moved, _which(second, Outcome.FORCE), eta, V, sampling)
    accepted = _which(first, Outcome.ACCEPT) | _which(second, Outcome.ACCEPT)
    return following, Round(following.eta, radius, early | late, accepted)


def _settle(
    tables: SuccessorTables,
    state: Replications,
    moved: Booleans,
    forced: Booleans,
    eta: Array,
    V: Array,
    sampling: Sampling,
) -> Replications:
    """Force the best trial where that is due, and fit the critics to the batches that the round left.

    Args:
        tables: the MDP.
        state: the replications, with the policies and batches of those that moved.
        moved: where the policy that was sampled is the new pi_k, shape (R,).
        forced: where the best of the rejected trials becomes pi_k, shape (R,).
        eta: exact returns of the policies that were sampled, shape (R,).
        V: their exact values, shape (R, S).
        sampling: whether the critic is exact.
    """
    policy = np.where(_for_policies(forced), state.best_policy, state.policy)
    batch = select(forced, state.best_batch, state.batch)
    for r in np.flatnonzero(forced):
        exact = evaluate(tables.mdp, policy[r])
        eta[r], V[r] = exact.eta, exact.V
    changed = moved | forced
    exact_critic = np.where(changed[:, None], V, state.critic)
    return replace(
        state,
        policy=policy,
        eta=np.where(changed, eta, state.eta),
        batch=batch,
        critic=exact_critic if sampling.exact_advantages else fit_critic(batch, state.critic),
        best=np.where(changed, -np.inf, state.best),
    )


def _keep_best(
    state: Replications,
    rules: Sequence[Rule],
    outcomes: Sequence[Outcome | None],
    evidence: Evidence,
    trial: Array,
    samples: BatchSums,
) -> Replications:
    """Add the trials that were not accepted to the rejected set of (4.13). Of that set only the best trial matters."""
    gain = estimates(rules, evidence)
    better = (_which(outcomes, Outcome.REJECT) | _which(outcomes, Outcome.FORCE)) & (gain > state.best)
    return replace(
        state,
        best=np.where(better, gain, state.best),
        best_policy=np.where(_for_policies(better), trial, state.best_policy),
        best_batch=select(better, samples, state.best_batch),
    )


def _pool(state: Replications, evidence: Evidence, sampled: Booleans) -> tuple[Replications, Evidence]:
    """Add the trials that were `sampled`, shape (R,), to the running sums, and put these into the evidence."""

    def add(sums: Estimate, new: Estimate) -> Estimate:
        value = np.where(sampled, MEMORY * sums.value + new.value, sums.value)
        return Estimate(value, np.where(sampled, np.hypot(MEMORY * sums.error, new.error), sums.error))

    held_out, reverse = add(state.pooled_held_out, evidence.held_out), add(state.pooled_reverse, evidence.reverse)
    state = replace(state, pooled_held_out=held_out, pooled_reverse=reverse)
    return state, replace(evidence, pooled_held_out=held_out, pooled_reverse=reverse)


def _which(outcomes: Sequence[Outcome | None], outcome: Outcome) -> Booleans:
    """Which replications have this outcome, shape (R,)."""
    return np.array([found is outcome for found in outcomes])


def _for_policies(mask: Booleans) -> Booleans:
    """A mask over replications, shaped for policies."""
    return mask[:, None, None]
