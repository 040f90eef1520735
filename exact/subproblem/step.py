"""What every solver of the trust-region subproblem takes and returns.

The subproblem of Zhao, Li and Wen (arXiv 1911.11640), eqs. (3.1) and (3.6), at the policy pi_k with radius delta:

    max_pi  sum_s rho(s) sum_a pi(a|s) A(s,a)    s.t.    sum_s rho(s) D(s) <= delta,    pi(.|s) a distribution,

where A and rho are those of pi_k, and D(s) is a distance between pi_k(.|s) and pi(.|s).

A solver also returns the price lambda of the radius. It certifies the step: by weak duality no feasible policy gains
more than lambda delta + sum_s rho(s) max_pi (sum_a pi(a|s) A(s,a) - lambda D(s)), and the step gains as much.
"""

from dataclasses import dataclass
from typing import Protocol

from exact.common.errors import InputError
from exact.mdp import Array


@dataclass(frozen=True, eq=False, repr=False)
class Step:
    """A proposed policy: the solution of a subproblem at one policy and one radius."""

    policy: Array
    """pi(a|s) of the trial point, shape (S, A)."""
    gain: float
    """Predicted gain L_k(pi) - L_k(pi_k) = sum_s rho(s) sum_a pi(a|s) A(s,a), in units of return."""
    distance: float
    """sum_s rho(s) D(s): the part of the budget that is used, at most delta up to rounding."""
    price: float
    """lambda >= 0: what one more unit of delta would gain. Zero for a method that solves no subproblem."""

    def __repr__(self) -> str:
        return f"Step(gain={self.gain:.6g}, distance={self.distance:.6g}, price={self.price:.6g})"


class Subproblem(Protocol):
    """A function that proposes a step. `exact.algorithm` takes every function of this signature."""

    def __call__(self, policy: Array, A: Array, rho: Array, delta: float, /) -> Step:
        """Propose a step from pi_k.

        Args:
            policy: pi_k(a|s), shape (S, A), a distribution in every state.
            A: advantage A(s,a) of pi_k, shape (S, A), in units of return.
            rho: unnormalised visitation rho(s) of pi_k, shape (S,), >= 0.
            delta: radius > 0, in units of visitation times distance.

        Raises:
            InputError: delta is not positive.
        """
        ...


def check_radius(delta: float) -> None:
    """Check a radius; infinity is allowed.

    Raises:
        InputError: delta is not a positive number.
    """
    if not delta > 0:
        raise InputError(f"subproblem: the radius must be positive, got {delta}")
