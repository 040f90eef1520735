"""What all solvers of the subproblem share: their signature, their result, what they refuse."""

import inspect

import numpy as np
import pytest

from exact.common.errors import InputError
from exact.subproblem.distances import Distance
from exact.subproblem.kl import solve_kl_forward, solve_kl_reverse
from exact.subproblem.lp import ConvexSubproblem
from exact.subproblem.step import Step, check_radius
from exact.subproblem.tv import solve_tv
from tests.exact.subproblem.problems import problem

SOLVERS = {
    "closed form": solve_tv,
    "kl forward": solve_kl_forward,
    "kl reverse": solve_kl_reverse,
    "linear program": ConvexSubproblem(),
    "exponential cone": ConvexSubproblem(Distance.KL_FORWARD),
}
EVERY_SOLVER = pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS.keys())


@EVERY_SOLVER
def test_every_solver_has_one_signature_and_one_result(solver):
    assert list(inspect.signature(solver).parameters) == ["policy", "A", "rho", "delta"]
    policy, A, rho = problem(4, 3, seed=0)
    step = solver(policy, A, rho, 0.5)
    assert isinstance(step, Step)
    assert step.policy.shape == (4, 3)
    assert step.gain == pytest.approx(rho @ ((step.policy - policy) * A).sum(axis=1), abs=1e-9)
    assert 0 < step.distance <= 0.5 * (1 + 1e-6)
    assert step.price >= 0


@EVERY_SOLVER
@pytest.mark.parametrize("delta", [0.0, -1.0, np.nan])
def test_the_radius_must_be_positive(solver, delta):
    with pytest.raises(InputError, match="the radius must be positive, got"):
        solver(*problem(3, 2, 0), delta)


def test_a_radius_may_be_infinite():
    check_radius(np.inf)


def test_a_step_is_one_line():
    assert repr(Step(np.zeros((500, 6)), 0.5, 1.0, 2.0)) == "Step(gain=0.5, distance=1, price=2)"
