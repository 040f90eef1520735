"""What a million checks amount to, in little memory: counts, the worst check, and how tight the statements are.

The checks come from items: runs, instances, searches.  Findings of different items can be merged in any order, and the
result is the same.  So it depends neither on how the items were cut into batches nor on who worked on them.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import overload

from verify.core.statement import Check, Statement, Verdict

KEPT_ITEMS = 1000
"""The checks of so many first items are kept, for figures."""
DIGITS = 4
"""Tightness is counted to so many significant digits, those of the tables. So its median takes little memory."""


@dataclass
class Tally:
    """The checks of one statement, counted."""

    checks: int = 0
    nontrivial: int = 0
    violations: int = 0
    undecided: int = 0
    decided_exactly: int = 0
    tightness: Counter[float] = field(default_factory=Counter)
    """How often claimed / actual had a value, where actual is positive."""
    worst: Check | None = None
    """The check of the smallest slack; among equals the first one of the first item."""
    worst_item: int = 0
    """Number of its item."""

    def add(self, check: Check, item: int) -> None:
        """Count one check of an item. The checks of one item come in their order."""
        self.checks += 1
        self.nontrivial += check.nontrivial
        self.violations += check.verdict is Verdict.VIOLATED
        self.undecided += check.verdict is Verdict.UNDECIDED
        self.decided_exactly += check.exact
        if check.actual > 0:
            self.tightness[float(f"{check.claimed / check.actual:.{DIGITS}g}")] += 1
        self._propose(check, item)

    def merge(self, other: "Tally", shift: int) -> None:
        """Add the counts of other items, whose numbers are `shift` higher than there."""
        self.checks += other.checks
        self.nontrivial += other.nontrivial
        self.violations += other.violations
        self.undecided += other.undecided
        self.decided_exactly += other.decided_exactly
        self.tightness.update(other.tightness)
        if other.worst is not None:
            self._propose(other.worst, other.worst_item + shift)

    def _propose(self, check: Check, item: int) -> None:
        if self.worst is None or (_size(check.slack), item) < (_size(self.worst.slack), self.worst_item):
            self.worst, self.worst_item = check, item

    @property
    def median_tightness(self) -> float | None:
        """The median of claimed / actual to DIGITS digits, None if no check has it."""
        values, total, below = sorted(self.tightness), self.tightness.total(), 0
        middle = []
        for value in values:
            reached = below + self.tightness[value]
            middle += [value for rank in ((total - 1) // 2, total // 2) if below <= rank < reached]
            below = reached
        return float(f"{sum(middle) / 2:.{DIGITS + 1}g}") if middle else None


def _size(slack: float) -> float:
    """A slack that is no number is no worse than any."""
    return math.inf if math.isnan(slack) else slack


@dataclass
class Findings(Sequence[Check]):
    """What was found at some items. As a sequence: the kept checks, those of the first items in the items' order."""

    items: int = 0
    """How many items there are, those not yet counted included."""
    tallies: dict[Statement, Tally] = field(default_factory=dict)
    kept: dict[int, list[Check]] = field(default_factory=dict)
    """The checks of the items below KEPT_ITEMS, by the number of the item."""

    @classmethod
    def of(cls, checks: Iterable[Check]) -> "Findings":
        """The findings of one item."""
        found = cls(1)
        found.add(0, list(checks))
        return found

    def add(self, item: int, checks: list[Check]) -> None:
        """Count all checks of an item."""
        for check in checks:
            tally = self.tallies.get(check.statement)
            if tally is None:
                tally = self.tallies[check.statement] = Tally()
            tally.add(check, item)
        if checks and item < KEPT_ITEMS:
            self.kept[item] = checks

    def merge(self, other: "Findings", shift: int = 0) -> None:
        """Add what was found at other items, whose numbers are `shift` higher than there."""
        for statement, tally in other.tallies.items():
            self.tallies.setdefault(statement, Tally()).merge(tally, shift)
        self.kept |= {item + shift: checks for item, checks in other.kept.items() if item + shift < KEPT_ITEMS}

    def __add__(self, other: "Findings | list[Check]") -> "Findings":
        """These items, then those of the other, or the checks of one more item."""
        other = other if isinstance(other, Findings) else Findings.of(other)
        result = Findings(self.items + other.items)
        result.merge(self)
        result.merge(other, self.items)
        return result

    def _shown(self) -> list[Check]:
        return [check for item in sorted(self.kept) for check in self.kept[item]]

    def __len__(self) -> int:
        return sum(map(len, self.kept.values()))

    def __iter__(self) -> Iterator[Check]:
        return iter(self._shown())

    @overload
    def __getitem__(self, i: int) -> Check: ...
    @overload
    def __getitem__(self, i: slice) -> list[Check]: ...
    def __getitem__(self, i: int | slice) -> Check | list[Check]:
        return self._shown()[i]
