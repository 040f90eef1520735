"""The command line of a statement file: exit status, and one line for bad input."""

import subprocess
import sys

import pytest

from exact.common.errors import InputError
from verify import divergence, ladder, lemma34
from verify.core.command import Options, SearchOptions, Study, run
from verify.core.statement import Statement, judge


def test_command_says_when_a_statement_did_not_come_out(capsys):
    for statement, claimed in (
        (Statement("true", "printed", "1 >= 2"), 2),
        (Statement("false", "printed", "1 >= 0", expected="fails"), 0),
    ):
        checks = [judge(statement, 1, claimed, "here")]
        study = Study("A study", "verify.study", (statement,), Options, lambda _, checks=checks: checks, ladder.draw)
        assert run(study, []) == 1
        assert f"expected: {statement.expected}" in capsys.readouterr().out


BAD = [
    (("--mdp", "gridwrld-5x5"), "unknown MDP 'gridwrld-5x5': did you mean gridworld-5x5"),
    (("--instances", "-1"), "--instances must be at least 0, got -1"),
    (("--jobs", "0"), "--jobs must be at least 1, got 0"),
    (("--json", "/nonexistent/x.json"), "cannot write /nonexistent/x.json"),
    (("--figure", "x.tiff"), "cannot draw into x.tiff: expected a file name ending in .png, .pdf, .svg"),
    (("--solver", "simplex"), "simplex"),
    (("--instances", "many"), "--instances"),
    (("--certificate", "c.json", "--solver", "lp"), "--certificate is for --solver closed-form"),
    (("--certificate", "c.json", "--mdp", "cash-in", "--instances", "0"), "--certificate: no step of an MDP"),
    (("--certificate", "c.json", "--figure", "c.json"), "cannot draw into c.json"),
    (("--certificate", "c.png", "--figure", "c.png"), "c.png is named twice"),
    (("--certificate", "c.json", "--mdp", "c.json"), "c.json is named twice"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(arguments) for arguments, _ in BAD])
def test_bad_input_is_one_line_and_writes_nothing(arguments, message, tmp_path, capsys):
    report = tmp_path / "report.json"
    report.write_text("precious")
    files = () if "--json" in arguments else ("--json", str(report))
    assert lemma34.main([*files, *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    lines = shown.err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert report.read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_a_study_without_certificates_says_so(capsys):
    """Regression: the option was taken and nothing was written."""
    assert divergence.main(["--mdp", "cash-in", "--instances", "1", "--certificate", "c.json"]) == 2
    assert capsys.readouterr().err == "error: --certificate: verify.divergence makes no certificates\n"


def test_the_command_itself(tmp_path):
    """In its own process: a broken MDP file is one line and status 2."""
    broken = tmp_path / "broken.json"
    broken.write_text('{"transitions": [')
    command = [sys.executable, "-m", "verify.ladder", "--mdp", str(broken)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"instances": -1}, "--instances must be at least 0, got -1"),
        ({"seed": -1}, "--seed must be at least 0"),
        ({"jobs": 0}, "--jobs must be at least 1, got 0"),
        ({"search": -1}, "--search must be at least 0"),
    ],
)
def test_bad_options(arguments, message):
    with pytest.raises(InputError, match=message):
        SearchOptions(**arguments)
