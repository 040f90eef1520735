"""Our last policies without noise: played from the checkpoint, once for each run."""

import json
from dataclasses import replace

import numpy as np
import pytest

import deep
from deep.presets import preset
from paper_figs import last_policies
from paper_figs.last_policies import read_scores

RUN = ("default", "CartPole-v1", "seed0")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a short run, laid out as deep.grid does."""
    root = tmp_path_factory.mktemp("runs")
    config = preset("default", "CartPole-v1")
    deep.train(replace(config, steps=600, sampling=replace(config.sampling, N=256)), root.joinpath(*RUN))
    return root


def test_each_run_is_played_once_from_its_checkpoint(trained, tmp_path, capsys):
    words = ["--runs", str(trained), "--rounds", "2", "--episodes", "3", "--out", str(tmp_path / "scores")]
    assert last_policies.main(words) == 0
    (scores,) = read_scores(tmp_path / "scores")
    agent = deep.load(trained.joinpath(*RUN))
    wanted = [np.mean([total for total, _ in agent.evaluate(3, seed)]) for seed in (0, 1)]
    assert scores.rounds == pytest.approx(wanted, abs=1e-3)
    assert (scores.variant, scores.env, scores.seed, scores.episodes) == ("default", "CartPole-v1", 0, 3)
    assert scores.mean == pytest.approx(np.mean(wanted), abs=1e-3)
    assert "wrote 1 file" in capsys.readouterr().out
    file = (tmp_path / "scores").joinpath(*RUN).with_suffix(".json")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"rounds": [7.0]}))
    assert last_policies.main(words) == 0
    assert "wrote 0 files under" in capsys.readouterr().out
    assert read_scores(tmp_path / "scores")[0].rounds == (7.0,)


def test_a_run_without_a_checkpoint_is_left_out_and_counted(make_run, tmp_path, capsys):
    make_run("Walker2d-v4", 0, 100.0, variant="sb3-ppo")
    words = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "scores")]
    assert last_policies.main(words) == 0
    assert capsys.readouterr().err == "left out 1 run without a checkpoint\n"
    assert not (tmp_path / "scores").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--runs", "nowhere"], "no such folder: nowhere"),
        (["--runs", "."], "no finished run under ."),
        (["--runs", ".", "--rounds", "0"], "--rounds >= 1"),
    ],
)
def test_bad_settings_are_refused(words, message, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in refused(last_policies.main, *words)


def test_a_damaged_file_is_named(tmp_path, refused):
    (tmp_path / "seed0.json").write_text('{"rounds": [1]}')
    from paper_figs import table1

    assert "seed0.json is not a file of paper_figs.last_policies" in refused(table1.main, "--policies", tmp_path)
