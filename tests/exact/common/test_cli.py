"""What all command lines share: one line for every error, and the exit status."""

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Literal

import pytest

from exact import solve
from exact.common import cli
from exact.common.errors import InputError
from exact.evaluation import EvaluationError
from exact.subproblem.lp import SolverError


@dataclass(frozen=True)
class Example:
    """An example.

    Exit status: 0.
    """

    count: int = 3
    """How many."""
    kind: Literal["large", "small"] = "large"
    """Which."""
    fast: bool = False
    """A switch."""

    def __post_init__(self):
        if self.count < 0:
            raise InputError(f"--count must be at least 0, got {self.count}")


def run(*arguments):
    """(exit status, options) of an example command."""
    seen = []
    status = cli.main(Example, "exact.example", lambda options: seen.append(options) or 0, arguments)
    return status, seen


def test_options_are_read():
    assert run() == (0, [Example()])
    assert run("--count", "5", "--kind", "small", "--fast") == (0, [Example(5, "small", True)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--count", "five"), "--count: invalid literal for int() with base 10: 'five' (see python -m exact.example"),
        (("--count",), "--count needs INT"),
        (("--kind", "medium"), "--kind: expected one of large, small, got 'medium'"),
        (("--colour", "red"), "unknown option --colour red"),
        (("--cuont", "5"), "unknown option --cuont 5; did you mean --count?"),
        (("surplus",), "unknown option surplus"),
        (("--count", "-1"), "--count must be at least 0, got -1"),
    ],
)
def test_arguments_that_do_not_fit_are_one_line(capsys, arguments, message):
    assert run(*arguments) == (2, [])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert message in lines[0]


def test_help_is_no_error(capsys):
    with pytest.raises(SystemExit) as stop:
        run("--help")
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    assert "python -m exact.example" in shown
    assert "How many." in shown


def test_words_of_other_options_are_left_over():
    known, rest = cli.parse_known(Example, "exact.example", ["--count", "5", "--env", "x", "--help"])
    assert (known, rest) == (Example(5), ["--env", "x", "--help"])


def test_without_the_parsers_hook_its_own_message_is_shown(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tyro._errors", None)
    with pytest.raises(SystemExit) as stop:
        run("--count", "five")
    assert stop.value.code == 2
    assert "--count" in capsys.readouterr().err


def failing(error):
    def work():
        raise error

    return work


@pytest.mark.parametrize(
    ("work", "status", "line"),
    [
        (lambda: 0, 0, ""),
        (lambda: 1, 1, ""),
        (failing(InputError("two\nlines  of it")), 2, "error: two lines of it\n"),
        (failing(SolverError("HIGHS failed")), 3, "error: HIGHS failed\n"),
        (failing(EvaluationError("no")), 3, "error: no\n"),
        (failing(OSError(28, "No space left on device")), 3, "error: [Errno 28] No space left on device\n"),
        (failing(KeyboardInterrupt()), 130, "error: interrupted\n"),
    ],
)
def test_exit_status(work, status, line, capsys):
    assert cli.guard(work) == status
    assert capsys.readouterr().err == line


def test_a_bug_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        cli.guard(lambda: 1 // 0)


def run_solve(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["solve", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.run(solve.main)
    return stop.value.code


BAD = [
    (("--mdp", "frozenlake"), "unknown MDP 'frozenlake': did you mean frozenlake-"),
    (("--mdp", "missing.npz"), "missing.npz"),
    (("--mdp", "garnet:S=2"), "expected S, A, b, gamma and seed once each"),
    (("--delta0", "0"), "the radius must be a positive finite number, got 0"),
    (("--delta0", "nan"), "the radius must be a positive finite number, got nan"),
    (("--beta0", "0.7"), "need beta0 < beta1"),
    (("--gamma2", "1.5"), "need 0 < gamma3 < gamma2 <= 1 < gamma1"),
    (("--tolerance", "-1"), "tolerance must be >= 0"),
    (("--solver", "nope"), "solver NOPE is not installed"),
    (("--seed", "-1"), "must be at least 0"),
    (("--figure", "/nonexistent/figure.png"), "cannot write /nonexistent/figure.png"),
    (("--figure", "figure.txt"), "cannot draw into figure.txt"),
    (("--json", "/nonexistent/x.json"), "cannot write /nonexistent/x.json"),
    (("--json", "."), "cannot write ."),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=lambda x: " ".join(x) if isinstance(x, tuple) else "")
def test_solve_refuses_bad_input(monkeypatch, capsys, arguments, message):
    assert run_solve(monkeypatch, "--mdp", "cash-in", *arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert message in lines[0]


def test_solve_leaves_existing_files_alone(monkeypatch, tmp_path):
    report = tmp_path / "report.json"
    report.write_text("precious")
    assert run_solve(monkeypatch, "--mdp", "nonsense", "--json", str(report)) == 2
    assert run_solve(monkeypatch, "--mdp", "cash-in", "--delta0", "-1", "--json", str(report)) == 2
    assert report.read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_solve_converges_draws_and_reports(monkeypatch, tmp_path, capsys):
    report, figure = tmp_path / "report.json", tmp_path / "figure.svg"
    assert run_solve(monkeypatch, "--mdp", "chain", "--json", str(report), "--figure", str(figure)) == 0
    found = json.loads(report.read_text())
    assert found["converged"] is True
    assert found["records"][-1]["k"] == len(found["records"]) - 1
    assert figure.stat().st_size > 0
    assert f"eta = {found['eta']:.12g}" in capsys.readouterr().out


def test_solve_says_when_it_did_not_converge(monkeypatch):
    assert run_solve(monkeypatch, "--mdp", "chain", "--max-iterations", "1", "--delta0", "0.001") == 1


@pytest.mark.parametrize("arguments", [("--mdp", "nonsense"), ("--wrong", "1")])
def test_the_command_itself(arguments):
    """In its own process: nothing on standard output, one line on standard error, status 2."""
    done = subprocess.run(
        [sys.executable, "-m", "exact.solve", *arguments], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
