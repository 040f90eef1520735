"""A statement of the theory, a claim about one step, a check of it, and the verdict."""

import math
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, NamedTuple


@dataclass(frozen=True)
class Statement:
    """A lower bound, actual >= claimed."""

    name: str
    """As the paper calls it ("Lemma 3.4"), or what it says."""
    form: Literal["printed", "repaired", "sharper", "new"]
    """printed: as its paper has it. repaired: what is true instead, where the printed one fails. sharper: a stronger
    form of the same bound. new: not in the paper."""
    formula: str
    """The inequality, in plain text."""
    expected: Literal["holds", "fails"] = "holds"

    @property
    def label(self) -> str:
        """What tables and figures call it."""
        return label(self.name, self.form)


def label(name: str, form: str) -> str:
    """Name and form of a statement in words; "new" goes without saying."""
    return name if form == "new" else f"{name}, {form}"


class Verdict(Enum):
    """What arithmetic says about one inequality."""

    HOLDS = "holds"
    VIOLATED = "violated"
    UNDECIDED = "undecided"
    """Both sides agree to within the rounding error of floating point."""


@dataclass(frozen=True)
class Check:
    """One instance of a statement. Its numbers are rounded, for the reader; the verdict was reached before that."""

    statement: Statement
    """What is checked."""
    actual: float
    """The larger side, if the statement holds."""
    claimed: float
    """The lower bound."""
    slack: float
    """actual - claimed."""
    verdict: Verdict
    exact: bool
    """Whether the verdict was reached in exact or ball arithmetic."""
    instance: str
    """The options that repeat it, and the trial or iteration."""
    nontrivial: bool = True
    """Whether the inequality says something here; see `is_nontrivial`."""


TELLING = 100
"""A positive bound says something if it is at least 1/TELLING of what it bounds."""


def is_nontrivial(actual: Any, claimed: Any) -> bool:
    """Whether a lower bound says something: it is positive, and at least a hundredth of the actual value.

    All quantities of the statements are nonnegative, so a bound of zero or less could not fail. Statements for which
    this is not the right question (an equality, or a claim that nothing is negative) say themselves when they are met.
    """
    return bool(claimed > 0) and bool(TELLING * claimed >= actual)


def judge(
    statement: Statement,
    actual: Any,
    claimed: Any,
    instance: str,
    margin: float | None = None,
    nontrivial: bool | None = None,
) -> Check:
    """Compare the two sides of one inequality.

    Args:
        statement: what is checked.
        actual: left side, a rational number, or a float if there is a margin.
        claimed: right side, likewise.
        instance: what repeats the check.
        margin: largest rounding error of actual - claimed in floats. None: the sides are exact.
        nontrivial: whether the inequality says something here. None: by `is_nontrivial`.
    """
    slack = actual - claimed
    if margin is None:
        verdict = Verdict.HOLDS if slack >= 0 else Verdict.VIOLATED
    elif abs(slack) <= margin or not math.isfinite(slack):
        verdict = Verdict.UNDECIDED
    else:
        verdict = Verdict.HOLDS if slack > 0 else Verdict.VIOLATED
    telling = is_nontrivial(actual, claimed) if nontrivial is None else nontrivial
    return Check(statement, float(actual), float(claimed), float(slack), verdict, margin is None, instance, telling)


class Claim(NamedTuple):
    """A statement about one step with both its sides, which are floats, rationals or balls."""

    statement: Statement
    """The inequality."""
    actual: Any
    """Its left side."""
    claimed: Any
    """Its right side."""
    margin: float
    """Largest rounding error of actual - claimed in float64. Only floats need it."""
    nontrivial: bool | None = None
    """Whether the inequality says something here. None: by `is_nontrivial`."""
