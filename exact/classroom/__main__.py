"""The classroom: one self-contained page that shows why a trust region converges.

    python -m exact.classroom [--mdp NAME-OR-FILE ...] [--out classroom.html]
    python -m exact.classroom --live
    python -m exact.classroom --animate FILE.gif|FILE.mp4 [--mdp NAME-OR-FILE]

All numbers come from `exact.classroom.scene` and `exact.classroom.counterexamples`; the page (classroom*.html, .css and
.js in this folder) draws them, without a network, from a file.
"""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from exact.classroom.counterexamples import counterexamples
from exact.classroom.scene import RunSettings, scene
from exact.common import cli
from exact.common.errors import InputError
from exact.common.files import atomic_write
from exact.controller import ControllerSettings
from exact.mdps.library import load

STORY = (
    *("dadashi-2b", "cash-in", "dadashi-2a", "dadashi-2d", "dadashi-2c", "dadashi-3"),
    *("puterman-two-state", "unvisited"),
    *("gridworld-5x5", "gridworld-4x4", "frozenlake-8x8", "frozenlake-4x4", "cliffwalking"),
    *("forest", "chain", "inventory", "queue"),
)
"""The library's MDPs in the order of the page's menu: two states, grids, others. Taxi has too many pairs to draw."""
TEXTBOOK = RunSettings(ControllerSettings(beta0=0.25, beta1=0.75))
"""Thresholds that reject and hesitate often enough to be seen, as in scipy.optimize's trust-region methods."""


@dataclass(frozen=True)
class Options:
    """Write the classroom page, an animation of a run, or start the live app."""

    mdp: tuple[str, ...] = ()
    """Names of the library, Garnet specifications or .npz/.json files; all that can be drawn if none is given."""
    out: Path | None = None
    """The page to write; classroom.html unless --live or --animate is given."""
    animate: Path | None = None
    """Write an animation of a run on the first MDP instead: .gif, or .mp4 with the extra [video]."""
    live: bool = False
    """Start the reactive app on the loopback address instead; needs the extra [classroom]."""
    port: int = 2718
    """Port of the live app."""
    run: RunSettings = TEXTBOOK
    """How Algorithm 3.1 is run."""


def page(scenes: Sequence[dict[str, Any]], panels: dict[str, Any]) -> str:
    """The HTML of the page.

    Args:
        scenes: results of `exact.classroom.scene.scene`, at least one; the first is shown first.
        panels: result of `exact.classroom.counterexamples.counterexamples`.
    """
    data = json.dumps({"scenes": scenes, "panels": panels}, separators=(",", ":"), allow_nan=False)
    html = _template("classroom.html")
    for mark, text in (
        ("/*STYLE*/", _template("classroom.css")),
        ("/*SCRIPT*/", "\n".join(_template(f"classroom{part}.js") for part in ("_plot", "", "_controls"))),
        ("/*DATA*/", data.replace("<", "\\u003c")),  # no name of an MDP can end the script element
    ):
        html = html.replace(mark, text)
    return html


def _template(name: str) -> str:
    return resources.files("exact.classroom").joinpath("page", name).read_text(encoding="utf-8")


def serve(mdps: Sequence[str], port: int) -> int:
    """Run the live app on the loopback address until it is interrupted; returns its exit status.

    Raises:
        InputError: marimo is not installed, or port lies outside 1..65535.
    """
    if importlib.util.find_spec("marimo") is None:
        raise InputError("the live app needs marimo: install stro[classroom]")
    if not 1 <= port <= 65535:
        raise InputError(f"port must lie in 1..65535, got {port}")
    with resources.as_file(resources.files("exact.classroom").joinpath("live.py")) as app:
        command = [sys.executable, "-m", "marimo", "run", str(app), "--host", "127.0.0.1", "--port", str(port)]
        names = [word for name in mdps for word in ("--mdp", name)]
        return subprocess.run([*command, "--", *names]).returncode


def main() -> int:
    """The command line; returns the exit status."""
    options = cli.parse(Options, "exact.classroom")
    if sum((options.live, options.animate is not None, options.out is not None)) > 1:
        raise InputError("--out, --animate and --live exclude each other")
    mdps = [load(name) for name in options.mdp or STORY]
    if options.live:
        return serve(options.mdp, options.port)
    if options.animate is not None:
        from exact.classroom.animation import animate

        animate(mdps[0], options.run, options.animate)
        print(f"wrote {options.animate}")
        return 0
    out = options.out or Path("classroom.html")
    html = page([scene(mdp, options.run) for mdp in mdps], counterexamples())
    atomic_write(out, html)
    print(f"wrote {out}: {len(mdps)} MDPs, {len(html.encode()) / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    cli.run(main)
