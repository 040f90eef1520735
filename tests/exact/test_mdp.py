"""The MDP type: what it accepts, what it says when it does not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from exact.common.errors import InputError
from exact.mdp import MDP, dense_if_small
from tests.exact.strategies import mdps, policies

P = np.array([[[0.5, 0.5], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]])
R = np.array([[1.0, 2.0], [3.0, 4.0]])
RHO0 = np.array([0.5, 0.5])


def changed(array, index, value):
    copy = array.copy()
    copy[index] = value
    return copy


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"transitions": changed(P, (1, 0, 0), 0.25)},
            "toy: transition probabilities of state 1, action 0 sum to 1.25",
        ),
        ({"transitions": changed(P, (0, 1), (-0.5, 1.5))}, "negative transition probability in state 0, action 1"),
        ({"transitions": changed(P, (0, 1, 0), np.nan)}, r"transitions must be finite, found nan at index \(0, 1, 0\)"),
        ({"transitions": P[0]}, r"transitions must have 3 dimensions, got shape \(2, 2\)"),
        ({"transitions": P[:, :1]}, r"transitions have shape \(2, 1, 2\), expected \(2, 2, 2\)"),
        ({"transitions": "abc"}, "transitions must be an array of numbers"),
        ({"rewards": changed(R, (1, 0), np.inf)}, r"rewards must be finite, found inf at index \(1, 0\)"),
        ({"rewards": R[:, :0], "transitions": P[:, :0]}, "at least one state and one action"),
        ({"initial": np.array([1.0])}, r"initial distribution has shape \(1,\), expected \(2,\)"),
        ({"initial": np.array([0.5, 0.4])}, "initial distribution sums to 0.9, expected 1"),
        ({"initial": np.array([1.5, -0.5])}, "initial distribution has a negative probability"),
        ({"discount": 1.0}, r"discount must lie in \[0, 1\), got 1.0"),
        ({"discount": float("nan")}, "discount must lie in"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(InputError, match=message) as caught:
        MDP(**{"transitions": P, "rewards": R, "initial": RHO0, "discount": 0.9, "name": "toy"} | arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        ([[1.0, 0], [0, 1], [0.5, 0.25], [1, 0]], "state 1, action 0 sum to 0.75"),
        ([[1.0, 0], [-0.5, 1.5], [0, 1], [1, 0]], "negative transition probability in state 0, action 1"),
        ([[1.0, 0], [np.nan, 1], [0, 1], [1, 0]], "not finite"),
        ([[1.0, 0], [0, 1], [1e308, 1e308], [1, 0]], "state 1, action 0 sum to inf"),
        ([[1.0, 0], [0, 1]], r"transitions have shape \(2, 2\), expected \(4, 2\)"),
    ],
)
def test_bad_sparse_input_is_named(kernel, message):
    with pytest.raises(InputError, match=message):
        MDP(sparse.csr_array(kernel), R, RHO0, 0.9)


def test_arrays_are_own_and_read_only():
    rewards = R.copy()
    mdp = MDP(P, rewards, RHO0, 0.9)
    rewards[0, 0] = 7
    assert mdp.rewards[0, 0] == 1
    for array in (mdp.transitions, mdp.rewards, mdp.initial):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_kernel_row_belongs_to_state_and_action():
    dense = MDP(P, R, RHO0, 0.9)
    assert np.shares_memory(dense.kernel, dense.transitions)
    np.testing.assert_array_equal(dense.kernel[1 * 2 + 1], P[1, 1])


def test_sparse_duplicates_are_added():
    parts = np.array([0.5, 0.5, 1, 1, 1]), np.array([1, 1, 1, 0, 0]), np.array([0, 2, 3, 4, 5])
    kernel = MDP(sparse.csr_array(parts, shape=(4, 2)), R, RHO0, 0.9).kernel
    assert kernel.nnz == 4
    np.testing.assert_array_equal(kernel.toarray()[0], [0, 1])


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ([[0.5, 0.5]], r"policy has shape \(1, 2\), expected \(S, A\) = \(2, 2\)"),
        ([[0.5, 0.5], [0.5, 0.6]], "policy in state 1 sums to 1.1"),
        ([[0.5, 0.5], [-1, 2]], "policy has a negative probability in state 1"),
        ([[np.nan, 1], [0, 1]], "policy must be finite"),
        ([1, 2], "policy must have 2 dimensions"),
    ],
)
def test_bad_policy_is_named(policy, message):
    with pytest.raises(InputError, match=message):
        MDP(P, R, RHO0, 0.9).check_policy(policy)


@settings(deadline=None)
@given(st.data())
def test_strategies_make_mdps_and_policies(data):
    mdp = data.draw(mdps())
    assert mdp.initial.min() > 0
    np.testing.assert_array_equal(mdp.kernel.sum(axis=1), 1)
    for policy in (data.draw(policies(mdp)), mdp.uniform_policy()):
        np.testing.assert_array_equal(mdp.check_policy(policy), policy)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((R, P, RHO0, 0.9), "rewards must have 2 dimensions"),
        ((P, RHO0, R, 0.9), "rewards must have 2 dimensions"),
        ((P, R, 0.9, RHO0), "the discount must be a number"),
        ((P, R, RHO0, "high"), "the discount must be a number"),
        ((P.reshape(4, 2), R, RHO0, 0.9), "transitions must have 3 dimensions"),
    ],
)
def test_arguments_in_another_order_are_told_what_is_expected(arguments, message):
    with pytest.raises(InputError, match=message + ".*; an MDP takes, in this order: transitions of shape"):
        MDP(*arguments)


def test_an_mdp_is_one_line():
    assert repr(MDP(P, R, RHO0, 0.9, "toy")) == "MDP(toy: S=2, A=2, discount=0.9, dense)"
    assert repr(MDP(sparse.csr_array(P.reshape(4, 2)), R, RHO0, 0.9)) == "MDP(mdp: S=2, A=2, discount=0.9, sparse)"


def test_large_tables_stay_sparse():
    assert isinstance(dense_if_small(sparse.eye_array(1000, format="csr"), 1), np.ndarray)
    assert sparse.issparse(dense_if_small(sparse.eye_array(1001, format="csr"), 1))
    wide = sparse.csr_array((30_000, 1000))
    assert sparse.issparse(dense_if_small(wide, 30))


def test_huge_probabilities_are_named_without_a_warning():
    huge = np.full((2, 2, 2), 1e308)
    with pytest.raises(InputError, match="state 0, action 0 sum to inf"):
        MDP(huge, R, RHO0, 0.9)
    with pytest.raises(InputError, match="initial distribution sums to inf"):
        MDP(P, R, huge[0, 0], 0.9)
