"""The subproblem (3.6) and its KL variants as convex programs for cvxpy: what the closed forms are checked against.

Zhao, Li and Wen (arXiv 1911.11640), eqs. (3.1) and (3.6): maximise sum_s rho(s) sum_a pi(a|s) A(s,a) over
distributions pi(.|s) subject to sum_s rho(s) D(s) <= delta, with D(s) one of

    TV            1/2 sum_a |pi(a|s) - pi_k(a|s)|                    a linear program
    KL forward    sum_a pi_k(a|s) log(pi_k(a|s) / pi(a|s))           exponential cone
    KL reverse    sum_a pi(a|s) log(pi(a|s) / pi_k(a|s))             exponential cone
"""

import warnings
from dataclasses import dataclass
from typing import Any

import cvxpy as cp
import numpy as np

from exact.common.errors import FaultError, InputError
from exact.mdp import Array
from exact.subproblem.distances import Distance, mean_distance
from exact.subproblem.step import Step, check_radius

TOLERANCES = {"HIGHS": {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}}
"""Options of a solver. With its default of 1e-7 HiGHS leaves pairs (s,a) of small gap and visitation where they are: on
CliffWalking the gain was too small by a relative 2e-5. 1e-10 is the smallest tolerance that it accepts."""


class SolverError(FaultError):
    """The convex solver did not report an optimal solution."""


@dataclass(frozen=True)
class _Program:
    """A compiled program. rho and A are scaled to order one, because the tolerances of solvers are absolute."""

    problem: Any
    policy: Any  # variable, shape (S, A)
    objective: Any  # parameter w(s) A(s,a) / max|A|, shape (S, A)
    weight: Any  # parameter w(s) = rho(s) / mean(rho), repeated over actions, shape (S, A)
    centre: Any  # parameter w(s) pi_k(a|s), shape (S, A)
    radius: Any  # parameter delta / mean(rho)


class ConvexSubproblem:
    """A `Subproblem` that hands (3.6) to a convex solver.

    The program is compiled once for every shape (S, A); afterwards only its parameters change (cvxpy's DPP).

    Raises:
        InputError: the solver is not installed.
    """

    def __init__(self, distance: Distance = Distance.TV, solver: str | None = None) -> None:
        """Use the cvxpy solver of that name. None means HIGHS for the linear program and CLARABEL for the cones."""
        self.distance = distance
        self.solver = (solver or ("HIGHS" if distance is Distance.TV else "CLARABEL")).upper()
        if self.solver not in cp.installed_solvers():
            raise InputError(f"solver {self.solver} is not installed; installed: {', '.join(cp.installed_solvers())}")
        self._compiled: dict[tuple[int, int], _Program] = {}

    def __call__(self, policy: Array, A: Array, rho: Array, delta: float, /) -> Step:
        """Solve at pi_k = policy. Arguments and result as for `exact.subproblem.step.Subproblem`.

        Raises:
            InputError: delta is not positive.
            SolverError: the solver failed, or its status is not "optimal".
        """
        check_radius(delta)
        program = self._compiled.get(policy.shape)
        if program is None:
            program = self._compiled[policy.shape] = _compile(policy.shape, self.distance)
        rho_scale, A_scale = float(rho.mean()), float(np.abs(A).max()) or 1.0
        weight = np.repeat(rho[:, None] / rho_scale, policy.shape[1], axis=1)
        program.objective.value = weight * A / A_scale
        program.weight.value = weight
        program.centre.value = weight * policy
        program.radius.value = delta / rho_scale
        self._solve(program.problem)
        trial = np.maximum(program.policy.value, 0)
        if self.distance is Distance.KL_REVERSE:
            trial *= policy > 0  # the solver's residue outside the support would make the distance infinite
        trial /= trial.sum(axis=1, keepdims=True)
        price = float(program.problem.constraints[-1].dual_value) * A_scale
        gain = float(rho @ ((trial - policy) * A).sum(axis=1))
        return Step(trial, gain, mean_distance(self.distance, policy, trial, rho), max(price, 0.0))

    def _solve(self, problem: Any) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # an inaccurate solution is raised below, not warned about
                problem.solve(solver=self.solver, **TOLERANCES.get(self.solver, {}))
        except (cp.error.SolverError, cp.error.DCPError) as error:
            raise SolverError(f"{self.solver} failed on the {self.distance.value} subproblem: {error}") from error
        if problem.status != cp.OPTIMAL:
            raise SolverError(f"{self.solver} ended with status {problem.status!r}, expected 'optimal'")


def _compile(shape: tuple[int, int], D: Distance) -> _Program:
    pi = cp.Variable(shape, nonneg=True)
    objective = cp.Parameter(shape)
    weight, centre = cp.Parameter(shape, nonneg=True), cp.Parameter(shape, nonneg=True)
    radius = cp.Parameter(nonneg=True)
    weighted = cp.multiply(weight, pi)
    if D is Distance.TV:
        used = cp.sum(cp.abs(weighted - centre)) / 2
    elif D is Distance.KL_FORWARD:
        used = cp.sum(cp.rel_entr(centre, weighted))
    else:
        used = cp.sum(cp.rel_entr(weighted, centre))
    constraints = [cp.sum(pi, axis=1) == 1, used <= radius]
    problem = cp.Problem(cp.Maximize(cp.sum(cp.multiply(objective, pi))), constraints)
    return _Program(problem, pi, objective, weight, centre, radius)
