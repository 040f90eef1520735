"""What was tried, how often, and how often the promise held."""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

SHOWN = 3
"""Failures of a row that are shown."""
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


@dataclass
class Row:
    """One line of the table."""

    part: str
    what: str
    """What was done, and what has to hold."""
    tried: int = 0
    held: int = 0
    failures: list[str] = field(default_factory=list)
    """What happened where it did not hold."""

    def count(self, failure: str | None, times: int = 1) -> None:
        """Count one try, or several that are judged together. `failure` says what went wrong; None: it held."""
        self.tried += times
        if failure is None:
            self.held += times
        else:
            self.failures.append(failure)


def markdown(rows: Iterable[Row]) -> str:
    """The table."""
    lines = ["| part | what was done, and what has to hold | tried | held |", "|---|---|--:|--:|"]
    lines += [f"| {row.part} | {row.what} | {row.tried:,} | {row.held:,} |" for row in rows]
    return "\n".join(lines)


def show(row: Row) -> None:
    """Print a line, and what failed."""
    print(f"{row.part}: {row.what}: {row.held:,} of {row.tried:,}", flush=True)
    for failure in row.failures[:SHOWN]:
        print(f"    {failure}", flush=True)


def add(path: Path, rows: Iterable[Row], facts: dict[str, str]) -> list[Row]:
    """Put rows into a JSON file in place of those with the same part and text; returns all rows of the file."""
    old = json.loads(path.read_text()) if path.exists() else {"rows": []}
    found = {(row["part"], row["what"]): Row(**row) for row in old["rows"]}
    for row in rows:
        found[row.part, row.what] = row
    content = {"facts": facts, "rows": [asdict(row) for row in found.values()]}
    path.write_text(json.dumps(content, indent=1) + "\n")
    return list(found.values())


def fill(page: Path, rows: Iterable[Row]) -> None:
    """Put the table between the marks of a page."""
    text = page.read_text()
    pattern = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.S)
    page.write_text(pattern.sub(lambda _: f"{BEGIN}\n\n{markdown(rows)}\n\n{END}", text))
