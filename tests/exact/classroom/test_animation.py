"""The animation: a title, a scene for every step of the lesson, axes that stand still, and what .mp4 needs."""

import sys
from dataclasses import replace
from pathlib import Path

import imageio_ffmpeg
import pytest
from matplotlib.figure import Figure
from PIL import Image

from exact.classroom import animation
from exact.classroom.__main__ import main
from exact.classroom.animation import (
    FRAMES_PER_SECOND,
    LAST_FRAME_REPEATS,
    TITLE,
    TITLE_REPEATS,
    animate,
    film,
    lesson_scenes,
)
from exact.classroom.lesson import TEXTBOOK, steps
from exact.mdps.library import load

SETTINGS = TEXTBOOK


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(animation, "MOST_FRAMES", 2)


def questions(name: str) -> list[str]:
    return [one.question for one in lesson_scenes(load(name), SETTINGS)]


def test_there_is_a_scene_for_every_step_that_the_problem_can_show() -> None:
    every = [step.question for step in steps()]
    assert len(every) == 10
    assert questions("puterman-two-state") == [question for question in every if question != "Then why a trust region?"]
    assert questions("gridworld-4x4") == [question for question in every if question != "What is a trust region?"]


def test_without_a_problem_every_scene_has_its_own(short: None) -> None:
    scenes = list(lesson_scenes(None, SETTINGS))
    assert [one.question for one in scenes] == [step.question for step in steps()]
    shown = [one.caption(one.moments[0]).partition(",")[0] for one in scenes[:8]]
    assert shown == [step.mdp for step in steps()[:8]]


@pytest.mark.parametrize("name", ["dadashi-2b", "gridworld-4x4", "forest"])
def test_the_axes_of_a_scene_stand_still_and_no_panel_is_empty(name: str) -> None:
    """Regression: axes jumped from frame to frame, and the last frame had an empty panel."""
    figure = Figure(figsize=(12.8, 7.2), dpi=20)
    places: dict[str, set[object]] = {}
    said, panels = [], 0
    scenes = [one for one in lesson_scenes(load(name), SETTINGS) if "network" not in one.question]
    for repeats in film(figure, scenes, load(name)):
        said.append((figure.texts[0].get_text(), repeats))
        for i, ax in enumerate(figure.axes):
            key = f"{figure.texts[0].get_text()}/{i}"
            panels += 1
            places.setdefault(key, set()).add((ax.get_xlim(), ax.get_ylim(), ax.get_position().bounds))
            assert ax.has_data() or ax.texts, key
    assert said[0] == (TITLE, TITLE_REPEATS)
    assert said[-1][1] == LAST_FRAME_REPEATS
    assert panels > 2 * len(places)
    assert {key: found for key, found in places.items() if len(found) > 1} == {}


@pytest.fixture
def two_scenes(short: None, monkeypatch: pytest.MonkeyPatch) -> list[animation.Scene]:
    only = list(lesson_scenes(load("puterman-two-state"), SETTINGS))[:2]
    monkeypatch.setattr(animation, "lesson_scenes", lambda *_: only)
    return only


def test_a_gif_has_a_frame_for_every_moment(two_scenes: list[animation.Scene], tmp_path: Path) -> None:
    target = tmp_path / "run.gif"
    assert main(["--mdp", "puterman-two-state", "--animate", str(target)]) == 0
    moments = sum(len(one.moments) for one in two_scenes)
    with Image.open(target) as movie:
        assert movie.n_frames == moments + 1  # and the title
        assert movie.info["duration"] == 1000 * TITLE_REPEATS / FRAMES_PER_SECOND


def test_an_mp4_repeats_what_stays(two_scenes: list[animation.Scene], tmp_path: Path) -> None:
    target = tmp_path / "run.mp4"
    assert main(["--mdp", "puterman-two-state", "--animate", str(target)]) == 0
    moments = sum(len(one.moments) for one in two_scenes)
    expected = TITLE_REPEATS + moments + len(two_scenes) * (LAST_FRAME_REPEATS - 1)
    assert imageio_ffmpeg.count_frames_and_secs(str(target))[0] == expected


def test_mp4_without_its_extra_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    assert main(["--mdp", "puterman-two-state", "--animate", str(tmp_path / "run.mp4")]) == 2
    assert "stro[video]" in capsys.readouterr().err


def test_dollars_in_a_name_are_text(short: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mdp = replace(load("cash-in"), name=r"$\foo$")
    only = list(lesson_scenes(mdp, replace(TEXTBOOK, first_radius=1.0)))[:1]
    monkeypatch.setattr(animation, "lesson_scenes", lambda *_: only)
    animate(mdp, SETTINGS, tmp_path / "movie.gif")
    assert (tmp_path / "movie.gif").stat().st_size > 0
