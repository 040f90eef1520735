"""The closed form of (3.6) against brute force, the LP and its certificate; large problems against small ones."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exact.evaluation import evaluate
from exact.mdp import check_distribution
from exact.mdps.library import load
from exact.subproblem import tv as subproblem
from exact.subproblem.lp import ConvexSubproblem
from exact.subproblem.tv import gaps, solve_tv
from tests.exact.strategies import mdps, policies
from tests.exact.subproblem.problems import dual_bound, problem

LP = ConvexSubproblem()
RADII = st.sampled_from([1e-4, 0.05, 0.3, 1.0, 4.0, 1e3])


def brute_force(policy, A, rho, delta):
    """The largest gain of (3.6) over all vertices of its feasible set, without any idea of which are good.

    The masses moved from (s, a) to (s, b) form a product of simplices cut by one budget: its vertices are the vertices
    of the product (every pair (s, a) sends all its mass to one b) that fit, and the points where an edge (one pair
    changes its mind) meets the budget.
    """
    S, n = A.shape
    pairs = [(s, a) for s in range(S) for a in range(n)]
    choices = np.array(list(itertools.product(range(n), repeat=len(pairs))))
    cost, gain = np.zeros(len(choices)), np.zeros(len(choices))
    moves = []
    for i, (s, a) in enumerate(pairs):
        mass = rho[s] * policy[s, a]
        moves.append((np.where(np.arange(n) == a, 0, mass), mass * (A[s] - A[s, a])))
        cost += moves[i][0][choices[:, i]]
        gain += moves[i][1][choices[:, i]]
    best = gain[cost <= delta].max()
    for i, (cost_of, gain_of) in enumerate(moves):
        for b in range(n):
            more_cost = cost_of[b] - cost_of[choices[:, i]]
            more_gain = gain_of[b] - gain_of[choices[:, i]]
            crossing = (cost <= delta) & (cost + more_cost > delta)
            share = (delta - cost[crossing]) / more_cost[crossing]
            best = max([best, *(gain[crossing] + share * more_gain[crossing])])
    return float(best)


def check_certificate(policy, A, rho, delta, step):
    """A primal and a dual point of equal value: the step is optimal and so is its price."""
    check_distribution(step.policy, "trial")
    scale = float(rho.sum() * max(1.0, np.ptp(A)))
    tv = np.abs(step.policy - policy).sum(axis=1) / 2
    assert step.distance == pytest.approx(rho @ tv, abs=1e-12 * scale)
    assert step.distance <= delta * (1 + 1e-12)
    assert step.gain == pytest.approx(rho @ ((step.policy - policy) * A).sum(axis=1), abs=1e-12 * scale)
    assert step.price >= 0
    if np.isfinite(delta):
        assert step.gain == pytest.approx(dual_bound(policy, A, rho, delta, step.price), abs=1e-12 * scale)
    else:
        assert step.price == 0


@settings(max_examples=60, deadline=None)
@given(data=st.data(), delta=RADII)
def test_optimal_on_mdps(data, delta):
    mdp = data.draw(mdps())
    policy = data.draw(policies(mdp))
    e = evaluate(mdp, policy)
    step = solve_tv(policy, e.A, e.rho, delta)
    check_certificate(policy, e.A, e.rho, delta, step)
    assert (step.policy * e.A).sum(axis=1).min() >= -1e-12 * max(1, abs(e.Q).max())
    if delta == 1e3:
        assert step.gain == pytest.approx(e.policy_advantage, abs=1e-9 * max(1, abs(e.Q).max()))


@settings(max_examples=40, deadline=None)
@given(data=st.data(), delta=RADII)
def test_equal_to_brute_force(data, delta):
    mdp = data.draw(mdps(max_states=3, max_actions=2) | mdps(max_states=2, max_actions=3))
    policy = data.draw(policies(mdp))
    e = evaluate(mdp, policy)
    step = solve_tv(policy, e.A, e.rho, delta)
    assert step.gain == pytest.approx(brute_force(policy, e.A, e.rho, delta), abs=1e-11 * max(1, abs(e.Q).max()) * 1e3)


@settings(max_examples=25, deadline=None)
@given(data=st.data(), delta=RADII)
def test_equal_to_the_linear_program(data, delta):
    mdp = data.draw(mdps())
    policy = data.draw(policies(mdp))
    e = evaluate(mdp, policy)
    step, reference = solve_tv(policy, e.A, e.rho, delta), LP(policy, e.A, e.rho, delta)
    scale = max(1.0, abs(e.A).max() * e.rho.sum())
    assert step.gain == pytest.approx(reference.gain, abs=1e-8 * scale)
    assert reference.distance <= delta * (1 + 1e-6) + 1e-9
    # The LP's price is a dual optimum too; where the optimum has a kink in delta the two may differ.
    assert dual_bound(policy, e.A, e.rho, delta, reference.price) == pytest.approx(step.gain, abs=1e-6 * scale)


@pytest.mark.parametrize("seed", range(3))
def test_price_and_policy_of_the_linear_program(seed):
    """At a generic point the optimum is unique, and so is its price."""
    policy, A, rho = problem(8, 4, seed)
    step, reference = solve_tv(policy, A, rho, 1.5), LP(policy, A, rho, 1.5)
    assert step.gain == pytest.approx(reference.gain, rel=1e-9)
    assert step.price == pytest.approx(reference.price, rel=1e-7)
    assert step.policy[rho > 0] == pytest.approx(reference.policy[rho > 0], abs=1e-7)


@pytest.mark.parametrize("ties", [False, True], ids=["generic", "ties"])
@pytest.mark.parametrize("delta", [1e-3, 0.5, 7.0, 30.0, 1e4, np.inf])
@pytest.mark.parametrize("n_actions", [1, 2, 7])
def test_large_problems_are_solved_like_small_ones(monkeypatch, n_actions, delta, ties):
    """The sampled bracket and the chunks change nothing."""
    arguments = problem(300, n_actions, seed=n_actions, ties=ties)
    monkeypatch.setattr(subproblem, "SORT_LIMIT", 10**6)
    small = solve_tv(*arguments, delta)
    monkeypatch.setattr(subproblem, "SORT_LIMIT", 0)
    monkeypatch.setattr(subproblem, "CHUNK_PAIRS", 64)
    monkeypatch.setattr(subproblem, "SAMPLE_ROWS", 20)
    large = solve_tv(*arguments, delta)
    check_certificate(*arguments, delta, small)
    check_certificate(*arguments, delta, large)
    assert large.gain == pytest.approx(small.gain, rel=1e-12)
    assert large.price == small.price
    if not ties:
        assert large.policy == pytest.approx(small.policy, abs=1e-12)


@pytest.mark.parametrize("bracket", [(2.0, 3.0), (0.0, 0.1), (0.1, 0.2), (5.0, np.inf), (2.9, 9.0)])
@pytest.mark.parametrize("delta", [0.05, 20.0, 200.0])
def test_a_wrong_bracket_costs_only_time(monkeypatch, bracket, delta):
    arguments = problem(200, 4, seed=3)
    right = solve_tv(*arguments, delta)
    monkeypatch.setattr(subproblem, "SORT_LIMIT", 0)
    monkeypatch.setattr(subproblem, "_bracket", lambda *_: bracket)
    guessed = solve_tv(*arguments, delta)
    check_certificate(*arguments, delta, guessed)
    assert guessed.gain == pytest.approx(right.gain, rel=1e-12)
    assert guessed.price == right.price
    assert guessed.policy == pytest.approx(right.policy, abs=1e-12)


def test_the_sampled_bracket_is_narrow_and_right():
    """It is what makes large problems fast: a few per cent of the pairs around the threshold."""
    policy, A, rho = problem(20_000, 5, seed=0)
    for delta in (100.0, 2000.0):
        lo, hi = subproblem._bracket(policy, A, rho, delta)
        assert lo < solve_tv(policy, A, rho, delta).price <= hi
        assert np.mean((gaps(A) > lo) & (gaps(A) <= hi)) < 0.1


def test_solver_leaves_its_arguments_alone(monkeypatch):
    for limit in (0, 10**6):
        monkeypatch.setattr(subproblem, "SORT_LIMIT", limit)
        arguments = problem(50, 3, seed=1)
        before = [x.copy() for x in arguments]
        solve_tv(*arguments, 2.0)
        assert all((x == y).all() for x, y in zip(arguments, before, strict=True))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), price=st.floats(0, 10), delta=RADII)
def test_every_price_bounds_the_gain(seed, price, delta):
    arguments = problem(5, 3, seed, ties=bool(seed % 2))
    assert solve_tv(*arguments, delta).gain <= dual_bound(*arguments, delta, price) + 1e-12


def test_value_is_concave_and_its_slope_is_the_price():
    arguments = problem(6, 4, seed=2)
    radii = np.linspace(0.01, 8, 400)
    steps = [solve_tv(*arguments, delta) for delta in radii]
    gain, price = np.array([s.gain for s in steps]), np.array([s.price for s in steps])
    slope = np.diff(gain) / np.diff(radii)
    assert (np.diff(price) <= 0).all()
    assert (slope <= price[:-1] + 1e-9).all()
    assert (slope >= price[1:] - 1e-9).all()


def test_cash_in_moves_exactly_the_radius():
    policy = np.array([[1.0, 0.0], [1.0, 0.0]])
    e = evaluate(load("cash-in"), policy)
    step = solve_tv(policy, e.A, e.rho, 0.5)
    assert step.policy == pytest.approx(np.array([[0.9, 0.1], [1.0, 0.0]]), abs=1e-15)
    assert (step.gain, step.distance, step.price) == pytest.approx((0.5, 0.5, 1.0), rel=1e-14)


def test_nothing_to_gain_moves_nothing():
    policy, A = np.array([[0.5, 0.5], [0.0, 1.0]]), np.zeros((2, 2))
    step = solve_tv(policy, A, np.ones(2), 1.0)
    assert (step.policy == policy).all()
    assert (step.gain, step.distance, step.price) == (0, 0, 0)


@pytest.mark.parametrize("bracket", [(0.0, np.inf), (1.5, np.inf), (1.5, 2.5), (0.5, 2.5)])
def test_price_where_a_radius_empties_the_last_pair_exactly(monkeypatch, bracket):
    """The value has a kink there: every price between the neighbouring gaps, 1 and 2, is dual optimal, no other is."""
    policy, A, rho = np.full((3, 2), 0.5), np.array([[3.0, 0.0], [2.0, 0.0], [1.0, 0.0]]), np.ones(3)
    monkeypatch.setattr(subproblem, "SORT_LIMIT", 0)
    monkeypatch.setattr(subproblem, "_bracket", lambda *_: bracket)
    step = solve_tv(policy, A, rho, 1.0)
    check_certificate(policy, A, rho, 1.0, step)
    assert step.policy.tolist() == [[1, 0], [1, 0], [0.5, 0.5]]
    assert 1 <= step.price <= 2
