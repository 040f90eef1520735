"""What the classroom shows: which MDPs, run by which constants, put together as one HTML page.

The numbers come from `exact.classroom.scene` and `exact.classroom.counterexamples`; those about noise and about a
network were computed by `verify.sampled.lecture` and `deep.studies.lecture` and lie beside the page as JSON. The page
is made of the files in the folder page/: page.html takes in the lesson, the exercises, the style and the scripts.
"""

import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

from exact.classroom.scene import RunSettings
from exact.classroom.writing import typeset
from exact.controller import ControllerSettings

STORY = (
    *("dadashi-2b", "cash-in", "dadashi-2a", "dadashi-2d", "dadashi-2c", "dadashi-3"),
    *("puterman-two-state", "unvisited"),
    *("gridworld-5x5", "gridworld-4x4", "frozenlake-8x8", "frozenlake-4x4", "cliffwalking"),
    *("forest", "chain", "inventory", "queue"),
)
"""The library's MDPs in the order of the page's menu: two states, grids, others. Taxi has too many pairs to draw."""
LESSON = ("dadashi-2b", "cash-in", "gridworld-4x4", "gridworld-5x5", "chain")
"""The MDPs that the steps of the lesson use (page/lesson.html). Without one of them the page has no lesson."""
TEXTBOOK = RunSettings(ControllerSettings(beta0=0.25, beta1=0.75))
"""Thresholds that reject and hesitate often enough to be seen, as in scipy.optimize's trust-region methods."""
SCRIPTS = ("plot.js", "views.js", "story.js", "controls.js", "lesson.js")
"""The page's scripts, in the order in which they need each other."""


def page(scenes: Sequence[dict[str, Any]], panels: dict[str, Any]) -> str:
    """The HTML of the page.

    Args:
        scenes: results of `exact.classroom.scene.scene`, at least one. The first is shown first.
        panels: result of `exact.classroom.counterexamples.counterexamples`.
    """
    parts = {"scenes": scenes, "panels": panels, "noise": _data("noise.json"), "deep": _data("deep.json")}
    data = json.dumps(parts, separators=(",", ":"), allow_nan=False)
    html = typeset(
        _part("page.html").replace("/*LESSON*/", _part("lesson.html")).replace("/*EXERCISES*/", _part("exercises.html"))
    )
    for mark, text in (
        ("/*STYLE*/", _part("style.css")),
        ("/*SCRIPT*/", "\n".join(_part(name) for name in SCRIPTS)),
        ("/*DATA*/", data.replace("<", "\\u003c")),  # no name of an MDP can end the script element
    ):
        html = html.replace(mark, text)
    return html


def _data(name: str) -> Any:
    return json.loads(_part(name))


def _part(name: str) -> str:
    return resources.files("exact.classroom").joinpath("page", name).read_text(encoding="utf-8")
