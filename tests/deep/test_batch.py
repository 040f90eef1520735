"""Advantages (4.4) and the returns of pieces; tests/deep/test_algorithm.py has batches from rollouts."""

import numpy as np
import pytest

from deep.batch import gae, segment_returns

REWARDS, VALUES = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.5, 1.0, 1.5, 2.0])


def test_hand_computed_with_a_termination_and_a_cut():
    # ends after t=1 by termination (value 0) and at the batch's end with V(s_4) = 10; gamma .5, lambda .5
    got = gae(REWARDS, VALUES, np.array([1, 3]), np.array([0.0, 10.0]), 0.5, 0.5)
    e = [1 + 0.5 * 1 - 0.5, 2 - 1, 3 + 0.5 * 2 - 1.5, 4 + 0.5 * 10 - 2]
    np.testing.assert_allclose(got, [e[0] + 0.25 * e[1], e[1], e[2] + 0.25 * e[3], e[3]])


def test_truncation_bootstraps_where_termination_does_not():
    terminated = gae(REWARDS, VALUES, np.array([3]), np.array([0.0]), 0.9, 0.8)
    truncated = gae(REWARDS, VALUES, np.array([3]), np.array([7.0]), 0.9, 0.8)
    np.testing.assert_allclose(truncated - terminated, 0.9 * 7 * 0.72 ** np.arange(3, -1, -1))


@pytest.mark.parametrize("end_value", [0.0, 3.0])
def test_lambda_one_is_the_discounted_return_minus_the_value(end_value):
    got = gae(REWARDS, VALUES, np.array([3]), np.array([end_value]), 0.9, 1.0)
    returns = [sum(0.9**j * r for j, r in enumerate(REWARDS[t:])) + 0.9 ** (4 - t) * end_value for t in range(4)]
    np.testing.assert_allclose(got, np.array(returns) - VALUES)


def test_lambda_zero_is_the_one_step_error():
    got = gae(REWARDS, VALUES, np.array([3]), np.array([5.0]), 0.9, 0.0)
    np.testing.assert_allclose(got, REWARDS + 0.9 * np.array([1.0, 1.5, 2.0, 5.0]) - VALUES)


def test_a_constant_reward_has_the_discounted_sum_for_its_return():
    assert segment_returns([np.full(7, 2.0), np.zeros(3)], 0.9) == pytest.approx([20.0, 0.0])
