"""Writing figures to files."""

import io
import os
from pathlib import Path

from matplotlib.figure import Figure

from exact.common.errors import InputError
from exact.common.files import atomic_write

FIGURE_SUFFIXES = (".png", ".pdf", ".svg")


def check_writable(path: Path) -> None:
    """Raise InputError if the file could not be written: before the work is done, not after."""
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise InputError(f"cannot write {path}: expected a file name in an existing, writable folder")


def check_figure_path(path: Path) -> None:
    """Raise InputError if no figure can be written to the file."""
    check_writable(path)
    if path.suffix not in FIGURE_SUFFIXES:
        raise InputError(f"cannot draw into {path}: expected a file name ending in {', '.join(FIGURE_SUFFIXES)}")


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure in the format of the file's suffix, completely or not at all."""
    image = io.BytesIO()
    figure.savefig(image, format=path.suffix[1:], dpi=150, bbox_inches="tight")
    atomic_write(path, image.getvalue())
