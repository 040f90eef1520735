"""What was found about every statement: a table to read, and the same as JSON.

A statement that is expected to fail must be seen to fail: it comes out as expected if a check violates it.  A statement
that holds is only called so if a check of it could have failed: one without a non-trivial check is "not met".
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from exact.common.tables import Table
from verify.core.findings import Findings, Tally
from verify.core.statement import Check, Statement, label


@dataclass(frozen=True)
class Row:
    """All checks of one statement. Its fields are those of an object of the JSON report."""

    statement: str
    """Name of the statement."""
    form: str
    """printed, repaired, sharper or new; see `Statement`."""
    formula: str
    """The inequality."""
    expected: str
    """holds or fails."""
    checks: int
    """Number of checks."""
    nontrivial: int
    """How many of them say something: see `verify.core.statement.is_nontrivial`."""
    violations: int
    """How many of them violate the statement."""
    undecided: int
    """How many are open: floats could not tell, and exact arithmetic was not asked for."""
    decided_exactly: int
    """How many were decided over the rationals or in balls."""
    worst_slack: float | None
    """Smallest actual - claimed. None without a check, like the next two."""
    median_tightness: float | None
    """Median of claimed / actual to four digits: 1 is tight, 0 loose, negative vacuous."""
    worst_instance: str | None
    """How to repeat the check of the smallest slack."""

    @property
    def label(self) -> str:
        """What tables call the statement."""
        return label(self.statement, self.form)

    @property
    def met(self) -> bool:
        """Whether a verdict is more than an empty word: a check was not trivial, or was violated."""
        return self.nontrivial > 0 or self.violations > 0

    @property
    def as_expected(self) -> bool:
        """What holds has no violation, what fails has one at least. A statement without a check is as expected."""
        return self.checks == 0 or (self.violations > 0) == (self.expected == "fails")


def tally(statements: Iterable[Statement], checks: Findings | Iterable[Check]) -> list[Row]:
    """One row per statement, in the given order."""
    found = checks if isinstance(checks, Findings) else Findings.of(checks)
    return [_row(statement, found.tallies.get(statement, Tally())) for statement in statements]


def _row(statement: Statement, tally: Tally) -> Row:
    return Row(
        statement=statement.name,
        form=statement.form,
        formula=statement.formula,
        expected=statement.expected,
        checks=tally.checks,
        nontrivial=tally.nontrivial,
        violations=tally.violations,
        undecided=tally.undecided,
        decided_exactly=tally.decided_exactly,
        worst_slack=None if tally.worst is None else tally.worst.slack,
        median_tightness=tally.median_tightness,
        worst_instance=None if tally.worst is None else tally.worst.instance,
    )


def as_json(rows: list[Row]) -> str:
    """The report as a JSON list with one object per statement."""
    return json.dumps([asdict(row) for row in rows], indent=1) + "\n"


HEADINGS = ("statement", "checks", "non-trivial", "violated", "undecided", "worst slack", "median tightness", "verdict")
NUMBERS = frozenset(range(1, 7))
"""The columns that hold numbers."""


def cells(row: Row) -> tuple[str, ...]:
    """The row as text, in the order of HEADINGS."""
    outcome = "not checked" if row.checks == 0 else "holds" if row.violations == 0 else "fails"
    if row.checks > row.decided_exactly + row.undecided:
        outcome += " in floats"
    if row.checks and not row.met:
        outcome = "not met"
    if row.expected == "fails" and row.violations:
        outcome = "fails, as expected"
    elif not row.as_expected:
        outcome += f", expected: {row.expected}"
    return (
        row.label,
        str(row.checks),
        str(row.nontrivial),
        str(row.violations),
        str(row.undecided),
        _number(row.worst_slack),
        _number(row.median_tightness),
        outcome,
    )


def summary_table(title: str, rows: list[Row], formulas: bool = False) -> Table:
    """One line for every statement, red where one did not come out as expected.

    The notes say how to repeat the worst instance of every statement.

    Args:
        title: what the statements are about.
        rows: what `tally` found.
        formulas: whether a last column shows the inequalities.
    """
    return Table(
        title,
        (*HEADINGS, "inequality") if formulas else HEADINGS,
        tuple((*cells(row), f"`{row.formula}`") if formulas else cells(row) for row in rows),
        tuple(f"worst {row.label}: {row.worst_instance}" for row in rows if row.worst_instance is not None),
        tuple(None if row.as_expected else "red" for row in rows),
        NUMBERS,
    )


def _number(x: float | None) -> str:
    return "-" if x is None else f"{x:.4g}"
