"""Run directories become result files and come back unchanged; what is damaged or mixed up is refused."""

import json

import pytest

from exact.common.errors import InputError
from paper_figs import collect
from paper_figs.results import load, portable, read_curve, read_run


def test_runs_collected_are_the_runs_loaded(tmp_path, make_run, capsys):
    make_run("Walker2d-v4", 0, 100.5)
    make_run("Walker2d-v4", 1, 200.0)
    make_run("ALE/Pong-v5", 0, 20.0, variant="low-gamma", gamma=0.9)
    unfinished = make_run("Walker2d-v4", 2, 1.0)
    (unfinished / "result.json").unlink()
    assert collect.main(collect.Options((tmp_path / "runs",), tmp_path / "data")) == 0
    captured = capsys.readouterr()
    assert "wrote 3 result files" in captured.out
    assert captured.err == "left out 1 unfinished runs\n"
    assert (tmp_path / "data" / "low-gamma" / "ALE-Pong-v5" / "seed0.json").exists()
    in_order = sorted(load([tmp_path / "runs"]), key=lambda result: (result.variant, result.seed))
    assert sorted(load([tmp_path / "data"]), key=lambda result: (result.variant, result.seed)) == in_order
    assert in_order[0].settings == {"steps": 1000, "gamma": 0.99}
    assert in_order[0].curve == ((10, 20.1), (20, 40.2), (30, 60.3), (40, 80.4), (50, 100.5))


def test_a_run_outside_a_grid_is_named_by_its_preset(tmp_path, make_run):
    moved = make_run("Walker2d-v4", 0, 1.0, variant="x").rename(tmp_path / "mine")
    assert read_run(moved).variant == "default"


def test_a_folder_of_this_machine_is_no_part_of_the_command():
    command = "python -m deep.train --env X-v0 --out {} --no-normalize"
    assert portable(command.format("/home/me/runs/x")) == command.format("DIR")
    assert portable(command.format("runs/x")) == command.format("runs/x")


def test_a_long_curve_is_thinned_to_about_100_points_with_its_ends(make_run):
    directory = make_run("Walker2d-v4", 0, 1000.0, points=5000)
    curve = read_curve(directory / "metrics.jsonl")
    assert 90 <= len(curve) <= 100
    assert (curve[0], curve[-1]) == ((10, 0.2), (50000, 1000.0))


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("config.json", lambda text: text[:20], "config.json is damaged: expected JSON"),
        ("result.json", lambda text: text[:20], "result.json is damaged: expected JSON"),
        ("metrics.jsonl", lambda text: text[:-9], r"metrics.jsonl, line 6: expected a JSON object"),
        ("result.json", lambda text: text.replace("max100", "maximum"), "lacks 'max100'"),
        ("result.json", lambda text: json.dumps(json.loads(text) | {"max100": float("nan")}), "finite numbers only"),
        ("result.json", lambda text: json.dumps(json.loads(text) | {"max100": None}), "no episode ended"),
        ("result.json", lambda _: "[]", "wrong value"),
    ],
)
def test_a_damaged_run_is_named_and_nothing_is_written(tmp_path, make_run, name, damage, message):
    make_run("Walker2d-v4", 0, 100.0)
    file = make_run("Walker2d-v4", 1, 100.0) / name
    file.write_text(damage(file.read_text()))
    with pytest.raises(InputError, match=message) as caught:
        collect.main(collect.Options((tmp_path / "runs",), tmp_path / "data"))
    assert "seed1" in str(caught.value)
    assert not (tmp_path / "data").exists()


def test_a_damaged_result_file_is_named(tmp_path, make_run):
    make_run("Walker2d-v4", 0, 100.0)
    collect.main(collect.Options((tmp_path / "runs",), tmp_path / "data"))
    (file,) = (tmp_path / "data").rglob("seed0.json")
    file.write_text(file.read_text()[:100])
    with pytest.raises(InputError, match=r"seed0\.json is damaged"):
        load([tmp_path / "data"])
    file.write_text("{}")
    with pytest.raises(InputError, match=r"seed0\.json is not a result file"):
        load([tmp_path / "data"])


def test_runs_of_different_settings_are_not_averaged(tmp_path, make_run):
    make_run("Walker2d-v4", 0, 100.0)
    make_run("Walker2d-v4", 1, 100.0, gamma=0.9)
    with pytest.raises(InputError, match=r"default/Walker2d-v4: seeds 0 and 1 .* \(gamma\)"):
        load([tmp_path / "runs"])
    with pytest.raises(InputError, match="different settings"):
        collect.main(collect.Options((tmp_path / "runs",), tmp_path / "data"))
    assert not (tmp_path / "data").exists()


def test_one_seed_twice_is_not_two_runs(tmp_path, make_run):
    make_run("Walker2d-v4", 0, 100.0)
    with pytest.raises(InputError, match="two runs with seed 0"):
        load([tmp_path / "runs", tmp_path / "runs"])


def test_folders_without_results_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        load([tmp_path / "nowhere"])
    with pytest.raises(InputError, match="holds no finished run"):
        load([tmp_path])
    with pytest.raises(InputError, match="no finished run under"):
        collect.main(collect.Options((tmp_path,)))
