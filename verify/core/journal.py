"""What was found so far, in a file, so that the same command goes on where it was killed."""

import json
import time
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any

from exact.common.errors import InputError
from exact.common.files import read_json, write
from verify.core.findings import Findings, Tally
from verify.core.statement import Check, Statement, Verdict

SAVE_SECONDS = 10.0
"""At least so long between two savings. A kill loses the batches that came back since the last one."""
SHARE = 50.0
"""And at least so many times the time that the last one took."""


class Journal:
    """Findings that grow, and which items they are of; a context manager that saves them now and then and at its end.

    Args:
        path: the file. None: nothing is saved.
        setting: what the findings depend on, ready for JSON.
        items: number of all items.

    Raises:
        InputError: the file is of another setting or damaged, or cannot be written.
    """

    def __init__(self, path: Path | None, setting: dict[str, Any], items: int) -> None:
        self.path, self.setting, self.findings = path, setting | {"items": items}, Findings(items)
        self.done: list[range] = []
        if path is not None and path.exists():
            _, self.done, self.findings = read(path, self.setting)
        self.next_save = time.monotonic() + SAVE_SECONDS

    def __enter__(self) -> "Journal":
        self.save()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.save()

    @property
    def missing(self) -> list[range]:
        """The items that nothing is known of."""
        starts, stops = (
            [0, *(part.stop for part in self.done)],
            [*(part.start for part in self.done), self.findings.items],
        )
        return [range(start, stop) for start, stop in zip(starts, stops, strict=True) if start < stop]

    def add(self, batch: range, found: Findings) -> None:
        """Take what was found at some items that were missing."""
        self.findings.merge(found)
        joined: list[range] = []
        for part in sorted([*self.done, batch], key=lambda part: part.start):
            if joined and joined[-1].stop == part.start:
                joined[-1] = range(joined[-1].start, part.stop)
            else:
                joined.append(part)
        self.done = joined
        if time.monotonic() >= self.next_save:
            self.save()

    def save(self) -> None:
        """Write the file, whole or not at all."""
        if self.path is None:
            return
        began = time.monotonic()
        content = {
            "setting": self.setting,
            "done": [[part.start, part.stop] for part in self.done],
            "findings": to_json(self.findings),
        }
        write(self.path, json.dumps(content) + "\n")
        now = time.monotonic()
        self.next_save = now + max(SAVE_SECONDS, SHARE * (now - began))


def read(path: Path, wanted: dict[str, Any] | None = None) -> tuple[dict[str, Any], list[range], Findings]:
    """The setting of a journal, which items it knows, and what was found at them.

    Args:
        path: the file.
        wanted: the setting that it must have; None: any.

    Raises:
        InputError: the file is of another setting or damaged.
    """
    content = read_json(path)
    try:
        made = content["setting"]
        wanted = {name: value for name, value in (wanted or {}).items() if made.get(name) != value}
        if not wanted:
            return made, [range(*ends) for ends in content["done"]], from_json(content["findings"], made["items"])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(f"{path} is damaged: expected a journal of a verification ({error})") from None
    was = {name: made.get(name) for name in wanted}
    raise InputError(f"{path} was made with {was}, not {wanted}: name another --journal, or remove it")


def to_json(findings: Findings) -> dict[str, Any]:
    """Findings as JSON has them."""
    numbers = {statement: i for i, statement in enumerate(findings.tallies)}
    return {
        "statements": [[s.name, s.form, s.formula, s.expected] for s in numbers],
        "tallies": [_tally_to_json(tally) for tally in findings.tallies.values()],
        "kept": [
            [item, [[numbers[check.statement], *_check_to_json(check)] for check in checks]]
            for item, checks in findings.kept.items()
        ],
    }


def from_json(content: dict[str, Any], items: int) -> Findings:
    """Inverse of `to_json`, for so many items."""
    statements = [Statement(*fields) for fields in content["statements"]]
    found = Findings(items)
    for statement, fields in zip(statements, content["tallies"], strict=True):
        checks, nontrivial, violations, undecided, exact, tightness, item, worst = fields
        values = Counter(dict(tightness))
        check = _check_from_json(statement, worst)
        found.tallies[statement] = Tally(checks, nontrivial, violations, undecided, exact, values, check, item)
    for item, checks in content["kept"]:
        found.kept[item] = [_check_from_json(statements[number], fields) for number, *fields in checks]
    return found


def _tally_to_json(t: Tally) -> list[Any]:
    assert t.worst is not None  # a statement without a check has no tally
    counts = [t.checks, t.nontrivial, t.violations, t.undecided, t.decided_exactly, list(t.tightness.items())]
    return [*counts, t.worst_item, _check_to_json(t.worst)]


def _check_to_json(check: Check) -> list[Any]:
    return [
        check.actual,
        check.claimed,
        check.slack,
        check.verdict.value,
        check.exact,
        check.instance,
        check.nontrivial,
    ]


def _check_from_json(statement: Statement, fields: list[Any]) -> Check:
    actual, claimed, slack, verdict, exact, instance, nontrivial = fields
    return Check(statement, actual, claimed, slack, Verdict(verdict), exact, instance, nontrivial)
