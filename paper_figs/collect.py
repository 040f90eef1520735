"""Turn finished run directories into the small result files that the tables and figures are made from.

python -m paper_figs.collect --runs runs [--out paper_figs/data/mujoco]
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from exact.common.cli import parse, run
from exact.common.errors import InputError
from paper_figs.results import MUJOCO, check_comparable, read_run, run_directories, write_result


@dataclass(frozen=True)
class Options:
    """Turn finished run directories into the small result files that the tables and figures are made from."""

    runs: tuple[Path, ...]
    """Folders of runs."""
    out: Path = MUJOCO
    """Folder of the result files."""


def main(options: Options) -> int:
    """Read every run first, so that a damaged one leaves the result files as they were, then write."""
    found = [run_directories(root) for root in options.runs]
    results = [read_run(directory) for finished, _ in found for directory in finished]
    unfinished = sum(len(directories) for _, directories in found)
    if not results:
        raise InputError(f"no finished run under {', '.join(map(str, options.runs))} ({unfinished} unfinished)")
    check_comparable(results)
    for result in results:
        write_result(result, options.out)
    print(f"wrote {len(results)} result files under {options.out}")
    if unfinished:
        print(f"left out {unfinished} unfinished runs", file=sys.stderr)
    return 0


if __name__ == "__main__":
    run(lambda: main(parse(Options, "paper_figs.collect")))
