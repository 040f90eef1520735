"""Runs from start to end: reproducibility, exact resume, learning, and what a user sees when something is wrong."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest

import deep
from deep.options import parse
from deep.presets import preset
from deep.run.checkpoint import LATEST, read
from deep.training import main, resume, train
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
    return read(folder / "checkpoints" / LATEST)["learner"]["theta"]


def test_inverted_pendulum_is_learned(tmp_path):
    config = replace(preset("default", "InvertedPendulum-v4"), steps=150_000)
    assert train(config, tmp_path / "run")["max100"] >= 900


def test_cart_pole_is_learned(tmp_path):
    config = replace(preset("default", "CartPole-v1"), steps=100_000)
    assert train(config, tmp_path / "run")["max100"] >= 475


def test_acrobot_is_learned(tmp_path):
    config = replace(preset("default", "Acrobot-v1"), steps=60_000)
    assert train(config, tmp_path / "run")["max100"] >= -100


PONG = ["--env", "ALE/Pong-v5"]
QUITTING = '{"kind": "quitting", "at": "start"}'


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
        (["--env", "Hopper-v4", "--beta0", "-1"], "unknown option --beta0 -1; did you mean --controller.beta0?"),
        (["--env", "Hopper-v4", "--wandbb"], "unknown option --wandbb; did you mean --wandb?"),
        (["--env", "Hopper-v4", "--steps", "many"], "--steps"),
        (["--env", "Hopper-v4", "--radius.initial", "nan"], "radius.initial must be a finite number, got nan"),
        (["--env", "Hopper-v4", "--sampling.discount", "1.5"], "sampling.discount must be in [0, 1), got 1.5"),
        (["--env", "Hopper-v4", "--controller.beta0", "3"], "need beta0 < beta1"),
        (
            ["--env", "Hopper-v4", "--preset", "best"],
            "--preset: expected one of default, paper, paper-first",
        ),
        (["--env", "Hopper-v4", "--no-such-option", "1"], "--no-such-option"),
        (["--env", "Hopper-v4", "--workers", "3"], "multiple of workers"),
        (["--env", "Hopper-v4", "--out", "/dev/null"], "is a file"),
        (["--env", "Hopper-v4", "--out", "/proc/run"], "cannot write run directory"),
        (["--resume", "/no/such/run"], "expected a run directory"),
        (["--resume", "/no/such/run", "--steps", "5"], "its own configuration"),
        (["--continue-from", "/no/such/run", "--steps", "5"], "expected a run directory"),
        (["--continue-from", "/no/such/run"], "--steps is required"),
        (["--resume", "/no/such/run", "--continue-from", "/no/such/run"], "give no setting beside it"),
        (["--continue-from", "/no/such/run", "--steps", "5", "--seed", "1"], "unknown option --seed"),
        (["--continue-from", "/no/such/run", "--steps", "5", "--preset", "paper"], "the run's own settings"),
        (["--env", "CartPole-v1", "--init-from", "/no/such/run"], "expected a run directory"),
        (["--env", "Hopper-v4", "--eval-every", "-1"], "config.eval_every must be >= 0, got -1"),
        (["--env", "Hopper-v4", "--patience", "0"], "--patience must be > 0 seconds, got 0.0"),
        (["--env", "Hopper-v4", "--policy.hidden", "1000000000"], "parameters: training needs"),
        (["--env", "Hopper-v4", "--critic.hidden", "9", "1000000000"], "parameters: training needs"),
        (["--env", "tests.deep.odd:make", "--env-kwargs", QUITTING], "SystemExit: no licence"),
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments, message, capfd):
    assert main(arguments) == cli.BAD_INPUT
    err = capfd.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_a_fault_while_running_is_one_line_and_status_3_and_keeps_the_checkpoint(tmp_path):
    out = tmp_path / "run"
    flags = ["--sampling.N", "8", "--workers", "1", "--checkpoint-every", "1", "--out", out]
    status, _, err = run("--env", "tests.deep.scripted:NanReward-v0", *flags)
    assert status == 3
    assert "NanReward-v0': the reward is nan (episode 1, step 40)" in err
    assert err.count("\n") == 1
    assert (out / "checkpoints" / "latest.pt").exists()


def test_a_run_that_diverges_is_a_fault(tmp_path, capfd, monkeypatch):
    from deep.algorithm import Learner
    from deep.surrogate import GainEstimate

    monkeypatch.setattr(Learner, "estimate", lambda *_: GainEstimate(float("nan"), 1.0, 1.0))
    assert main(["--env", "CartPole-v1", "--workers", "1", "--out", str(tmp_path / "run")]) == cli.FAULT
    err = capfd.readouterr().err
    assert "error: environment 'CartPole-v1': iteration 1 diverged, its ratio has (nan, 1.0, 1.0)" in err
    assert "Traceback" not in err


def test_a_mismatching_checkpoint_is_refused(finished, tmp_path):
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
    config["critic"]["epochs"] = "many"
    (out / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"config\.json"):
        resume(out)


def test_resuming_takes_the_runs_own_settings(finished):
    options, spec = parse(["--tensorboard", "--resume", str(finished[0])])
    assert (options.config, options.folder, options.trackers.names) == (small(), finished[0], ("tensorboard",))
    assert spec.env_id == "Hopper-v4"


def test_help_shows_the_presets_values_and_needs_no_torch():
    code = (
        "import sys; from deep.training import main\n"
        "try: main(['--preset', 'paper', '--help'])\n"
        "finally: print('torch' in sys.modules, 'HERE')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=HANG_SECONDS)
    assert done.returncode == 0
    assert "False HERE" in done.stdout
    assert "--sampling.N" in done.stdout
    assert "2048" in done.stdout


def test_the_face_has_what_it_names():
    assert set(deep.__all__) <= set(dir(deep))
    for name in deep.__all__:
        assert getattr(deep, name).__module__.split(".")[0] in ("deep", "exact")
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = deep.trian
