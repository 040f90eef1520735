"""The grid runner, with a trainer that ends at once: what it starts, skips, resumes, refuses and reports."""

import dataclasses
import io
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from filelock import FileLock
from rich.console import Console

from deep import grid
from deep.options import parse
from deep.run import tether
from deep.run.cell import Cell
from deep.run.display import standing
from exact.common import cli, progress
from exact.common.errors import InputError
from tests import HANG_SECONDS
from tests.exact.common.cluster import dask_cluster

FAKE_TRAINER = '''
"""Accepts deep.train's flags and writes its files; --fail, --hang and SLOW let the tests provoke what goes wrong."""
import json, os, sys, time
from pathlib import Path

flags = sys.argv[1:]
value = dict(zip(flags, flags[1:]))
resumed = "--resume" in value
out = Path(value["--resume"] if resumed else value["--out"])
if resumed:
    config = json.loads((out / "config.json").read_text())
    (out / "resumed").touch()
else:
    out.mkdir(parents=True)
    config = {"env": value["--env"], "seed": int(value["--seed"]), "preset": value["--preset"],
              "steps": int(value["--steps"]), "command": "fake", "versions": {"fake": "1"}, "gamma": 0.99}
    (out / "config.json").write_text(json.dumps(config))
(out / "pid").write_text(str(os.getpid()))
if value.get("--fail") == config["env"]:
    print("error: the environment returned NaN", file=sys.stderr)
    sys.exit(3)
line = {"iteration": 1, "steps": 10, "seconds": 0.1, "episodes": [], "return100": None}
(out / "metrics.jsonl").write_text(json.dumps(line) + "\\n")
if "--hang" in flags and not resumed:
    time.sleep(600)
line.update(steps=config["steps"], return100=5.0)
with (out / "metrics.jsonl").open("a") as file:
    file.write(json.dumps(line) + "\\n")
result = {"steps": config["steps"], "seconds": 0.2, "max100": 5.0, "final100": 4.0, "status": "finished"}
(out / "result.json").write_text(json.dumps(result))
'''


@pytest.fixture
def trainer(tmp_path: Path) -> tuple[str, ...]:
    """Command of a trainer that ends at once."""
    script = tmp_path / "fake_trainer.py"
    script.write_text(FAKE_TRAINER)
    return (sys.executable, str(script))


ENVS = ("CartPole-v1", "Acrobot-v1")


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """The fake trainer ends at once; do not wait half a second to notice."""
    monkeypatch.setattr(tether, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(grid, "LOOK_SECONDS", 0.02)


def options(out: Path, **further: object) -> grid.Options:
    return grid.Options(**{"envs": ENVS, "seeds": 2, "jobs": 2, "steps": 100, "out": out} | further)


def test_runs_every_cell_then_skips_them(tmp_path, trainer, capsys):
    chosen = options(tmp_path / "runs")
    assert grid.work(chosen, trainer) == 0
    made = sorted(path.parent for path in (tmp_path / "runs" / "default").rglob("result.json"))
    assert [path.relative_to(tmp_path / "runs" / "default").as_posix() for path in made] == [
        "Acrobot-v1/seed0",
        "Acrobot-v1/seed1",
        "CartPole-v1/seed0",
        "CartPole-v1/seed1",
    ]
    assert "[4/4]" in capsys.readouterr().out
    before = [path.stat().st_mtime_ns for path in made]
    assert grid.work(chosen, trainer) == 0
    assert capsys.readouterr().out.count("already finished") == 4
    assert [path.stat().st_mtime_ns for path in made] == before


def test_an_interrupted_run_is_resumed_and_only_that_one(tmp_path, trainer):
    chosen = options(tmp_path / "runs")
    grid.work(chosen, trainer)
    interrupted = tmp_path / "runs" / "default" / "CartPole-v1" / "seed1"
    (interrupted / "result.json").unlink()
    assert grid.work(chosen, trainer) == 0
    assert [path.parent for path in tmp_path.rglob("resumed")] == [interrupted]


def test_a_failing_run_is_reported_and_the_others_still_run(tmp_path, trainer, capsys):
    assert grid.work(options(tmp_path / "runs", flags=("--fail", "Acrobot-v1")), trainer) == 3
    captured = capsys.readouterr()
    assert captured.err.count("failed: Acrobot-v1") == 2
    assert "the environment returned NaN" in captured.out
    assert len(list(tmp_path.rglob("result.json"))) == 2


def test_a_variant_has_its_own_folder_and_one_setting(tmp_path, trainer):
    out = tmp_path / "runs"
    assert grid.work(options(out, variant="low-gamma", flags=("--gamma", "0.9")), trainer) == 0
    assert json.loads((out / "low-gamma" / "grid.json").read_text())["flags"] == ["--gamma", "0.9"]
    with pytest.raises(InputError, match=r"low-gamma holds runs made with .*0\.9"):
        grid.work(options(out, variant="low-gamma", flags=("--gamma", "0.8")), trainer)


def test_a_grid_of_a_peer_is_trained_by_its_own_command_and_skips_what_is_done(tmp_path, capsys):
    words = ["--envs", "CartPole-v1", "--seeds", "1", "--preset", "sb3-trpo", "--steps", "100", "--out", str(tmp_path)]
    words += ["--", "--eval-every", "0"]
    assert grid.main(words) == cli.DONE
    config = json.loads((tmp_path / "sb3-trpo" / "CartPole-v1" / "seed0" / "config.json").read_text())
    assert config["command"].startswith("python -m deep.studies.peers --env CartPole-v1 --seed 0 --preset sb3-trpo")
    assert grid.main(words) == cli.DONE
    assert "already finished" in capsys.readouterr().out


def test_a_finished_run_of_another_length_is_not_taken_for_this_one(tmp_path, trainer):
    out = tmp_path / "runs"
    grid.work(options(out), trainer)
    (out / "default" / "grid.json").unlink()
    with pytest.raises(InputError, match="was run with steps=100, not 200"):
        grid.work(options(out, steps=200), trainer)


def test_a_setting_with_which_no_run_began_does_not_keep_the_folder(tmp_path, trainer):
    """Regression: a wrong word after `--` claimed the folder, and the corrected command was refused."""
    out = tmp_path / "runs"
    grid.claim(grid.make_grid(options(out, flags=("--sampling.N", "3"))))
    assert grid.work(options(out), trainer) == cli.DONE
    with pytest.raises(InputError, match="holds runs made with"):
        grid.claim(grid.make_grid(options(out, flags=("--sampling.N", "512"))))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("../../grid.json", "5", "grid.json: expected a dictionary, got 5"),
        ("config.json", "5", "config.json: expected a dictionary, got 5"),
        ("result.json", "{}", "result.json has no field 'max100'"),
    ],
)
def test_a_damaged_file_of_a_run_is_named(tmp_path, trainer, name, text, message):
    """Regression: these were faults of the program, AttributeError and KeyError."""
    out = tmp_path / "runs"
    assert grid.work(options(out), trainer) == cli.DONE
    cell = grid.make_grid(options(out)).cells[0]
    (cell.directory / name).write_text(text)
    with pytest.raises(InputError, match=message):
        grid.work(options(out), trainer)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"envs": ("CartPol-v1",)}, "'CartPol-v1'.*CartPole-v1"),
        ({"envs": ("no_such_module:Env-v0",)}, "'no_such_module:Env-v0'"),
        ({"seeds": 0}, "--seeds must be at least 1, got 0"),
        ({"first_seed": -1}, "--first-seed must be at least 0"),
        ({"variant": "../x"}, "plain folder name"),
    ],
)
def test_bad_settings_raise_one_clear_error(setting, message, tmp_path):
    with pytest.raises(InputError, match=message):
        options(tmp_path, **setting)


def test_what_follows_two_dashes_is_for_the_trainer():
    words = ["--envs", "CartPole-v1", "--jobs", "2", "--", "--no-normalize", "--sampling.N", "512"]
    assert cli.parse(grid.Options, "deep.grid", words).flags == ("--no-normalize", "--sampling.N", "512")


def test_the_environments_keywords_reach_the_runs_and_none_is_made_without_them(tmp_path, trainer):
    flags = ("--env-kwargs", '{"kind": "plain"}', "--wrapper", "gymnasium.wrappers:FlattenObservation")
    words = ["--envs", "tests.deep.odd:make", "--seeds", "1", "--out", str(tmp_path / "runs"), "--", *flags]
    chosen = cli.parse(grid.Options, "deep.grid", words)
    assert chosen.flags == flags
    (cell,) = grid.make_grid(chosen).cells
    parsed, _ = parse([*grid.words(cell, grid.make_grid(chosen)), "--out", str(cell.directory)])
    assert parsed.config.env_kwargs == {"kind": "plain"}
    assert parsed.config.wrapper == flags[3]
    with pytest.raises(InputError, match="kind"):
        options(tmp_path / "runs", envs=("tests.deep.odd:make",), flags=("--env-kwargs", '{"sort": "plain"}'))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--sampling.M", "5"), "unknown option --sampling.M"),
        (("--sampling.N", "many"), "--sampling.N"),
        (("--seed", "5"), "expected none of --env, --seed"),
        (("--out", "elsewhere"), "expected none of --out"),
        (("--continue-from", "elsewhere"), "expected none of --out, --resume and --continue-from"),
        (("--init-from", "/no/such"), "/no/such: expected a run directory made by deep.train"),
    ],
)
def test_flags_of_the_trainer_that_no_run_can_have_are_refused_before_the_first(flags, message, tmp_path, capsys):
    words = ["--envs", "CartPole-v1", "--steps", "5000", "--out", str(tmp_path / "runs"), "--", *flags]
    assert grid.main(words) == cli.BAD_INPUT
    assert message in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--preset", "sb3-nope"), "--preset: expected one of sb3-trpo, sb3-ppo"),
        (("--preset", "sb3-sac"), "has discrete actions, sb3-sac needs continuous ones"),
        (("--preset", "sb3-ppo", "--", "--eval-evry", "5"), "unknown option --eval-evry"),
        (("--preset", "sb3-ppo", "--", "--seed", "5"), "expected none of --env, --seed"),
        (("--preset", "sb3-ppo", "--", "--resume", "elsewhere"), "--resume starts a run again"),
    ],
)
def test_a_peer_that_no_run_can_have_is_refused_before_the_first(words, message, tmp_path, capsys):
    """Regression: every run of the grid failed with the same line, and the status was that of a fault."""
    assert grid.main(["--envs", "CartPole-v1", "--out", str(tmp_path / "runs"), *words]) == cli.BAD_INPUT
    assert message in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_where_the_output_is_no_terminal_a_line_says_where_the_runs_stand(tmp_path, trainer, monkeypatch):
    """It looks at the file that a running run writes."""
    monkeypatch.setattr(progress, "SECONDS", 0.01)
    stream = io.StringIO()
    chosen = grid.make_grid(options(tmp_path / "runs", envs=("CartPole-v1",), seeds=1, flags=("--hang",)))
    grid.claim(chosen)
    expected = "[0/1] CartPole-v1 seed 0: 10 of 100 steps, 100 steps/s, return -\n"

    def write(text):
        if text == expected or text == expected.strip():
            os.kill(int((tmp_path / "runs/default/CartPole-v1/seed0/pid").read_text()), signal.SIGKILL)
        return io.StringIO.write(stream, text)

    stream.write = write
    (failure,) = grid.run_grid(chosen, Console(file=stream), trainer)
    assert failure.status == 128 + signal.SIGKILL
    assert expected in stream.getvalue()


def test_a_line_of_progress_names_four_runs_at_most(tmp_path):
    cells = [Cell("CartPole-v1", seed, tmp_path / str(seed)) for seed in range(450)]
    assert standing([(cell.name, cell) for cell in cells], 100).endswith(
        "CartPole-v1 seed 3: 0 of 100 steps, starting; and 446 more"
    )


def test_an_unwritable_output_is_refused_in_one_line(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert grid.main(["--envs", "CartPole-v1", "--out", str(tmp_path / "file")]) == cli.BAD_INPUT
    err = capsys.readouterr().err
    assert err.startswith("error: cannot write")
    assert err.count("\n") == 1
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_the_runs_and_says_how_to_go_on(tmp_path, trainer, sent):
    chosen = options(tmp_path / "runs", envs=("CartPole-v1",), seeds=1, flags=("--hang",))
    grid_code = f"from deep.grid import *; sys.exit(work({chosen!r}, {trainer!r}))".replace("PosixPath", "Path")
    process = subprocess.Popen([sys.executable, "-c", grid_code], stderr=subprocess.PIPE)
    directory = tmp_path / "runs" / "default" / "CartPole-v1" / "seed0"
    deadline = time.monotonic() + HANG_SECONDS
    while not (directory / "metrics.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, sent)
    try:
        _, stderr = process.communicate(timeout=HANG_SECONDS)
    finally:
        process.kill()
    assert process.returncode == 130
    assert stderr.decode() == "interrupted: the same command continues where it stopped\n"
    assert not (directory / "result.json").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int((directory / "pid").read_text()), 0)
    assert grid.work(chosen, trainer) == 0
    assert (directory / "resumed").exists()


def test_a_run_whose_worker_is_killed_is_resumed_by_another(tmp_path, trainer):
    """On a Dask cluster. The trainer of the killed worker leaves, and the next worker resumes the run."""
    directory = tmp_path / "runs" / "default" / "CartPole-v1" / "seed0"
    with dask_cluster(2) as address:
        chosen = options(tmp_path / "runs", envs=("CartPole-v1",), seeds=1, flags=("--hang",), executor=address)

        def kill() -> int:
            deadline = time.monotonic() + HANG_SECONDS
            while not (directory / "metrics.jsonl").exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            trainer_process = psutil.Process(int((directory / "pid").read_text()))
            worker = trainer_process.parent().parent()
            worker.kill()
            return trainer_process.pid

        with ThreadPoolExecutor(1) as side:
            killed = side.submit(kill)
            assert grid.work(chosen, trainer) == 0
    assert (directory / "resumed").exists()
    assert int((directory / "pid").read_text()) != killed.result()
    assert not psutil.pid_exists(killed.result())


def test_a_mixture_of_sources_is_refused(tmp_path, trainer, monkeypatch, capsys):
    chosen = options(tmp_path / "runs", seeds=1)
    assert grid.work(chosen, trainer) == 0
    made = json.loads((tmp_path / "runs" / "default" / "grid.json").read_text())["source"]
    assert made == grid.source_version(grid.SOURCE)
    monkeypatch.setattr(grid, "source_version", lambda packages: "another")
    assert grid.work(chosen, trainer) == 0  # all is finished: nothing new comes beside it
    with pytest.raises(InputError, match=f"holds runs made with the source {made}, this is another"):
        grid.work(options(tmp_path / "runs", seeds=2), trainer)


def test_a_source_that_is_edited_while_the_grid_runs_is_refused(tmp_path, trainer):
    made = dataclasses.replace(grid.make_grid(options(tmp_path / "runs", seeds=1)), source="before")
    with pytest.raises(InputError, match=r"-v1 seed 0: the source is \w+ on .*, the grid's is before"):
        grid.run_grid(made, Console(), trainer)


def test_a_run_in_use_is_a_failure_of_that_run(tmp_path, trainer, monkeypatch):
    monkeypatch.setattr(tether, "LOCK_SECONDS", 0.1)
    directory = tmp_path / "runs" / "default" / "CartPole-v1" / "seed0"
    directory.mkdir(parents=True)
    with FileLock(directory / "lock"):
        assert grid.work(options(tmp_path / "runs", envs=("CartPole-v1",), seeds=1), trainer) == 3
