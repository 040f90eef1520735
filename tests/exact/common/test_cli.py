"""What all command lines share: one line for every error, and the exit status."""

import sys
from dataclasses import dataclass
from typing import Literal

import pytest

from exact.common import cli
from exact.common.errors import InputError
from exact.evaluation import EvaluationError
from exact.subproblem.lp import SolverError


@dataclass(frozen=True)
class Inner:
    """Inner options."""

    depth: int = 1
    """How deep."""


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
    inner: Inner = Inner()
    """A nested dataclass."""

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
    assert run("--inner.depth", "3") == (0, [Example(inner=Inner(3))])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--count", "five"), "--count: invalid literal for int() with base 10: 'five' (see python -m exact.example"),
        (("--count",), "--count needs INT"),
        (("--kind", "medium"), "--kind: expected one of large, small, got 'medium'"),
        (("--colour", "red"), "unknown option --colour red"),
        (("--cuont", "5"), "unknown option --cuont 5; did you mean --count?"),
        (("--depth", "5"), "unknown option --depth 5; did you mean --inner.depth?"),
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
        (failing(MemoryError()), 3, "error: out of memory\n"),
        (failing(KeyboardInterrupt()), 130, "error: interrupted\n"),
        (failing(KeyboardInterrupt("interrupted; go on")), 130, "error: interrupted; go on\n"),
    ],
)
def test_exit_status(work, status, line, capsys):
    assert cli.guard(work) == status
    assert capsys.readouterr().err == line


def test_a_bug_is_one_line_too_and_its_traceback_is_shown_on_request(capsys, monkeypatch):
    assert cli.guard(lambda: 1 // 0) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ZeroDivisionError at test_cli.py:")
    assert "STRO_TRACEBACK=1 shows the traceback" in line
    monkeypatch.setenv("STRO_TRACEBACK", "1")
    for work, status in ((lambda: 1 // 0, 3), (failing(InputError("wrong")), 2)):
        assert cli.guard(work) == status
        assert "Traceback (most recent call last)" in capsys.readouterr().err
