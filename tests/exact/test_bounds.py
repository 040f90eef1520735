"""The bounds of `exact.bounds`: their printed values, their order, and the same code over the rationals."""

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from exact import bounds
from exact.evaluation import evaluate
from exact.subproblem.tv import solve_tv
from tests.exact.strategies import mdps, policies


@pytest.mark.parametrize(
    ("delta", "printed"), [(1e-4, 0.712), (0.01, -27.8), (0.1, -287), (5, -14399), (20, 1 - 2880 * 20)]
)
def test_lemma34_on_cash_in(delta, printed):
    """The cash-in table of theory.md. Beyond delta = 1/(1-gamma) = 10 the first of the two terms is the smaller one."""
    assert bounds.lemma34(0.9, 0.5, 1.0, 5.0, delta) == pytest.approx(
        printed if delta < 10 else 1 - 4 * 0.9 * 400 / (0.25 * 0.01 * 5), rel=1e-3
    )


def test_lemma34_is_the_smaller_of_two_terms():
    gamma, p0, A_bar, A_star = 0.5, 0.25, 3.0, 2.0
    for delta in (0.1, 1.9, 2.1, 50.0):
        first = 1 - 4 * A_bar * gamma * delta**2 / (p0**2 * (1 - gamma) ** 2 * A_star)
        second = 1 - 4 * A_bar * gamma * delta / (p0**2 * (1 - gamma) ** 3 * A_star)
        assert bounds.lemma34(gamma, p0, A_bar, A_star, delta) == pytest.approx(min(first, second), rel=1e-14)


@pytest.mark.parametrize(("delta", "expected"), [(0.5, 0.4), (10.0, 8.0), (30.0, 8.0)])
def test_lemma33(delta, expected):
    assert bounds.lemma33(0.9, 8.0, delta) == pytest.approx(expected)
    assert bounds.gain_sharper(10.0, 8.0, delta) == pytest.approx(expected)
    assert bounds.gain_sharper(2.5, 8.0, delta) == pytest.approx(min(4 * expected, 8.0))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((0.9, 0.5, 1.0, 0.05, 0.5, 0.8, 0.6), 0.8 * 0.5 * 0.5 / 9),
        ((0.9, 0.5, 0.01, 0.05, 0.5, 0.8, 0.6), 0.01),
        ((0.5, 0.5, 1.0, 0.49, 0.5, 0.8, 0.6), 0.6 * 0.51 * 0.5),
        ((0.0, 0.5, 7.0, 0.05, 0.5, 0.8, 0.6), 7.0),
    ],
)
def test_radius_floor(arguments, expected):
    assert bounds.radius_floor(*arguments) == pytest.approx(expected, rel=1e-14)


def test_the_radius_of_the_papers_proof():
    """p0^2 (1-gamma)^3 eps (1-beta1) / (4 A_bar gamma), no two of whose numbers agree."""
    expected = 0.25**2 * 0.1**3 * 3.0 * 0.3 / (4 * 2.0 * 0.9)
    assert bounds.radius_printed(0.9, 0.25, 3.0, 2.0, 0.7) == pytest.approx(expected, rel=1e-14)


def test_ratio_bounds_by_hand():
    assert bounds.ratio_prior(0.9, 5.0, 0.1) == pytest.approx(0.82)
    assert bounds.ratio_posterior(0.9, 5.0, 0.1) == pytest.approx(1 / 1.18)
    assert bounds.ratio_posterior(0.9, 5.0, 1e6) > 0
    assert bounds.ratio_from_visitations(np.array([1.0, 4.0]), np.array([2.0, 3.0])) == 0.75
    trial = np.array([[0.25, 0.75], [1, 0]])
    assert bounds.total_variation(np.array([[0.5, 0.5], [1, 0]]), trial).tolist() == [0.25, 0]


@settings(max_examples=50, deadline=None)
@given(data=st.data(), delta=st.sampled_from([0.01, 0.5, 20.0]))
def test_ladder_descends_and_every_rung_holds(data, delta):
    """theory.md, "The ladder": TRPO >= Pirotta, CPO >= span form >= a posteriori >= L' - eta'."""
    mdp = data.draw(mdps())
    policy = data.draw(policies(mdp))
    e = evaluate(mdp, policy)
    for trial in (solve_tv(policy, e.A, e.rho, delta).policy, data.draw(policies(mdp))):
        after = evaluate(mdp, trial)
        TV, f = bounds.total_variation(policy, trial), (trial * e.A).sum(axis=1)
        X = bounds.surrogate_error_ladder(mdp.discount, TV, f, float(e.rho @ TV), abs(e.A).max(), e.V, after.V)
        rounding = 1e-11 * max(1, abs(e.Q).max()) / (1 - mdp.discount) ** 2
        error = abs(e.eta + e.rho @ f - after.eta)
        assert X["TRPO"] >= X["Pirotta"] - rounding
        assert X["CPO"] >= X["span"] - rounding
        assert X["span"] >= X["a posteriori"] - rounding
        assert X["Pirotta"] >= X["span"] - rounding
        assert X["a posteriori"] >= error - rounding


def test_ladder_by_hand():
    X = bounds.surrogate_error_ladder(
        0.5, np.array([0.5, 0.25]), np.array([3.0, -1.0]), 0.75, 4.0, np.array([0.0, 1.0]), np.array([2.0, 0.0])
    )
    assert X == {"TRPO": 8.0, "Pirotta": 4.0, "CPO": 4.5, "span": 3.0, "a posteriori": 1.125}


def test_the_same_formulas_over_the_rationals():
    """One code is measured, drawn and certified: on fmpq it must neither fail nor fall back to floats."""
    half, tenth = fmpq(1, 2), fmpq(1, 10)
    exact = (
        bounds.lemma33(9 * tenth, fmpq(5), tenth),
        bounds.gain_sharper(fmpq(5), fmpq(5), tenth),
        bounds.lemma34(9 * tenth, half, fmpq(1), fmpq(5), tenth),
        bounds.ratio_prior(9 * tenth, fmpq(5), tenth),
        bounds.ratio_posterior(9 * tenth, fmpq(5), tenth),
        bounds.radius_floor(9 * tenth, half, fmpq(1), tenth / 2, half, 8 * tenth, 6 * tenth),
    )
    assert exact == (fmpq(1, 20), tenth, fmpq(-287), fmpq(41, 50), fmpq(50, 59), fmpq(1, 45))
    TV = bounds.total_variation(np.array([[half, half]]), np.array([[fmpq(0), fmpq(1)]]))
    assert TV[0] == half
    column = np.array([fmpq(3), fmpq(-1)])
    X = bounds.surrogate_error_ladder(half, np.array([half, half / 2]), column, half, fmpq(4), column, 2 * column)
    assert all(isinstance(x, fmpq) for x in X.values())
