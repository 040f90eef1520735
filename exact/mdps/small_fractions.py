"""The small fraction that a float64 was meant to be."""

from fractions import Fraction

import numpy as np

from exact.mdp import Array

DENOMINATOR_LIMIT = 1 << 16
"""A number within ROUNDING of a fraction with at most this denominator is taken to mean the fraction. Two such
fractions are at least 2^-32 apart, so there is never more than one."""

ROUNDING = 1e-14
"""Largest rounding error of a sum of a few dozen float64 terms, relative to the sum of their absolute values."""


def nearest_fractions(x: Array, size: Array | None = None) -> Array:
    """Replace each number by the float64 nearest to the small fraction that it is within rounding of, if there is one.

    From the result y, Fraction(y).limit_denominator(DENOMINATOR_LIMIT) gives the fraction back: 1/3 + 1/3 + 1/3 gives
    exactly one, and float64(2/3) is read as 2/3. A number below all these fractions, such as 1e-15, stays what it is.

    Args:
        x: numbers, of any shape.
        size: sum of the absolute values of the terms whose sum x is, of the same shape; |x| if None.
    """
    values, inverse = np.unique(x, return_inverse=True)
    simple = np.array([float(Fraction(float(v)).limit_denominator(DENOMINATOR_LIMIT)) for v in values])
    nearest = simple[inverse].reshape(x.shape)
    result: Array = np.where(np.abs(nearest - x) <= ROUNDING * (np.abs(x) if size is None else size), nearest, x)
    return result
