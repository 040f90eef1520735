"""Figures in files: the kind that the name asks for, whole or not at all."""

import subprocess
import sys

import pytest
from matplotlib.figure import Figure

from exact.common.drawing import check_figure_path, save_figure
from exact.common.errors import InputError


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml")])
def test_the_name_chooses_the_format(tmp_path, suffix, start):
    target = tmp_path / "new folder" / f"figure{suffix}"
    figure = Figure()
    figure.subplots().plot([1, 2])
    save_figure(figure, target)
    assert target.read_bytes().startswith(start)
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_other_formats_are_refused_before_anything_is_written(tmp_path):
    for check in (check_figure_path, lambda path: save_figure(Figure(), path)):
        with pytest.raises(InputError, match=r"cannot draw into .*figure.txt: expected a file name ending in .png"):
            check(tmp_path / "figure.txt")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_said_before_the_work(tmp_path):
    with pytest.raises(InputError, match="expected a file name in an existing, writable folder"):
        check_figure_path(tmp_path / "missing" / "figure.png")


def test_checking_a_path_does_not_load_matplotlib():
    code = "import sys; from pathlib import Path; from exact.common.drawing import check_figure_path\n"
    code += "check_figure_path(Path('x.png')); sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
