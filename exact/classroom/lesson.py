"""What the classroom shows: which MDPs, run by which constants, put together as one HTML page.

The numbers come from `exact.classroom.scene` and `exact.classroom.counterexamples`. The page is made of the files in
the folder page/: page.html takes in style.css, plot.js, views.js and controls.js.
"""

import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

from exact.classroom.scene import RunSettings
from exact.controller import ControllerSettings

STORY = (
    *("dadashi-2b", "cash-in", "dadashi-2a", "dadashi-2d", "dadashi-2c", "dadashi-3"),
    *("puterman-two-state", "unvisited"),
    *("gridworld-5x5", "gridworld-4x4", "frozenlake-8x8", "frozenlake-4x4", "cliffwalking"),
    *("forest", "chain", "inventory", "queue"),
)
"""The library's MDPs in the order of the page's menu: two states, grids, others. Taxi has too many pairs to draw."""
TEXTBOOK = RunSettings(ControllerSettings(beta0=0.25, beta1=0.75))
"""Thresholds that reject and hesitate often enough to be seen, as in scipy.optimize's trust-region methods."""
SCRIPTS = ("plot.js", "views.js", "controls.js")
"""The page's scripts, in the order in which they need each other."""


def page(scenes: Sequence[dict[str, Any]], panels: dict[str, Any]) -> str:
    """The HTML of the page.

    Args:
        scenes: results of `exact.classroom.scene.scene`, at least one. The first is shown first.
        panels: result of `exact.classroom.counterexamples.counterexamples`.
    """
    data = json.dumps({"scenes": scenes, "panels": panels}, separators=(",", ":"), allow_nan=False)
    html = _part("page.html")
    for mark, text in (
        ("/*STYLE*/", _part("style.css")),
        ("/*SCRIPT*/", "\n".join(_part(name) for name in SCRIPTS)),
        ("/*DATA*/", data.replace("<", "\\u003c")),  # no name of an MDP can end the script element
    ):
        html = html.replace(mark, text)
    return html


def _part(name: str) -> str:
    return resources.files("exact.classroom").joinpath("page", name).read_text(encoding="utf-8")
