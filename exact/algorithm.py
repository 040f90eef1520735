"""Algorithm 3.1 of Zhao, Li and Wen (arXiv 1911.11640): trust-region policy improvement on a finite MDP.

At pi_k, with A and rho of pi_k,
    1. solve the subproblem (3.1), (3.6) with radius delta_k for a trial policy,
    2. compare the actual with the predicted gain by the ratio (3.2), which is exact because eta is,
    3. accept or reject the trial by (3.3) and update the radius by (3.4); `exact.controller` decides both,
until no visited state has an advantage max_a A(s,a) above a tolerance.  Then, if rho0 > 0, eta* - eta_k is at most
max_s max_a A(s,a) / (1-gamma).  The policy advantage A*_k = sum_s rho(s) max_a A(s,a) is zero exactly at the optimum
then, too (Lemma 3.2); but a state of little rho0 hides in it, however much is to be gained there.

The actual gain is rho' f with f(s) = sum_a pi'(a|s) A(s,a), by (2.3).  It is eta(pi') - eta(pi_k) without the
cancellation in which near the optimum every digit is lost.

`iterate` yields every trial with all that was computed for it.  `solve` runs it and keeps the numbers of every trial.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from exact import bounds
from exact.common.errors import InputError
from exact.common.tables import counted
from exact.controller import ControllerSettings, ControllerState, Outcome, decide, ratio
from exact.evaluation import Evaluation, evaluate, reward_range
from exact.mdp import MDP, Array
from exact.subproblem.step import Step, Subproblem
from exact.subproblem.tv import solve_tv

DETERMINISTIC = ControllerSettings()
"""Constants of Algorithm 3.1. The paper leaves beta0 and beta1 open here. The gammas are those of its section 5.1."""
TOLERANCE = 1e-8
"""Default of the advantage at which a run stops, as a share of the range of the rewards, max r - min r."""
RADIUS_LIMITS = (1e-290, 1e290)
"""A run ends when its radius leaves this range: then rounding decides, and the products of floats with it."""


@dataclass(frozen=True, eq=False, repr=False)
class Iteration:
    """One trial of Algorithm 3.1: the policy pi_k, the step proposed there, and what the controller decided."""

    k: int
    """Index of the trial, from 0."""
    delta: float
    """Radius delta_k of the step."""
    policy: Array
    """pi_k, shape (S, A)."""
    before: Evaluation
    """Evaluation of pi_k."""
    step: Step
    """The trial policy and its predicted gain."""
    after: Evaluation
    """Evaluation of the trial policy."""
    ratio: float
    """r_k of (3.2)."""
    outcome: Outcome
    """Accepted or rejected, (3.3)."""
    next_delta: float
    """delta_{k+1} of (3.4)."""

    @property
    def actual(self) -> float:
        """eta(pi') - eta(pi_k) of the trial, by (2.3)."""
        return actual_gain(self.policy, self.before, self.step.policy, self.after)

    def __repr__(self) -> str:
        what = f"delta={self.delta:g}, eta={float(self.before.eta):.6g}, ratio={self.ratio:.6g}"
        return f"Iteration(k={self.k}, {what}, {self.outcome.value})"


def actual_gain(policy: Array, before: Evaluation, trial: Array, after: Evaluation) -> float:
    """eta(trial) - eta(policy) = sum_s rho'(s) sum_a (trial - policy)(a|s) A(s,a), (2.3); policies are (S, A)."""
    return float(after.rho @ ((trial - policy) * before.A).sum(axis=1))


def is_optimal(mdp: MDP, current: Evaluation, tolerance: float) -> bool:
    """Whether no visited state has an advantage above tolerance * (max r - min r), or above rounding."""
    return current.largest_advantage <= max(tolerance * reward_range(mdp)[1], current.rounding)


def iterate(
    mdp: MDP,
    subproblem: Subproblem = solve_tv,
    *,
    start: Array | None = None,
    delta0: float | None = None,
    settings: ControllerSettings | None = DETERMINISTIC,
    tolerance: float = TOLERANCE,
) -> Iterator[Iteration]:
    """Run Algorithm 3.1 and yield every trial until pi_k is optimal to the tolerance.

    It ends early where float64 ends: A* is zero, because rho is, or the radius leaves RADIUS_LIMITS.

    Args:
        mdp: the MDP.
        subproblem: what proposes the steps; see `exact.subproblem.step.Subproblem`.
        start: pi_0(a|s), shape (S, A); uniform by default.
        delta0: first radius > 0, in units of visitation times distance; by default 0.01/(1-gamma), a hundredth of the
            total visitation.
        settings: the controller's constants. None accepts every trial and keeps the radius, for other methods.
        tolerance: the run ends when max_a A(s,a) <= tolerance * (max r - min r) in all states with rho(s) > 0. Then
            eta* - eta_k is at most tolerance times the largest difference of two returns, if rho0 > 0. >= 0.

    Raises:
        InputError: start is not a policy, delta0 is not positive, tolerance is negative.
    """
    if not tolerance >= 0:
        raise InputError(f"tolerance must be >= 0, got {tolerance}")
    policy = mdp.uniform_policy() if start is None else mdp.check_policy(start)
    state = ControllerState(0.01 / (1 - mdp.discount) if delta0 is None else delta0)
    current = evaluate(mdp, policy)
    k = 0
    low, high = RADIUS_LIMITS
    while not is_optimal(mdp, current, tolerance) and current.policy_advantage > 0 and low <= state.radius <= high:
        step = subproblem(policy, current.A, current.rho, state.radius)
        if mdp.available is not None:
            step = replace(step, policy=mdp.on_available(step.policy))
        after = evaluate(mdp, step.policy, guess=current)
        r = ratio(actual_gain(policy, current, step.policy, after), step.gain)
        outcome, next_state = (Outcome.ACCEPT, state) if settings is None else decide(settings, state, r)
        yield Iteration(k, state.radius, policy, current, step, after, r, outcome, next_state.radius)
        if outcome is not Outcome.REJECT:
            policy, current = step.policy, after
        state, k = next_state, k + 1


@dataclass(frozen=True)
class Record:
    """The numbers of one trial, for tables and figures."""

    k: int
    eta: float
    """eta(pi_k)."""
    policy_advantage: float
    """A*_k."""
    delta: float
    """delta_k."""
    predicted: float
    """L_k(trial) - L_k(pi_k)."""
    actual: float
    """eta(trial) - eta(pi_k)."""
    ratio: float
    """r_k = actual / predicted."""
    accepted: bool
    distance: float
    """sum_s rho(s) D(pi_k, trial), in the distance of the subproblem."""
    price: float
    """Dual price of the radius."""
    bound_lemma34: float
    """Lemma 3.4's lower bound of the ratio, for steps within total variation delta. All three are NaN where rho0 has a
    zero."""
    bound_prior: float
    """Lower bound 1 - gamma D / ((1-gamma) min rho), D = sum_s rho(s) TV(s). This and the next hold for every step
    with sum_a pi'(a|s) A(s,a) >= 0 in all states."""
    bound_posterior: float
    """Lower bound 1 / (1 + gamma D' / ((1-gamma) min rho')), D' = sum_s rho'(s) TV(s)."""


@dataclass(frozen=True, eq=False, repr=False)
class Trajectory:
    """The result of a run: every trial in numbers, the final policy and its evaluation."""

    records: tuple[Record, ...]
    """One for every trial, in order."""
    policy: Array
    """The final policy, shape (S, A)."""
    final: Evaluation
    """Its evaluation."""
    converged: bool
    """Whether the final policy is optimal to the tolerance."""
    message: str
    """Where the run stopped: A*, the number of trials, the tolerance."""
    policies: tuple[Array, ...] = ()
    """pi_k of every trial and then the final policy, if `keep_policies` asked for them."""

    @property
    def iterations(self) -> int:
        """Number of trials."""
        return len(self.records)

    def __repr__(self) -> str:
        first = self.records[0].eta if self.records else self.final.eta
        rejected = sum(not record.accepted for record in self.records)
        return (
            f"Trajectory({'converged' if self.converged else 'not converged'}: {self.message},\n"
            f"  {counted(self.iterations, 'trial')}, {rejected} rejected,\n"
            f"  eta from {first:.6g} to {self.final.eta:.6g})"
        )


def solve(
    mdp: MDP,
    subproblem: Subproblem = solve_tv,
    *,
    start: Array | None = None,
    delta0: float | None = None,
    settings: ControllerSettings | None = DETERMINISTIC,
    tolerance: float = TOLERANCE,
    max_iterations: int = 10_000,
    keep_policies: bool = False,
    on_iteration: Callable[[Record], None] | None = None,
) -> Trajectory:
    """Run Algorithm 3.1 to the tolerance, or to max_iterations trials. Other arguments and errors as for `iterate`.

    Args:
        max_iterations: largest number of trials.
        keep_policies: whether pi_k of every trial is kept (S*A numbers each).
        on_iteration: called with every record as soon as it is made.
    """
    policy = mdp.uniform_policy() if start is None else mdp.check_policy(start)
    final = None
    records, policies = [], [policy]
    run = iterate(mdp, subproblem, start=policy, delta0=delta0, settings=settings, tolerance=tolerance)
    for it in islice(run, max_iterations):
        records.append(record(mdp, it))
        accepted = it.outcome is not Outcome.REJECT
        policy, final = (it.step.policy, it.after) if accepted else (it.policy, it.before)
        if keep_policies:
            policies.append(policy)
        if on_iteration is not None:
            on_iteration(records[-1])
    if final is None:  # no trial was made: the start is optimal, or none was allowed
        final = evaluate(mdp, policy)
    converged = is_optimal(mdp, final, tolerance)
    message = f"A* = {_shown(final)} after {counted(len(records), 'iteration')}, tolerance {tolerance:g}"
    return Trajectory(tuple(records), policy, final, converged, message, tuple(policies) if keep_policies else ())


def _shown(final: Evaluation) -> str:
    """A* for a message. What rounding leaves of a zero is called so."""
    return "0 within rounding" if final.largest_advantage <= final.rounding else f"{final.policy_advantage:.3g}"


def record(mdp: MDP, it: Iteration) -> Record:
    """The numbers of one trial, with the lower bounds of its ratio."""
    gamma, p0 = mdp.discount, float(mdp.initial.min())
    rho, rho_new = it.before.rho, it.after.rho
    TV = bounds.total_variation(it.policy, it.step.policy)
    A_star, A_bar = it.before.policy_advantage, float(np.abs(it.before.A).max())
    reached = p0 > 0  # the bounds divide by p0 and by min rho >= p0
    D, D_new = float(rho @ TV), float(rho_new @ TV)
    return Record(
        k=it.k,
        eta=it.before.eta,
        policy_advantage=A_star,
        delta=it.delta,
        predicted=it.step.gain,
        actual=it.actual,
        ratio=it.ratio,
        accepted=it.outcome is not Outcome.REJECT,
        distance=it.step.distance,
        price=it.step.price,
        bound_lemma34=bounds.lemma34(gamma, p0, A_bar, A_star, it.delta) if reached else math.nan,
        bound_prior=bounds.ratio_prior(gamma, float(rho.min()), D) if reached else math.nan,
        bound_posterior=bounds.ratio_posterior(gamma, float(rho_new.min()), D_new) if reached else math.nan,
    )
