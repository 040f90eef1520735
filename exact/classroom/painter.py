"""The map of the live app's grid world, which is painted by hand in the browser (page/painter.js)."""

import anywidget
import traitlets

from exact.classroom.lesson import part

FIRST_MAP = ("S...G", ".#.#.", "...H.", ".#...", "....H")
"""The map that is there before anybody has painted."""


class Painter(anywidget.AnyWidget):
    """A map to paint: a brush, and a button for every cell. `exact.mdps.drawn` checks what comes from it."""

    _esm = part("painter.js")
    _css = part("painter.css")
    rows = traitlets.List(traitlets.Unicode(), list(FIRST_MAP)).tag(sync=True)
    """One string for every row, one letter for every cell."""
