"""The speed benchmark's arithmetic and failure paths; the peers themselves are not run here."""

import json
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from deep import speed
from deep.studies import speed_pixels
from exact.common.errors import InputError

JOB = speed.Job("CartPole-v1", 2000, 0, (), False, 0.0)


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
    table = speed.report(rounds, JOB)
    ratios = {row[0]: (row[4], row[6]) for row in table.rows}
    assert ratios["raw stepping"] == ("0.60", "reached")
    assert ratios["sb3-contrib TRPO"] == ("6.00", "reached")
    assert ratios["stable-baselines3 PPO"] == ("6.00", "missed")
    assert ratios["deep.train"] == ("1", "reached")
    assert "1e6 steps of CartPole-v1 take 2.8 minutes" in table.notes[2]
    assert speed.report([measured(1, 1, 1, 1, peak=2.6)], JOB).rows[1][6] == "missed"


def test_pixels_have_targets_of_their_own():
    table = speed.report([measured(4000, 500, 100, 400, peak=3.0)], replace(JOB, pixels=True))
    assert [row[4:] for row in table.rows] == [
        ("0.12", "", ""),
        ("1", "memory under 6.0 GiB", "reached"),
        ("5.00", "at least 3", "reached"),
        ("1.25", "at least 1.2", "reached"),
    ]


def test_the_parts_of_an_iteration_sum_to_one_and_each_moment_is_counted_once():
    watch = speed_pixels.Stopwatch()
    owner = SimpleNamespace(inner=lambda: time.sleep(0.02))
    owner.outer = lambda: (time.sleep(0.01), owner.inner())
    watch.watch(owner, "inner", "inner")
    watch.watch(owner, "outer", "outer")
    owner.outer()
    assert list(watch.seconds) == ["outer"]
    owner.inner()
    assert watch.seconds["outer"] >= 0.03
    assert watch.seconds["inner"] >= 0.02
    rows = speed_pixels.share_table({"networks": 0.8, "everything else": 0.2}).rows
    assert rows[1] == ("everything else", "20.0%", "under 10%", "missed")


def test_the_record_holds_every_measurement_and_the_command():
    job = speed.Job("CartPole-v1", 50, 7, ("--batch", "9"), False, 1.5)
    content = json.loads(speed.record([measured(4, 3, 2, 1)], job))
    assert content["command"].endswith("--env CartPole-v1 --steps 50 --repeats 1 --seed 7 -- --batch 9")
    assert content["load"] == 1.5
    assert [one["rate"] for one in content["rounds"][0]] == [4, 3, 2, 1]


def test_training_is_timed_from_the_end_of_its_first_iteration(tmp_path):
    lines = [{"steps": 4096, "seconds": 1.0}, {"steps": 6144, "seconds": 1.5}, {"steps": 10240, "seconds": 3.0}]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert speed.training_rate(tmp_path / "metrics.jsonl") == 6144 / 2


def test_raw_stepping_runs_in_processes_whose_memory_is_seen():
    measurement = speed.measure("raw", JOB)
    assert measurement.rate > 1000
    assert 0.01 < measurement.peak_gib < 2


def test_a_failing_trainer_ends_the_benchmark_with_its_message(monkeypatch, capsys, tmp_path):
    fails = (sys.executable, "-c", "import sys; print('error: no such preset'); sys.exit(2)")
    monkeypatch.setattr(speed, "TRAINER", fails)
    monkeypatch.setattr(speed, "RAW_PROCESSES", 1)
    out = tmp_path / "speed.json"
    assert speed.main(speed.Options(env="CartPole-v1", out=out)) == 3
    assert capsys.readouterr().err == "error: deep.train ended with exit status 2: error: no such preset\n"
    assert not out.exists()


def test_bad_arguments_are_refused(monkeypatch):
    with pytest.raises(InputError, match="did you mean CartPole-v1"):
        speed.Options(env="CartPol-v1")
    monkeypatch.setattr(speed, "PEERS", {"trpo": ("no_such_package", "TRPO")})
    with pytest.raises(InputError, match="no_such_package is not installed: expected"):
        speed.main(speed.Options(env="CartPole-v1"))
