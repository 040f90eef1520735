"""Exact arithmetic, which is `exact.rational`."""

from exact.rational import (
    RationalMDP,
    Rationals,
    dyadic,
    dyadics,
    evaluate_exactly,
    from_mdp,
    rational,
    rationals,
)

__all__ = ["RationalMDP", "Rationals", "dyadic", "dyadics", "evaluate_exactly", "from_mdp", "rational", "rationals"]
