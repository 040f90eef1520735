"""The distances of the trust region, by hand."""

import numpy as np
import pytest

from exact.subproblem.distances import Distance, distance, mean_distance

P = np.array([[0.5, 0.5], [1.0, 0.0]])
Q = np.array([[0.25, 0.75], [0.5, 0.5]])
LOG2 = np.log(2)


@pytest.mark.parametrize(
    ("D", "policy", "trial", "expected"),
    [
        (Distance.TV, P, Q, [0.25, 0.5]),
        (Distance.TV, Q, P, [0.25, 0.5]),
        (Distance.KL_FORWARD, P, Q, [0.5 * LOG2 + 0.5 * np.log(2 / 3), LOG2]),
        (Distance.KL_REVERSE, P, Q, [-0.25 * LOG2 + 0.75 * np.log(1.5), np.inf]),
        (Distance.KL_FORWARD, Q, P, [-0.25 * LOG2 + 0.75 * np.log(1.5), np.inf]),
        (Distance.KL_REVERSE, Q, P, [0.5 * LOG2 + 0.5 * np.log(2 / 3), LOG2]),
    ],
)
def test_distances(D, policy, trial, expected):
    assert distance(D, policy, trial) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("D", Distance)
def test_distance_to_itself_is_zero(D):
    assert distance(D, P, P).tolist() == [0, 0]


def test_mean_distance_ignores_states_that_are_never_visited():
    assert mean_distance(Distance.KL_REVERSE, P, Q, np.array([2.0, 0.0])) == pytest.approx(
        -0.5 * LOG2 + 1.5 * np.log(1.5)
    )
    assert mean_distance(Distance.KL_REVERSE, P, Q, np.array([2.0, 1e-9])) == np.inf
