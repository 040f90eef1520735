"""Turn finished run directories into the small result files that the tables and figures are made from.

python -m paper_figs.collect --runs runs [--out paper_figs/data/mujoco]
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from exact.errors import InputError
from paper_figs.cli import Parser, run
from paper_figs.results import MUJOCO, check_comparable, read_run, run_directories, write_result


def main(arguments: Sequence[str]) -> int:
    """Read every run first, so that a damaged one leaves the result files as they were, then write."""
    parser = Parser(prog="python -m paper_figs.collect", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, nargs="+", required=True, metavar="DIR", help="folders of runs")
    parser.add_argument("--out", type=Path, default=MUJOCO, help="folder of the result files")
    options = parser.parse_args(arguments)
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
    run(main)
