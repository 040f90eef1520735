"""The small fractions that float64 numbers were meant to be."""

import numpy as np

from exact.small_fractions import nearest_fractions


def test_nearest_fractions():
    third = 1 / 3
    np.testing.assert_array_equal(nearest_fractions(np.array([0.1 + 0.2, third + third, -102 / 3])), [0.3, 2 / 3, -34])
    np.testing.assert_array_equal(nearest_fractions(np.array([[np.pi], [2**-0.5]])), [[np.pi], [2**-0.5]])


def test_tiny_numbers_are_no_zeros():
    """1e-15 became 0; what cancellation leaves of larger terms still does."""
    np.testing.assert_array_equal(nearest_fractions(np.array([1e-15, 1 - 1e-13])), [1e-15, 1 - 1e-13])
    np.testing.assert_array_equal(nearest_fractions(np.array([5e-17, 5e-17]), np.array([1.0, 1e-16])), [0, 5e-17])
