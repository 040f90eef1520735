"""The classroom page in a headless Chromium: it works from a file, offline, and shows `exact`'s numbers."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from playwright import sync_api

from exact.algorithm import Iteration
from exact.classroom.counterexamples import counterexamples
from exact.classroom.lesson import TEXTBOOK, page
from exact.classroom.scene import RADII, SMALLEST_RADIUS, scene, trials
from exact.controller import ratio
from exact.evaluation import evaluate
from exact.mdp import MDP
from exact.mdps.library import load
from exact.subproblem.tv import solve_tv

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on the PATH: install Debian's package chromium")

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
FLAGS += ["--disable-component-update", "--disable-sync"]
SCENES = ["dadashi-2b", "gridworld-5x5", "dadashi-2c", "unvisited", "forest"]
SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
VIEWS = ["square", "polytope", "water", "ratio", "run", "lemma36", "lemma37"]


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("classroom") / "page.html"
    target.write_text(page([scene(load(name), TEXTBOOK) for name in SCENES], counterexamples()), encoding="utf-8")
    return target


@pytest.fixture(params=[(1280, 800, "light"), (390, 844, "dark")], ids=["projector", "phone"])
def opened(browser, path: Path, request: pytest.FixtureRequest) -> Iterator[object]:
    """The page in a window; at the end nothing was asked of another host and nothing was complained of."""
    width, height, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, offline=True)
    requests, complaints = [], []
    context.on("request", lambda asked: requests.append(asked.url))
    tab = context.new_page()
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.goto(path.as_uri() + "#play")
    yield tab
    context.close()
    assert {address.partition("#")[0] for address in requests if not address.startswith("data:")} == {path.as_uri()}
    assert complaints == []


def number(text: str) -> tuple[float, float]:
    """A number that the page shows, and half a unit of its last digit."""
    mantissa, _, exponent = text.replace("\N{MINUS SIGN}", "-").partition("·10")
    power = int(exponent.translate(SUPERSCRIPTS) or 0)
    decimals = len(mantissa.partition(".")[2])
    return float(mantissa) * 10.0**power, 0.51 * 10.0 ** (power - decimals)


def shown(tab, key: str) -> str:
    return str(tab.locator(f'[data-key="{key}"]').first.inner_text())


def set_slider(tab, name: str, value: int) -> None:
    tab.locator(f"#{name}").evaluate(
        "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }", value
    )


def drawings(tab) -> dict[str, str]:
    return {view: tab.locator(f"#{view} .plot").first.inner_html() for view in VIEWS}


def check_numbers(tab, mdp: MDP, at: Iteration, delta: float) -> None:
    """The status line against a step solved and evaluated here."""
    step = solve_tv(at.policy, at.before.A, at.before.rho, delta)
    actual = evaluate(mdp, step.policy).eta - at.before.eta
    expected = {
        "eta": at.before.eta,
        "advantage": at.before.policy_advantage,
        "predicted": step.gain,
        "actual": actual,
        "r": ratio(actual, step.gain),
    }
    for key, value in expected.items():
        displayed, half_unit = number(shown(tab, key))
        assert abs(displayed - value) <= half_unit, key


@pytest.mark.parametrize("name", ["dadashi-2b", "gridworld-5x5", "forest"])
def test_numbers_are_those_of_exact(opened, name: str) -> None:
    mdp = load(name)
    run = trials(mdp, TEXTBOOK)
    opened.select_option("#mdp", label=name)
    grid = np.geomspace(SMALLEST_RADIUS, 1 / (1 - mdp.discount), RADII)
    for k in (0, 2, len(run) - 1):
        set_slider(opened, "k", k)
        opened.locator("#own").evaluate("button => button.click()")
        check_numbers(opened, mdp, run[k], run[k].delta)
        outcome = opened.locator("#verdict").inner_text()
        assert outcome == ("rejected" if run[k].outcome.value == "reject" else "accepted")
        radii = np.union1d(grid, run[k].delta)
        for index in (0, 40, len(radii) - 1):
            set_slider(opened, "radius", index)
            check_numbers(opened, mdp, run[k], radii[index])
            displayed, half_unit = number(opened.locator("#radius-shown").inner_text())
            assert abs(displayed - radii[index]) <= half_unit


def test_both_sliders_move_the_linked_drawings(opened) -> None:
    before = drawings(opened)
    set_slider(opened, "radius", 20)
    by_radius = drawings(opened)
    assert {view for view in VIEWS if by_radius[view] != before[view]} == set(VIEWS) - {"run"}
    set_slider(opened, "k", 3)
    by_iteration = drawings(opened)
    assert {view for view in VIEWS if by_iteration[view] != by_radius[view]} >= set(VIEWS) - {"lemma36", "lemma37"}


def test_the_grid_follows_the_iterations(opened) -> None:
    opened.locator("#grid").get_by_text("Show gridworld-5x5").click()
    maps = opened.locator("#grid svg")
    assert maps.count() == 3
    first = [maps.nth(i).inner_html() for i in range(3)]
    set_slider(opened, "k", 5)
    assert all(maps.nth(i).inner_html() != first[i] for i in range(3))
    printed = maps.nth(1).locator("text").all_text_contents()
    assert {"24.4", "22.0", "19.4", "17.5"} <= set(printed)  # Sutton and Barto, figure 3.5, by policy iteration


def test_every_problem_can_be_played_to_its_optimum_without_complaint(opened) -> None:
    for name in SCENES:
        opened.select_option("#mdp", label=name)
        last = int(opened.locator("#k").get_attribute("max") or 0)
        for k in range(last + 1):
            set_slider(opened, "k", k)
        assert opened.locator("#verdict").inner_text() == "optimal"
        assert opened.locator("#radius").is_disabled()
        assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert "NaN" not in re.sub(r"data:[^)]*", "", opened.locator("main").inner_html())


def test_the_header_says_what_is_shown(opened) -> None:
    opened.select_option("#mdp", label="forest")
    text = opened.locator("#about").inner_text()
    assert text.startswith("Shown: forest, states 3, actions 2, discount")
    assert text.endswith("optimum η* = 29.74.")


def stuck() -> MDP:
    """State 0, the only start, can loop with 0 or -1 or go to 1; the way to the +1 of state 2 takes two steps to see.

    Steps make states that are not visited greedy for nothing, but state 1 turns to state 2 only after 2 has improved.
    """
    P = np.zeros((3, 3, 3))
    P[0, [0, 2], 0] = P[0, 1, 1] = 1
    P[1, [0, 2], 1] = P[1, 1, 2] = 1
    P[2, :, 2] = 1
    rewards = np.array([[0, -0.5, -1], [-1, 0, -1], [-10, 1, -10]])
    return MDP(P, rewards, np.array([1.0, 0, 0]), 0.9, "stuck")


def test_a_vanishing_advantage_is_not_called_optimal_where_lemma_32_does_not_apply(browser, tmp_path: Path) -> None:
    target = tmp_path / "stuck.html"
    settings = replace(TEXTBOOK, first_radius=1.0, uniform_share=0.0)
    target.write_text(page([scene(stuck(), settings)], counterexamples()), encoding="utf-8")
    tab = browser.new_page()
    tab.goto(target.as_uri())
    set_slider(tab, "k", int(tab.locator("#k").get_attribute("max") or 0))
    assert tab.locator("#verdict").inner_text() == "A* = 0, yet not optimal"
    assert "7.600: what could be gained lies in states that are never visited" in tab.locator("#water").inner_text()
    tab.close()


def test_the_keys_play_and_step(opened) -> None:
    opened.locator("h1").click()
    opened.keyboard.press("ArrowRight")
    assert opened.locator("#k").input_value() == "1"
    radius = int(opened.locator("#radius").input_value())
    opened.keyboard.press("Shift+ArrowLeft")
    assert int(opened.locator("#radius").input_value()) == radius - 1
    opened.keyboard.press("ArrowLeft")
    assert opened.locator("#k").input_value() == "0"
    opened.keyboard.press(" ")
    assert opened.locator("#play").inner_text() == "Pause"
    sync_api.expect(opened.locator("#k")).to_have_value("1", timeout=15000)
    opened.keyboard.press(" ")
    assert opened.locator("#play").inner_text() == "Play"


def test_letters_are_legible(opened) -> None:
    sizes = opened.evaluate(
        "[...document.querySelectorAll('p, text, output, li')].map(e => parseFloat(getComputedStyle(e).fontSize))"
    )
    assert min(sizes) >= 14
    assert opened.evaluate("getComputedStyle(document.body).colorScheme") == "light dark"
