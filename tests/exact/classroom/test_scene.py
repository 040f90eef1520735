"""The numbers of the classroom against closed forms and `exact`."""

from dataclasses import replace

import numpy as np
import pytest

from exact.algorithm import solve
from exact.classroom.lesson import TEXTBOOK
from exact.classroom.scene import RADII, RunSettings, scene, trials, worst_policy
from exact.common.errors import InputError
from exact.controller import ControllerSettings
from exact.evaluation import evaluate
from exact.mdps.garnet import garnet
from exact.mdps.library import load

SETTINGS = TEXTBOOK
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


def test_a_run_that_is_cut_off_ends_with_its_last_accepted_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    mdp = load("gridworld-5x5")
    rejected = next(it for it in trials(mdp, SETTINGS) if it.outcome.value == "reject")
    monkeypatch.setattr("exact.classroom.scene.MAX_ITERATIONS", rejected.k + 1)
    shown = scene(mdp, SETTINGS)
    assert len(shown["delta"]) == rejected.k + 1
    assert shown["eta"][-1] == shown["eta"][-2]


@pytest.mark.parametrize("share", [0.0, 1.5])
def test_a_first_radius_outside_its_range_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="first radius"):
        RunSettings(ControllerSettings(), share)
