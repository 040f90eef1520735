"""A trained agent: loaded, asked for actions, scored."""

from dataclasses import replace

import numpy as np
import pytest

import deep
from deep.evaluate import main
from deep.presets import preset
from exact.common import cli
from exact.common.errors import InputError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A short run."""
    folder = tmp_path_factory.mktemp("run") / "first"
    config = preset("default", "Hopper-v4")
    deep.train(replace(config, steps=2048, sampling=replace(config.sampling, N=256)), folder)
    return folder


def test_evaluation_is_reproducible_and_uses_the_run(folder, capsys):
    agent = deep.load(folder)
    once, again = (agent.evaluate(3, 5, stochastic=True) for _ in range(2))
    assert once == again != agent.evaluate(3, 6, stochastic=True)
    assert main([str(folder), "--episodes", "2"]) == cli.DONE
    assert "Hopper-v4, deterministic policy, 2 episodes: return" in capsys.readouterr().out


def test_an_agent_acts_in_its_environment(folder):
    agent = deep.load(str(folder))
    env = agent.make_env()
    observation, _ = env.reset(seed=0)
    best, again = agent.act(observation), agent.act(observation)
    np.testing.assert_array_equal(best, again)
    sampled = agent.act(observation, np.random.default_rng(0))
    assert (sampled != best).any()
    assert env.action_space.contains(best)
    assert env.action_space.contains(sampled)
    env.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["/no/such/run"], "expected a run directory"),
        ([], "required"),
        (["DIR", "--episodes", "0"], "--episodes >= 1"),
        (["DIR", "--episodes", "many"], "--episodes"),
        (["DIR", "--video", "film.avi"], ".mp4 or .gif"),
        (["DIR", "--video", "/no/such/folder/film.gif"], "expected a file name in an existing, writable folder"),
        (["DIR", "--video", "FOLDER.gif"], "expected a file name in an existing, writable folder"),
        (["DIR", "--stochastic", "--deterministic"], "exclude each other"),
    ],
)
def test_bad_input_is_one_line_and_status_2(folder, tmp_path, arguments, message, capfd):
    places = {"DIR": str(folder), "FOLDER.gif": str(tmp_path / "folder.gif")}
    (tmp_path / "folder.gif").mkdir()
    assert main([places.get(part, part) for part in arguments]) == cli.BAD_INPUT
    err = capfd.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_a_run_without_a_checkpoint_has_no_agent(folder, tmp_path):
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    with pytest.raises(InputError, match="no checkpoint yet"):
        deep.load(tmp_path)
