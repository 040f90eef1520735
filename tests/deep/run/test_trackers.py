"""The trackers: real ones that write to this machine, and what is said when one is missing or fails."""

import json
import struct
import sys
import types

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import deep
from deep.presets import preset
from deep.run.trackers import tracking
from deep.training import main
from exact.common import cli
from exact.common.errors import InputError

QUICK = ["--sampling.N", "256", "--critic.epochs", "1", "--workers", "1", "--steps", "768"]
BLOCK = 32768
LINE = {"iteration": 1, "steps": 256, "kl": 0.01, "return100": None, "outcome": "accept", "episodes": [[3, 3.0, 3]]}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with the trackers' own settings of a machine without network."""
    for name in ("WANDB_PROJECT", "WANDB_NAME", "WANDB_API_KEY", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def begun(tracker, folder):
    return tracking([tracker], preset("default", "CartPole-v1"), folder)


def metrics(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_tensorboard_has_every_iteration(here):
    assert main(["--env", "CartPole-v1", *QUICK, "--out", "run", "--tensorboard"]) == cli.DONE
    events = EventAccumulator(str(here / "run" / "tensorboard"))
    events.Reload()
    seen = [(event.step, event.value) for event in events.Scalars("kl")]
    np.testing.assert_allclose(seen, [(line["steps"], line["kl"]) for line in metrics(here / "run")], rtol=1e-6)


@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # SQLAlchemy says so of MLflow's own code
def test_mlflow_has_every_iteration_the_settings_and_how_it_ended(here, monkeypatch):
    import mlflow

    uri = f"sqlite:///{here / 'store.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    settings = {"sampling.N": 256, "critic.epochs": 1, "workers": 1}
    stopped = deep.train(
        "CartPole-v1",
        "run",
        steps=1536,
        settings=settings,
        track=["mlflow"],
        callback=lambda line: line["iteration"] < 2,
        progress=False,
    )
    assert stopped.result["status"] == "stopped"
    assert deep.resume("run", track=["mlflow"], progress=False).result["status"] == "finished"
    client = mlflow.MlflowClient(uri)
    (run,) = client.search_runs([client.get_experiment_by_name("stro").experiment_id])  # one, although it was resumed
    assert (run.info.status, run.info.run_name) == ("FINISHED", "run")
    assert (run.data.params["env"], run.data.params["sampling.N"]) == ("CartPole-v1", "256")
    seen = [(entry.step, entry.value) for entry in client.get_metric_history(run.info.run_id, "kl")]
    assert seen == [(line["steps"], line["kl"]) for line in metrics(here / "run")]


def test_wandb_has_every_iteration_and_the_settings(here, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert main(["--env", "CartPole-v1", *QUICK, "--out", "run", "--wandb"]) == cli.DONE
    (file,) = here.glob("wandb/offline-run-*/*.wandb")
    seen, config = wandb_history(file)
    assert seen == [(line["steps"], line["kl"]) for line in metrics(here / "run")]
    assert (config["env"], config["sampling"]["N"]) == ("CartPole-v1", 256)
    assert json.loads((here / "run" / "trackers.json").read_text())["wandb"] in file.name


def wandb_records(file):
    """The records of W&B's own file: LevelDB's log format after seven bytes, in blocks of 32 KiB."""
    data, at, parts = file.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if (left := -at % BLOCK) < 7 and left:  # too little for a record's header: padding
            at += left
            continue
        size, kind = struct.unpack_from("<HB", data, at + 4)
        parts += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # whole, or the last part
            yield parts
            parts = b""


def wandb_history(file):
    """(step, kl) of every iteration, and the settings."""
    from wandb.proto.wandb_internal_pb2 import Record

    seen, config = [], {}
    for record in map(Record.FromString, wandb_records(file)):
        config |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
        numbers = {(item.key or item.nested_key[0]): json.loads(item.value_json) for item in record.history.item}
        if "kl" in numbers:
            seen.append((numbers["_step"], numbers["kl"]))
    return seen, config


@pytest.mark.parametrize("tracker", ["tensorboard", "wandb", "mlflow"])
def test_a_missing_package_is_named_before_anything_is_trained(tracker, here, monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    monkeypatch.setitem(sys.modules, tracker, None)
    assert main(["--env", "CartPole-v1", *QUICK, "--out", "run", f"--{tracker}"]) == cli.BAD_INPUT
    said = capsys.readouterr().err.splitlines()[-1]
    missing = f"error: --{tracker} needs the package {tracker}, which is not installed"
    assert said == f"{missing}; expected pip install 'stro[{tracker}]'"
    assert not (here / "run").exists()


def test_what_keeps_a_tracker_from_beginning_is_said_before_anything_is_trained(here, monkeypatch):
    broken = types.ModuleType("wandb")
    monkeypatch.setitem(sys.modules, "wandb", broken)

    def init(**_):
        raise RuntimeError("no API key")

    monkeypatch.setattr(broken, "init", init, raising=False)
    monkeypatch.setattr(broken, "Settings", dict, raising=False)
    with pytest.raises(InputError, match="--wandb: RuntimeError: no API key"), begun("wandb", here / "run"):
        pass
    with pytest.raises(InputError, match="expected some of tensorboard, wandb, mlflow, got 'weights'"):
        deep.train("CartPole-v1", here / "run", track=["weights"])
    assert not (here / "run").exists()


def test_a_tracker_that_fails_later_is_left_out_and_the_training_goes_on(here, monkeypatch, capsys):
    from torch.utils import tensorboard

    def full(*_, **__):
        raise OSError("no space\nleft")

    monkeypatch.setattr(tensorboard, "SummaryWriter", full)
    with begun("tensorboard", here / "run") as told:
        told(LINE)
        told(LINE)
    assert capsys.readouterr().err == "note: tensorboard failed and is left out: OSError: no space left\n"
