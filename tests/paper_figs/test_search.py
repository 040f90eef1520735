"""The search: whom it promotes, and that it repeats nothing."""

import json

import pytest

from exact.common.errors import InputError
from paper_figs.search import Board, Options, jobs, main, search
from paper_figs.search_space import NAMED

TASKS = ("Reacher-v4", "Swimmer-v4")


def options(folder, **changed):
    return Options(**{"out": folder, "tasks": TASKS, "rungs": (10, 20), "points": 0, "keep": 2} | changed)


def finish(board, job, value):
    board.note({"name": job.name, "env": job.env, "rung": job.rung, "steps": job.steps, "return100": value})


def test_the_better_half_goes_on_and_nobody_twice(tmp_path):
    given = options(tmp_path, named=("leads", "window"))
    points = {name: NAMED[name] for name in given.named}
    board = Board.open(given, points)
    queue = jobs(given, board, points)
    started = [next(queue) for _ in range(4)]
    assert [(job.name, job.env) for job in started] == [(name, env) for name in given.named for env in TASKS]
    assert next(queue) is None
    for job in started:
        finish(board, job, -50.0 if job.name == "leads" else -5.0)
    assert [(job.name, job.rung) for job in (next(queue), next(queue))] == [("window", 1)] * 2
    assert next(queue) is None


def test_a_failed_run_counts_as_a_random_policy(tmp_path):
    given = options(tmp_path, named=("leads",))
    board = Board.open(given, {"leads": NAMED["leads"]})
    for env in TASKS:
        board.returns["leads", env, 0] = None
    assert board.score("leads", 0) == 0
    assert board.score("leads", 1) is None


def test_the_same_command_again_repeats_nothing(tmp_path):
    given = options(tmp_path, tasks=("Reacher-v4",), rungs=(3000, 5000), named=("baselines",))
    assert search(given, "test").score("baselines", 1) is not None
    lines = (tmp_path / "results.jsonl").read_text().splitlines()
    assert [json.loads(line)["rung"] for line in lines] == [0, 1]
    search(given, "test")
    assert (tmp_path / "results.jsonl").read_text().splitlines() == lines
    with pytest.raises(InputError, match="other settings"):
        search(options(tmp_path, tasks=("Reacher-v4",), named=("baselines",), run_seed=7), "test")


@pytest.mark.parametrize(
    "arguments", [["--rungs", "5", "3"], ["--tasks", "Walker2D-v4"], ["--named", "nobody"], ["--keep", "1"]]
)
def test_bad_input_is_one_line(tmp_path, arguments, capsys):
    assert main(["--out", str(tmp_path), *arguments]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
