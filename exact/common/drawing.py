"""Writing figures to files. matplotlib is loaded by those who draw, not here."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from exact.common.errors import InputError
from exact.common.files import check_writable, write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURE_SUFFIXES = (".png", ".pdf", ".svg")
DOTS_PER_INCH = 150


def plain_text(text: str) -> str:
    """A name as matplotlib draws it letter by letter: between two dollars it would read mathematics."""
    return text.replace("$", r"\$")


def check_figure_suffix(path: Path) -> None:
    """Check the kind of figure that a file name asks for.

    Raises:
        InputError: the name does not end in one of FIGURE_SUFFIXES.
    """
    if path.suffix not in FIGURE_SUFFIXES:
        raise InputError(f"cannot draw into {path}: expected a file name ending in {', '.join(FIGURE_SUFFIXES)}")


def check_figure_path(path: Path) -> None:
    """Check that a figure could be written here. A command asks before the work is done, not after.

    Raises:
        InputError: the file could not be written, or its name has another ending.
    """
    check_writable(path)
    check_figure_suffix(path)


def save_figure(figure: "Figure", path: Path) -> None:
    """Write a figure in the format that the file name asks for, whole or not at all. Missing folders are made.

    Raises:
        InputError: the file cannot be written, or its name has another ending.
    """
    check_figure_suffix(path)
    image = io.BytesIO()
    figure.savefig(image, format=path.suffix[1:], dpi=DOTS_PER_INCH, bbox_inches="tight")
    write(path, image.getbuffer())
