"""The environment doctor: what it finds, one line each, and what deep.train says of it at its start."""

import json

import pytest

import deep
from deep.check import main
from exact.common import cli
from tests.deep.test_kinds import NAME, QUICK, train


def check(capsys, env, **kwargs):
    status = main(["--env", env, "--env-kwargs", json.dumps(kwargs), "--steps", "300"])
    return status, capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("kind", "status", "lines"),
    [
        ("plain", cli.DONE, ["ok     seeding: ", "ok     episodes: 60 of 5 to 5 steps, 0 terminated, 60 truncated"]),
        ("global", cli.NEGATIVE, ["fault  reset(seed=...) does not determine an episode (two with one seed differ"]),
        ("resets", cli.NEGATIVE, ["fault  reset(seed=...) does not determine an episode"]),
        ("first", cli.NEGATIVE, ["fault  reset(seed=...) does not determine an episode"]),
        ("in place", cli.DONE, ["note   it returns the same array again"]),
        (
            "in place image",
            cli.DONE,
            ["note   it returns the same array again", "ok     observations: Box of shape (1,"],
        ),
        ("offset", cli.DONE, ["note   observations are large"]),
        ("endless", cli.DONE, ["note   no episode ended in 300 steps"]),
        ("lopsided", cli.DONE, ["note   an action without two bounds is not scaled"]),
        (
            "masks",
            cli.DONE,
            ["ok     observations: Box of shape (2,), float32, 9 numbers, of them 7 for the action mask"],
        ),
        ("dict", cli.NEGATIVE, ["ok     observations: Dict("]),
        ("nan start", cli.NEGATIVE, ["fault  environment 'tests.deep.odd:make': the observation is "]),
        ("old step", cli.NEGATIVE, ["fault  environment 'tests.deep.odd:make': step returned 4 values"]),
        ("deadline", cli.DONE, ["note   all episodes terminate after 60 steps", "note   rewards are large"]),
        ("barren", cli.DONE, ["note   random actions earned nothing"]),
    ],
)
def test_one_line_says_each_finding(capsys, kind, status, lines):
    found, shown = check(capsys, NAME, kind=kind)
    assert found == status
    assert shown[0] == NAME
    for line in lines:
        assert any(one.startswith(line) for one in shown), shown


def test_a_task_of_gymnasiums_has_nothing_to_note(capsys):
    status, shown = check(capsys, "Pendulum-v1")
    assert status == cli.DONE
    assert {line.split()[0] for line in shown[1:]} == {"ok"}
    assert any(line.startswith("ok     speed: ") for line in shown)


@pytest.mark.parametrize("words", [["--env", "NoSuchThing-v0"], ["--env", NAME, "--steps", "1"], []])
def test_bad_input_is_one_line_and_status_2(words, capsys):
    assert main(words) == cli.BAD_INPUT
    assert capsys.readouterr().err.count("\n") == 1


def test_training_notes_it_at_the_start_and_a_resume_records_what_it_could_not_restore(tmp_path, capsys):
    folder = tmp_path / "run"
    settings = QUICK | {"checkpoint_every": 1}
    stop = deep.train(
        NAME,
        folder,
        steps=1024,
        env_kwargs={"kind": "global"},
        settings=settings,
        progress=False,
        callback=lambda _: False,
    )
    assert stop.result["status"] == "stopped"
    assert "note: environment 'tests.deep.odd:make': reset(seed=...) does not determine" in capsys.readouterr().err
    deep.resume(folder, env=NAME, progress=False)
    assert "note: 1 of 1 running episodes could not be restored" in capsys.readouterr().err
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line.get("restarted_episodes") for line in lines[:3]] == [None, 1, None]


def test_training_says_nothing_of_an_environment_as_it_should_be(tmp_path, capsys):
    train(tmp_path / "run", "plain", steps=256)
    assert capsys.readouterr().err == ""
