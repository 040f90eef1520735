"""What the journals of a verification know so far, while it runs or after it was interrupted.

    python -m verify.journal FOLDER [--json FILE]

FOLDER is the --journal of the verification, or a folder in it.  The table has the statements that were checked, as the
verification itself shows them at its end; its heading says how many items (runs, searches) were done of how many.
Checks that are not of an item, such as a counterexample, are not in a journal.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from exact.common import cli
from exact.common.errors import InputError
from exact.common.files import atomic_write, check_writable
from verify.core.findings import Findings
from verify.core.journal import read
from verify.core.report import as_json, summary_table, tally


@dataclass(frozen=True)
class Options:
    """Show what the journals of a verification know so far.

    Exit status: 0 every statement came out as expected, 1 one did not, 2 bad input.
    """

    folder: Positional[Path]
    """The --journal of the verification, or a folder in it."""
    json: Path | None = None
    """Write the report to this file."""

    def __post_init__(self) -> None:
        if self.json is not None:
            check_writable(self.json)


def work(options: Options) -> int:
    """Read all journals and show what they know together."""
    paths = sorted(options.folder.rglob("*.json"))
    if not paths:
        raise InputError(f"{options.folder} has no journal: expected the folder that a verification got as --journal")
    found, done = Findings(), 0
    for path in paths:
        _, parts, findings = read(path)
        found, done = found + findings, done + sum(map(len, parts))
    rows = tally(found.tallies, found)
    summary_table(f"{done:,} of {found.items:,} items of {options.folder}", rows).show()
    if options.json is not None:
        atomic_write(options.json, as_json(rows))
    return cli.DONE if all(row.as_expected for row in rows) else cli.NEGATIVE


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return cli.main(Options, "verify.journal", work, argv)


if __name__ == "__main__":
    sys.exit(main())
