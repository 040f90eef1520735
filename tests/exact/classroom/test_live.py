"""The live app: its page, one's own MDP, its layout, and that it ends with the command and with what started it."""

import html
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright import sync_api

from exact.algorithm import solve
from exact.baselines import policy_iteration
from exact.classroom.lesson import STORY, TEXTBOOK
from exact.classroom.live import LIBRARY, MAP, OWN_DISCOUNT, TABLE, app
from exact.classroom.painter import FIRST_MAP
from exact.classroom.scene import scene
from exact.classroom.server import end_with_parent
from exact.mdps.drawn import Pay, grid_world
from exact.mdps.library import load
from tests import HANG_SECONDS
from tests.exact.classroom.test_browser import BROWSER, FLAGS, number
from tests.torture.app import answers, free_port, served

SETTINGS = TEXTBOOK


def scene_of(text: str):
    data = re.search(r'id="data">(.*?)</script>', html.unescape(text), flags=re.DOTALL)
    assert data is not None
    return json.loads(data[1])["scenes"]


def test_the_live_app_shows_the_page_of_its_sliders() -> None:
    _, cells = app.run()
    assert scene_of(cells["shown"].text) == [scene(load(STORY[0]), SETTINGS)]


def test_a_map_becomes_a_scene_with_walls() -> None:
    mdp, layout = grid_world(FIRST_MAP, Pay(), 0.0, OWN_DISCOUNT, MAP)
    grid = scene(mdp, SETTINGS, layout)["grid"]
    assert grid["letters"] == list(FIRST_MAP)
    for method in grid["methods"]:
        walls = [i for i, value in enumerate(method["values"][0]) if value is None]
        assert walls == [i for i, letter in enumerate("".join(FIRST_MAP)) if letter == "#"]
    values, policy = (grid["methods"][1][key][-1] for key in ("values", "percent"))
    assert values[9] == pytest.approx(1)  # from the cell below the goal, up
    assert policy[9][grid["arrows"].index("↑")] == 100


def test_the_process_ends_with_its_parent_but_not_under_nohup(monkeypatch: pytest.MonkeyPatch) -> None:
    parents, sent = iter([7, 7, 1]), []
    monkeypatch.setattr("exact.classroom.server.LOOK_SECONDS", 0)
    monkeypatch.setattr("os.getppid", lambda: next(parents))
    monkeypatch.setattr("os.kill", lambda pid, number: sent.append((pid, number)))
    end_with_parent()
    assert sent == [(os.getpid(), signal.SIGTERM)]
    monkeypatch.setattr("signal.getsignal", lambda number: signal.SIG_IGN)
    end_with_parent()
    assert len(sent) == 1


@contextmanager
def started(*wrapper: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The app behind a wrapper, once it answers: the wrapper's process, and the port."""
    port = free_port()
    command = [sys.executable, "-m", "exact.classroom", "--live", "--mdp", "cash-in", "--port", str(port)]
    command = [*wrapper, f"{shlex.join(command)}; true"] if wrapper else command
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        assert wait_until(lambda: answers(port), HANG_SECONDS)
        yield process, port
    finally:
        if answers(port):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.communicate()


def wait_until(condition, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize(
    ("wrapper", "how"),
    [((), signal.SIGTERM), ((), signal.SIGHUP), (("bash", "-c"), signal.SIGKILL)],
    ids=["terminated", "terminal closed", "wrapper killed"],
)
def test_the_server_ends_with_the_command_and_its_wrapper(wrapper, how) -> None:
    """Regression: whoever ended the wrapper left the server running."""
    with started(*wrapper) as (process, port):
        process.send_signal(how)
        process.wait(timeout=HANG_SECONDS)
        assert wait_until(lambda: not answers(port), HANG_SECONDS)


@pytest.fixture(scope="module")
def live() -> Iterator[sync_api.Page]:
    """The app in a browser, on a screen of usual width."""
    if BROWSER is None:
        pytest.skip("no Chromium on the PATH: install Debian's package chromium")
    with served() as (port, token), sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        tab = chromium.new_page(viewport={"width": 1440, "height": 900})
        tab.set_default_timeout(1000 * HANG_SECONDS)
        tab.goto(f"http://127.0.0.1:{port}/?access_token={token}")
        tab.frame_locator("iframe").locator("#status").wait_for()
        yield tab
        chromium.close()


def choose(tab: sync_api.Page, what: str) -> None:
    tab.get_by_role("radio", name=what).click()
    about = tab.frame_locator("iframe").locator("#about")
    sync_api.expect(about).to_contain_text(f"Shown: {what}", timeout=1000 * HANG_SECONDS)


def optimum(tab: sync_api.Page) -> tuple[float, float]:
    """eta* as the page says it."""
    text = tab.frame_locator("iframe").locator("#about").inner_text()
    return number(text.rpartition("= ")[2].rstrip("."))


def test_one_menu_and_two_columns(live: sync_api.Page) -> None:
    page = live.frame_locator("iframe")
    assert [page.locator("select").count(), page.locator("select:visible").count()] == [1, 0]
    problem, square = (page.locator(f"#{view}").bounding_box() for view in ("problem", "square"))
    assert problem["y"] == pytest.approx(square["y"], abs=1)
    assert problem["x"] + problem["width"] < square["x"]


def test_a_painted_map_is_computed_again(live: sync_api.Page) -> None:
    choose(live, MAP)
    mdp, _ = grid_world(FIRST_MAP, Pay(), 0.0, OWN_DISCOUNT, MAP)
    before, half_unit = optimum(live)
    assert abs(before - solve(mdp, policy_iteration, settings=None).final.eta) <= half_unit

    cells = live.locator(".board .cell")
    live.get_by_role("button", name="wall", exact=True).click()
    first, last = cells.nth(2).bounding_box(), cells.nth(7).bounding_box()
    live.mouse.move(first["x"] + 9, first["y"] + 9)
    live.mouse.down()
    live.mouse.move(last["x"] + 9, last["y"] + 9, steps=8)
    live.mouse.up()
    walled = ("S.#.G", ".###.", *FIRST_MAP[2:])
    mdp, _ = grid_world(walled, Pay(), 0.0, OWN_DISCOUNT, MAP)
    after = solve(mdp, policy_iteration, settings=None).final.eta
    assert after < before - 0.1
    said = live.frame_locator("iframe").locator("#about")
    sync_api.expect(said).to_contain_text("states 20", timeout=1000 * HANG_SECONDS)
    shown, half_unit = optimum(live)
    assert abs(shown - after) <= half_unit

    cells.nth(4).focus()
    live.keyboard.press("#")
    alert = live.get_by_text("own grid world: the map has no goal; draw at least one")
    alert.wait_for()
    live.keyboard.press("g")
    alert.wait_for(state="hidden")


def test_a_table_is_computed_again(live: sync_api.Page) -> None:
    choose(live, TABLE)
    shown, half_unit = optimum(live)
    assert abs(shown - solve(load(STORY[0]), policy_iteration, settings=None).final.eta) <= half_unit
    entry = live.locator("table input").first
    entry.fill("0.5")
    entry.press("Enter")
    live.get_by_text("own two states: transition probabilities of state 0, action 0 sum to 0.54, expected 1").wait_for()
    entry.fill("")
    entry.press("Enter")
    live.get_by_text("own two states: a number of state 0, action 0").wait_for()
    entry.fill("0.96")
    entry.press("Enter")
    live.frame_locator("iframe").locator("#problem svg").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("what", [LIBRARY, MAP, TABLE])
def test_every_control_has_a_name_and_axe_finds_no_violation(live: sync_api.Page, what: str, scheme: str) -> None:
    """Regression: marimo's fields for numbers were "Number input", or had the HTML of their label as a name."""
    live.emulate_media(color_scheme=scheme)
    live.get_by_role("radio", name=what).click()
    fields = {MAP: ["A step pays", "A goal pays", "A pit pays", "rows", "columns"], LIBRARY: []}.get(what)
    if fields is None:
        pairs = [f"s={s}, a={a} {column}" for s in (0, 1) for a in (0, 1) for column in ("to 0", "to 1", "pays")]
        fields = [*pairs, "start to 0", "start to 1"]
    sync_api.expect(live.get_by_role("spinbutton")).to_have_count(len(fields))
    for name in fields:
        sync_api.expect(live.get_by_role("spinbutton", name=name, exact=True)).to_have_count(1)
    assert live.get_by_role("button", name="Show or hide the controls").is_visible()
    # The name of marimo's button is generated content, which browsers read out, and axe does not.
    found = Axe().run(live, context={"exclude": [[".app-sidebar > div > button"]]})
    assert found.violations_count == 0, found.generate_report()


def test_an_open_page_does_not_keep_the_process(live: sync_api.Page) -> None:
    """Regression: after Ctrl-C the threads of an open page kept the process for ever."""
    with started() as (process, _):
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1].decode()
        tab = live.context.browser.new_page()
        tab.goto(address)
        tab.frame_locator("iframe").locator("#status").wait_for()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=HANG_SECONDS) == -signal.SIGINT
        tab.close()
