"""KL subproblems for tables: against the exponential cone, and by the conditions that only an optimum satisfies."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from exact.common.errors import InputError
from exact.evaluation import evaluate
from exact.mdp import check_distribution
from exact.subproblem.distances import Distance, distance, mean_distance
from exact.subproblem.kl import FEASIBLE, _forward_policy, solve_kl_forward, solve_kl_reverse, tilt
from exact.subproblem.lp import ConvexSubproblem
from tests.exact.strategies import mdps, policies
from tests.exact.subproblem.problems import problem

FORWARD, REVERSE = (solve_kl_forward, Distance.KL_FORWARD), (solve_kl_reverse, Distance.KL_REVERSE)
DIRECTIONS = pytest.mark.parametrize(("solve", "D"), [FORWARD, REVERSE], ids=["forward", "reverse"])


def full_support(S, n_actions, seed):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(n_actions), S), rng.standard_normal((S, n_actions)), rng.exponential(size=S)


@DIRECTIONS
@pytest.mark.parametrize("delta", [0.003, 0.2, 3.0])
@pytest.mark.parametrize("make", [problem, full_support])
def test_equal_to_the_exponential_cone(solve, D, delta, make):
    arguments = make(5, 3, seed=7)
    step, reference = solve(*arguments, delta), ConvexSubproblem(D)(*arguments, delta)
    check_distribution(step.policy, "trial")
    assert step.gain == pytest.approx(reference.gain, rel=2e-5)  # the accuracy of the cone solver
    assert step.price == pytest.approx(reference.price, rel=1e-3, abs=1e-6)
    assert step.distance <= delta * (1 + 1e-9)


@DIRECTIONS
@settings(max_examples=40, deadline=None)
@given(data=st.data(), delta=st.sampled_from([1e-3, 0.1, 2.0]))
def test_feasible_improving_and_tight_on_mdps(solve, D, data, delta):
    mdp = data.draw(mdps())
    policy = data.draw(policies(mdp))
    e = evaluate(mdp, policy)
    step = solve(policy, e.A, e.rho, delta)
    scale = max(1.0, abs(e.Q).max()) / (1 - mdp.discount)
    check_distribution(step.policy, "trial")
    assert step.distance == pytest.approx(e.rho @ distance(D, policy, step.policy), abs=1e-12)
    assert step.distance <= delta * (1 + 1e-7)
    if step.price > 0:
        assert step.distance == pytest.approx(delta, rel=1e-6)
    assert (step.policy * e.A).sum(axis=1).min() >= -1e-9 * scale
    assert step.gain <= e.policy_advantage + 1e-11 * scale
    if D is Distance.KL_REVERSE:
        assert (step.policy[policy == 0] == 0).all()


@pytest.mark.parametrize("delta", [0.01, 0.5])
def test_reverse_optimality(delta):
    """Exponential tilting: lambda log(pi/pi_k) - A is the same for all actions of a state."""
    policy, A, rho = full_support(6, 4, seed=1)
    step = solve_kl_reverse(policy, A, rho, delta)
    level = step.price * np.log(step.policy / policy) - A
    assert np.ptp(level, axis=1) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("delta", [0.01, 0.5])
def test_forward_optimality(delta):
    """A + lambda pi_k/pi = nu(s) on the support."""
    policy, A, rho = full_support(6, 4, seed=1)
    step = solve_kl_forward(policy, A, rho, delta)
    level = A + step.price * policy / step.policy
    assert np.ptp(level, axis=1) == pytest.approx(0, abs=1e-9)


def test_forward_puts_mass_on_a_better_action_outside_the_support():
    policy = np.array([[0.5, 0.5, 0.0, 0.0]])
    A = np.array([[-1.0, 1.0, 3.0, 2.0]])
    step = solve_kl_forward(policy, A, np.ones(1), 0.1)
    nu = 3.0
    assert step.policy[0, :2] == pytest.approx(step.price * 0.5 / (nu - A[0, :2]), rel=1e-9)
    assert step.policy[0, 2] > 0
    assert step.policy[0, 3] == 0
    assert solve_kl_reverse(policy, A, np.ones(1), 0.1).policy[0, 2:].tolist() == [0, 0]


@DIRECTIONS
def test_price_is_the_slope_of_the_value(solve, D):
    arguments = full_support(5, 3, seed=2)
    h = 1e-5
    low, middle, high = (solve(*arguments, 0.3 + x) for x in (-h, 0, h))
    assert (high.gain - low.gain) / (2 * h) == pytest.approx(middle.price, rel=1e-5)


def test_two_actions_by_hand():
    """One state, pi_k = (1/2, 1/2), A = (-1, 1): reverse tilting gives the logistic function of 2/lambda."""
    policy, A = np.array([[0.5, 0.5]]), np.array([[-1.0, 1.0]])
    p = 1 / (1 + np.exp(-2 / 0.7))
    delta = p * np.log(2 * p) + (1 - p) * np.log(2 * (1 - p))
    step = solve_kl_reverse(policy, A, np.ones(1), delta)
    assert step.price == pytest.approx(0.7, rel=1e-9)
    assert step.policy[0] == pytest.approx([1 - p, p], rel=1e-9)
    assert tilt(policy, A, 0.7)[0] == pytest.approx([1 - p, p], rel=1e-14)
    assert tilt(policy, A, 0.0).tolist() == [[0, 1]]


def test_radius_that_contains_the_greedy_policy():
    policy, A, rho = full_support(4, 3, seed=3)
    step = solve_kl_reverse(policy, A, rho, np.inf)
    assert (step.policy.argmax(axis=1) == A.argmax(axis=1)).all()
    assert (step.price, step.policy.max(axis=1).tolist()) == (0, [1] * 4)
    with pytest.raises(InputError, match="the forward KL radius must be finite"):
        solve_kl_forward(policy, A, rho, np.inf)


@DIRECTIONS
def test_huge_and_tiny_advantages(solve, D):
    """The price is found by a search over its logarithm: no scale may break it."""
    policy, A, rho = full_support(3, 3, seed=5)
    step = solve(policy, A, rho, 0.2)
    for scale in (1e-12, 1e12):
        scaled = solve(policy, scale * A, rho, 0.2)
        assert scaled.policy == pytest.approx(step.policy, rel=1e-7)
        assert scaled.price == pytest.approx(scale * step.price, rel=1e-7)


@DIRECTIONS
def test_nothing_to_gain_moves_nothing(solve, D):
    """All actions are greedy: leaving the policy would cost budget, in the forward direction infinitely much."""
    policy = np.array([[0.25, 0.75, 0.0], [0.0, 1.0, 0.0]])
    step = solve(policy, np.zeros((2, 3)), np.ones(2), 0.1)
    assert (step.policy == policy).all()
    assert (step.gain, step.distance, step.price) == (0, 0, 0)


def dual_bound(policy, A, rho, delta, price):
    """An upper bound of every feasible gain for every price > 0, by scalar minimisations over log(nu - max A).

    max_q q A - price KL(p || q) <= nu - price + price sum_a p log(price/(nu - A)) for every nu above all A.
    """
    total = price * delta
    for p, a, weight in zip(policy, A, rho, strict=True):
        top = a[p > 0].max()
        outside = max(0.0, float(a.max() - top))

        def bound(log_t, p=p, a=a, top=top, outside=outside):
            t = outside + math.exp(log_t)  # nu = top + t
            logs = [x * (math.log(price) - math.log(t + (top - y))) for x, y in zip(p, a, strict=True) if x > 0]
            return top + t - price + price * sum(logs)

        low, high = math.log(price) - 750, math.log(price + np.ptp(a)) + 1
        grid = np.linspace(max(low, -740), high, 300)
        i = int(np.argmin([bound(x) for x in grid]))
        span = (grid[max(i - 1, 0)], grid[min(i + 1, len(grid) - 1)])
        best = minimize_scalar(bound, bounds=span, method="bounded", options={"xatol": 1e-12}).fun
        total += weight * (best - float(p @ a))
    return total


@settings(max_examples=60, deadline=None)
@given(
    exponents=st.lists(st.lists(st.integers(-300, 0), min_size=3, max_size=3), min_size=2, max_size=2),
    delta=st.sampled_from([1e-9, 1e-3, 0.3, 5.0, 200.0]),
    scale=st.sampled_from([1e-12, 1.0, 1e9]),
    seed=st.integers(0, 50),
)
@example(exponents=[[-19, -11, 0], [-8, -10, 0]], delta=1e-9, scale=1e-12, seed=0)  # the distance is steep in the price
def test_forward_kl_is_optimal_by_its_dual_gap_at_every_probability(exponents, delta, scale, seed):
    """Below 1e-17 on the best action the bisection of nu did not reach it: a gain of .397 for .550."""
    policy = 10.0 ** np.array(exponents)
    policy /= policy.sum(axis=1, keepdims=True)
    _, A, rho = full_support(2, 3, seed)
    A = scale * A
    step = solve_kl_forward(policy, A, rho, delta)
    rounding = 1e-14 * rho.sum()  # of a distribution that sums to one
    assert step.distance <= delta * (1 + 1e-9) + rounding
    price = max(step.price, 1e-290)
    assert dual_bound(policy, A, rho, delta, price) - step.gain <= 1e-6 * step.gain + 10 * rounding * (scale + price)


@DIRECTIONS
def test_an_action_of_almost_no_probability(solve, D):
    """By hand: forward, mass q on the best of two actions costs about -log(1 - q), whatever its probability was."""
    for least in (1e-16, 1e-20, 1e-100, 1e-300):
        policy, A = np.array([[1.0, least]]), np.array([[0.0, 1.0]])
        delta = (
            -math.log(1 - 0.55) if D is Distance.KL_FORWARD else 0.55 * math.log(0.55 / least) + 0.45 * math.log(0.45)
        )
        step = solve(policy, A, np.ones(1), delta)
        assert step.gain == pytest.approx(0.55, rel=1e-6)
        assert step.policy[0, 1] == pytest.approx(0.55, rel=1e-6)


def test_a_tiny_radius_is_used_to_the_full():
    """sum p log(p/q) of two close policies is a rounded zero."""
    policy, A, rho = full_support(4, 3, seed=1)
    for solve in (solve_kl_forward, solve_kl_reverse):
        one, two = solve(policy, A, rho, 1e-16), solve(policy, A, rho, 4e-16)
        assert two.gain == pytest.approx(2 * one.gain, rel=1e-5)


@DIRECTIONS
def test_a_radius_that_a_tried_price_spends_exactly_is_solved(solve, D):
    """A bracket that ends at the root to the last digit had no change of sign: price and exp(log(price)) differ."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        policy = 10.0 ** rng.integers(-30, 1, (1, 3)).astype(float)
        policy /= policy.sum(axis=1, keepdims=True)
        A, rho = rng.normal(size=(1, 3)) * 10.0 ** rng.integers(-3, 3), np.ones(1)
        maximiser = tilt if D is Distance.KL_REVERSE else _forward_policy
        delta = mean_distance(D, policy, maximiser(policy, A, float(np.ptp(A)) * 4.0 ** rng.integers(-3, 4)), rho)
        if delta > 0:
            assert solve(policy, A, rho, delta).distance <= delta * (1 + FEASIBLE)
