"""Films on machines without a display: the renderer is tried before anything is played."""

import os

import imageio.v3 as imageio
import numpy as np
import pytest

import deep
from deep import film
from deep.evaluate import main
from deep.sampling.environments import inspect
from exact.common import cli
from exact.common.errors import InputError
from tests.deep.scripted import Shown


@pytest.fixture(scope="module")
def hopper(tmp_path_factory):
    settings = {"sampling.N": 256, "critic.epochs": 1, "workers": 1}
    out = tmp_path_factory.mktemp("run") / "run"
    return deep.train("Hopper-v4", out, steps=512, settings=settings, progress=False)


@pytest.fixture
def headless(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(film.VARIABLE, "")  # what the code sets is undone after the test


def test_renderers_are_tried_in_turn_and_the_variable_is_named(hopper, headless, monkeypatch, capsys):
    monkeypatch.setattr(film, "_tried", lambda player, name: None if name == "osmesa" else "no EGL")
    film.choose_renderer(hopper)
    assert os.environ[film.VARIABLE] == "osmesa"
    assert capsys.readouterr().err == "note: no display here; rendering with MUJOCO_GL=osmesa\n"


def test_what_the_user_set_is_kept(hopper, headless, monkeypatch, capsys):
    monkeypatch.setenv(film.VARIABLE, "egl")
    asked = []
    monkeypatch.setattr(film, "_tried", lambda player, name: asked.append(name))
    film.choose_renderer(hopper)
    assert (asked, os.environ[film.VARIABLE], capsys.readouterr().err) == (["egl"], "egl", "")


def test_without_a_renderer_no_episode_is_played(hopper, headless, monkeypatch, tmp_path, capfd):
    monkeypatch.setattr(film, "_tried", lambda player, name: f"no {name} here")
    assert main([str(hopper.folder), "--episodes", "1", "--video", str(tmp_path / "film.gif")]) == cli.BAD_INPUT
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "egl: no egl here; osmesa: no osmesa here); expected a display, or MUJOCO_GL=egl" in err


def test_a_renderer_is_tried_in_a_process_of_its_own(hopper, headless):
    reason = film._tried(hopper, "nonsense")
    assert "nonsense" in reason or "exit code" in reason or "cannot render" in reason
    assert os.environ[film.VARIABLE] == ""


def test_an_environment_that_shows_nothing_is_refused(monkeypatch):
    spec = inspect("tests.deep.scripted:Shown")
    monkeypatch.setattr(Shown, "render", lambda self: None)
    with pytest.raises(InputError, match=r"cannot render 'tests.deep.scripted:Shown': it showed NoneType"):
        film._first_image(spec, 0.0)


def test_a_film_has_as_many_frames_as_the_episode(tmp_path, capsys):
    settings = {"sampling.N": 256, "critic.epochs": 1, "workers": 1}
    env, target = "tests.deep.scripted:Shown", tmp_path / "film.gif"
    agent = deep.train(env, tmp_path / "run", steps=512, settings=settings, progress=False)
    assert main([str(agent.folder), "--env", env, "--episodes", "2", "--video", str(target)]) == cli.DONE
    frames = imageio.imread(target)
    (_, length), *_ = agent.evaluate(2)
    assert len(frames) == length
    np.testing.assert_array_equal([(frame[0, :, 0] > 128).sum() for frame in frames], np.arange(1, length + 1))
