"""The classroom's numbers against closed forms and `exact`; its command line; the animation and the live app."""

import html
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from exact.algorithm import solve
from exact.classroom import __main__ as classroom
from exact.classroom.counterexamples import counterexamples
from exact.classroom.live import app
from exact.classroom.scene import MAX_PAIRS, RADII, RunSettings, scene, trials, worst_policy
from exact.common import cli
from exact.common.errors import InputError
from exact.controller import ControllerSettings
from exact.evaluation import evaluate
from exact.mdps.files import save_mdp
from exact.mdps.garnet import garnet
from exact.mdps.library import NAMED, load

SETTINGS = classroom.TEXTBOOK
TWO_STATE = ["cash-in", "dadashi-2a", "dadashi-2b", "dadashi-2c", "dadashi-2d", "dadashi-3", "puterman-two-state"]


def test_cash_in_has_its_closed_forms() -> None:
    shown = scene(load("cash-in"), replace(SETTINGS, uniform_share=0.0))
    first = shown["steps"][0]
    delta = np.array(first["delta"])
    inside = delta <= 5
    np.testing.assert_allclose(np.array(first["ratio"])[inside], 1 / (1 + 1.8 * delta[inside]), rtol=1e-7)
    np.testing.assert_allclose(first["rho"], [5, 5], rtol=1e-7)
    assert shown["advantage"][0] == 5
    assert first["bound_lemma34"][0] == pytest.approx(0.712)


@pytest.mark.parametrize("name", ["dadashi-2b", "gridworld-5x5", "frozenlake-8x8", "queue"])
def test_a_scene_tells_the_run_of_algorithm_31(name: str) -> None:
    mdp = load(name)
    horizon = 1 / (1 - mdp.discount)
    start = 0.8 * worst_policy(mdp) + 0.2 * mdp.uniform_policy()
    settings = replace(SETTINGS.controller, radius_max=horizon)
    run = solve(mdp, start=start, delta0=0.01 * horizon, settings=settings)
    shown = scene(mdp, SETTINGS)
    assert run.converged
    assert shown["accepted"] == [record.accepted for record in run.records]
    np.testing.assert_allclose(shown["delta"], [record.delta for record in run.records], rtol=1e-7)
    np.testing.assert_allclose(shown["eta"][:-1], [record.eta for record in run.records], rtol=1e-7)
    assert shown["gap"][-1] == shown["advantage"][-1] == 0
    for step, record in zip(shown["steps"], run.records, strict=True):
        own = {column: step[column][step["own"]] for column in ("ratio", "price", "bound_prior", "bound_posterior")}
        assert own == pytest.approx({column: getattr(record, column) for column in own}, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("name", TWO_STATE)
def test_steps_move_up_and_right_in_the_value_polytope(name: str) -> None:
    shown = scene(load(name), SETTINGS)
    for V, step in zip(shown["polytope"]["values"], shown["steps"], strict=False):
        assert len(step["delta"]) in (RADII, RADII + 1)
        assert (np.array(step["trial_values"]) >= np.array(V) - 1e-6).all()


@pytest.mark.parametrize("name", ["dadashi-2c", "dadashi-2d"])
def test_the_polytope_is_made_of_the_segments_of_its_theorem(name: str) -> None:
    mdp, rng = load(name), np.random.default_rng(1)
    families = np.array(scene(mdp, SETTINGS)["polytope"]["segments"])
    for fixed, segments in enumerate(families):
        # the first segment has action 0 in the fixed state: every such policy must lie on it, between its ends
        policy = rng.dirichlet(np.ones(mdp.n_actions), size=2)
        policy[fixed] = np.eye(mdp.n_actions)[0]
        V, (low, high) = evaluate(mdp, policy).V, segments[0]
        share = (V - low) @ (high - low) / ((high - low) @ (high - low))
        assert 0 <= share <= 1
        np.testing.assert_allclose(low + share * (high - low), V, atol=1e-6)


@pytest.mark.parametrize("name", ["dadashi-2b", "gridworld-4x4", "inventory"])
def test_the_dark_area_of_the_bars_is_the_predicted_gain(name: str) -> None:
    for step in scene(load(name), SETTINGS)["steps"]:
        height, width = (np.array(step["bars"][key]) for key in ("height", "width"))
        left = np.concatenate(([0], np.cumsum(width)[:-1]))
        for used, gain in zip(step["distance"], step["predicted"], strict=True):
            area = (height * np.clip(used - left, 0, width)).sum()
            assert area == pytest.approx(gain, rel=1e-5, abs=1e-7)


def test_the_methods_on_a_grid_start_together_and_policy_iteration_ends_at_the_optimum() -> None:
    shown = scene(load("gridworld-5x5"), SETTINGS)
    own, howard, conservative = shown["grid"]["methods"]
    assert own["eta"][0] == howard["eta"][0] == conservative["eta"][0]
    assert own["eta"][-1] == howard["eta"][-1] == shown["optimum"]
    assert own["values"][-1][1] == pytest.approx(24.4, abs=0.05)  # printed in Sutton and Barto, figure 3.5
    assert own["eta"] == sorted(own["eta"])
    assert conservative["eta"][-1] < shown["optimum"]


def test_the_menu_offers_every_named_mdp_that_can_be_drawn() -> None:
    assert sorted(classroom.STORY) == sorted(name for name in NAMED if load(name).rewards.size <= MAX_PAIRS)


@pytest.mark.parametrize("scale", [1e6, 1e-6])
def test_the_scale_of_the_rewards_changes_no_iteration(scale: float) -> None:
    mdp = garnet(8, 3, 3, 0.9, 1)  # no ties, which rounding would break in another way
    ratios = [it.ratio for it in trials(mdp, SETTINGS)]
    scaled = [it.ratio for it in trials(replace(mdp, rewards=scale * mdp.rewards), SETTINGS)]
    assert scaled == pytest.approx(ratios, rel=1e-6)


def test_many_actions_leave_the_polytope_out() -> None:
    shown = scene(garnet(2, 100, 2, 0.9, 1), SETTINGS)
    assert shown["polytope"] is None
    assert shown["square"] is None


def test_a_zero_in_the_initial_distribution_leaves_the_bounds_out() -> None:
    step = scene(load("unvisited"), SETTINGS)["steps"][0]
    bounds = ("bound_lemma34", "bound_prior", "bound_posterior", "bound_visitation")
    assert {value for column in bounds for value in step[column]} == {None}


def test_the_gaussian_panels_show_both_counterexamples() -> None:
    panels = counterexamples()
    at = {delta: i for i, delta in enumerate(panels["delta"])}
    gain, agreement = panels["lemma36"], panels["lemma37"]
    assert gain["truth"][at[1e-3]] == pytest.approx(0.12130, abs=5e-6)
    assert gain["printed"][at[1e-3]] == pytest.approx(0.19180, abs=5e-6)
    assert 1 - agreement["truth"][at[1e-4]] == pytest.approx(0.997860, abs=5e-7)
    assert 1 - agreement["printed"][at[1e-4]] == pytest.approx(0.999894, abs=5e-7)
    assert (np.array(gain["repaired"]) <= gain["truth"]).all()
    assert (np.array(agreement["repaired"]) >= agreement["truth"]).all()


def test_the_page_is_self_contained_and_says_two_sentences_per_view() -> None:
    text = classroom.page([scene(load("puterman-two-state"), SETTINGS)], counterexamples())
    assert not re.search(r"(?:src|href)\s*=|url\((?!#)|@import|fetch\(|XMLHttpRequest", text)
    assert set(re.findall(r"https?://[^\s\"']+", text)) == {"http://www.w3.org/2000/svg"}
    views = re.findall(r'<p class="why">(.*?)</p>', text, flags=re.DOTALL)
    assert len(views) == text.count("<section") == 8
    for view in views:
        plain = re.sub(r"et al\.|3\.\s?[2467]|<[^>]+>", "", view)
        assert len(re.findall(r"[.?!](?:\s|$)", plain)) == 2, view
    assert all("<math" in part for part in text.split("<section")[1:])


def test_a_hostile_name_stays_data() -> None:
    mdp = replace(load("cash-in"), name="</script><script>alert(1)</script>")
    text = classroom.page([scene(mdp, SETTINGS)], counterexamples())
    assert "alert(1)</script>" not in text
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, flags=re.DOTALL)
    assert data is not None
    assert json.loads(data[1])["scenes"][0]["name"] == mdp.name


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Exit status of the command line."""
    monkeypatch.setattr(sys, "argv", ["classroom", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.run(classroom.main)
    return int(stop.value.code or 0)


def test_the_command_writes_files_and_garnets_of_the_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine, out = tmp_path / "mine.json", tmp_path / "page.html"
    save_mdp(replace(garnet(4, 3, 2, 0.9, 1), name="mine"), mine)
    assert run(monkeypatch, "--mdp", str(mine), "garnet:S=2,A=2,b=2,gamma=0.8,seed=3", "--out", str(out)) == 0
    assert "2 MDPs" in capsys.readouterr().out
    assert '"name":"mine"' in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--mdp", "dadashi-9"], "dadashi"),
        (["--mdp", "taxi"], "at most 1024 pairs"),
        (["--mdp", "missing.json"], "missing.json"),
        (["--mdp", "garnet:S=3,A=1,b=1,gamma=0.5,seed=1"], "A* is zero"),
        (["--mdp", "cash-in", "--out", "no/such/folder/page.html"], "cannot write"),
        (["--mdp", "cash-in", "--animate", "run.avi"], "must end in .gif or .mp4"),
        (["--mdp", "cash-in", "--animate", "run.gif", "--live"], "exclude each other"),
        (["--live", "--port", "0"], "port must lie in 1..65535"),
        (["--run.first-radius", "2"], "first radius must lie in (0, 1]"),
        (["--run.uniform-share", "-1"], "uniform share must lie in [0, 1]"),
        (["--run.controller.beta0", "0.9"], "beta0 < beta1"),
        (["--frobnicate"], "frobnicate"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    existing = tmp_path / "classroom.html"
    existing.write_text("untouched", encoding="utf-8")
    assert run(monkeypatch, *arguments) == 2
    complaint = capsys.readouterr().err
    assert complaint.count("\n") == 1
    assert words in complaint
    assert [path.name for path in tmp_path.iterdir()] == ["classroom.html"]
    assert existing.read_text(encoding="utf-8") == "untouched"


def test_a_run_that_is_cut_off_ends_with_its_last_accepted_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    mdp = load("gridworld-5x5")
    rejected = next(it for it in trials(mdp, SETTINGS) if it.outcome.value == "reject")
    monkeypatch.setattr("exact.classroom.scene.MAX_ITERATIONS", rejected.k + 1)
    shown = scene(mdp, SETTINGS)
    assert len(shown["delta"]) == rejected.k + 1
    assert shown["eta"][-1] == shown["eta"][-2]


def test_the_animation_has_a_frame_per_iteration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    target = tmp_path / "run.gif"
    assert run(monkeypatch, "--mdp", "puterman-two-state", "--animate", str(target)) == 0
    with Image.open(target) as movie:
        # the repeated last frames are merged into a longer one
        assert movie.n_frames == len(trials(load("puterman-two-state"), SETTINGS)) + 1


def test_mp4_without_its_extra_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    assert run(monkeypatch, "--mdp", "puterman-two-state", "--animate", str(tmp_path / "run.mp4")) == 2
    assert "stro[video]" in capsys.readouterr().err


def test_the_live_app_is_served_on_the_loopback_address(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def record(command: list[str]) -> subprocess.CompletedProcess[bytes]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", record)
    assert run(monkeypatch, "--live", "--mdp", "cash-in") == 0
    assert commands[0][commands[0].index("--host") + 1] == "127.0.0.1"
    assert commands[0][-2:] == ["--mdp", "cash-in"]


def test_the_live_app_shows_the_page_of_its_sliders() -> None:
    _, cells = app.run()
    shown = html.unescape(cells["shown"].text)
    name = classroom.STORY[0]
    data = re.search(r'id="data">(.*?)</script>', shown, flags=re.DOTALL)
    assert data is not None
    assert json.loads(data[1])["scenes"] == [scene(load(name), SETTINGS)]


@pytest.mark.parametrize("share", [0.0, 1.5])
def test_a_first_radius_outside_its_range_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="first radius"):
        RunSettings(ControllerSettings(), share)
