"""Exact probabilities about the means of n returns that are 1 with a given probability, else 0."""

from collections.abc import Callable
from fractions import Fraction
from math import comb

Law = list[tuple[int, int, Fraction]]
"""The law of a pair of counts: both counts and their probability."""


def binomial(n: int, p: Fraction) -> list[Fraction]:
    """P(i) of the binomial distribution, i = 0..n."""
    return [comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(n + 1)]


def accurate(n: int, p: Fraction, error: Fraction) -> Fraction:
    """P(|i/n - p| <= error) for the mean of n returns that are 1 with probability p, else 0."""
    return sum((w for i, w in enumerate(binomial(n, p)) if abs(Fraction(i, n) - p) <= error), Fraction(0))


def accepted(n: int, law: Law, gain: Fraction, beta0: Fraction, variance: Callable[[int], Fraction]) -> Fraction:
    """P(eta_hat' - eta_hat >= beta0 (sigma + gain)) for n returns of either policy that are 0 or 1.

    Args:
        n: number of episodes of either policy.
        law: the joint probabilities of the numbers of ones.
        gain: predicted gain.
        beta0: threshold.
        variance: sigma^2, given the number of ones of the first policy.
    """
    return sum((w for i, j, w in law if at_least(Fraction(j - i, n) - beta0 * gain, beta0, variance(i))), Fraction(0))


def independent(n: int, p: Fraction, q: Fraction) -> Law:
    """The joint law of the numbers of ones among n returns of eta = p and n of eta = q, independent."""
    return [(i, j, v * w) for i, v in enumerate(binomial(n, p)) for j, w in enumerate(binomial(n, q))]


def common(n: int, p: Fraction, q: Fraction) -> Law:
    """The same with common random numbers: a return of 1 stays 1 if q >= p, and a return of 0 stays 0 if q <= p."""
    if q < p:
        return [(i, j, w) for j, i, w in common(n, q, p)]
    return [
        (i, i + more, v * w)
        for i, v in enumerate(binomial(n, p))
        for more, w in enumerate(binomial(n - i, (q - p) / (1 - p)))
    ]


def at_least(x: Fraction, beta0: Fraction, variance: Fraction) -> bool:
    """Whether x >= beta0 sqrt(variance), without a root."""
    bound = beta0 * beta0 * variance
    return (x >= 0 and x * x >= bound) if beta0 >= 0 else (x >= 0 or x * x <= bound)
