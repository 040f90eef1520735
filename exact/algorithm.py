"""Algorithm 3.1 of Zhao, Li and Wen (arXiv 1911.11640): trust-region policy improvement on a finite MDP.

At pi_k, with A and rho of pi_k,
    1. solve the subproblem (3.1)/(3.6) with radius delta_k for a trial policy,
    2. compare the actual with the predicted gain: the ratio (3.2), exact because eta is,
    3. accept or reject by (3.3), update the radius by (3.4), both decided by `exact.controller`,
until the policy advantage A*_k = sum_s rho(s) max_a A(s,a) is at most a tolerance: by Lemma 3.2 it is zero exactly at
the optimum if rho0 > 0, and eta* - eta_k <= A*_k / ((1-gamma) min rho0) always.

`iterate` yields every trial with all that was computed for it; `solve` runs it and keeps the numbers of every trial.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from exact import bounds
from exact.common.errors import InputError
from exact.controller import ControllerSettings, ControllerState, Outcome, decide, ratio
from exact.evaluation import Evaluation, evaluate
from exact.mdp import MDP, Array
from exact.subproblem.step import Step, Subproblem
from exact.subproblem.tv import solve_tv

DETERMINISTIC = ControllerSettings()
"""Constants of Algorithm 3.1. The paper leaves beta0 and beta1 open here; the gammas are those of its section 4."""


@dataclass(frozen=True, eq=False)
class Iteration:
    """One trial point of Algorithm 3.1: pi_k, the step proposed at it, and what the controller made of it."""

    k: int
    """Index of the trial, from 0."""
    delta: float
    """Radius delta_k the step was computed with."""
    policy: Array
    """pi_k, shape (S, A)."""
    before: Evaluation
    """Evaluation of pi_k."""
    step: Step
    """The trial point and its predicted gain."""
    after: Evaluation
    """Evaluation of the trial point."""
    ratio: float
    """r_k of (3.2)."""
    outcome: Outcome
    """Accepted or rejected, (3.3)."""
    next_delta: float
    """delta_{k+1} of (3.4)."""


def iterate(
    mdp: MDP,
    subproblem: Subproblem = solve_tv,
    *,
    start: Array | None = None,
    delta0: float | None = None,
    settings: ControllerSettings | None = DETERMINISTIC,
    tolerance: float = 1e-8,
) -> Iterator[Iteration]:
    """Run Algorithm 3.1 and yield every trial until A*_k <= tolerance.

    Args:
        mdp: the MDP.
        subproblem: solver of the subproblem; any function of the signature of `exact.subproblem.tv.solve_tv`.
        start: pi_0, shape (S, A); uniform by default.
        delta0: first radius; by default 0.01/(1-gamma), a hundredth of the total visitation.
        settings: the controller's constants; None accepts every trial and keeps the radius (the comparison methods).
        tolerance: stop at A*_k <= tolerance, in units of return.

    Raises:
        InputError: start is not a policy, delta0 is not positive, tolerance is negative.
    """
    if not tolerance >= 0:
        raise InputError(f"tolerance must be >= 0, got {tolerance}")
    policy = mdp.uniform_policy() if start is None else mdp.check_policy(start)
    state = ControllerState(0.01 / (1 - mdp.discount) if delta0 is None else delta0)
    current = evaluate(mdp, policy)
    k = 0
    while current.policy_advantage > tolerance:
        step = subproblem(policy, current.A, current.rho, state.radius)
        after = evaluate(mdp, step.policy, guess=current)
        r = ratio(after.eta - current.eta, step.gain)
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
    predicted: float
    """L_k(trial) - L_k(pi_k)."""
    actual: float
    """eta(trial) - eta(pi_k)."""
    ratio: float
    accepted: bool
    distance: float
    """E_rho D(pi_k, trial), in the subproblem's own distance."""
    price: float
    """Dual price of the radius."""
    bound_lemma34: float
    """Lemma 3.4's lower bound of the ratio; NaN where rho0 has a zero. It and the next two hold for TV steps."""
    bound_prior: float
    """1 - gamma D / ((1-gamma) min rho), with D in total variation."""
    bound_posterior: float
    """1 / (1 + gamma D' / ((1-gamma) min rho')), with D' in total variation."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """What a run leaves behind."""

    records: tuple[Record, ...]
    """One per trial point, in order."""
    policy: Array
    """The final policy, shape (S, A)."""
    final: Evaluation
    """Its evaluation."""
    converged: bool
    """A* <= tolerance was reached."""
    message: str
    """Why the run stopped."""
    policies: tuple[Array, ...] = ()
    """pi_k of every trial and then the final policy, if they were asked for."""

    @property
    def iterations(self) -> int:
        """Number of trial points."""
        return len(self.records)


def solve(
    mdp: MDP,
    subproblem: Subproblem = solve_tv,
    *,
    start: Array | None = None,
    delta0: float | None = None,
    settings: ControllerSettings | None = DETERMINISTIC,
    tolerance: float = 1e-8,
    max_iterations: int = 10_000,
    keep_policies: bool = False,
    on_iteration: Callable[[Record], None] | None = None,
) -> Trajectory:
    """Run Algorithm 3.1 to A*_k <= tolerance, or to max_iterations trials; arguments and errors as for `iterate`.

    Args:
        max_iterations: largest number of trial points.
        keep_policies: store pi_k of every trial (S*A numbers each).
        on_iteration: called with every record as it is made, for a live table.
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
    converged = final.policy_advantage <= tolerance
    message = f"A* = {final.policy_advantage:.3g} after {len(records)} iterations, tolerance {tolerance:g}"
    return Trajectory(tuple(records), policy, final, converged, message, tuple(policies) if keep_policies else ())


def record(mdp: MDP, it: Iteration) -> Record:
    """The numbers of one iteration, with the bounds of its ratio."""
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
        actual=it.after.eta - it.before.eta,
        ratio=it.ratio,
        accepted=it.outcome is not Outcome.REJECT,
        distance=it.step.distance,
        price=it.step.price,
        bound_lemma34=bounds.lemma34(gamma, p0, A_bar, A_star, it.delta) if reached else math.nan,
        bound_prior=bounds.ratio_prior(gamma, float(rho.min()), D) if reached else math.nan,
        bound_posterior=bounds.ratio_posterior(gamma, float(rho_new.min()), D_new) if reached else math.nan,
    )
