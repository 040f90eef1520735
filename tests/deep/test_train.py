"""Runs from start to end: reproducibility, exact resume, learning, and what a user sees when something is wrong."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from deep.config import preset
from deep.evaluate import Agent, evaluate
from deep.run.checkpoint import read_newest
from deep.train import resume, summary, train
from exact.common import cli
from exact.common.errors import InputError
from tests import HANG_SECONDS

SMALL = ["--steps", "6144", "--sampling.N", "256", "--checkpoint-every", "3", "--critic.epochs", "2"]
SHALLOW = [f"--{name}.{flag}" for name in ("policy", "critic") for flag in ("convolutions 8 8 8", "hidden 16")]
PIXELS = [*" ".join(SHALLOW).split(), "--workers", "4", "--sticky-actions", "0.25"]
"""A network that is quick, and a game whose replay needs its random numbers as well."""


def command(*arguments, module="deep.train"):
    return [sys.executable, "-m", module, *map(str, arguments)]


def run(*arguments, module="deep.train"):
    done = subprocess.run(command(*arguments, module=module), capture_output=True, text=True, timeout=HANG_SECONDS)
    return done.returncode, done.stdout, done.stderr


def text(folder):
    return (folder / "metrics.jsonl").read_text().splitlines()


def lines(folder):
    """metrics.jsonl without the clock."""
    return [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in text(folder)]


def small(**changes):
    config = preset("default", "Hopper-v4")
    sampling, critic = replace(config.sampling, N=256), replace(config.critic, epochs=2)
    return replace(config, steps=4096, checkpoint_every=3, sampling=sampling, critic=critic, **changes)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A short run with two workers."""
    folder = tmp_path_factory.mktemp("run") / "first"
    return folder, train(small(), folder)


def test_run_directory_holds_what_the_tables_need(finished):
    folder, result = finished
    config = json.loads((folder / "config.json").read_text())
    assert (config["env"], config["seed"], config["preset"], config["steps"]) == ("Hopper-v4", 0, "default", 4096)
    assert {"python", "torch", "gymnasium", "mujoco"} <= config["versions"].keys()
    assert json.loads((folder / "result.json").read_text()) == result
    entries = [json.loads(line) for line in text(folder)]
    assert [entry["iteration"] for entry in entries] == list(range(1, len(entries) + 1))
    assert entries[-1]["steps"] >= 4096
    episodes = [episode for entry in entries for episode in entry["episodes"]]
    ends = [end for end, _, _ in episodes]
    assert ends == sorted(ends)
    assert len(episodes) == result["episodes"]


def test_the_same_seed_gives_the_same_run_whatever_the_scheduling(finished, tmp_path):
    folder, _ = finished
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})  # all processes on one core: another schedule
    try:
        train(small(), tmp_path / "pinned")
    finally:
        os.sched_setaffinity(0, allowed)
    assert lines(tmp_path / "pinned") == lines(folder)


def test_another_seed_gives_another_run(finished, tmp_path):
    train(small(seed=1), tmp_path / "other")
    assert lines(tmp_path / "other") != lines(finished[0])


def test_a_finished_run_is_neither_overwritten_nor_resumed(finished):
    folder, _ = finished
    with pytest.raises(InputError, match="holds a finished run"):
        train(small(), folder)
    with pytest.raises(InputError, match="nothing to resume"):
        resume(folder)


@pytest.mark.parametrize(
    ("env_id", "flags", "kills"),
    [("Hopper-v4", [], (17,)), ("CartPole-v1", [], (1,)), ("ALE/Breakout-v5", PIXELS, (13,))],
)
def test_killed_at_any_moment_and_resumed_it_is_the_uninterrupted_run(env_id, flags, kills, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert run("--env", env_id, *SMALL, *flags, "--out", whole)[0] == 0
    arguments = ["--env", env_id, *SMALL, *flags, "--out", broken]
    for lines_before_kill in kills:
        process = subprocess.Popen(command(*arguments), stdout=subprocess.DEVNULL)
        deadline, metrics = time.monotonic() + HANG_SECONDS, broken / "metrics.jsonl"
        try:
            while not metrics.exists() or metrics.read_bytes().count(b"\n") < lines_before_kill:
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.01)
        finally:
            process.kill()  # SIGKILL
            process.wait()
        arguments = ["--resume", broken]
    assert run(*arguments)[0] == 0
    assert lines(broken) == lines(whole)
    assert (_theta(broken) == _theta(whole)).all()
    seconds = [json.loads(line)["seconds"] for line in text(broken)]
    assert seconds == sorted(seconds)


def _theta(folder):
    return read_newest(folder / "checkpoints", print)["learner"]["theta"]


def test_evaluation_is_reproducible_and_uses_the_run(finished):
    agent = Agent.load(finished[0])
    once, again = (evaluate(agent, 3, 5, stochastic=True) for _ in range(2))
    assert once == again != evaluate(agent, 3, 6, stochastic=True)
    status, out, _ = run(finished[0], "--episodes", "2", module="deep.evaluate")
    assert status == 0
    assert "Hopper-v4, deterministic policy, 2 episodes: return" in out


def test_inverted_pendulum_is_learned(tmp_path):
    config = replace(preset("default", "InvertedPendulum-v4"), steps=150_000)
    assert train(config, tmp_path / "run")["max100"] >= 900


def test_cart_pole_is_learned(tmp_path):
    config = replace(preset("default", "CartPole-v1"), steps=100_000)
    assert train(config, tmp_path / "run")["max100"] >= 475


def test_acrobot_is_learned(tmp_path):
    config = replace(preset("default", "Acrobot-v1"), steps=60_000)
    assert train(config, tmp_path / "run")["max100"] >= -100


def test_summary_is_the_papers_measure():
    entries = [{"steps": 9, "seconds": 1.0, "episodes": [[1, float(r), 1] for r in range(150)]}]
    entries += [{"steps": 10, "seconds": 2.0, "episodes": [[1, 0.0, 1]] * 100}]
    got = summary(entries)
    assert (got["max100"], got["final100"], got["steps"], got["status"]) == (99.5, 0.0, 10, "finished")
    assert summary(entries[:1] and [entries[0] | {"episodes": []}])["max100"] is None


PONG = ["--env", "ALE/Pong-v5"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--env is required"),
        (["--env", "ALE/Pogn-v5"], "did you mean ALE/Pong-v5"),
        ([*PONG, "--normalize"], "normalize: pixels and their rewards are not normalised"),
        ([*PONG, "--sticky-actions", "1"], "config.sticky_actions must be in [0, 1), got 1.0"),
        ([*PONG, "--policy.convolutions", "8", "90", "1"], "do not fit images of shape (4, 84, 84)"),
        ([*PONG, "--policy.convolutions", "8", "8"], "--policy.convolutions"),
        (["--env", "Hopper-v4", "--sampling.reward-sign"], "sampling.reward_sign is for pixels"),
        (["--env", "Hoper-v4"], "did you mean Hopper-v4"),
        (["--env", "Hopper-v4", "--steps", "many"], "--steps"),
        (["--env", "Hopper-v4", "--radius.initial", "nan"], "radius.initial must be a finite number, got nan"),
        (["--env", "Hopper-v4", "--sampling.discount", "1.5"], "sampling.discount must be in [0, 1), got 1.5"),
        (["--env", "Hopper-v4", "--controller.beta0", "3"], "need beta0 < beta1"),
        (["--env", "Hopper-v4", "--preset", "best"], "invalid choice: 'best'"),
        (["--env", "Hopper-v4", "--no-such-option", "1"], "--no-such-option"),
        (["--env", "Hopper-v4", "--workers", "3"], "multiple of workers"),
        (["--env", "Hopper-v4", "--out", "/dev/null"], "is a file"),
        (["--env", "Hopper-v4", "--out", "/proc/run"], "cannot write run directory"),
        (["--resume", "/no/such/run"], "expected a run directory"),
        (["--resume", "/no/such/run", "--steps", "5"], "its own configuration"),
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments, message, capfd, monkeypatch):
    from deep import train as module

    monkeypatch.setattr(sys, "argv", ["deep.train", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.run(module._main)
    assert stop.value.code == 2
    err = capfd.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_a_fault_while_running_is_one_line_and_status_3_and_keeps_the_checkpoint(tmp_path):
    out = tmp_path / "run"
    flags = ["--sampling.N", "8", "--workers", "1", "--checkpoint-every", "1", "--out", out]
    status, _, err = run("--env", "tests.deep.scripted:NanReward-v0", *flags)
    assert status == 3
    assert "NanReward-v0': the reward is nan at step 40 of the worker" in err
    assert err.count("\n") == 1
    assert (out / "checkpoints" / "latest.pt").exists()


def test_a_locked_directory_and_a_mismatching_checkpoint_are_refused(finished, tmp_path):
    from deep.run.directory import RunDirectory

    source = finished[0]
    out = tmp_path / "run"
    (out / "checkpoints").mkdir(parents=True)
    config = json.loads((source / "config.json").read_text())
    config["policy"]["hidden"] = [32, 32]
    (out / "config.json").write_text(json.dumps(config))
    (out / "metrics.jsonl").write_bytes((source / "metrics.jsonl").read_bytes())
    (out / "checkpoints" / "latest.pt").write_bytes((source / "checkpoints" / "latest.pt").read_bytes())
    with pytest.raises(InputError, match=r"other settings \(policy\)"):
        resume(out)
    with RunDirectory(out), pytest.raises(InputError, match="in use by another trainer"):
        resume(out)
    config["critic"]["epochs"] = "many"
    (out / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"config\.json"):
        resume(out)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["/no/such/run"], "expected a run directory"),
        (["DIR", "--episodes", "0"], "--episodes >= 1"),
        (["DIR", "--video", "film.avi"], ".mp4 or .gif"),
        (["DIR", "--video", "/no/such/folder/film.gif"], "no folder"),
        (["DIR", "--stochastic", "--deterministic"], "not allowed with"),
    ],
)
def test_bad_input_to_evaluate_is_one_line_and_status_2(finished, arguments, message, capfd, monkeypatch):
    from deep import evaluate as module

    arguments = [str(finished[0]) if part == "DIR" else part for part in arguments]
    monkeypatch.setattr(sys, "argv", ["deep.evaluate", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.run(module._main)
    assert stop.value.code == 2
    err = capfd.readouterr().err
    assert message in err
    assert err.count("\n") == 1
