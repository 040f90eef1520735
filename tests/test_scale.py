"""The recipes of docs/scale.md, as far as one machine can try them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests import HANG_SECONDS

PAGE = (Path(__file__).parents[1] / "docs" / "scale.md").read_text()
BIN = Path(sys.executable).parent


def blocks(language):
    """The code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.S | re.M)


def test_the_slurm_script_runs_with_a_stand_in_for_srun(tmp_path):
    """Two workers here, where Slurm would start a hundred there."""
    (script,) = blocks("bash")
    srun = tmp_path / "bin" / "srun"
    srun.parent.mkdir()
    srun.write_text('#!/bin/bash\n"$@" & "$@" & wait\n')
    srun.chmod(0o755)
    where = {"SHARED": str(tmp_path / "shared"), "INSTANCES": "3", "JOURNAL": str(tmp_path / "journal")}
    found = subprocess.run(
        ["bash", "-c", script.replace("--search 0", "--mdp chain --search 0")],
        env=os.environ | where | {"PATH": f"{srun.parent}:{BIN}:{os.environ['PATH']}"},
        timeout=HANG_SECONDS,
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    assert (tmp_path / "shared" / "million.json").exists()
    assert list((tmp_path / "journal").rglob("*.json"))


def test_the_kubernetes_file_has_a_scheduler_and_workers_that_call_it():
    documents = list(yaml.safe_load_all(blocks("yaml")[0]))
    assert [document["kind"] for document in documents] == ["Service", "Pod", "Deployment"]
    service, scheduler, workers = (document["spec"] for document in documents)
    template = workers["template"]
    assert service["selector"] == documents[1]["metadata"]["labels"]
    assert workers["selector"]["matchLabels"] == template["metadata"]["labels"]
    (port,) = service["ports"]
    words = scheduler["containers"][0]["command"]
    assert words[words.index("--port") + 1] == str(port["port"])
    assert template["spec"]["containers"][0]["command"][2] == f"tcp://{documents[0]['metadata']['name']}:{port['port']}"


@pytest.mark.parametrize("command", ["scheduler", "worker"])
def test_dask_has_the_options_of_the_recipes(command):
    text = subprocess.run([BIN / "dask", command, "--help"], capture_output=True, text=True, check=True).stdout
    used = re.findall(rf"dask,? {command}\b(.*)", PAGE)
    options = {word for line in used for word in re.findall(r"--[a-z-]+", line)}
    assert options
    assert options <= set(re.findall(r"--[a-z-]+", text))


@pytest.mark.parametrize("source", blocks("python"))
def test_the_factories_are_python(source):
    compile(source, "docs/scale.md", "exec")
