"""The classroom: one self-contained page that shows why a trust region converges.

    python -m exact.classroom [--mdp NAME-OR-FILE ...] [--out classroom.html]
    python -m exact.classroom --live
    python -m exact.classroom --animate FILE.gif|FILE.mp4 [--mdp NAME-OR-FILE]

The page needs no network: it opens from a file.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from exact.classroom.lesson import LESSON, STORY, TEXTBOOK, page
from exact.classroom.scene import RunSettings, scene
from exact.common import cli
from exact.common.errors import InputError
from exact.common.files import atomic_write, check_writable
from exact.common.progress import Ticker
from exact.common.tables import counted
from exact.mdps.library import load


@dataclass(frozen=True)
class Options:
    """Write the classroom page, write an animation of a run, or start the live app.

    Exit status: 0 done, 2 bad input, 3 a fault while running.
    """

    mdp: tuple[str, ...] = ()
    """Names of the library, Garnet specifications or .npz/.json files. Without it, all that can be drawn."""
    out: Path | None = None
    """The page to write; classroom.html unless --live or --animate is given."""
    animate: Path | None = None
    """Write the lesson as an animation instead, with the first MDP if one is given: .gif, or .mp4 with [video]."""
    live: bool = False
    """Start the live app on the loopback address instead, and print its address; needs the extra [classroom]."""
    port: int = 2718
    """Port of the live app, 1 to 65535."""
    run: RunSettings = TEXTBOOK
    """How Algorithm 3.1 is run."""


def work(options: Options) -> int:
    """Do what the options ask for; returns the exit status."""
    if sum((options.live, options.animate is not None, options.out is not None)) > 1:
        raise InputError("--out, --animate and --live exclude each other")
    if not options.live:
        check_writable(options.animate or options.out or Path("classroom.html"))
    mdps = [load(name) for name in options.mdp or STORY]
    if options.live:
        from exact.classroom.server import serve

        with Ticker(str, silent=True):  # it serves until it is stopped
            serve(options.mdp, options.port)
        return cli.DONE
    if options.animate is not None:
        from exact.classroom.animation import animate

        animate(mdps[0] if options.mdp else None, options.run, options.animate)
        print(f"wrote {options.animate}")
        return cli.DONE
    from exact.classroom.counterexamples import counterexamples

    out = options.out or Path("classroom.html")
    asked = len(mdps)
    mdps += [load(name) for name in LESSON if name not in {mdp.name for mdp in mdps}]
    html = page([scene(mdp, options.run) for mdp in mdps], counterexamples())
    atomic_write(out, html)
    print(f"wrote {out}: {counted(asked, 'MDP')}, {len(html.encode()) / 1e6:.1f} MB")
    return cli.DONE


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return cli.main(Options, "exact.classroom", work, argv)


if __name__ == "__main__":
    sys.exit(main())
