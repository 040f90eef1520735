"""The examples run from start to end, as a user runs them."""

import json
import os
import sys
from importlib import import_module
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

import deep
from exact.common import cli

ROOT = Path(__file__).parents[2]
SECTIONS = ("look", "train", "watch", "act", "go_on", "take_away")


@pytest.fixture(scope="module")
def example():
    """The scripts as modules; they import each other, as when they are run."""
    sys.path.insert(0, str(ROOT / "examples"))
    yield import_module
    sys.path.remove(str(ROOT / "examples"))


@pytest.fixture(scope="module")
def run(example, tmp_path_factory):
    """What train.py makes, of fewer steps."""
    folder = tmp_path_factory.mktemp("examples") / "thermostat"
    example("train").main(folder, steps=4096)
    return folder


def test_the_guide_has_a_section_for_every_script():
    guide = (ROOT / "docs" / "guide.md").read_text()
    assert {path.stem for path in (ROOT / "examples").glob("*.py")} == {*SECTIONS, "thermostat"}
    for number, name in enumerate(SECTIONS, 1):
        section = guide[guide.index(f"## {number}. ") :].split("\n## ")[0]
        assert f"(../examples/{name}.py)" in section
        assert f"docs/guide.md, section {number}" in (ROOT / "examples" / f"{name}.py").read_text()


def test_look(example, capsys):
    assert example("look").main() == cli.DONE
    assert "ok" in capsys.readouterr().out


def test_train(example, run):
    agent = deep.load(run / "agent.pt", env=example("thermostat").Thermostat)
    assert agent.config.env_kwargs == {"outside": -5.0}
    assert (run / "checkpoints" / "best.pt").exists()


def test_watch_stops_when_it_is_good_enough(example, tmp_path, capsys):
    agent = example("watch").main(tmp_path / "run", bound=-1e6, steps=4096)
    assert agent.result["status"] == "stopped"
    assert agent.result["steps"] < 4096
    assert "<svg" in (tmp_path / "run" / "curve.html").read_text()


def test_act(example, run, capsys):
    assert np.isfinite(example("act").main(run))
    assert "degrees: heating" in capsys.readouterr().out


def test_go_on(example, run):
    longer, colder = example("go_on").main(run, steps=2048)
    assert longer.result["steps"] >= deep.load(run, env=example("thermostat").Thermostat).config.steps + 2048
    assert colder.config.env_kwargs == {"outside": -15.0}


def test_take_away(example, run):
    assert example("take_away").main(run) < 1e-5


def test_the_notebook_runs(tmp_path, monkeypatch):
    """In a kernel of its own; the workers must find what the cells define."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *filter(None, sys.path)]))
    notebook = nbformat.read(ROOT / "examples" / "notebook.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    assert json.loads((tmp_path / "runs" / "corridor" / "result.json").read_text())["status"] == "finished"
    assert (tmp_path / "runs" / "corridor" / "policy.onnx").exists()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    texts = [output.get("data", {}).get("text/plain", "") for output in outputs]
    (left_and_right,) = [text for text in texts if "array" in text]
    assert left_and_right == "array([1, 0])"
