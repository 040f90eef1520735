"""Run directories become result files; what is damaged or mixed up is refused and nothing is written."""

import json
import re

import pytest

from paper_figs import collect
from paper_figs.results import load


def test_runs_collected_are_the_runs_loaded(tmp_path, make_run, capsys):
    make_run("Walker2d-v4", 0, 100.5)
    make_run("Walker2d-v4", 1, 200.0)
    make_run("ALE/Pong-v5", 0, 20.0, variant="low-gamma", gamma=0.9)
    unfinished = make_run("Walker2d-v4", 2, 1.0)
    (unfinished / "result.json").unlink()
    assert collect.main(["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "data")]) == 0
    captured = capsys.readouterr()
    assert "wrote 3 result files" in captured.out
    assert captured.err == "left out 1 unfinished run\n"
    assert (tmp_path / "data" / "low-gamma" / "ALE-Pong-v5" / "seed0.json").exists()
    in_order = sorted(load([tmp_path / "runs"]), key=lambda result: (result.variant, result.seed))
    assert sorted(load([tmp_path / "data"]), key=lambda result: (result.variant, result.seed)) == in_order
    assert in_order[0].settings == {"steps": 1000, "gamma": 0.99}
    assert in_order[0].curve == ((10, 20.1), (20, 40.2), (30, 60.3), (40, 80.4), (50, 100.5))


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
def test_a_damaged_run_is_named_and_nothing_is_written(tmp_path, make_run, refused, name, damage, message):
    make_run("Walker2d-v4", 0, 100.0)
    file = make_run("Walker2d-v4", 1, 100.0) / name
    file.write_text(damage(file.read_text()))
    line = refused(collect.main, "--runs", tmp_path / "runs", "--out", tmp_path / "data")
    assert re.search(message, line)
    assert "seed1" in line
    assert not (tmp_path / "data").exists()


def test_runs_of_different_settings_are_not_collected(tmp_path, make_run, refused):
    make_run("Walker2d-v4", 0, 100.0)
    make_run("Walker2d-v4", 1, 100.0, gamma=0.9)
    assert "different settings" in refused(collect.main, "--runs", tmp_path / "runs", "--out", tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_what_is_no_folder_of_runs_is_refused(tmp_path, refused):
    assert "no finished run under" in refused(collect.main, "--runs", tmp_path)
    assert "no such folder" in refused(collect.main, "--runs", tmp_path / "nowhere")
    assert "--runs is required" in refused(collect.main)
