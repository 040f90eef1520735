"""Kinds of environment from a training run to an agent that acts: structured spaces, masks, odd bounds, faults."""

from functools import partial

import numpy as np
import pytest

import deep
from deep.evaluate import main as evaluate
from deep.run.directory import read_config
from exact.common import cli
from exact.common.errors import FaultError, InputError
from tests.deep.odd import make

NAME = "tests.deep.odd:make"
QUICK = {"sampling.N": 128, "critic.epochs": 1, "workers": 1, "policy.hidden": (8,), "critic.hidden": (8,)}


def train(out, kind, steps=512, **rest):
    return deep.train(NAME, out, steps=steps, env_kwargs={"kind": kind}, progress=False, settings=QUICK, **rest)


@pytest.mark.parametrize("kind", ["dict", "masks", "lopsided", "offset"])
def test_an_agent_is_trained_and_acts_in_its_environment(kind, tmp_path):
    agent = train(tmp_path / "run", kind)
    assert agent.result["status"] == "finished"
    assert read_config(agent.folder).env_kwargs == {"kind": kind}
    env = deep.load(agent.folder, env=NAME).make_env()
    observation, info = env.reset(seed=0)
    for deterministic in (True, False):
        mask = info.get("action_mask")
        action, _ = agent.predict(observation, deterministic=deterministic, action_masks=mask)
        assert env.action_space.contains(action[()])
        if mask is not None:
            assert all(part[k] for part, k in zip(mask, action, strict=True))
    assert [length for _, length in agent.evaluate(2)] == [5, 5]


def test_a_batch_of_structured_observations_is_predicted_one_by_one(tmp_path):
    agent = train(tmp_path / "run", "dict")
    space = agent.make_env().observation_space
    seen = [space.sample() for _ in range(3)]
    batch = {key: np.stack([one[key] for one in seen]) for key in space.spaces}
    actions, _ = agent.predict(batch, deterministic=True)
    np.testing.assert_array_equal(actions, [agent.predict(one, deterministic=True)[0] for one in seen])
    with pytest.raises(InputError, match=r"shape \(2, 2\), or a batch"):
        agent.predict({"a": np.zeros(3), "b": 1})


def test_masked_actions_are_learned(tmp_path):
    agent = train(tmp_path / "run", "masked", steps=6144)
    greedy = np.mean([total for total, _ in agent.evaluate(40)])
    assert greedy > 9  # random actions of the masks get 7.5 in the mean, the largest ones 12


def test_an_episode_that_never_ends_is_cut_off_where_it_is_scored(tmp_path, capsys):
    agent = train(tmp_path / "run", "endless")
    assert agent.result["max100"] is None
    assert evaluate([str(agent.folder), "--env", NAME, "--episodes", "2", "--max-steps", "30"]) == cli.DONE
    shown = capsys.readouterr().out
    assert "length 30" in shown
    assert "note: 2 of 2 episodes were cut off after --max-steps 30 steps" in shown


def test_a_fault_has_the_same_text_from_python(tmp_path):
    with pytest.raises(FaultError, match=r"environment .*nan.*not finite .at the reset of episode 1"):
        train(tmp_path / "run", "nan start")


def test_a_callable_is_recorded_by_its_name_and_given_again_where_it_has_none(tmp_path):
    agent = deep.train(partial(make, "plain"), tmp_path / "run", steps=256, progress=False, settings=QUICK)
    assert read_config(agent.folder).env == "tests.deep.odd:make.partial"
    with pytest.raises(InputError, match="callable of the script that trained: give it again, from Python"):
        deep.load(agent.folder)
    assert deep.load(agent.folder, env=partial(make, "plain")).evaluate(1) == [(5.0, 5)]
