"""Algorithm 4.3 of Zhao, Li and Wen (arXiv 1911.11640) on a finite MDP, many replications and rules in lockstep.

In every round each replication takes N environment steps, whatever its rule does.  So rounds measure the budget.

    propose      A trial policy is proposed from the batch B of pi_k, by `verify.sampled.step`.
    decide late  Rules that need samples of the trial take the N steps with it and then decide.
                     Accepted: its samples become B.
                     Rejected: the next round draws N more samples of pi_k and merges them into B (4.15). The rejection
                     costs two rounds in all.
                     A rule with `accuracy` samples the trial for several rounds before it decides (`rounds_needed`).
                     A rule that is `renewed` draws N more samples after an accepted trial, too.
                     A rule with `common_noise` samples it with the random numbers of the newest N steps of B.
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
from verify.sampled.batches import Draw, Newest, Sampling, draw_batch, select_newest
from verify.sampled.estimators import (
    BatchSums,
    Estimate,
    fit_critic,
    merge,
    select,
)
from verify.sampled.evidence import evidence_after, evidence_before, pair, rounds_needed
from verify.sampled.rules import Evidence, Rule, Scale, decide_all, estimates
from verify.sampled.sampler import (
    Booleans,
    Integers,
    SuccessorTables,
    draw_noise,
    select_noise,
)
from verify.sampled.step import gradient_norms, propose

RADIUS_MIN = 1e-6
"""Least delta_k. The gradient vanishes at a deterministic policy; the radius must not."""
MEMORY = 0.9
"""Weight of the past in the pooled estimates: about ten trials count."""


@dataclass(frozen=True, eq=False)
class Replications:
    """State of R replications between two rounds."""

    policy: Array
    """pi_k, shape (R, S, A)."""
    eta: Array
    """Its exact eta, shape (R,). It is for the record: no rule sees it."""
    batch: BatchSums
    """B."""
    newest: Newest
    """Its newest N steps."""
    critic: Array
    """V-hat, shape (R, S)."""
    controllers: tuple[ControllerState, ...]
    """mu and the number of rejections of every replication."""
    first_norms: tuple[Array, Array]
    """`gradient_norms` of the first batch, each (R,)."""
    resampling: Booleans
    """Whether the next N steps belong to pi_k: a sampled trial was rejected, or the rule is renewed. Shape (R,)."""
    best: Array
    """Largest estimated gain among the rejected trials of this k, -inf if there are none. Shape (R,)."""
    best_policy: Array
    """The policy of that trial, shape (R, S, A)."""
    best_batch: BatchSums
    """Its samples. Rules that decide early do not use them."""
    best_newest: Newest
    """The newest N steps of these samples."""
    trial_batch: BatchSums
    """Samples of the trial so far, where `missing` is not zero."""
    missing: Integers
    """Rounds in which the trial has still to be sampled before the rule decides, shape (R,)."""
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


def begin(tables: SuccessorTables, rules: Sequence[Rule], sampling: Sampling, rng: np.random.Generator) -> Replications:
    """Every replication at the uniform policy with its first batch. The critic begins at zero and is fitted to it."""
    R, mdp = len(rules), tables.mdp
    policy = np.repeat(mdp.uniform_policy()[None], R, axis=0)
    noise = draw_noise(mdp, sampling.n_steps, R, rng)
    first = draw_batch(tables, policy, np.zeros((R, mdp.n_states)), sampling, noise)
    newest = Newest(noise, first.samples.rewards)
    zero = Estimate(np.zeros(R), np.zeros(R))
    return Replications(
        policy=policy,
        eta=first.eta,
        batch=first.batch,
        newest=newest,
        critic=first.V if sampling.exact_advantages else fit_critic(first.batch, np.zeros_like(first.V)),
        controllers=tuple(ControllerState(rule.mu) for rule in rules),
        first_norms=gradient_norms(first.batch, policy),
        resampling=np.zeros(R, dtype=np.bool_),
        best=np.full(R, -np.inf),
        best_policy=policy,
        best_batch=first.batch,
        best_newest=newest,
        trial_batch=first.batch,
        missing=np.zeros(R, dtype=np.intp),
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
    trying = ~early & ~state.resampling
    proposal = propose(state.batch, state.policy, radius, gamma, np.array([rule.half_batch for rule in rules]))

    known = evidence_before(state.batch, proposal)
    first, controllers = decide_all(rules, state.controllers, known, early)
    state = _keep_best(state, rules, first, known, proposal.policy, state.batch, state.newest)
    stay = state.resampling | _which(first, Outcome.REJECT)
    sampled = np.where(_for_policies(stay), state.policy, proposal.policy)
    sampled = np.where(_for_policies(_which(first, Outcome.FORCE)), state.best_policy, sampled)

    common = trying & np.array([rule.common_noise for rule in rules])
    noise = select_noise(common, state.newest.noise, draw_noise(tables.mdp, sampling.n_steps, len(rules), rng))
    new = draw_batch(tables, sampled, state.critic, sampling, noise)
    newest = Newest(noise, new.samples.rewards)
    needed = rounds_needed(rules, state.batch, proposal.predicted.value, gamma, sampling.n_steps)
    begun = state.missing > 0
    trial = select(begun, merge(state.trial_batch, new.batch), new.batch)
    missing = np.where(trying, np.where(begun, state.missing, needed) - 1, 0)
    late = trying & (missing == 0)

    seen = evidence_after(state.batch, trial, state.policy, replace(proposal, policy=sampled), gamma)
    state, seen = _pool(state, pair(seen, state.newest, new.samples, common), late)
    second, controllers = decide_all(rules, controllers, seen, late)
    state = _keep_best(state, rules, second, seen, proposal.policy, trial, newest)

    renewed = np.array([rule.renewed for rule in rules])
    moved = _which(first, Outcome.ACCEPT) | _which(first, Outcome.FORCE) | _which(second, Outcome.ACCEPT)
    state = replace(
        state,
        policy=np.where(_for_policies(moved), sampled, state.policy),
        batch=select(moved, trial, select(stay, merge(state.batch, new.batch), state.batch)),
        newest=select_newest(moved | stay, newest, state.newest),
        controllers=tuple(controllers),
        resampling=_which(second, Outcome.REJECT) | _which(second, Outcome.ACCEPT) & renewed,
        trial_batch=trial,
        missing=missing,
    )
    following = _settle(tables, state, moved, _which(second, Outcome.FORCE), new, sampling)
    accepted = _which(first, Outcome.ACCEPT) | _which(second, Outcome.ACCEPT)
    return following, Round(following.eta, radius, early | late, accepted)


def _settle(
    tables: SuccessorTables,
    state: Replications,
    moved: Booleans,
    forced: Booleans,
    new: Draw,
    sampling: Sampling,
) -> Replications:
    """Force the best trial where that is due, and fit the critics to the batches that the round left.

    Args:
        tables: the MDP.
        state: the replications, with the policies and batches of those that moved.
        moved: where the policy that was sampled is the new pi_k, shape (R,).
        forced: where the best of the rejected trials becomes pi_k, shape (R,).
        new: the N steps of the round, with the exact values of the policies that were sampled.
        sampling: whether the critic is exact.
    """
    policy = np.where(_for_policies(forced), state.best_policy, state.policy)
    batch = select(forced, state.best_batch, state.batch)
    eta, V = new.eta.copy(), new.V.copy()
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
        newest=select_newest(forced, state.best_newest, state.newest),
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
    newest: Newest,
) -> Replications:
    """Add the trials that were not accepted to the rejected set of (4.13). Of that set only the best trial matters."""
    gain = estimates(rules, evidence)
    better = (_which(outcomes, Outcome.REJECT) | _which(outcomes, Outcome.FORCE)) & (gain > state.best)
    return replace(
        state,
        best=np.where(better, gain, state.best),
        best_policy=np.where(_for_policies(better), trial, state.best_policy),
        best_batch=select(better, samples, state.best_batch),
        best_newest=select_newest(better, newest, state.best_newest),
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
