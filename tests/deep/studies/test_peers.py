"""Training the peers: what their run directories hold, what a killed run leaves, and what is refused."""

import json

import pytest

from deep.studies import peers, zoo
from exact.common import cli
from exact.common.errors import FaultError, InputError
from paper_figs.results import read_run

ON_POLICY = {"n_steps": 64, "batch_size": 64}
SMALL = {
    "trpo": ON_POLICY | {"n_envs": 2, "n_critic_updates": 1},
    "ppo": ON_POLICY | {"n_epochs": 1},
    "sac": {"learning_starts": 390},
    "td3": {"learning_starts": 390, "noise_std": 0.1, "policy_kwargs": {"net_arch": [8]}},
    "ddpg": {"learning_starts": 390, "noise_std": 0.1, "policy_kwargs": {"net_arch": [8]}},
}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(zoo, "TABLES", {method: {zoo.SHARED: settings} for method, settings in SMALL.items()})
    monkeypatch.setattr(peers, "LINE_STEPS", 128)


def options(tmp_path, seed=0, **further):
    chosen = {"preset": "sb3-trpo", "env": "CartPole-v1", "steps": 500, "eval_every": 200, "eval_episodes": 2} | further
    folder = tmp_path / chosen["preset"] / chosen["env"] / f"seed{seed}"
    return peers.Options(**chosen, seed=seed, out=folder)


def lines(chosen):
    return [json.loads(line) for line in (chosen.folder / "metrics.jsonl").read_text().splitlines()]


def test_a_run_directory_that_the_tables_read(tmp_path):
    chosen = options(tmp_path)
    result = peers.train(chosen, "the command")
    written = lines(chosen)
    assert [line["steps"] for line in written] == [128, 200, 256, 384, 400, 512]
    assert [line["steps"] for line in written if "eval_return" in line] == [200, 400, 512]
    episodes = [episode for line in written for episode in line["episodes"]]
    assert all(total == length for _, total, length in episodes)  # as the task pays, not as it is normalised
    assert 256 < sum(length for _, _, length in episodes) <= 512  # all but the two that are still running
    assert result["max100"] == pytest.approx(sum(total for _, total, _ in episodes) / len(episodes))
    read = read_run(chosen.folder)
    assert (read.variant, read.env, read.seed, read.command) == ("sb3-trpo", "CartPole-v1", 0, "the command")
    assert "sb3-contrib" in read.versions
    assert (read.settings["arguments"]["n_steps"], read.settings["environments"]) == (64, 2)
    assert "Zoo v2.8.0, hyperparams/trpo.yml, mujoco-defaults: CartPole-v1 is not listed" in read.settings["source"]
    with pytest.raises(InputError, match="holds a finished run"):
        peers.train(chosen, "again")


@pytest.mark.parametrize("preset", ["sb3-ppo", "sb3-sac", "sb3-td3", "sb3-ddpg"])
def test_every_method_trains_and_is_evaluated(preset, tmp_path):
    chosen = options(tmp_path, preset=preset, env="Pendulum-v1", steps=400)
    peers.train(chosen, "")
    read = read_run(chosen.folder)
    assert (read.variant, read.preset) == (preset, preset)
    assert all(-2000 < line["eval_return"] < 0 for line in lines(chosen) if "eval_return" in line)
    assert read.settings["normalize"] == (preset == "sb3-ppo")


def test_looking_changes_nothing_and_takes_no_time_of_the_training(tmp_path, monkeypatch):
    clock, look = [0.0], peers.Recorder.evaluate

    def slow(recorder):
        clock[0] += 100.0
        return look(recorder)

    monkeypatch.setattr(peers.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(peers.Recorder, "evaluate", slow)
    seen, unseen = (peers.train(options(tmp_path / f"{every}", eval_every=every), "") for every in (200, 0))
    assert clock[0] == 300.0
    assert seen == unseen
    assert seen["seconds"] == 0.0


def test_the_seed_reproduces_a_run_and_another_changes_it(tmp_path):
    (first, same, other) = (
        peers.train(options(tmp_path / folder, seed), "") for folder, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert first["max100"] == same["max100"] != other["max100"]


def test_a_run_ends_when_its_minutes_are_over(tmp_path):
    chosen = options(tmp_path, minutes=1e-9, steps=10**6)
    assert peers.train(chosen, "")["steps"] == 2
    assert [line["steps"] for line in lines(chosen)] == [2]


def test_an_interrupted_run_starts_again_with_its_own_settings(tmp_path, capsys):
    chosen = options(tmp_path, minutes=9.0)
    first = peers.train(chosen, "the command")
    before = lines(chosen)
    (chosen.folder / "result.json").unlink()
    with pytest.raises(InputError, match="holds an unfinished run; continue it with --resume"):
        peers.train(chosen, "again")
    assert peers.main(["--resume", str(chosen.folder), "--seed", "3"]) == cli.BAD_INPUT
    assert "give no setting beside it" in capsys.readouterr().err
    assert peers.main(["--resume", str(chosen.folder)]) == cli.DONE
    assert json.loads((chosen.folder / "result.json").read_text())["max100"] == first["max100"]
    assert [line["episodes"] for line in lines(chosen)] == [line["episodes"] for line in before]
    assert peers.main(["--resume", str(chosen.folder)]) == cli.BAD_INPUT
    assert "there is nothing to resume" in capsys.readouterr().err


def test_a_failure_of_the_training_is_one_line_with_its_step(tmp_path, monkeypatch):
    def fail(*_):
        raise ValueError("expected finite\nnumbers")

    monkeypatch.setattr(peers.Recorder, "write", fail)
    with pytest.raises(FaultError, match="CartPole-v1 seed 0, step 128: ValueError: expected finite"):
        peers.train(options(tmp_path), "")


def test_without_the_package_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(peers.importlib.util, "find_spec", lambda name: None if name == "sb3_contrib" else name)
    with pytest.raises(InputError, match=r"sb3_contrib is not installed: expected the optional dependencies \[bench\]"):
        peers.train(options(tmp_path), "")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--env is required"),
        (["--env", "Hoper-v4"], "unknown environment 'Hoper-v4'; did you mean Hopper-v4"),
        (["--env", "ALE/Pong-v5"], "'ALE/Pong-v5' has pixels, expected an environment with flat observations"),
        (["--env", "CartPole-v1", "--seed", "-1"], "--seed must be at least 0, got -1"),
        (["--env", "CartPole-v1", "--steps", "0"], "--steps must be at least 1, got 0"),
        (["--env", "CartPole-v1", "--minutes", "0"], "--minutes must be more than 0, got 0"),
        (["--env", "CartPole-v1", "--preset", "sb3-sac"], "'CartPole-v1' has discrete actions, sb3-sac needs"),
        (["--env", "CartPole-v1", "--preset", "sb3-dqn"], "--preset: expected one of sb3-trpo, sb3-ppo"),
        (["--resume", "/no/such/run"], "cannot read /no/such/run/config.json"),
    ],
)
def test_bad_input_is_refused(flags, message, capsys):
    assert peers.main(flags) == cli.BAD_INPUT
    assert message in capsys.readouterr().err


def test_a_foreign_run_is_not_started_again(tmp_path, capsys):
    (tmp_path / "config.json").write_text('{"env": "CartPole-v1", "seed": 0}')
    assert peers.main(["--resume", str(tmp_path)]) == cli.BAD_INPUT
    assert "expected the settings of a run of deep.studies.peers ('preset')" in capsys.readouterr().err
