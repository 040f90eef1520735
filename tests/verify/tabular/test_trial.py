"""One step and its quantities: on the grid, in floats and over the rationals."""

from dataclasses import replace

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from exact.algorithm import iterate
from exact.evaluation import evaluate
from exact.mdps.library import load
from exact.rational import dyadics
from exact.subproblem.lp import ConvexSubproblem
from exact.subproblem.tv import solve_tv
from tests.exact.strategies import mdps, policies
from tests.verify.made_up import made_up
from tests.verify.tabular.cases import on_the_grid
from verify.core.command import Options
from verify.tabular.runs import Run, beginning, random_garnet, rational_mdp
from verify.tabular.trial import FINE_GRID, GRID, SNAP, exact_trial, float_trial, grid_policy, on_grid

FIELDS = ("p0", "D", "D_new", "delta", "gain", "price", "dual", "A_star", "A_bar", "greedy_cost", "actual")


@settings(max_examples=40, deadline=None)
@given(data=st.data(), delta=st.sampled_from([1e-3, 0.4, 30.0]))
def test_steps_on_the_grid_stay_there_and_are_optimal_for_their_radius(data, delta):
    mdp = data.draw(mdps())
    policy = grid_policy(data.draw(policies(mdp)))
    it = next(iterate(mdp, on_grid(solve_tv), start=policy, delta0=delta), None)
    if it is None:
        return
    e, step, free = it.before, it.step, solve_tv(policy, it.before.A, it.before.rho, delta)
    assert on_the_grid(step.policy, FINE_GRID)
    assert step.distance <= delta * (1 + 1e-12) + e.rho.sum() * mdp.n_actions * SNAP / FINE_GRID
    assert abs(step.policy - free.policy).max() <= mdp.n_actions / FINE_GRID
    point = exact_trial(rational_mdp(mdp), it)
    # With ties that floats do not see as such the threshold rule may be off; without them this is an equality.
    assert float(point.dual - point.gain) <= 1e-9 * max(1, abs(e.Q).max()) / (1 - mdp.discount)


@given(st.integers(0, 999), st.integers(2, 6))
def test_grid_policy_is_a_distribution_next_to_the_given_one(seed, n_actions):
    policy = np.random.default_rng(seed).dirichlet(np.ones(n_actions), 3)
    assert on_the_grid(grid_policy(policy))
    assert abs(grid_policy(policy) - policy).max() <= n_actions / GRID


@settings(max_examples=40, deadline=None)
@given(data=st.data(), delta=st.sampled_from([1e-3, 0.4, 30.0]))
def test_floats_are_within_their_margin_of_the_truth(data, delta):
    """What a verdict in floats rests on: `rounding` covers the error of everything that is compared."""
    mdp = data.draw(mdps())
    policy = grid_policy(data.draw(policies(mdp)))
    it = next(iterate(mdp, on_grid(solve_tv), start=policy, delta0=delta, tolerance=1e-8), None)
    if it is None:
        return
    floats = float_trial(mdp, it)
    exact = exact_trial(rational_mdp(mdp), it)
    for name in FIELDS:
        if name not in ("delta", "price", "dual"):  # these depend on whether floats see a tie
            assert abs(float(getattr(exact, name)) - getattr(floats, name)) <= floats.rounding, name
    assert abs(exact.f.astype(float) - floats.f).max() <= floats.rounding
    assert abs(exact.after.V.astype(float) - floats.after.V).max() <= floats.rounding


def test_solvers_propose_the_same_steps():
    run = Run(random_garnet(11).name, 11, Options())
    mdp = load(run.mdp)
    start, delta0 = beginning(run, mdp)
    e = evaluate(mdp, start)
    by_sorting, by_lp = (on_grid(s, GRID)(start, e.A, e.rho, delta0) for s in (solve_tv, ConvexSubproblem()))
    assert abs(by_sorting.policy - by_lp.policy).max() <= 1 / GRID
    assert by_sorting.gain == pytest.approx(by_lp.gain, rel=1e-4)


def test_every_quantity_of_a_step_by_hand():
    t = made_up()
    assert (t.p0, t.D, t.D_new, t.delta) == (fmpq(1, 4), 4, fmpq(9, 2), 4)
    assert (t.m.tolist(), t.f.tolist()) == ([2, 4], [fmpq(7, 4), 3])
    assert (t.gain, t.actual, t.ratio) == (fmpq(81, 4), 2, fmpq(8, 81))
    assert t.G.tolist() == [[8, 0, 1], [4, 5, 0]]
    assert (t.price, t.dual) == (4, 16 + 6 + fmpq(5, 2))
    assert (t.A_star, t.A_bar, t.greedy_cost, t.part_emptied) == (26, 6, 6, 1)
    assert made_up(trial=dyadics(np.array([[0.0, 1, 0], [0, 0, 1]]))).delta == 50


def test_a_solver_that_says_something_wrong_still_says_it():
    """The grid takes away what the rounding has lost, and mends nothing."""
    mdp = load("dadashi-3")
    policy = grid_policy(mdp.uniform_policy())
    e = evaluate(mdp, policy)

    def lying(*at):
        return replace(solve_tv(*at), gain=solve_tv(*at).gain + 1, distance=solve_tv(*at).distance + 2)

    right, wrong = (on_grid(solve, GRID)(policy, e.A, e.rho, 0.123) for solve in (solve_tv, lying))
    assert wrong.gain - right.gain == pytest.approx(1)
    assert wrong.distance - right.distance == pytest.approx(2)
    assert right.gain == pytest.approx(e.rho @ ((right.policy - policy) * e.A).sum(axis=1))
    assert right.distance == pytest.approx(e.rho @ abs(right.policy - policy).sum(axis=1) / 2)
    assert right.distance <= 0.123
