"""The lesson in real browsers: every step shows what it claims, and the numbers are `exact`'s."""

import itertools
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright import sync_api

from exact import bounds
from exact.algorithm import iterate, solve
from exact.baselines import policy_iteration
from exact.classroom.counterexamples import counterexamples
from exact.classroom.lesson import LESSON, TEXTBOOK, page
from exact.classroom.scene import scene, trials
from exact.evaluation import evaluate
from exact.mdps.library import load
from tests.exact.classroom.test_browser import BROWSER, FLAGS, number, set_slider

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
SIZES = {"desktop": (1440, 900), "projector": (1024, 768), "phone": (390, 844)}
STEPS = 11


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("lesson") / "page.html"
    target.write_text(page([scene(load(name), TEXTBOOK) for name in LESSON], counterexamples()), encoding="utf-8")
    return target


@pytest.fixture(scope="module")
def playwright() -> Iterator[sync_api.Playwright]:
    with sync_api.sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright: sync_api.Playwright) -> Iterator[sync_api.Browser]:
    if BROWSER is None:
        pytest.skip("no Chromium on the PATH: install Debian's package chromium")
    chromium = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
    yield chromium
    chromium.close()


@pytest.fixture(scope="module")
def firefox(playwright: sync_api.Playwright) -> Iterator[sync_api.Browser]:
    """The Firefox of the system, by WebDriver BiDi: Playwright's own Firefox is another build, and a download."""
    if FIREFOX is None:
        pytest.skip("no Firefox on the PATH: install Debian's package firefox-esr")
    still = {"ui.prefersReducedMotion": 1}
    started = playwright.firefox.launch(channel="moz-firefox", executable_path=FIREFOX, firefox_user_prefs=still)
    yield started
    started.close()


@pytest.fixture(params=[*(f"chromium-{size}" for size in SIZES), "firefox-projector"])
def opened(path: Path, request: pytest.FixtureRequest) -> Iterator[sync_api.Page]:
    kind, _, size = request.param.partition("-")
    width, height = SIZES[size]
    browser = request.getfixturevalue("browser" if kind == "chromium" else kind)
    context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce", offline=True)
    tab, complaints = context.new_page(), []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.goto(path.as_uri())
    yield tab
    context.close()
    assert complaints == []


def go(tab, step: int) -> None:
    """Step `step`, from 1, with its answer shown."""
    tab.evaluate("step => activate(step - 1, true)", step)
    tab.evaluate("step => STEPS[step - 1].querySelector('[data-right]')?.click()", step)


def fact(tab, name: str) -> tuple[float, float]:
    return number(tab.locator(f".step.now-read [data-fact={name}]").first.inner_text())


def close(shown: tuple[float, float], value: float) -> bool:
    return abs(shown[0] - value) <= shown[1]


def test_every_step_fits_shows_its_views_and_says_no_nonsense(opened) -> None:
    for step in range(1, STEPS + 1):
        go(opened, step)
        views = opened.locator(".step.now-read").get_attribute("data-view").split()
        for view in views:
            if view != "play":
                assert opened.locator(f"#{view} svg, #{view} .film").first.is_visible(), (step, view)
        assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth"), step
        text = opened.locator(".step.now-read").inner_text() + opened.locator("#stage").inner_text()
        assert not re.search(r"NaN|undefined|&\w+;", text), step
        assert "\N{EN DASH}" not in opened.locator(".step.now-read").inner_text(), step


CUT = """[...document.querySelectorAll(".equations, .step math")]
    .filter((e) => e.clientWidth && e.scrollWidth > e.clientWidth + 1)
    .map((e) => e.closest("section, article").querySelector("h2").textContent)"""
OVER_EACH_OTHER = """[...document.querySelectorAll("main svg")].flatMap((svg) => {
    const boxes = [...svg.querySelectorAll("text")].map((node) => [node.textContent, node.getBoundingClientRect()]);
    const shared = (A, B, from, to) => Math.min(A[to], B[to]) - Math.max(A[from], B[from]);
    return boxes.flatMap(([a, A], i) => boxes.slice(i + 1)
        .filter(([b, B]) => shared(A, B, "left", "right") > 2 && shared(A, B, "top", "bottom") > 6)
        .map(([b]) => `${a} | ${b}`));
})"""
BEYOND_THE_EDGE = """[...document.querySelectorAll("main svg")].flatMap((svg) => {
    const edge = svg.getBoundingClientRect();
    return [...svg.querySelectorAll("text")].filter((node) => {
        const { left, right, bottom } = node.getBoundingClientRect();
        return right > left && (left < edge.left - 2 || right > edge.right + 2 || bottom > edge.bottom + 2);
    }).map((node) => node.textContent);
})"""
PICTURE_FAULTS = f"[...{CUT}, ...{OVER_EACH_OTHER}, ...{BEYOND_THE_EDGE}]"


def test_no_equation_is_cut_and_no_label_lies_on_another(opened) -> None:
    """Regression: at 1024 pixels equations were cut, on a phone labels were printed over each other."""
    for step in range(1, STEPS + 1):
        go(opened, step)
        assert opened.evaluate(PICTURE_FAULTS) == [], step
        bar = opened.locator("nav").evaluate("node => node.offsetHeight / innerHeight")
        assert bar < 0.2, step
    opened.locator("#to-play").click()
    assert opened.evaluate(PICTURE_FAULTS) == []


def test_the_answer_is_hidden_until_a_guess_is_made(opened) -> None:
    opened.evaluate("activate(1, true)")
    reveal, curve = opened.locator(".step.now-read .reveal"), opened.locator("#gain svg .answer").first
    assert not reveal.is_visible()
    assert curve.evaluate("node => getComputedStyle(node).visibility") == "hidden"
    opened.locator(".step.now-read .predict button").first.click()
    assert reveal.is_visible()
    assert curve.evaluate("node => getComputedStyle(node).visibility") == "visible"
    assert opened.locator(".step.now-read .wrong").inner_text() == "Yes"


def test_the_claims_are_exact(opened) -> None:
    go(opened, 1)
    optimum = solve(load("dadashi-2b"), policy_iteration, settings=None).final.eta
    assert close(fact(opened, "optimum"), optimum)

    go(opened, 2)  # the true gain falls behind the predicted one at every radius
    first = trials(load("cash-in"), TEXTBOOK)[0]
    data = opened.evaluate("sweep()")
    assert all(actual <= predicted + 1e-9 for actual, predicted in zip(data["actual"], data["predicted"], strict=True))
    assert close(fact(opened, "predicted"), data["predicted"][opened.evaluate("state.index")])

    go(opened, 3)  # the step changes one state only
    at = trials(load("dadashi-2b"), TEXTBOOK)[4]
    assert (abs(at.step.policy - at.policy).sum(axis=1) > 1e-12).sum() == 1

    go(opened, 5)  # rejected at the radius shown, accepted at small ones
    assert fact(opened, "ratio")[0] < TEXTBOOK.controller.beta0
    ratios = opened.evaluate("sweep().ratio")
    assert ratios[0] == pytest.approx(1, abs=1e-3)
    assert ratios == sorted(ratios, reverse=True)
    assert first.before.eta == pytest.approx(opened.evaluate("state.scene.eta[0]"))

    go(opened, 6)  # the ladder rises, and its largest factor is that of the rarest start
    rungs = [row[opened.evaluate("state.index")] for row in opened.evaluate("sweep().ladder")]
    assert rungs == sorted(rungs)
    factors = [b / a for a, b in itertools.pairwise(rungs)]
    assert factors.index(max(factors)) == 4
    mdp = load("dadashi-2b")
    loss = 1 - at.ratio
    promised = 1 - bounds.lemma34(0.9, 0.5, float(abs(at.before.A).max()), at.before.policy_advantage, at.delta)
    assert close(fact(opened, "loss"), loss)
    assert close(fact(opened, "promised"), promised)
    assert mdp.discount == 0.9

    go(opened, 7)
    run = trials(load("gridworld-5x5"), TEXTBOOK)
    assert fact(opened, "trials")[0] == len(run)
    assert fact(opened, "rejected")[0] == sum(it.outcome.value == "reject" for it in run)
    assert opened.locator("#verdict").inner_text() == "rejected"

    go(opened, 8)
    greedy = list(iterate(load("gridworld-5x5"), policy_iteration, start=run[0].policy, settings=None))
    assert fact(opened, "pi")[0] == len(greedy) < fact(opened, "trials")[0] / 5

    go(opened, 9)
    batches = opened.evaluate("DATA.noise.batches")
    at_64 = next(batch for batch in batches if batch["n"] == 64)
    assert abs(at_64["wrong_returns"] - 0.5) < 0.05
    assert all(batch["wrong_reverse"] < batch["wrong_returns"] for batch in batches)
    assert at_64["overfit"] == pytest.approx(13, abs=0.5)
    assert min(row[-1] for row in opened.evaluate("DATA.noise.walks.progress")) < 0.9


def test_batches_are_drawn_one_by_one_and_n_moves_the_share(opened) -> None:
    go(opened, 9)
    marks = opened.locator("#noise svg").first.locator(".mark")
    assert marks.count() == 4
    opened.locator("#draw-batch").click()
    assert marks.count() == 8
    assert opened.locator("#batch").inner_text().startswith("Batch 2:")
    set_slider(opened, "batch-size", 4)
    assert opened.locator("#batch-size-shown").inner_text() == "4096"


def test_a_policy_can_be_dragged_and_its_return_is_exact(browser, path: Path) -> None:
    tab = browser.new_page(viewport={"width": 1440, "height": 900})
    tab.goto(path.as_uri())
    tab.wait_for_timeout(100)
    box = tab.locator("#square svg rect.axis").bounding_box()
    tab.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.75 * box["height"])
    tab.mouse.down()
    tab.mouse.up()
    text = tab.locator("#mine").inner_text()
    assert "π(1|0) = 0.500, π(1|1) = 0.250" in text
    eta = evaluate(load("dadashi-2b"), np.array([[0.5, 0.5], [0.75, 0.25]])).eta
    assert float(tab.locator("#mine").get_attribute("data-eta")) == pytest.approx(eta, rel=1e-3)
    tab.locator("#square .plot svg").focus()
    tab.keyboard.press("ArrowUp")
    assert "π(1|1) = 0.275" in tab.locator("#mine").inner_text()

    tab.evaluate("activate(2, true)")
    before = tab.locator("#radius-shown").inner_text()
    box = tab.locator("#square svg rect.axis").bounding_box()
    tab.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.5 * box["height"])
    tab.mouse.down()
    tab.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.62 * box["height"])
    tab.mouse.up()
    assert tab.locator("#radius-shown").inner_text() != before
    tab.close()


def test_links_lead_to_a_step_a_problem_an_iteration_and_a_radius(browser, path: Path) -> None:
    tab = browser.new_page()
    tab.goto(path.as_uri() + "#step=4&mdp=cash-in&k=2&delta=0.5")
    assert tab.locator("#where").inner_text() == f"Step 4 of {STEPS}"
    assert tab.evaluate("[state.scene.name, state.k]") == ["cash-in", 2]
    assert tab.evaluate("sweep().delta[state.index]") == pytest.approx(0.5, rel=0.1)
    address = tab.evaluate("location.hash")
    tab.goto("about:blank")
    tab.goto(path.as_uri() + address)
    assert tab.evaluate("location.hash") == address
    tab.close()


def test_the_whole_lesson_by_the_keyboard(opened) -> None:
    for step in range(1, STEPS):
        assert opened.locator("#where").inner_text() == f"Step {step} of {STEPS}"
        right = opened.locator(".step.now-read .predict [data-right]")
        for _ in range(60):
            if right.evaluate("node => node === document.activeElement"):
                break
            opened.keyboard.press("Tab")
        opened.keyboard.press("Enter")
        assert opened.locator(".step.now-read .reveal").is_visible()
        opened.keyboard.press("n")
    assert opened.locator("#where").inner_text() == f"Step {STEPS} of {STEPS}"


def test_scrolling_makes_the_step_in_the_middle_the_active_one(opened) -> None:
    opened.wait_for_timeout(1000)
    opened.locator(".step").nth(4).evaluate("node => node.scrollIntoView({ block: 'center' })")
    sync_api.expect(opened.locator("#where")).not_to_have_text(f"Step 1 of {STEPS}", timeout=10000)


def test_a_symbol_explains_itself(opened) -> None:
    opened.locator(".step.now-read .symbol").first.focus()
    assert opened.locator("#meaning").is_visible()
    assert "probability" in opened.locator("#meaning").inner_text()


def test_presenting_shows_notes_and_the_arrows_turn_steps(browser, path: Path) -> None:
    tab = browser.new_page()
    tab.goto(path.as_uri())
    assert not tab.locator(".step.now-read .notes").is_visible()
    tab.evaluate("present(true)")
    assert tab.locator(".step.now-read .notes").is_visible()
    tab.keyboard.press("ArrowRight")
    assert tab.locator("#where").inner_text() == f"Step 2 of {STEPS}"
    tab.close()


def test_the_handout_has_every_step_with_its_picture_and_answer(browser, path: Path) -> None:
    tab = browser.new_page()
    tab.goto(path.as_uri())
    tab.emulate_media(media="print")
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.locator(".handout").count() == STEPS
    assert tab.locator(".handout svg").count() >= STEPS - 1
    assert tab.locator(".reveal").nth(3).is_visible()
    answers = tab.locator(".handout .answer")
    assert answers.count() > 10
    assert set(answers.evaluate_all("nodes => nodes.map((node) => getComputedStyle(node).visibility)")) == {"visible"}
    windows = tab.locator(".handout [clip-path]").evaluate_all(
        "nodes => nodes.map((node) => document.querySelectorAll(node.getAttribute('clip-path').slice(4, -1)).length)"
    )
    assert set(windows) == {1}
    tab.evaluate("dispatchEvent(new Event('afterprint'))")
    assert tab.locator(".handout").count() == 0
    tab.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(browser, path: Path, scheme: str) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme=scheme, reduced_motion="reduce")
    tab = context.new_page()
    for place in ("#step=1", "#step=6", "#step=9", "#step=10", "#play", "#exercises"):
        tab.goto("about:blank")
        tab.goto(path.as_uri() + place)
        found = Axe().run(tab)
        assert found.violations_count == 0, f"{place}: {found.generate_report()}"
    context.close()
