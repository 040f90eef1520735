"""Run directories and result files are read as they were written; what is damaged or mixed up is refused."""

import json
from importlib.util import find_spec

import pytest

from exact.common.errors import InputError
from paper_figs import fig1, table1
from paper_figs.results import (
    DATA,
    RENAMED,
    load,
    portable,
    present_command,
    read_metrics,
    read_run,
    write_result,
)


def test_a_run_outside_a_grid_is_named_by_its_preset(tmp_path, make_run):
    moved = make_run("Walker2d-v4", 0, 1.0, variant="x").rename(tmp_path / "mine")
    assert read_run(moved).variant == "default"


def test_a_folder_of_this_machine_is_no_part_of_the_command():
    command = "python -m deep.train --env X-v0 --out {} --no-normalize"
    assert portable(command.format("/home/me/runs/x")) == command.format("DIR")
    assert portable(command.format("runs/x")) == command.format("runs/x")


def test_a_long_curve_is_thinned_to_about_100_points_with_its_ends(make_run):
    directory = make_run("Walker2d-v4", 0, 1000.0, points=5000)
    found = read_metrics(directory / "metrics.jsonl")
    assert 90 <= len(found["curve"]) <= 100
    assert (found["curve"][0], found["curve"][-1]) == ((10, 0.2), (50000, 1000.0))
    assert found["times"] == tuple(3.0 * steps for steps, _ in found["curve"])


def test_evaluations_and_times_are_kept_and_read_back(tmp_path, make_run):
    result = read_run(make_run("Walker2d-v4", 0, 100.0, evaluated=70.0))
    assert result.evaluations == ((10, 0.0), (50, 70.0))
    assert result.by_time(result.evaluations) == [(30.0, 0.0), (150.0, 70.0)]
    write_result(result, tmp_path / "data")
    assert load([tmp_path / "data"]) == [result]


def test_a_file_made_before_times_were_kept_has_none(tmp_path, make_run):
    file = write_result(read_run(make_run("Walker2d-v4", 0, 100.0)), tmp_path / "data")
    kept = json.loads(file.read_text())
    file.write_text(json.dumps({name: kept[name] for name in kept.keys() - {"times", "evaluations"}}))
    (old,) = load([tmp_path / "data"])
    assert (old.times, old.evaluations) == ((), ())
    with pytest.raises(InputError, match="default/Walker2d-v4/seed0 has no times: collect the run again"):
        old.by_time(old.curve)


def test_times_that_do_not_fit_the_curve_are_refused(tmp_path, make_run):
    file = write_result(read_run(make_run("Walker2d-v4", 0, 100.0)), tmp_path / "data")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"times": [1.0]}))
    with pytest.raises(InputError, match="1 times do not fit the 5 points"):
        load([tmp_path / "data"])


def test_how_often_a_run_was_looked_at_is_no_other_setting(tmp_path, make_run):
    make_run("Walker2d-v4", 0, 100.0, eval_every=0, threads=1)
    make_run("Walker2d-v4", 1, 100.0, eval_every=50000, threads=2)
    assert len(load([tmp_path / "runs"])) == 2


def test_a_record_older_than_a_setting_is_comparable_with_one_that_leaves_it_out(tmp_path, make_run):
    later = {"env_kwargs": {}, "wrapper": None, "sticky_actions": 0.0, "radius": {"window": 0}}
    make_run("Walker2d-v4", 0, 100.0)
    make_run("Walker2d-v4", 1, 100.0, **later)
    assert len(load([tmp_path / "runs"])) == 2
    make_run("Walker2d-v4", 2, 100.0, **later | {"radius": {"window": 40}})
    with pytest.raises(InputError, match=r"seeds 0 and 2 .* \(radius.window\)"):
        load([tmp_path / "runs"])


def test_a_damaged_result_file_is_named(tmp_path, make_run):
    file = write_result(read_run(make_run("Walker2d-v4", 0, 100.0)), tmp_path / "data")
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


def test_one_seed_twice_is_not_two_runs(tmp_path, make_run):
    make_run("Walker2d-v4", 0, 100.0)
    with pytest.raises(InputError, match="two runs with seed 0"):
        load([tmp_path / "runs", tmp_path / "runs"])


def test_folders_without_results_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        load([tmp_path / "nowhere"])
    with pytest.raises(InputError, match="holds no finished run"):
        load([tmp_path])


def test_a_renamed_command_is_printed_under_its_present_name():
    assert present_command("python -m deep.peer --env X-v0") == ("python -m deep.studies.peers --env X-v0", "deep.peer")
    assert present_command("python -m deep.train --env X-v0") == ("python -m deep.train --env X-v0", None)


def exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # its package is gone
        return False


@pytest.mark.parametrize(("former", "present"), RENAMED.items())
def test_a_former_name_is_taken_by_nothing_else(former, present):
    assert not exists(former)
    assert exists(present)


def test_every_command_in_the_committed_files_exists_under_its_present_name():
    records = [json.loads(path.read_text()) for path in DATA.rglob("*.json")]
    words = [present_command(record["command"])[0].split() for record in records if "command" in record]
    assert {(*word[:2], exists(word[2])) for word in words} == {("python", "-m", True)}


@pytest.mark.parametrize(("command", "suffix"), [(fig1, ".svg"), (table1, ".md")])
def test_runs_that_are_not_shown_are_named(command, suffix, runs, make_run, tmp_path, capsys):
    make_run("CartPole-v1", 0, 500.0)
    make_run("CartPole-v1", 1, 500.0)
    make_run("Ant-v4", 0, 500.0, variant="mine")
    make_run("Hopper-v4", 0, 500.0, variant="mine")
    assert command.main(["--runs", str(runs), "--out", str(tmp_path / f"out{suffix}")]) == 0
    err = capsys.readouterr().err
    assert "left out 2 runs of default on CartPole-v1: no task of this table or figure; deep.plot draws any runs" in err
    assert "left out 2 runs of mine: expected --variants mine; deep.plot draws any runs" in err
    assert err.count("\n") == 2


@pytest.mark.parametrize(("command", "suffix"), [(fig1, ".svg"), (table1, ".md")])
def test_a_run_without_episodes_is_named_and_the_others_are_shown(command, suffix, runs, make_run, tmp_path, capsys):
    silent = make_run("Ant-v4", 7, 500.0) / "result.json"
    silent.write_text(json.dumps(json.loads(silent.read_text()) | {"max100": None, "final100": None}))
    assert command.main(["--runs", str(runs), "--out", str(tmp_path / f"out{suffix}")]) == 0
    assert f"left out {silent.parent}: no episode ended, so it has no return\n" in capsys.readouterr().err


@pytest.mark.parametrize("command", [fig1, table1])
def test_runs_of_which_none_is_shown_are_refused(command, make_run, tmp_path, refused):
    make_run("CartPole-v1", 0, 500.0)
    assert "on one of the paper's tasks" in refused(command.main, "--runs", tmp_path / "runs")
