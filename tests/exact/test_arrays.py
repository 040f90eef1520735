"""Arrays of QuantEcon and pymdptoolbox."""

from fractions import Fraction

import numpy as np
import pytest
from quantecon.markov import DiscreteDP
from scipy import sparse

from exact.arrays import expected_rewards
from exact.common.errors import InputError
from exact.mdp import MDP
from exact.mdps.library import load
from exact.optimum import optimum

R = np.array([[5.0, 10.0], [-1.0, -np.inf]])
Q = np.array([[[0.5, 0.5], [0, 1]], [[0, 1], [0, 0]]])
FOREST = load("forest")
P = FOREST.transitions.transpose(1, 0, 2)


@pytest.mark.parametrize("pairs", [False, True], ids=["product", "pairs"])
@pytest.mark.parametrize("thin", [False, True], ids=["dense", "sparse"])
def test_quantecon_s_example_has_quantecon_s_values_and_minus_infinity_is_unavailable(pairs, thin):
    ddp = DiscreteDP(R, Q, 0.95)
    if pairs:
        ddp = ddp.to_sa_pair_form(sparse=thin)
    mdp = MDP.from_quantecon(ddp)
    assert mdp.available.tolist() == [[True, True], [True, False]]
    np.testing.assert_allclose(optimum(mdp).values.V, ddp.solve(method="policy_iteration").v, rtol=1e-14)


def test_state_action_pairs_in_any_order():
    mdp = MDP.from_state_action_pairs([-1.0, 10.0, 5.0], [[0, 1], [0, 1], [0.5, 0.5]], [1, 0, 0], [0, 1, 0], 0.95)
    np.testing.assert_allclose(optimum(mdp).values.V, [-60 / 7, -20], rtol=1e-14)


@pytest.mark.parametrize("thin", [False, True], ids=["dense", "sparse"])
def test_the_forest_of_the_mdp_toolbox(thin):
    kernels = [sparse.csr_matrix(p) for p in P] if thin else P
    mdp = MDP.from_pymdptoolbox(kernels, FOREST.rewards, 0.9)
    np.testing.assert_allclose(optimum(mdp).values.V, [26.244, 29.484, 33.484])
    assert sparse.issparse(mdp.transitions) == thin
    by_state = MDP.from_pymdptoolbox(kernels, np.array([1.0, 2, 3]), 0.9)
    assert by_state.rewards.tolist() == [[1, 1], [2, 2], [3, 3]]


def test_rewards_of_transitions_are_reduced_exactly():
    rewards = np.tile([0.1, 0.2, 0.7], (2, 3, 1))
    mdp = MDP.from_pymdptoolbox(P, rewards, 0.9)
    assert mdp.rewards[0, 0] == float(Fraction(1, 10) * Fraction(1, 10) + Fraction(9, 10) * Fraction(2, 10))
    thin = MDP.from_pymdptoolbox(P, [sparse.csr_array(r) for r in rewards], 0.9)
    assert (thin.rewards == mdp.rewards).all()
    third = 1 / 3
    assert expected_rewards([0, 0, 0], [third, third, 1 - 2 * third], [0.3, 0.3, 0.3], 1)[0] == 0.3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MDP.from_quantecon(3), "from_quantecon needs a DiscreteDP; the object has no R"),
        (lambda: MDP.from_state_action_pairs([1], [[1.0]], [0, 0], [0], 0.9), "expected R, s_indices, a_indices of"),
        (lambda: MDP.from_state_action_pairs([1, 1], [[1.0]] * 2, [0, 0], [0, 0], 0.9), "a pair is listed twice"),
        (lambda: MDP.from_state_action_pairs([1], [[1.0]], [1], [0], 0.9), r"s_indices must be in 0\.\.0"),
        (lambda: MDP.from_state_action_pairs([1], [[1.0, 0]], [0], [0], 0.9), "state 1 has no available action"),
        (lambda: MDP.from_state_action_pairs(["x"], [[1.0]], [0], [0], 0.9), "R must be an array of numbers"),
        (lambda: MDP.from_state_action_pairs([1, 1], [[1, 0], [1]], [0, 1], [0, 0], 0.9), "Q must be an array"),
        (lambda: MDP.from_state_action_pairs([1], [[1.0]], [[0], [0, 1]], [0], 0.9), "s_indices must be an array"),
        (lambda: MDP.from_state_action_pairs([1], [[1.0]], [0], [10**12], 0.9), "expected at most 20000000 pairs"),
        (lambda: MDP.from_pymdptoolbox(P, [1, "x", 2], 0.9), "R must be an array of numbers"),
        (lambda: MDP.from_pymdptoolbox(P, [[1], [2, 3]], 0.9), "R must be an array of numbers"),
        (lambda: MDP.from_pymdptoolbox(P[:, :2], FOREST.rewards, 0.9), r"P must be A matrices of shape \(S, S\)"),
        (lambda: MDP.from_pymdptoolbox(P, np.ones(2), 0.9), r"R must have the shape \(3,\), \(3, 2\) or \(2, 3, 3\)"),
        (lambda: MDP.from_pymdptoolbox(P, 1.0, 0.9), "R must have the shape"),
        (lambda: MDP.from_pymdptoolbox(7, 1.0, 0.9), "P must be"),
        (lambda: MDP.from_pymdptoolbox(P, P * np.inf, 0.9), "not finite"),
        (lambda: MDP.from_pymdptoolbox(P, [P[0]], 0.9), "R must have the shape"),
    ],
)
def test_wrong_arrays_are_one_line(make, message):
    with pytest.raises(InputError, match=message) as error, np.errstate(invalid="ignore"):
        make()
    assert "\n" not in str(error.value)
