"""Convert a finite MDP from one file format to another.

    python -m exact.convert model.drn model.json --discount 0.95 --initial uniform
    python -m exact.convert frozenlake-8x8 lake.tra --fractions

Formats by ending: .npz and .json (this project), .tra with .lab, .srew and .trew beside it (PRISM), .drn (Storm), .umb
(PRISM and Storm), .mdp and .pomdp (Cassandra). IN may also be a name of the library; see docs/models.md.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from exact.common import cli
from exact.common.files import check_writable


@dataclass(frozen=True)
class Options:
    """Convert a finite MDP from one file format to another, by the endings of the files.

    Exit status: 0 written, 2 bad input.
    """

    source: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="IN")]
    """A file (.npz, .json, .tra, .drn, .umb, .mdp, .pomdp), or an MDP as --mdp of exact.solve names it."""
    target: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")]
    """The file to write. With .tra, the files .lab and .trew beside it are written, too."""
    discount: float | None = None
    """gamma in [0, 1), where IN does not say it or says another one."""
    initial: str | None = None
    """rho0, where IN does not say it: "uniform", the index of a state, or S numbers with commas."""
    rewards: str | None = None
    """Name of the rewards, if IN has several (.drn, .umb)."""
    fractions: bool = False
    """Write numbers as the fractions that they mean, 1/3 for 0.333... (.tra, .drn, .umb)."""

    def __post_init__(self) -> None:
        check_writable(self.target)


def work(options: Options) -> int:
    """Read, write, and say what was lost; returns the exit status."""
    from exact.formats.explicit import Given
    from exact.mdps.files import save_mdp
    from exact.mdps.library import load_with_notes

    given = Given(options.discount, options.initial, options.rewards)
    mdp, notes = load_with_notes(options.source, given)
    notes = notes + save_mdp(mdp, options.target, options.fractions)
    print(f"wrote {options.target}: {mdp}")
    for note in notes:
        print(f"note: {note}")
    return cli.DONE


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return cli.main(Options, "exact.convert", work, argv)


if __name__ == "__main__":
    sys.exit(main())
