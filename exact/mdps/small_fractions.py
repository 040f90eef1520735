"""The small fraction that a float was meant to be."""

from fractions import Fraction

import numpy as np

from exact.mdp import Array

DENOMINATOR_LIMIT = 1 << 16
"""Numbers within ROUNDING of a fraction with a denominator up to this are taken to mean the fraction. Two such
fractions are at least 2^-32 apart, so the choice is never in doubt."""


ROUNDING = 1e-14
"""Largest error of a sum of a few dozen float64 terms, relative to the larger of the sum and one."""


def nearest_fractions(x: Array) -> Array:
    """Each number replaced by the float64 nearest to the small fraction it is a rounded version of, if there is one.

    Fraction(y).limit_denominator(DENOMINATOR_LIMIT) of the result y then is that fraction: 1/3 + 1/3 + 1/3 gives one
    exactly, and float64(2/3) is read as 2/3.
    """
    values, inverse = np.unique(x, return_inverse=True)
    simple = np.array([float(Fraction(float(v)).limit_denominator(DENOMINATOR_LIMIT)) for v in values])
    close = np.abs(simple - values) <= ROUNDING * np.maximum(1, np.abs(values))
    result: Array = np.where(close, simple, values)[inverse].reshape(x.shape)
    return result
