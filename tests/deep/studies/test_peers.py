"""Training the peer: what its run directory holds, and what is refused."""

import json

import pytest

from deep.studies import peers
from exact.common import cli
from exact.common.errors import InputError
from paper_figs.results import read_run


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(peers, "SETTINGS", peers.SETTINGS | {"n_steps": 64, "n_critic_updates": 1})


def options(tmp_path, seed=0):
    return peers.Options("CartPole-v1", seed=seed, steps=500, out=tmp_path / peers.NAME / "CartPole-v1" / f"seed{seed}")


def test_a_run_directory_that_the_tables_read(tmp_path):
    chosen = options(tmp_path)
    result = peers.train(chosen, "the command")
    lines = [json.loads(line) for line in (chosen.folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["steps"] for line in lines] == [128, 256, 384, 512]
    episodes = [episode for line in lines for episode in line["episodes"]]
    assert all(total == length for _, total, length in episodes)  # as the task pays, not as it is normalised
    assert 256 < sum(length for _, _, length in episodes) <= 512  # all but the two that are still running
    assert result["max100"] == pytest.approx(sum(total for _, total, _ in episodes) / len(episodes))
    read = read_run(chosen.folder)
    assert (read.variant, read.env, read.seed, read.command) == (peers.NAME, "CartPole-v1", 0, "the command")
    assert "sb3-contrib" in read.versions
    assert read.settings["trpo"]["n_steps"] == 64
    with pytest.raises(InputError, match="holds a finished run"):
        peers.train(chosen, "again")
    (chosen.folder / "result.json").unlink()
    with pytest.raises(InputError, match="holds an unfinished run, which a peer cannot continue"):
        peers.train(chosen, "again")


def test_the_seed_reproduces_a_run_and_another_changes_it(tmp_path):
    (first, same, other) = (
        peers.train(options(tmp_path / folder, seed), "") for folder, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert first["max100"] == same["max100"] != other["max100"]


def test_without_the_package_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(peers.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"sb3_contrib is not installed: expected the optional dependencies \[bench\]"):
        peers.train(options(tmp_path), "")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--env", "Hoper-v4"], "unknown environment 'Hoper-v4'; did you mean Hopper-v4"),
        (["--env", "ALE/Pong-v5"], "'ALE/Pong-v5' has pixels, expected an environment with flat observations"),
        (["--env", "CartPole-v1", "--seed", "-1"], "--seed must be at least 0, got -1"),
        (["--env", "CartPole-v1", "--steps", "0"], "--steps must be at least 1, got 0"),
    ],
)
def test_bad_input_is_refused(flags, message, capsys):
    assert peers.main(flags) == cli.BAD_INPUT
    assert message in capsys.readouterr().err
