"""Run the parts, print the table, write it as JSON and into docs/reliability.md.

python -m tests.torture [--parts kills disk files workers signals hostile soak --scale 1 --json FILE --page PAGE]
"""

import platform
import random
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from deep.run.directory import versions
from exact.common import cli
from tests.torture import disk, files, hostile, kills, report, signals, soak, workers

PARTS = {
    "kills": kills.run,
    "disk": disk.run,
    "files": files.run,
    "workers": workers.run,
    "signals": signals.run,
    "hostile": hostile.run,
    "soak": soak.run,
}
Part = Literal["kills", "disk", "files", "workers", "signals", "hostile", "soak"]


@dataclass(frozen=True)
class Options:
    """Try to break runs, and count how often the promises held."""

    parts: tuple[Part, ...] = ("kills", "disk", "files", "workers", "signals", "hostile")
    """What to try. soak, long runs whose memory must stay flat, takes more than an hour."""
    scale: float = 1.0
    """How often, relative to the full suite, which kills 1,000 times at random moments."""
    seed: int = 0
    """For the moments."""
    json: Path | None = None
    """Keep the rows here; rows of an earlier call stay unless they are made again."""
    page: Path | None = None
    """A page whose table is filled with all rows of --json."""


def work(options: Options) -> int:
    """Run the parts; returns 1 if something did not hold."""
    torch.set_num_threads(1)
    failed = False
    for part in options.parts:
        with tempfile.TemporaryDirectory() as scratch:
            rng = random.Random(f"{part} {options.seed}")
            for row in PARTS[part](Path(scratch), options.scale, rng):
                report.show(row)
                failed |= row.held < row.tried
                if options.json is not None:
                    facts = versions() | {"machine": platform.machine(), "seed": str(options.seed)}
                    rows = report.add(options.json, [row], facts)
                    if options.page is not None:
                        report.fill(options.page, rows)
    return cli.NEGATIVE if failed else cli.DONE


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return cli.main(Options, "tests.torture", work, argv)


if __name__ == "__main__":
    sys.exit(main())
