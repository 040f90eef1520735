"""Garnet MDPs: exact numbers, the described randomness, seeds, sizes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from exact.common.errors import InputError
from exact.mdps.garnet import HARD, garnet
from exact.mdps.library import load


@settings(max_examples=40, deadline=None)
@given(S=st.integers(1, 12), A=st.integers(1, 4), b=st.integers(1, 12), seed=st.integers(0, 2**40))
def test_garnet_is_exact(S, A, b, seed):
    """Probabilities are positive multiples of 2^-16 on exactly b successors; rewards are multiples of 2^-8."""
    b = min(b, S)
    mdp = garnet(S, A, b, 0.9, seed)
    assert ((mdp.transitions > 0).sum(axis=2) == b).all()
    units = mdp.transitions * 2**16
    np.testing.assert_array_equal(units, np.rint(units))
    np.testing.assert_array_equal(units.sum(axis=2), 2**16)
    np.testing.assert_array_equal(mdp.rewards * 2**8, np.rint(mdp.rewards * 2**8))
    np.testing.assert_array_equal(mdp.initial, 1 / S)


def test_garnet_pieces_are_never_empty():
    """With as many as 300 pieces of 2^-16 units, cuts at 0 or 1 would be frequent."""
    assert (garnet(300, 10, 300, 0.9, 0).transitions > 0).all()


def test_garnet_is_random_as_described():
    """Successors uniform, probabilities of mean 1/b like the pieces of a cut interval, rewards standard normal."""
    S, A, b = 40, 250, 4
    mdp = garnet(S, A, b, 0.9, 1)
    present = mdp.transitions > 0
    share = present.reshape(-1, S).mean(axis=0)  # of 10,000 rows: standard error 0.003
    np.testing.assert_allclose(share, b / S, atol=0.015)
    pairs = present.reshape(-1, S).T.astype(float) @ present.reshape(-1, S) / (S * A)
    np.testing.assert_allclose(pairs[~np.eye(S, dtype=bool)], b * (b - 1) / (S * (S - 1)), atol=0.006)
    pieces = mdp.transitions[present]
    # The pieces' law is Dirichlet(1, 1, 1, 1): P(piece > x) = (1 - x)^3.
    for x in (0.1, 0.25, 0.5):
        assert (pieces > x).mean() == pytest.approx((1 - x) ** 3, abs=0.01)
    assert mdp.rewards.mean() == pytest.approx(0, abs=0.05)
    assert mdp.rewards.std() == pytest.approx(1, abs=0.05)


def test_garnet_seed():
    same, again, other = garnet(9, 2, 3, 0.9, 5), garnet(9, 2, 3, 0.9, 5), garnet(9, 2, 3, 0.9, 6)
    np.testing.assert_array_equal(same.transitions, again.transitions)
    np.testing.assert_array_equal(same.rewards, again.rewards)
    assert (same.transitions != other.transitions).any()
    assert (same.rewards != other.rewards).any()


def test_garnet_sparse():
    mdp = garnet(2000, 3, 5, 0.9, 0)
    assert sparse.issparse(mdp.transitions)
    assert mdp.transitions.has_canonical_format
    np.testing.assert_array_equal(np.diff(mdp.transitions.indptr), 5)
    np.testing.assert_array_equal(mdp.transitions.sum(axis=1), 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 2, 1, 0.9, 0), "at least one state and one action, got S=0, A=2"),
        ((5, 2, 6, 0.9, 0), r"branching must lie in 1\.\.5, got 6"),
        ((5, 2, 0, 0.9, 0), r"branching must lie in 1\.\.5, got 0"),
        ((10**6, 10**3, 5, 0.9, 0), "transitions are too many"),
        ((5, 2, 3, 1.0, 0), "discount must lie in"),
        ((5, 2, 3, 0.9, -1), "seed must not be negative"),
    ],
)
def test_garnet_bad_input(arguments, message):
    with pytest.raises(InputError, match=message):
        garnet(*arguments)


def test_a_hard_garnet_has_ties_an_absorbing_state_and_a_random_start():
    S, A = 6, 3
    mdp, plain = (load(f"garnet:S={S},A={A},b=2,gamma=0.9,seed=4{hard}") for hard in (HARD, ""))
    assert mdp.name.endswith(HARD)
    np.testing.assert_array_equal(mdp.transitions[-1], np.eye(S)[[S - 1] * A])
    assert not mdp.rewards[-1].any()
    for s in range(0, S, 2):
        np.testing.assert_array_equal(mdp.transitions[s, -1], mdp.transitions[s, 0])
        assert mdp.rewards[s, -1] == mdp.rewards[s, 0]
    np.testing.assert_array_equal(mdp.transitions[1], plain.transitions[1])
    assert (mdp.rewards == np.rint(mdp.rewards)).all()
    assert mdp.initial.min() > 0
    assert len(set(mdp.initial)) > 1
