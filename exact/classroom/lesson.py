"""What the classroom shows: which MDPs, run by which constants, put together as one HTML page.

The numbers come from `exact.classroom.scene` and `exact.classroom.counterexamples`; those about noise and about a
network were computed by `verify.sampled.lecture` and `deep.studies.lecture` and lie beside the page as JSON. The page
is made of the files in the folder page/: page.html takes in the lesson, the exercises, the style and the scripts.
"""

import json
import re
from collections.abc import Sequence
from html import unescape
from importlib import resources
from typing import Any, NamedTuple

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
TEXTBOOK = RunSettings(ControllerSettings(beta0=0.25, beta1=0.75))
"""Thresholds that reject and hesitate often enough to be seen, as in scipy.optimize's trust-region methods."""
SCRIPTS = ("plot.js", "views.js", "story.js", "controls.js", "lesson.js")
"""The page's scripts, in the order in which they need each other."""


class Step(NamedTuple):
    """A step of the lesson, as page/lesson.html has it."""

    question: str
    """Its heading."""
    views: tuple[str, ...]
    """The views that answer it."""
    mdp: str
    """The MDP that they show."""
    k: int
    """The iteration that they show."""


def steps() -> list[Step]:
    """The steps of the lesson but the last, which shows everything."""
    found = []
    for tag, heading in re.findall(r'<article class="step"([^>]*)>\s*<h2>(.*?)</h2>', part("lesson.html"), re.DOTALL):
        data = dict(re.findall(r'data-(\w+)="([^"]*)"', tag))
        found.append(Step(unescape(heading), tuple(data["view"].split()), data["mdp"], int(data["k"])))
    return found


def part(name: str) -> str:
    """The text of a file of the page."""
    return resources.files("exact.classroom").joinpath("page", name).read_text(encoding="utf-8")


LESSON = tuple(dict.fromkeys(step.mdp for step in steps()))
"""The MDPs that the steps of the lesson use. Without one of them the page has no lesson."""


def page(scenes: Sequence[dict[str, Any]], panels: dict[str, Any]) -> str:
    """The HTML of the page.

    Args:
        scenes: results of `exact.classroom.scene.scene`, at least one. The first is shown first.
        panels: result of `exact.classroom.counterexamples.counterexamples`.
    """
    parts = {
        "scenes": scenes,
        "panels": panels,
        **{name: json.loads(part(f"{name}.json")) for name in ("noise", "deep")},
    }
    data = json.dumps(parts, separators=(",", ":"), allow_nan=False)
    html = typeset(
        part("page.html").replace("/*LESSON*/", part("lesson.html")).replace("/*EXERCISES*/", part("exercises.html"))
    )
    for mark, text in (
        ("/*STYLE*/", part("style.css")),
        ("/*SCRIPT*/", "\n".join(part(name) for name in SCRIPTS)),
        ("/*DATA*/", data.replace("<", "\\u003c")),  # no name of an MDP can end the script element
    ):
        html = html.replace(mark, text)
    return html
