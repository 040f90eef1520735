"""How the steps went, from synthetic runs: what is kept of a run, and the table."""

import json
from pathlib import Path

import pytest

from exact.common.errors import InputError
from paper_figs import steps
from paper_figs.results import load, read_run, write_result
from tests.paper_figs.cases import cells


def judge(directory: Path, trials: list[tuple[str, float | None, float | None]]) -> Path:
    """Give a run's first lines of metrics an outcome, a ratio and a KL divergence."""
    metrics = directory / "metrics.jsonl"
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    for line, (outcome, ratio, kl) in zip(lines, trials, strict=False):
        line |= {"outcome": outcome, "ratio": ratio, "kl": kl}
    metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return directory


TRIALS = [("accept", 0.5, 0.02), ("reject", None, 0.04), ("accept", -1.0, 0.06), ("force", 0.0, 0.08)]


def test_quarters_are_kept_and_read_back(tmp_path, make_run):
    result = read_run(judge(make_run("Walker2d-v4", 0, 100.0), TRIALS))
    assert result.quarters == {
        "rejected": (0.0, 1.0, 0.0, 0.0),
        "nonnegative": (1.0, 0.0, 0.0, 1.0),
        "kl": (0.02, 0.04, 0.06, 0.08),
    }
    write_result(result, tmp_path / "data")
    assert load([tmp_path / "data"]) == [result]


def test_a_run_of_three_trials_has_no_quarters(make_run):
    assert read_run(judge(make_run("Walker2d-v4", 0, 100.0), TRIALS[:3])).quarters == {}


def test_the_table_has_the_first_and_the_last_quarter(make_run, tmp_path):
    judge(make_run("Walker2d-v4", 0, 100.0), TRIALS)
    judge(make_run("Walker2d-v4", 1, 200.0), [("reject", None, 0.04), *TRIALS[1:]])
    judge(make_run("Reacher-v4", 0, -4.0), TRIALS)
    out = tmp_path / "steps.md"
    assert steps.main(["--runs", str(tmp_path / "runs"), "--variants", "default", "--out", str(out)]) == 0
    assert cells(out.read_text(), "Walker2d") == [
        "Walker2d",
        "2",
        "0.50 to 0.00",
        "0.50 to 1.00",
        "0.030 to 0.080",
        "1%",
    ]
    assert cells(out.read_text(), "Reacher") == ["Reacher", "1", "0.00 to 0.00", "1.00 to 1.00", "0.020 to 0.080", "-"]


def test_a_best_return_of_nothing_has_no_share(make_run, tmp_path):
    judge(make_run("Hopper-v4", 0, 0.0), TRIALS)
    out = tmp_path / "steps.md"
    assert steps.main(["--runs", str(tmp_path / "runs"), "--variants", "default", "--out", str(out)]) == 0
    assert cells(out.read_text(), "Hopper")[-1] == "-"


def test_runs_that_kept_nothing_are_refused(runs, refused):
    assert "collect the runs again" in refused(steps.main, "--runs", runs, "--variants", "default")


def test_a_divergence_that_is_no_number_is_refused(make_run):
    with pytest.raises(InputError, match=r"metrics\.jsonl, line 1"):
        read_run(judge(make_run("Walker2d-v4", 0, 100.0), [("accept", 0.5, None)]))
