"""The agent as a library: trained in one call, asked for actions, evaluated, saved, trained further."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from gymnasium.wrappers import ClipReward

import deep
from deep import training, watching
from deep.run.checkpoint import LATEST, read
from deep.sampling.environments import inspect
from deep.training import main
from exact.common import cli
from exact.common.errors import FaultError, InputError
from tests.deep.scripted import Scripted

QUICK = {"sampling.N": 256, "critic.epochs": 1, "workers": 1}
CONSTANT = {"sampling.horizon_growth": 1.0, "radius.final_fraction": 1.0, "policy.final_log_std": None}
"""No setting that changes over a run: then more steps of a run are a longer run."""


def train(out, env="CartPole-v1", steps=1024, **rest):
    rest["settings"] = QUICK | rest.get("settings", {})
    return deep.train(env, out, steps=steps, progress=False, **rest)


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    return train(tmp_path_factory.mktemp("run") / "first", seed=3, settings=CONSTANT | {"eval_every": 512})


@pytest.fixture(scope="module")
def walker(tmp_path_factory):
    return train(tmp_path_factory.mktemp("run") / "pendulum", env="Pendulum-v1", steps=512)


def metrics(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != "seconds"} for line in lines]


def test_training_gives_an_agent_and_says_what_it_came_to(agent):
    assert (agent.config.seed, agent.config.steps, agent.config.sampling.N) == (3, 1024, 256)
    assert agent.result["status"] == "finished"
    assert agent.result == json.loads((agent.folder / "result.json").read_text())
    assert repr(agent) == f"Agent(CartPole-v1, preset default, seed 3, {agent.folder})"


def test_predict_has_the_results_of_the_environments_spaces(agent, walker):
    for one, shape in ((agent, ()), (walker, (1,))):
        env = one.make_env()
        seen = np.stack([env.observation_space.sample() for _ in range(5)])
        action, state = one.predict(seen[0], deterministic=True)
        assert (action.shape, state, env.action_space.contains(action[()])) == (shape, None, True)
        batch, _ = one.predict(seen, deterministic=True)
        np.testing.assert_array_equal(batch, [one.predict(row, deterministic=True)[0] for row in seen])
        assert one.predict(seen[:0])[0].shape == (0, *shape)
        env.close()
    with pytest.raises(InputError, match=r"shape \(4,\), or a batch of shape \(n, 4\), got shape \(3,\)"):
        agent.predict(np.zeros(3))


def test_sampled_actions_vary_and_follow_the_seed_of_the_agent(walker):
    seen = np.zeros((10, 3))
    first, again = (deep.load(walker.folder, seed=1).predict(seen)[0] for _ in range(2))
    other = deep.load(walker.folder, seed=2).predict(seen)[0]
    np.testing.assert_array_equal(first, again)
    assert len(np.unique(first)) == 10
    assert (first != other).any()


def test_the_normaliser_is_inside(walker):
    """Doubling what the normaliser saw and what predict sees changes no action."""
    seen = np.array([[1.0, 0.0, 4.0]])
    twice = replace(walker, normalise=lambda x: walker.normalise(x / 2))
    wanted, _ = walker.predict(seen, deterministic=True)
    np.testing.assert_array_equal(twice.predict(2 * seen, deterministic=True)[0], wanted)
    assert (walker.normalise(seen) != seen).any()


def test_a_saved_agent_is_the_same_agent(agent, tmp_path):
    agent.save(tmp_path / "agent.pt")
    loaded = deep.load(tmp_path / "agent.pt")
    assert loaded.evaluate(3) == agent.evaluate(3)
    assert (loaded.folder, loaded.config) == (None, agent.config)
    with pytest.raises(InputError, match="no state of its training"):
        loaded.learn(100)
    (tmp_path / "agent.pt").write_bytes(b"something else")
    with pytest.raises(InputError, match="not a checkpoint of this program; expected a run directory or a file"):
        deep.load(tmp_path / "agent.pt")


def test_more_steps_of_a_run_are_a_longer_run(agent, tmp_path):
    longer = agent.learn(1024, tmp_path / "longer", progress=False)
    whole = train(tmp_path / "whole", steps=2048, seed=3, settings=CONSTANT | {"eval_every": 512})
    assert metrics(longer.folder) == metrics(whole.folder)
    torch.testing.assert_close(longer.theta, whole.theta, rtol=0, atol=0)
    assert longer.result["steps"] == whole.result["steps"]
    assert json.loads((longer.folder / "config.json").read_text())["origin"]["kind"] == "continue"
    assert agent.result == json.loads((agent.folder / "result.json").read_text())


def test_a_continued_run_that_was_killed_at_its_start_begins_at_its_origin_again(agent, tmp_path):
    out = tmp_path / "longer"
    assert main(["--continue-from", str(agent.folder), "--steps", "512", "--out", str(out)]) == cli.DONE
    done = metrics(out)
    for file in (*(out / "checkpoints").iterdir(), out / "result.json", out / "metrics.jsonl"):
        file.unlink()
    assert main(["--resume", str(out)]) == cli.DONE
    assert metrics(out) == done


def test_the_name_of_a_continued_run_says_its_steps(agent):
    once = agent.learn(256, progress=False)
    assert once.folder == agent.folder.with_name(f"first-to{agent.result['steps'] + 256}")
    twice = once.learn(256, progress=False)
    assert twice.folder == agent.folder.with_name(f"first-to{once.result['steps'] + 256}")


@pytest.mark.parametrize("file", [False, True], ids=["run", "file"])
def test_a_run_begins_with_the_policy_of_another(agent, file, tmp_path):
    source = agent.folder
    if file:
        source = tmp_path / "agent.pt"
        agent.save(source)
    started = train(tmp_path / "started", seed=8, init_from=source, settings={"radius.initial": 1e-9})
    torch.testing.assert_close(started.theta, agent.theta, rtol=0, atol=1e-3)  # a radius of nearly nothing
    assert started.moments.count > agent.moments.count
    with pytest.raises(InputError, match=r"its policy has \d+ parameters, \d+ are needed here"):
        train(tmp_path / "wide", init_from=source, settings={"policy.hidden": (8,)})


def test_the_best_policy_of_the_evaluations_is_kept(agent):
    judged = [line for line in metrics(agent.folder) if "eval_return" in line]
    assert [line["steps"] for line in judged] == [512, 1024]
    best = max(judged, key=lambda line: line["eval_return"])
    saved = read(agent.folder / "checkpoints" / "best.pt")
    assert (saved["eval_return"], saved["steps"]) == (best["eval_return"], best["steps"])
    loaded = deep.load(agent.folder, best=True)
    torch.testing.assert_close(loaded.theta, saved["learner"]["theta"], rtol=0, atol=0)
    assert loaded.folder == agent.folder


def test_an_evaluation_takes_no_time_of_the_training(tmp_path, monkeypatch):
    clock, look = [0.0], watching.Judge.look

    def slow(judge, before):
        clock[0] += 100.0
        return look(judge, before)

    monkeypatch.setattr(watching.Judge, "look", slow)
    monkeypatch.setattr(training.time, "perf_counter", lambda: clock[0])
    result = train(tmp_path / "run", settings={"eval_every": 256}).result
    assert clock[0] >= 200.0
    assert result["seconds"] == 0.0


def test_evaluation_leaves_the_training_as_it_is(agent, tmp_path):
    plain = train(tmp_path / "plain", seed=3, settings=CONSTANT)
    without = [{k: v for k, v in line.items() if not k.startswith("eval_")} for line in metrics(agent.folder)]
    assert metrics(plain.folder) == without
    with pytest.raises(InputError, match="has no best checkpoint; expected a run with --eval-every"):
        deep.load(plain.folder, best=True)


def test_a_callback_stops_the_run_which_can_be_resumed(agent, tmp_path):
    seen = []

    def stop(line):
        seen.append(line["iteration"])
        return line["iteration"] < 2

    stopped = train(tmp_path / "stopped", seed=3, settings=CONSTANT, callback=stop)
    assert (seen, stopped.result["status"]) == ([1, 2], "stopped")
    assert not (stopped.folder / "result.json").exists()
    assert read(stopped.folder / "checkpoints" / LATEST)["learner"]["counters"]["iteration"] == 2
    torch.testing.assert_close(deep.resume(stopped.folder, progress=False).theta, agent.theta, rtol=0, atol=0)


def test_runs_without_a_name_do_not_get_into_each_others_way(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders = [train(None, steps=512).folder for _ in range(2)]
    assert [folder.name for folder in folders] == ["CartPole-v1-default-seed0", "CartPole-v1-default-seed0-2"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sampling.M": 3}, "there is no setting 'sampling.M'; did you mean sampling.N?"),
        ({"sampling": 3}, "there is no setting 'sampling'"),
        ({"steps": "many"}, "a value is of the wrong type"),
        ({"sampling.discount": 2.0}, r"sampling.discount must be in \[0, 1\)"),
    ],
)
def test_a_wrong_setting_is_refused(settings, message, tmp_path):
    with pytest.raises(InputError, match=message):
        deep.train("CartPole-v1", tmp_path / "run", settings=settings)


def test_an_environment_that_fails_while_it_is_played_is_a_fault(agent):
    broken = replace(agent, spec=inspect("tests.deep.scripted:Raising-v0"))
    broken = replace(broken, normalise=lambda x: np.zeros(4, np.float32))
    with pytest.raises(FaultError, match=r"Raising-v0' raised .*"):
        broken.evaluate(1)


def test_an_environment_may_be_anything_that_makes_one(tmp_path):
    """A lambda cannot be named in config.json: whoever loads the run hands it over again."""
    make, wrap = lambda length: Scripted(length, "truncated"), lambda env: ClipReward(env, 0, 1)
    agent = train(tmp_path / "run", env=make, steps=512, env_kwargs={"length": 3}, wrapper=wrap)
    assert {length for _, length in agent.evaluate(2)} == {3}
    assert agent.learn(256, progress=False).config.env_kwargs == {"length": 3}
    with pytest.raises(InputError, match="lambda"):
        deep.load(agent.folder)
    assert deep.load(agent.folder, env=make, wrapper=wrap).evaluate(2) == agent.evaluate(2)


def test_an_origin_that_does_not_fit_leaves_no_directory(agent, tmp_path):
    with pytest.raises(InputError, match="are needed here"):
        train(tmp_path / "new", init_from=agent.folder, settings={"policy.hidden": (8,)})
    with pytest.raises(InputError, match="expected a run directory"):
        train(tmp_path / "new", init_from=tmp_path / "nothing")
    assert not (tmp_path / "new").exists()
