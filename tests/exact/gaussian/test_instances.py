"""Trigonometric instances: their moments, their randomness, what they refuse."""

import numpy as np
import pytest

from exact.common.errors import InputError
from exact.gaussian.instances import Trigonometric, random_instance
from tests.exact.gaussian.cases import as_functions


def test_random_instances_are_probabilities_and_follow_their_seed():
    one, same, other = (random_instance(np.random.default_rng(seed), 4, 3, 0.9) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.coefficients.transitions, same.coefficients.transitions)
    assert not np.array_equal(one.coefficients.rewards, other.coefficients.rewards)
    sums = one.coefficients.transitions.sum(axis=2)
    assert (sums == np.eye(1, 7)).all()
    assert one.initial.sum() == 1
    _, transition = as_functions(one.coefficients)
    P = transition(np.broadcast_to(np.linspace(0, 2 * np.pi, 721), (4, 721)))
    assert P.min() > 0


def test_bad_input_is_named():
    with pytest.raises(InputError, match="transitions of state 0"):
        Trigonometric(np.zeros((1, 3)), np.full((1, 3, 1), 0.5))
    with pytest.raises(InputError, match="n_states >= 1"):
        random_instance(np.random.default_rng(0), 0, 1, 0.5)
