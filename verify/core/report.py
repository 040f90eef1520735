"""Statements, checks, and the table they are reported in.

A `Statement` is a lower bound, actual >= claimed, in one of three forms: as the paper printed it, repaired, or sharper.
A `Check` is one instance of it with a verdict. A statement that is expected to fail must be seen to fail.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from verify.core.statement import Check, Statement, Verdict


@dataclass(frozen=True)
class Row:
    """All checks of one statement; the fields of the JSON report."""

    statement: str
    form: str
    formula: str
    expected: str
    checks: int
    violations: int
    undecided: int
    """Floating point could not tell, and exact arithmetic was not asked."""
    decided_exactly: int
    worst_slack: float | None
    median_tightness: float | None
    """Median of claimed / actual: 1 is tight, 0 loose, negative vacuous."""
    worst_instance: str | None
    """How to repeat the check of the smallest slack."""

    @property
    def label(self) -> str:
        """What tables call the statement."""
        return self.statement if self.form == "new" else f"{self.statement}, {self.form}"

    @property
    def as_expected(self) -> bool:
        """No violation of what holds, at least one of what fails; nothing is expected of an unchecked statement."""
        return self.checks == 0 or (self.violations > 0) == (self.expected == "fails")


def tally(statements: Iterable[Statement], checks: Iterable[Check]) -> list[Row]:
    """One row per statement, in the given order."""
    by_statement: dict[Statement, list[Check]] = {statement: [] for statement in statements}
    for check in checks:
        by_statement[check.statement].append(check)
    return [_row(statement, found) for statement, found in by_statement.items()]


def _row(statement: Statement, checks: list[Check]) -> Row:
    worst = min(checks, key=lambda check: check.slack, default=None)
    tightness = [check.claimed / check.actual for check in checks if check.actual > 0]
    return Row(
        statement=statement.name,
        form=statement.form,
        formula=statement.formula,
        expected=statement.expected,
        checks=len(checks),
        violations=sum(check.verdict is Verdict.VIOLATED for check in checks),
        undecided=sum(check.verdict is Verdict.UNDECIDED for check in checks),
        decided_exactly=sum(check.exact for check in checks),
        worst_slack=None if worst is None else worst.slack,
        median_tightness=float(np.median(tightness)) if tightness else None,
        worst_instance=None if worst is None else worst.instance,
    )


def as_json(rows: list[Row]) -> str:
    """The report as a JSON list with one object per statement."""
    return json.dumps([asdict(row) for row in rows], indent=1) + "\n"


HEADINGS = ("statement", "checks", "violated", "undecided", "worst slack", "median tightness", "verdict")


def cells(row: Row) -> tuple[str, ...]:
    """The row as text, in the order of HEADINGS."""
    outcome = "not checked" if row.checks == 0 else "holds" if row.violations == 0 else "fails"
    if row.expected == "fails" and row.violations:
        outcome = "fails, as expected"
    elif not row.as_expected:
        outcome += f", expected: {row.expected}"
    return (
        row.label,
        str(row.checks),
        str(row.violations),
        str(row.undecided),
        _number(row.worst_slack),
        _number(row.median_tightness),
        outcome,
    )


def print_table(title: str, rows: list[Row], console: Console) -> None:
    """The table, then how to repeat the worst instance of every statement."""
    table = Table(title=title, title_justify="left")
    for i, heading in enumerate(HEADINGS):
        table.add_column(heading, no_wrap=i == 0, justify="right" if 0 < i < len(HEADINGS) - 1 else "left")
    for row in rows:
        table.add_row(*cells(row), style=None if row.as_expected else "red")
    console.print(table)
    for row in rows:
        if row.worst_instance is not None:
            console.print(f"  worst {row.label}: {row.worst_instance}", style="dim", highlight=False, soft_wrap=True)


def _number(x: float | None) -> str:
    return "-" if x is None else f"{x:.4g}"
