"""The small fraction that a float64 was meant to be."""

from fractions import Fraction

import numpy as np

from exact.mdp import Array

DENOMINATOR_LIMIT = 1 << 16
"""A number within ROUNDING of a fraction with at most this denominator is taken to mean the fraction. Two such
fractions are at least 2^-32 apart, so there is never more than one."""

ROUNDING = 1e-14
"""Largest rounding error of a sum of a few dozen float64 terms, relative to the larger of the sum and one."""


def nearest_fractions(x: Array) -> Array:
    """Replace each number by the float64 nearest to the small fraction that it is within rounding of, if there is one.

    From the result y, Fraction(y).limit_denominator(DENOMINATOR_LIMIT) gives the fraction back: 1/3 + 1/3 + 1/3 gives
    exactly one, and float64(2/3) is read as 2/3. The shape of x is kept.
    """
    values, inverse = np.unique(x, return_inverse=True)
    simple = np.array([float(Fraction(float(v)).limit_denominator(DENOMINATOR_LIMIT)) for v in values])
    close = np.abs(simple - values) <= ROUNDING * np.maximum(1, np.abs(values))
    result: Array = np.where(close, simple, values)[inverse].reshape(x.shape)
    return result
