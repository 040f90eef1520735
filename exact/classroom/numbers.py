"""A table of numbers to type in, for the live app (page/numbers.js).

marimo's own fields for numbers do not serve. For a screen reader a field without a label is "Number input", and one
with a label has the HTML of that label as its name (marimo 0.25).
"""

import anywidget
import traitlets

from exact.classroom.lesson import part


class Numbers(anywidget.AnyWidget):
    """A table of numbers. What is typed in is not checked here; an empty field is None."""

    _esm = part("numbers.js")
    _css = part("numbers.css")
    rows = traitlets.List(traitlets.Unicode()).tag(sync=True)
    columns = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """A field has the names of its row and its column."""
    values = traitlets.List(traitlets.List(traitlets.Float(allow_none=True))).tag(sync=True)
    """One list for every row; it may be shorter than `columns`."""
    step = traitlets.Float(0.1).tag(sync=True)
    """Of the arrow keys."""
