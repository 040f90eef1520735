"""A run directory has one trainer at a time, and its files are whole or as they were."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from deep.presets import DEFAULT_FLAT
from deep.run.directory import RunDirectory, check_named, check_new, config_from_json, env_folder, read_config, to_json
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
    assert config_from_json(to_json(config), "x") == config
    with RunDirectory.create(tmp_path / "run", asdict(config), "the command"):
        saved = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (saved["command"], saved["seed"], "torch" in saved["versions"]) == ("the command", 7, True)


def test_metrics_are_rewound_to_a_checkpoint(tmp_path):
    with RunDirectory(tmp_path / "run") as run:
        run.append({"n": 1})
        saved = run.sync()
        run.append({"n": 2})
        run.check(saved)
        run.rewind(saved["metrics_bytes"])
        run.append({"n": 3})
        assert run.entries() == [{"n": 1}, {"n": 3}]
        with pytest.raises(InputError, match="its checkpoint was made at 1000"):
            run.check(saved | {"metrics_bytes": 1000})


@pytest.mark.parametrize("digest", ["with", "without"])
def test_metrics_that_were_altered_do_not_fit_their_checkpoint(tmp_path, digest):
    with RunDirectory(tmp_path / "run") as run:
        run.append({"n": 1})
        run.append({"n": 2})
        saved = run.sync()
    if digest == "without":  # as checkpoints of earlier versions are: an altered digit cannot be seen
        del saved["metrics_sha256"]
    metrics = tmp_path / "run" / "metrics.jsonl"
    metrics.write_bytes(metrics.read_bytes().replace(b"1", b"7" if digest == "with" else b"}"))
    with RunDirectory(tmp_path / "run") as run:
        with pytest.raises(InputError, match="was altered" if digest == "with" else "line 1 is damaged"):
            run.check(saved)
        run.rewind(0)


def test_metrics_that_are_altered_while_a_run_goes_on_are_a_fault(tmp_path):
    with RunDirectory(tmp_path / "run") as run:
        run.append({"n": 1})
        (tmp_path / "run" / "metrics.jsonl").write_text('{"n": 2}\n')
        with pytest.raises(FaultError, match="was altered while the run was going on"):
            run.entries()


def test_more_metrics_than_a_run_has_before_its_first_checkpoint_are_refused(tmp_path):
    with RunDirectory(tmp_path / "run") as run:
        for n in range(4):
            run.append({"n": n})
        with pytest.raises(InputError, match=r"has 4 lines, but .*checkpoints holds no checkpoint"):
            run.restart(3)
        run.restart(4)
        assert run.entries() == []


@pytest.mark.parametrize("name", ["lock", "metrics.jsonl", "checkpoints"])
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_links_in_a_run_directory_are_refused(tmp_path, name, kind):
    target, folder = tmp_path / "precious", tmp_path / "run"
    folder.mkdir()
    target.write_text("precious") if kind == "file" else target.mkdir()
    (folder / name).symlink_to(target)
    with pytest.raises(InputError, match=r"cannot write run directory .*symbolic link"):
        RunDirectory(folder)
    assert list(target.iterdir()) == [] if kind == "folder" else target.read_text() == "precious"


def test_what_killed_processes_left_is_removed(tmp_path):
    with RunDirectory(tmp_path):
        pass
    for name in (".0123456789abcdef.tmp", "checkpoints/.0123456789abcdef.tmp", ".mine.tmp"):
        (tmp_path / name).write_text("half")
    with RunDirectory(tmp_path):
        assert sorted(path.name for path in tmp_path.iterdir()) == [".mine.tmp", "checkpoints", "lock", "metrics.jsonl"]
        assert list((tmp_path / "checkpoints").iterdir()) == []


WRONG = [
    ("radius.scale", "x", "radius.scale: expected one of gradient, unscaled-gradient, advantage, constant, got 'x'"),
    ("device", "tpu", "device: expected one of auto, cpu, cuda, got 'tpu'"),
    ("preset", "none", "preset: expected one of"),
    ("normalize", 1, "normalize: expected true or false, got 1"),
    ("steps", 1e6, "steps: expected an integer, got 1000000.0"),
    ("seed", "0", "seed: expected an integer"),
    ("env", None, "env: expected a string"),
    ("critic.epochs", "many", "critic.epochs: expected an integer"),
    ("policy.hidden", 64, "policy.hidden: expected a list"),
    ("policy.hidden", ["64"], "policy.hidden[0]: expected an integer"),
    ("policy.convolutions", [[1, 2]], "policy.convolutions[0]: expected a list of 3"),
    ("policy.final_log_std", "low", "policy.final_log_std: expected a number or nothing"),
    ("controller.max_rejections", 1.5, "controller.max_rejections: expected an integer or nothing"),
    ("inner.damping", float("nan"), "inner.damping: expected a number, got nan"),
    ("inner", [], "inner: expected a dictionary"),
    ("inner.unknown", 1, "inner has an unknown field 'unknown'"),
    ("sampling.N", -1, "sampling.N must be >= 2"),
]


@pytest.mark.parametrize(("name", "value", "message"), WRONG)
def test_a_configuration_is_checked_field_by_field(name, value, message):
    saved = json.loads(to_json(replace(DEFAULT_FLAT, env="CartPole-v1")))
    *section, field = name.split(".")
    (saved[section[0]] if section else saved)[field] = value
    with pytest.raises(InputError) as raised:
        config_from_json(json.dumps(saved), "file")
    assert message in str(raised.value)


@pytest.mark.parametrize("text", ["", "[]", "3", "{}", "[" * 99_999, '{"env": "CartPole-v1"}'])
def test_a_file_that_is_no_configuration_is_one_line(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InputError, match=r"config\.json"):
        read_config(tmp_path)


def test_reading_a_configuration_is_bounded(tmp_path):
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises(InputError, match="a pipe or a device"):
        read_config(tmp_path)
    (tmp_path / "config.json").unlink()
    (tmp_path / "config.json").write_bytes(b" " * (1 << 21))
    with pytest.raises(InputError, match="expected at most"):
        read_config(tmp_path)


def test_code_of_a_module_must_be_named_again():
    config = replace(DEFAULT_FLAT, env="stranger:Env-v0", wrapper="stranger:wrap")
    for named, message in (
        ((None, "stranger:wrap"), r"if you trust this module, name it: --env stranger:Env-v0"),
        (("stranger:Env-v0", None), r"if you trust this module, name it: --wrapper stranger:wrap"),
        (("CartPole-v1", "stranger:wrap"), r"has the env 'stranger:Env-v0', not 'CartPole-v1'"),
    ):
        with pytest.raises(InputError, match=message):
            check_named(config, Path("run"), *named)
    check_named(config, Path("run"), "stranger:Env-v0", "stranger:wrap")
    check_named(config, Path("run"), "stranger:Env", "stranger:wrap")  # a run keeps the version that gymnasium chose
    check_named(config, Path("run"), object, object)  # what takes their place
    check_named(replace(DEFAULT_FLAT, env="ALE/Pong-v5"), Path("run"), None, None)


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
