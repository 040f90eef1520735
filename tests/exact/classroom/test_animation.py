"""The animation of a run: its frames, and what .mp4 needs."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from exact.classroom.__main__ import main
from exact.classroom.animation import animate
from exact.classroom.lesson import TEXTBOOK
from exact.classroom.scene import trials
from exact.mdps.library import load

SETTINGS = TEXTBOOK


def test_the_animation_has_a_frame_per_iteration(tmp_path: Path) -> None:
    target = tmp_path / "run.gif"
    assert main(["--mdp", "puterman-two-state", "--animate", str(target)]) == 0
    with Image.open(target) as movie:
        # the repeated last frames are merged into a longer one
        assert movie.n_frames == len(trials(load("puterman-two-state"), SETTINGS)) + 1


def test_mp4_without_its_extra_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    assert main(["--mdp", "puterman-two-state", "--animate", str(tmp_path / "run.mp4")]) == 2
    assert "stro[video]" in capsys.readouterr().err


def test_dollars_in_a_name_are_text(tmp_path: Path) -> None:
    mdp = replace(load("cash-in"), name=r"$\foo$")
    animate(mdp, replace(TEXTBOOK, first_radius=1.0), tmp_path / "movie.gif")
    assert (tmp_path / "movie.gif").stat().st_size > 0
