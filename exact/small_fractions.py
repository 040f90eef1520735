"""The fraction that a float64 was meant to be."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

DENOMINATOR_LIMIT = 1 << 16
"""A number within ROUNDING of a fraction with at most this denominator is taken to mean the fraction. Two such
fractions are at least 2^-32 apart, so there is never more than one."""

DECIMALS = 15
"""Every decimal of so many digits is told apart from all others as a float64."""

ROUNDING = 1e-14
"""Largest rounding error of a sum of a few dozen float64 terms, relative to the sum of their absolute values."""


def fraction(x: float) -> Fraction:
    """The fraction that the float x means: 0.9 means 9/10, 0.333... means 1/3, 1e-15 means 10^-15.

    It is the fraction with a denominator of at most DENOMINATOR_LIMIT = 2^16 that x is the rounded value of. Two such
    fractions are at least 2^-32 apart, so there is at most one. If there is none, it is the shortest decimal that gives
    x, if that has at most DECIMALS digits. Else it is x itself.
    """
    x = float(x)
    near = Fraction(x).limit_denominator(DENOMINATOR_LIMIT)
    if float(near) == x:
        return near
    decimal = repr(x)
    digits = decimal.partition("e")[0].lstrip("-").replace(".", "").strip("0")
    return Fraction(decimal) if len(digits) <= DECIMALS else Fraction(x)


def nearest_fractions(x: NDArray[np.float64], size: "NDArray[np.float64] | None" = None) -> NDArray[np.float64]:
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
    result: NDArray[np.float64] = np.where(
        np.abs(nearest - x) <= ROUNDING * (np.abs(x) if size is None else size), nearest, x
    )
    return result
