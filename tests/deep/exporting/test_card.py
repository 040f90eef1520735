"""The model card: what a model hub reads of it, and that every number comes from the run's own files."""

import json
import shutil

import numpy as np
import pytest
import yaml
from scipy import stats

import deep
from deep.export import main
from exact.common import cli

SETTINGS = {"sampling.N": 256, "critic.epochs": 1, "workers": 1, "eval_every": 512, "eval_episodes": 4}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("card") / "run"
    return deep.train("CartPole-v1", folder, steps=1536, seed=5, settings=SETTINGS, progress=False).folder


@pytest.fixture
def lines(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def read(card):
    """Metadata and text, as a hub takes them apart."""
    _, front, body = card.read_text().split("---\n", 2)
    return yaml.safe_load(front), body


def test_a_hub_finds_task_environment_return_and_interval(run, lines, capsys):
    (run / "walk.gif").write_bytes(b"GIF89a")
    assert main([str(run), "--card"]) == cli.DONE
    assert f"wrote {run / 'README.md'}" in capsys.readouterr().out
    meta, body = read(run / "README.md")
    assert (meta["library_name"], meta["pipeline_tag"]) == ("stro", "reinforcement-learning")
    assert {"CartPole-v1", "reinforcement-learning"} <= set(meta["tags"])
    (result,) = meta["model-index"][0]["results"]
    assert (result["task"]["type"], result["dataset"]["type"]) == ("reinforcement-learning", "CartPole-v1")
    judged, trained = result["metrics"]
    last = lines[-1]
    half = stats.t.ppf(0.975, 3) * last["eval_std"] / np.sqrt(3)
    assert judged["value"] == round(last["eval_return"], 3)
    np.testing.assert_allclose(judged["args"]["interval_95"], last["eval_return"] + half * np.array([-1, 1]), atol=1e-3)
    returns = [episode[1] for line in lines for episode in line["episodes"]][-100:]
    low, high = trained["args"]["interval_95"]
    assert trained["value"] == round(np.mean(returns), 3)
    assert low < trained["value"] < high
    assert high - low == pytest.approx(2 * 1.96 * stats.sem(returns), rel=0.2)  # of a mean, in the limit
    config = json.loads((run / "config.json").read_text())
    assert config["command"] in body
    assert f"torch {config['versions']['torch']}" in body
    assert "![CartPole-v1](walk.gif)" in body
    assert "seed 5" in body


def test_the_best_policy_has_the_return_of_its_evaluation(run, lines, tmp_path):
    out = tmp_path / "up" / "policy.json"
    assert main([str(run), "--format", "json", "--out", str(out), "--best", "--card"]) == cli.DONE
    meta, body = read(out.with_name("README.md"))
    (metric,) = meta["model-index"][0]["results"][0]["metrics"]
    judged = [line["eval_return"] for line in lines if "eval_return" in line]
    assert metric["value"] == round(max(judged), 3)
    assert f"the best of {len(judged)} evaluations" in metric["name"]
    assert "The policy is in `policy.json`." in body
    assert "deep.load" not in body  # that needs the run directory


def test_a_run_without_episodes_has_no_score(tmp_path):
    env, settings = "tests.deep.scripted:Terminating-v0", {"sampling.N": 256, "critic.epochs": 1, "workers": 1}
    kwargs = {"length": 10**6}
    deep.train(env, tmp_path / "run", env_kwargs=kwargs, steps=512, settings=settings, progress=False)
    assert main([str(tmp_path / "run"), "--format", "json", "--card", "--env", env]) == cli.DONE
    meta, body = read(tmp_path / "run" / "README.md")
    assert meta["model-index"] == []
    assert "No episode ended." in body


@pytest.mark.parametrize(
    ("line", "message"), [("5", ": expected a dictionary, got 5"), ('{"steps": 5}', " has no field 'episodes'")]
)
def test_damaged_metrics_are_said_before_anything_is_written(run, tmp_path, capsys, line, message):
    """Regression: the policy was written, then the command failed with status 3."""
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    (copy / "README.md").unlink(missing_ok=True)
    (copy / "metrics.jsonl").write_text(f"{line}\n")
    assert main([str(copy), "--card", "--out", str(tmp_path / "policy.onnx")]) == cli.BAD_INPUT
    assert f"metrics.jsonl, line 1{message}" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_card_is_not_written_over_another_nor_without_a_run(run, tmp_path, capsys):
    (tmp_path / "README.md").write_text("mine")
    assert main([str(run), "--card", "--out", str(tmp_path / "policy.onnx")]) == cli.BAD_INPUT
    assert "README.md exists" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
    deep.load(run).save(tmp_path / "agent.pt")
    assert main([str(tmp_path / "agent.pt"), "--card"]) == cli.BAD_INPUT
    assert "has no metrics; expected a run directory" in capsys.readouterr().err
