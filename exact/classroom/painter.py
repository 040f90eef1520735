"""The map of the live app's grid world, which is painted by hand in the browser (page/painter.js)."""

from importlib import resources

import anywidget
import traitlets

FIRST_MAP = ("S...G", ".#.#.", "...H.", ".#...", "....H")
"""The map that is there before anybody has painted."""


def _part(name: str) -> str:
    return resources.files("exact.classroom").joinpath("page", name).read_text(encoding="utf-8")


class Painter(anywidget.AnyWidget):
    """A map to paint: a brush, and a button for every cell. `exact.mdps.drawn` checks what comes from it."""

    _esm = _part("painter.js")
    _css = _part("painter.css")
    rows = traitlets.List(traitlets.Unicode(), list(FIRST_MAP)).tag(sync=True)
    """One string for every row, one letter for every cell."""
