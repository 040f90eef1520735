"""Read finished run directories and write one small result file for each: what tables and figures are made from.

python -m paper_figs.collect --runs runs [--out paper_figs/data/mujoco]
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from exact.common import cli
from exact.common.errors import InputError
from exact.common.tables import counted
from paper_figs.results import MUJOCO, check_comparable, read_run, run_directories, write_result


@dataclass(frozen=True)
class Options:
    """Read finished run directories and write one small result file for each."""

    runs: tuple[Path, ...]
    """Folders that hold run directories, at any depth."""
    out: Path = MUJOCO
    """Folder to write the result files to."""


def work(options: Options) -> int:
    """Write the result files. All runs are read first: if one is damaged, no result file changes."""
    found = [run_directories(root) for root in options.runs]
    results = [read_run(directory) for finished, _ in found for directory in finished]
    unfinished = sum(len(directories) for _, directories in found)
    if not results:
        raise InputError(f"no finished run under {', '.join(map(str, options.runs))} ({unfinished} unfinished)")
    check_comparable(results)
    for result in results:
        write_result(result, options.out)
    print(f"wrote {counted(len(results), 'result file')} under {options.out}")
    if unfinished:
        print(f"left out {counted(unfinished, 'unfinished run')}", file=sys.stderr)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """The command `python -m paper_figs.collect`; returns the exit status."""
    return cli.main(Options, "paper_figs.collect", work, argv)


if __name__ == "__main__":
    sys.exit(main())
