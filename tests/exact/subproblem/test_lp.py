"""The convex reference: compiled programs, prices, and solvers that fail."""

import types

import cvxpy as cp
import numpy as np
import pytest

from exact.algorithm import iterate
from exact.common.errors import InputError
from exact.mdps.library import load
from exact.subproblem.distances import Distance
from exact.subproblem.lp import ConvexSubproblem, SolverError
from exact.subproblem.tv import solve_tv
from tests.exact.subproblem.problems import problem


@pytest.mark.parametrize("D", Distance, ids=lambda D: D.name)
def test_scales_of_visitation_and_advantage_do_not_matter(D):
    """Solvers' tolerances are absolute: the program is scaled before it is solved and back afterwards."""
    policy, A, rho = problem(6, 3, seed=4)
    solver = ConvexSubproblem(D)
    step, scaled = solver(policy, A, rho, 0.7), solver(policy, 1e5 * A, 1e-4 * rho, 0.7e-4)
    assert scaled.policy == pytest.approx(step.policy, abs=1e-4)
    assert scaled.gain == pytest.approx(10 * step.gain, rel=1e-7)
    assert scaled.price == pytest.approx(1e5 * step.price, rel=1e-4)
    assert len(solver._compiled) == 1


def test_one_program_for_each_shape():
    solver = ConvexSubproblem()
    for S, A in ((3, 2), (3, 2), (2, 3)):
        solver(*problem(S, A, seed=S), 0.5)
    assert set(solver._compiled) == {(3, 2), (2, 3)}


@pytest.mark.parametrize("name", ["clarabel", "HIGHS", "scipy"])
def test_any_installed_solver(name):
    arguments = problem(5, 3, seed=0)
    assert ConvexSubproblem(solver=name)(*arguments, 0.8).gain == pytest.approx(
        ConvexSubproblem()(*arguments, 0.8).gain, rel=1e-6
    )


def test_unknown_solver_is_refused():
    with pytest.raises(InputError, match=r"solver NOPE is not installed; installed: .*HIGHS"):
        ConvexSubproblem(solver="nope")


@pytest.mark.parametrize("status", ["infeasible", "unbounded", "optimal_inaccurate", "user_limit"])
def test_a_status_that_is_not_optimal_raises(status):
    failing = types.SimpleNamespace(solve=lambda solver, **options: None, status=status)
    with pytest.raises(SolverError, match=f"HIGHS ended with status '{status}', expected 'optimal'"):
        ConvexSubproblem()._solve(failing)


def test_a_solver_that_cannot_do_it_raises():
    """A linear programming solver has no exponential cone."""
    with pytest.raises(SolverError, match=r"HIGHS failed on the KL\(pi \|\| pi_k\) subproblem"):
        ConvexSubproblem(Distance.KL_REVERSE, "HIGHS")(*problem(3, 2, seed=0), 0.5)


def test_an_infeasible_program_raises():
    x = cp.Variable()
    with pytest.raises(SolverError, match="infeasible"):
        ConvexSubproblem()._solve(cp.Problem(cp.Maximize(x), [x <= 0, x >= 1]))


def test_lp_is_optimal_where_highs_stopped_short_at_its_default_tolerances():
    mdp = load("cliffwalking")
    start = np.random.default_rng(0).dirichlet(np.full(4, 0.1), 48)  # uneven, so that visitations are tiny
    for it in iterate(mdp, start=start, delta0=2.3):
        closed_form = solve_tv(it.policy, it.before.A, it.before.rho, it.delta)
        lp = ConvexSubproblem()(it.policy, it.before.A, it.before.rho, it.delta)
        assert lp.gain == pytest.approx(closed_form.gain, rel=1e-9)
