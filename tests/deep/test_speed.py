"""What deep.speed reports, and its failure paths; the peers themselves are not run here."""

import json
import sys
from dataclasses import replace

import pytest

from deep import speed
from deep.sampling.environments import inspect
from deep.studies.contestants import Job
from exact.common import cli

JOB = Job(inspect("CartPole-v1"), 2000, 0, ())
IMAGES = replace(JOB.spec, observation_shape=(4, 84, 84))


def measured(raw: float, ours: float, trpo: float, ppo: float, peak: float = 1.0) -> dict[str, speed.Measurement]:
    rates = {"raw": raw, "ours": ours, "trpo": trpo, "ppo": ppo}
    return {name: speed.Measurement(name, rate, peak) for name, rate in rates.items()}


def test_ratios_are_taken_within_a_round_and_put_beside_their_targets():
    # The machine is three times slower in one round; the ratios there are the same.
    rounds = [
        measured(10_000, 6_000, 1_000, 1_000),
        measured(3_000, 1_800, 300, 300),
        measured(10_000, 6_100, 990, 990),
    ]
    table = speed.report(rounds, JOB, 0.0)
    ratios = {row[0]: (row[4], row[6]) for row in table.rows}
    assert ratios["raw stepping"] == ("0.60", "reached")
    assert ratios["sb3-contrib TRPO"] == ("6.00", "reached")
    assert ratios["stable-baselines3 PPO"] == ("6.00", "missed")
    assert ratios["deep.train"] == ("1", "reached")
    assert "1e6 steps of CartPole-v1 take 2.8 minutes" in table.notes[2]
    assert speed.report([measured(1, 1, 1, 1, peak=2.6)], JOB, 0.0).rows[1][6] == "missed"


def test_pixels_have_targets_of_their_own():
    table = speed.report([measured(4000, 500, 100, 400, peak=3.0)], replace(JOB, spec=IMAGES), 0.0)
    assert [row[4:] for row in table.rows] == [
        ("0.12", "", ""),
        ("1", "memory under 6.0 GiB", "reached"),
        ("5.00", "at least 3", "reached"),
        ("1.25", "at least 1.2", "reached"),
    ]


def test_the_record_holds_every_measurement_and_the_command():
    job = Job(JOB.spec, 50, 7, ("--batch", "9"))
    content = json.loads(speed.record([measured(4, 3, 2, 1)], job, 1.5))
    assert content["command"].endswith("--env CartPole-v1 --steps 50 --repeats 1 --seed 7 -- --batch 9")
    assert content["load"] == 1.5
    assert [one["rate"] for one in content["rounds"][0]] == [4, 3, 2, 1]


def test_a_failing_trainer_ends_the_measurement_with_its_message(monkeypatch, capsys, tmp_path):
    fails = (sys.executable, "-c", "import sys; print('error: no such preset'); sys.exit(2)")
    monkeypatch.setattr("deep.studies.contestants.TRAINER", fails)
    monkeypatch.setattr("deep.studies.contestants.RAW_PROCESSES", 1)
    out = tmp_path / "speed.json"
    assert speed.main(["--env", "CartPole-v1", "--out", str(out)]) == cli.FAULT
    assert capsys.readouterr().err == "error: deep.train ended with exit status 2: error: no such preset\n"
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--env", "CartPol-v1"], "did you mean CartPole-v1"),
        (["--steps", "10"], "--steps must be at least 10000, got 10"),
    ],
)
def test_bad_arguments_are_refused_in_one_line(words, message, capsys):
    assert speed.main(words) == cli.BAD_INPUT
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_a_missing_peer_is_named(monkeypatch, capsys):
    monkeypatch.setattr(speed, "PEERS", {"trpo": ("no_such_package", "TRPO")})
    assert speed.main(["--env", "CartPole-v1"]) == cli.BAD_INPUT
    assert "no_such_package is not installed: expected" in capsys.readouterr().err
