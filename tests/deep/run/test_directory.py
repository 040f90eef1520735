"""A run directory has one trainer at a time, and its files are whole or as they were."""

import json
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from deep.presets import DEFAULT_FLAT
from deep.run.directory import RunDirectory, check_new, config_from_json, env_folder, to_json
from exact.common.errors import FaultError, InputError
from tests import HANG_SECONDS

HOLD = """
import sys
from pathlib import Path
from deep.run.directory import RunDirectory
with RunDirectory(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(folder):
    """Another process that has the directory until its standard input ends or it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    return process


@pytest.mark.parametrize("how", ["left", "killed"])
def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path, how):
    process = hold(tmp_path / "run")
    try:
        with pytest.raises(InputError, match="in use by another trainer"):
            RunDirectory(tmp_path / "run")
        if how == "killed":
            process.send_signal(signal.SIGKILL)
        process.communicate(timeout=HANG_SECONDS)
    finally:
        process.kill()
        process.communicate()
    with RunDirectory(tmp_path / "run"):
        assert (tmp_path / "run" / "lock").exists()


def test_the_same_process_is_refused_as_well(tmp_path):
    with RunDirectory(tmp_path / "run"), pytest.raises(InputError, match="in use by another trainer"):
        RunDirectory(tmp_path / "run")
    with RunDirectory(tmp_path / "run"):
        pass


def test_a_lock_left_by_an_earlier_version_is_no_obstacle(tmp_path):
    (tmp_path / "lock").touch()
    with RunDirectory(tmp_path):
        pass


def test_a_configuration_is_read_back(tmp_path):
    config = replace(DEFAULT_FLAT, env="CartPole-v1", seed=7)
    assert config_from_json(to_json(config), Path("x")) == config
    with RunDirectory.create(tmp_path / "run", asdict(config), "the command"):
        saved = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (saved["command"], saved["seed"], "torch" in saved["versions"]) == ("the command", 7, True)


def test_metrics_are_rewound_to_a_checkpoint(tmp_path):
    with RunDirectory(tmp_path / "run") as run:
        run.append({"n": 1})
        size = run.sync()
        run.append({"n": 2})
        run.rewind(size)
        run.append({"n": 3})
        assert run.entries() == [{"n": 1}, {"n": 3}]
        with pytest.raises(InputError, match="its checkpoint was made at 1000"):
            run.rewind(1000)


def test_a_result_that_cannot_be_written_is_a_fault(tmp_path):
    with RunDirectory(tmp_path / "run") as run:
        (tmp_path / "run" / "result.json").mkdir()
        with pytest.raises(FaultError, match="cannot write"):
            run.finish({})


def test_folder_names_of_ids():
    assert env_folder("ALE/Pong-v5") == "ALE-Pong-v5"
    assert env_folder("module:Env-v0") == "module-Env-v0"


def test_a_start_that_was_killed_can_be_repeated(tmp_path):
    with RunDirectory(tmp_path):  # a start makes these, and then config.json
        pass
    (tmp_path / ".0123456789abcdef.tmp").write_text("half of a config")
    check_new(tmp_path)
    with RunDirectory.create(tmp_path, asdict(DEFAULT_FLAT), "test"):
        assert (tmp_path / "config.json").exists()


@pytest.mark.parametrize("name", ["notes.txt", ".tmp", "metrics.jsonl", "checkpoints/latest.pt"])
def test_a_folder_with_anything_else_is_refused(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("precious")
    with pytest.raises(InputError, match="not empty and holds no run"):
        check_new(tmp_path)


def test_a_link_is_not_taken_for_a_leftover(tmp_path):
    (tmp_path / "elsewhere").write_text("")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="not empty and holds no run"):
        check_new(tmp_path / "run")
