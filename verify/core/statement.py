"""A statement of the theory, one check of it, and the verdict."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, NamedTuple

import numpy as np


@dataclass(frozen=True)
class Statement:
    """A claim of the form actual >= claimed."""

    name: str
    """As the paper calls it ("Lemma 3.4"), or what it says."""
    form: Literal["printed", "repaired", "sharper", "new"]
    """As its paper printed it; repaired where that fails; sharper than that; or new."""
    formula: str
    """The inequality, in plain text."""
    expected: Literal["holds", "fails"] = "holds"

    @property
    def label(self) -> str:
        """What tables and figures call it."""
        return self.name if self.form == "new" else f"{self.name}, {self.form}"


class Verdict(Enum):
    """What arithmetic has to say about one inequality."""

    HOLDS = "holds"
    VIOLATED = "violated"
    UNDECIDED = "undecided"
    """Both sides agree to within the rounding error of floating point."""


@dataclass(frozen=True)
class Check:
    """One instance of a statement. Numbers are for reading, the verdict was reached before they were rounded."""

    statement: Statement
    actual: float
    claimed: float
    slack: float
    """actual - claimed."""
    verdict: Verdict
    exact: bool
    """Whether the verdict was reached in exact or ball arithmetic."""
    instance: str
    """Options that repeat it, and the iteration."""


def judge(statement: Statement, actual: Any, claimed: Any, instance: str, margin: float | None = None) -> Check:
    """Compare both sides: in exact arithmetic if margin is None, else in floats that may be off by `margin`."""
    slack = actual - claimed
    if margin is None:
        verdict = Verdict.HOLDS if slack >= 0 else Verdict.VIOLATED
    elif abs(slack) <= margin or not np.isfinite(slack):
        verdict = Verdict.UNDECIDED
    else:
        verdict = Verdict.HOLDS if slack > 0 else Verdict.VIOLATED
    return Check(statement, float(actual), float(claimed), float(slack), verdict, margin is None, instance)


class Claim(NamedTuple):
    """One statement about one step, actual >= claimed; both sides floats or both rationals."""

    statement: Statement
    actual: Any
    claimed: Any
    margin: float
    """A bound of the rounding error of actual - claimed in float64."""
