"""Learning curves of run directories: who stands with whom, what is left out, and the page in a browser."""

import json
import shutil

import numpy as np
import pytest
from playwright import sync_api

from deep.plot import draw, find, groups, main, read
from exact.common import cli
from exact.common.errors import InputError

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def make(root, name, env="Hopper-v4", seed=0, length=5, **settings):
    """A run directory; its return at step 100 k is 10 k + seed."""
    folder = root / name
    folder.mkdir(parents=True)
    config = {"env": env, "preset": "default", "seed": seed, "sampling": {"N": 1024} | settings.pop("sampling", {})}
    (folder / "config.json").write_text(json.dumps(config | settings))
    lines = [{"steps": 100 * k, "return100": 10.0 * k + seed if k else None} for k in range(length)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"steps": 99')
    return folder


@pytest.fixture
def root(tmp_path):
    for seed in range(2):
        make(tmp_path, f"a{seed}", seed=seed)
        make(tmp_path, f"nested/b{seed}", seed=seed, sampling={"N": 512}, command="another")
    make(tmp_path, "c", env="Ant-v4", preset="paper")
    return tmp_path


def test_runs_that_differ_in_their_seed_are_one_group(root):
    runs = [read(folder, "return100") for folder in find([root])]
    found = groups([run for run in runs if run.config["env"] == "Hopper-v4"])
    assert [(group.name, len(group.runs)) for group in found] == [
        ("default, sampling.N=1024", 2),
        ("default, sampling.N=512", 2),
    ]
    assert runs[0].curve == ((100, 10.0), (200, 20.0), (300, 30.0), (400, 40.0))  # the line being written is left
    assert found[0].last == 40.5


def test_a_preset_names_a_group_and_no_more_than_three_settings(tmp_path):
    make(tmp_path, "a")
    make(tmp_path, "b", preset="paper", sampling={"N": 7})
    make(tmp_path, "c", preset="paper", sampling={"N": 8}, p=1, q=[1, 2], r=3)
    names = [group.name for group in groups([read(folder, "return100") for folder in find([tmp_path])])]
    assert names == ["default", "paper, sampling.N=7", "paper, sampling.N=8, p=1, q=1x2, ..."]


def test_each_environment_has_a_panel_with_a_line_per_group_and_a_band_over_seeds(root):
    runs = [read(folder, "return100") for folder in find([root])]
    panels = {env: groups([run for run in runs if run.config["env"] == env]) for env in ("Hopper-v4", "Ant-v4")}
    hopper, ant = draw(panels, "return100", np.random.default_rng(0)).axes
    assert (len(hopper.lines), len(hopper.collections), len(ant.lines), len(ant.collections)) == (2, 2, 1, 0)
    np.testing.assert_allclose(hopper.lines[0].get_ydata()[-1], 40.5)


def test_a_run_in_which_no_episode_ended_is_in_the_table(root, tmp_path, capsys):
    make(root, "endless", length=1)
    assert main([str(root), "--out", str(tmp_path / "curves.html")]) == cli.DONE
    assert f"left out {root}/endless: no episode ended\n" in capsys.readouterr().err
    assert f"no episode ended<td>{root}/endless" in (tmp_path / "curves.html").read_text()
    assert main([str(root / "endless")]) == cli.BAD_INPUT
    assert f"nothing to draw in 1 run: {root}/endless: no episode ended" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_figures_are_written_and_what_is_left_out_is_said(root, suffix, capsys):
    make(root, "empty", length=0)
    assert main([str(root), "--out", str(root / f"curves{suffix}")]) == cli.DONE
    output = capsys.readouterr()
    assert "5 runs, 2 environments" in output.out
    assert f"left out {root}/empty: no number for return100 yet" in output.err
    assert (root / f"curves{suffix}").stat().st_size > 1000


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on the PATH: install Debian's package chromium")
def test_the_page_opens_and_a_click_hides_a_group(root):
    target = root / "curves.html"
    assert main([str(root), "--out", str(target)]) == cli.DONE
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        tab, complaints = browser.new_page(), []
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.goto(target.as_uri())
        line = tab.locator('[id="group-0-1"]')
        assert line.count() == 2  # line and band
        assert tab.locator("tbody tr").count() == 3
        assert line.first.is_visible()
        tab.locator("tbody tr").nth(1).click()
        assert not line.first.is_visible()
        assert not line.last.is_visible()
        assert tab.locator('[id="group-0-0"]').first.is_visible()
        browser.close()
    assert complaints == []


def test_a_name_cannot_end_the_page(root):
    make(root, "evil", env="<script>alert(1)</script>")
    assert main([str(root), "--out", str(root / "curves.html")]) == cli.DONE
    assert "<script>alert" not in (root / "curves.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected run directories"),
        (["/no/such/folder"], "no such folder"),
        (["EMPTY"], "holds no run directory"),
        (["RUNS", "--value", "speed"], "has no such number; expected one of return100, steps"),
        (["RUNS", "--out", "curves.txt"], "or .html, got curves.txt"),
        (["RUNS", "--seed", "-1"], "--seed >= 0"),
    ],
)
def test_bad_input_is_one_line_and_status_2(root, tmp_path_factory, arguments, message, capfd):
    places = {"RUNS": str(root), "EMPTY": str(tmp_path_factory.mktemp("empty"))}
    assert main([places.get(word, word) for word in arguments]) == cli.BAD_INPUT
    err = capfd.readouterr().err
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("config.json", "5", "config.json: expected a dictionary, got 5"),
        ("config.json", "{}", "config.json has no field 'env'"),
        ("metrics.jsonl", "5\n", "metrics.jsonl, line 1: expected a dictionary, got 5"),
        ("metrics.jsonl", '{"steps": "many"}\n', "metrics.jsonl, line 1.steps: expected an integer"),
    ],
)
def test_a_damaged_run_is_named(root, name, text, message, capfd):
    """Regression: a config.json that is no dictionary was a fault of the program."""
    (root / "c" / name).write_text(text)
    assert main([str(root), "--out", str(root / "x.png")]) == cli.BAD_INPUT
    assert message in capfd.readouterr().err


def test_a_damaged_line_is_named(root):
    (root / "c" / "metrics.jsonl").write_text('{"steps": 1}\nnonsense\n')
    with pytest.raises(InputError, match=r"c/metrics.jsonl, line 2"):
        read(root / "c", "return100")
