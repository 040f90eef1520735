"""What every solver of the trust-region subproblem takes and returns."""

from dataclasses import dataclass
from typing import Protocol

from exact.common.errors import InputError
from exact.mdp import Array


@dataclass(frozen=True, eq=False)
class Step:
    """A proposed policy: the solution of a subproblem at one policy and one radius."""

    policy: Array
    """pi(a|s) of the trial point, shape (S, A)."""
    gain: float
    """Policy advantage L_k(pi) - L_k(pi_k) = sum_s rho(s) sum_a pi(a|s) A(s,a), in units of return."""
    distance: float
    """E_{s ~ rho} D(pi_k(.|s), pi(.|s)): the used part of the budget, at most delta up to rounding."""
    price: float
    """lambda >= 0, the dual price of the radius: what one more unit of delta would gain."""


class Subproblem(Protocol):
    """Any solver of max L_k subject to a distance: the exact loop takes every function of this signature."""

    def __call__(self, policy: Array, A: Array, rho: Array, delta: float, /) -> Step:
        """Solve at pi_k = policy (S, A) with advantage A (S, A), visitation rho (S,) and radius delta > 0."""
        ...


def check_radius(delta: float) -> None:
    """Raise InputError unless delta is a positive number (infinity allowed)."""
    if not delta > 0:
        raise InputError(f"subproblem: the radius must be positive, got {delta}")
