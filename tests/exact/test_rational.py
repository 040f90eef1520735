"""Exact arithmetic: which fraction a float means, and evaluation without rounding."""

from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from exact.evaluation import evaluate
from exact.mdp import MDP
from exact.mdps.library import NAMED, load
from exact.rational import dyadic, dyadics, evaluate_exactly, from_mdp, rational, rationals
from tests.exact.strategies import mdps, policies


@pytest.mark.parametrize(
    ("x", "p", "q"), [(0.9, 9, 10), (1 / 3, 1, 3), (-0.125, -1, 8), (0.0, 0, 1), (7.0, 7, 1), (2 / 65535, 2, 65535)]
)
def test_the_fraction_that_a_float_means(x, p, q):
    assert rational(x) == fmpq(p, q)


@pytest.mark.parametrize(
    "text", ["1e-15", "0.99999999999999", "0.5000000000001", "1e-300", "123456.789012345", "-1e22"]
)
def test_decimals_are_read_as_they_are_given(text):
    """rational(1e-15) was 0, and 1 - 1e-14 was 1: another MDP was decided."""
    given = Fraction(text)
    assert rational(float(text)) == fmpq(given.numerator, given.denominator)


@pytest.mark.parametrize("x", [np.pi, 0.1 + 0.2, 1e-9 / 3, np.nextafter(1, 0)])
def test_other_floats_mean_themselves(x):
    assert rational(x) == dyadic(x)
    assert dyadic(x) == fmpq(*float(x).as_integer_ratio())


@given(st.integers(-(10**6), 10**6), st.integers(1, 2**16))
def test_every_small_fraction_is_recognised(p, q):
    assert rational(p / q) == fmpq(p, q)


def test_arrays_keep_their_shape():
    assert rationals([[0.5, 0.1]]).tolist() == [[fmpq(1, 2), fmpq(1, 10)]]
    assert dyadics(np.array([0.1]))[0] != fmpq(1, 10)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_exact_evaluation_satisfies_its_equations_exactly(data):
    """Bellman and flow equations with no tolerance, and agreement with float64."""
    mdp = data.draw(mdps())
    policy = data.draw(policies(mdp))
    exact, pi = from_mdp(mdp), dyadics(policy)
    e, gamma = evaluate_exactly(exact, pi), from_mdp(mdp).discount
    kernel = rationals(mdp.kernel if isinstance(mdp.kernel, np.ndarray) else mdp.kernel.toarray())
    P_pi = (pi[:, :, None] * kernel.reshape(*pi.shape, -1)).sum(axis=1)
    r_pi = (pi * exact.rewards).sum(axis=1)
    assert (r_pi + gamma * (P_pi @ e.V) == e.V).all()
    assert (e.rho == exact.initial + gamma * (e.rho @ P_pi)).all()
    assert (exact.rewards + gamma * (kernel @ e.V).reshape(pi.shape) == e.Q).all()
    assert ((pi * e.A).sum(axis=1) == 0).all()
    assert e.rho.sum() == 1 / (1 - gamma)
    assert e.eta == (exact.initial * e.V).sum() == (e.rho * r_pi).sum()
    floats = evaluate(mdp, policy)
    assert floats.eta == pytest.approx(float(e.eta), abs=1e-10 * max(1, abs(floats.eta)) / (1 - mdp.discount))


@pytest.mark.parametrize("name", [name for name in NAMED if name != "taxi"])
def test_named_mdps_are_rational(name):
    mdp = from_mdp(load(name))
    assert (np.add.reduceat(mdp.probabilities, mdp.indptr[:-1]) == 1).all()
    assert mdp.initial.sum() == 1
    assert min(mdp.probabilities) > 0
    assert all(x.q <= 2**16 for x in [*mdp.rewards.ravel(), *mdp.probabilities, *mdp.initial, mdp.discount])


def test_a_rounding_residue_goes_to_the_largest_probability():
    row = np.array([0.1234567890123, 0.6, 1 - 0.1234567890123 - 0.6])
    mdp = from_mdp(MDP(row[None, None].repeat(3, axis=0), np.zeros((3, 1)), row, 0.5))
    assert mdp.initial.sum() == 1
    assert mdp.initial[1] == 1 - rational(row[0]) - mdp.initial[2]
    assert (mdp.probabilities.reshape(3, 3).sum(axis=1) == 1).all()
