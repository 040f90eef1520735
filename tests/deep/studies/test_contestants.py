"""What the contestants of deep.speed measure; the peers themselves are not run here."""

import json

from deep.sampling.environments import inspect
from deep.studies.contestants import Job, measure, training_rate


def test_training_is_timed_from_the_end_of_its_first_iteration(tmp_path):
    lines = [{"steps": 4096, "seconds": 1.0}, {"steps": 6144, "seconds": 1.5}, {"steps": 10240, "seconds": 3.0}]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert training_rate(tmp_path / "metrics.jsonl") == 6144 / 2


def test_raw_stepping_runs_in_processes_whose_memory_is_seen():
    steps = 300_000  # some seconds: the memory is looked at once a second
    measurement = measure("raw", Job(inspect("CartPole-v1"), steps, 0, ()))
    assert measurement.rate > 1000
    assert 0.01 < measurement.peak_gib < 2
