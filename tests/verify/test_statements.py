"""What all statement files about finite MDPs must do: verdicts, reports, independence of --jobs."""

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from tests.verify.cases import SMALL, TABULAR, options, row_of
from verify import lemma34, theorem35
from verify.__main__ import STUDIES
from verify.core.command import Options, SearchOptions, run

EACH = pytest.mark.parametrize("module", TABULAR.values(), ids=TABULAR.keys())


@EACH
def test_all_statements_come_out_as_expected_whatever_the_number_of_processes(module):
    one, two = (module.check(options(module, jobs=jobs)) for jobs in (1, 2))
    assert one == two
    rows = row_of(module, one).values()
    assert all(row.as_expected and row.checks and not row.undecided for row in rows)
    assert module.check(options(module, seed=9)) != one


@EACH
def test_exact_verdicts_agree_with_the_floats(module):
    few = {"mdp": SMALL[:3], **({"search": 1} if module is lemma34 else {})}
    exact, floats = (row_of(module, module.check(options(module, **few, **way))) for way in ({}, {"float_only": True}))
    for name, row in exact.items():
        assert row.decided_exactly == row.checks
        assert row.undecided == 0
        assert row.violations >= floats[name].violations
        assert row.as_expected


@EACH
def test_the_linear_program_serves_as_well(module):
    rows = row_of(module, module.check(options(module, solver="lp", mdp=("dadashi-2b",))))
    assert all(row.as_expected for row in rows.values())


@EACH
def test_command_reports_and_draws(module, tmp_path, capsys):
    report, figure = tmp_path / "report.json", tmp_path / "figure.svg"
    extra = ("--search", "0") if module is lemma34 else ()
    files = ("--json", str(report), "--figure", str(figure))
    assert module.main(["--mdp", "dadashi-3", "--instances", "2", *files, *extra]) == 0
    rows = json.loads(report.read_text())
    assert [row["statement"] for row in rows] == [statement.name for statement in module.STUDY.statements]
    assert all(row["worst_instance"] for row in rows if row["checks"])
    assert figure.stat().st_size > 0
    shown = capsys.readouterr()
    assert module.STUDY.title in shown.out
    assert "Traceback" not in shown.err


def test_search_is_an_option_of_the_searching_statements_only():
    assert lemma34.STUDY.options is SearchOptions
    assert not hasattr(theorem35.STUDY.options(), "search")


WAYS = {"solver", "float_only", "search"}
"""Options that say how a statement file works, and not what on."""
FROM_OUTSIDE = ("checking.py", "command.py", "dataclasses.py", "<string>")
"""What reads an option for something else: the command line, the name of a journal, a copy, a repr."""


@pytest.mark.parametrize("study", STUDIES, ids=[study.command for study in STUDIES])
def test_an_option_that_a_statement_file_does_not_read_is_refused(study, monkeypatch, capsys):
    """Regression: `verify.divergence --solver lp` checked the same steps as without, and said nothing."""
    read = set()

    def note(self, name):
        if name in WAYS and Path(sys._getframe(1).f_code.co_filename).name not in FROM_OUTSIDE:
            read.add(name)
        return object.__getattribute__(self, name)

    words = {"instances": 1, **({"mdp": ("cash-in",)} if issubclass(study.options, Options) else {})}
    options = study.options(**words)
    monkeypatch.setattr(study.options, "__getattribute__", note)
    list(study.check(options))
    monkeypatch.undo()
    assert {field.name for field in fields(options)} & WAYS - read == set(study.unread)
    for name in study.unread:
        option = f"--{name.replace('_', '-')}"
        assert run(study, [option, *(["lp"] if name == "solver" else [])]) == 2
        assert capsys.readouterr().err == f"error: {option} would change nothing in {study.command}\n"


STATEMENT_FILES = [study.command for study in STUDIES]


HEAVY = {"matplotlib", "cvxpy", "gymnasium", "torch", "scipy.stats"}


@pytest.mark.parametrize(
    ("command", "heavy"),
    [("verify.lemma34", HEAVY | {"flint", "scipy.optimize"})]
    + [(command, HEAVY) for command in (*STATEMENT_FILES, "verify", "verify.sampled")],
)
def test_help_loads_no_library_that_it_does_not_need(command, heavy):
    """In its own process, which ends with the names of the heavy modules that it has loaded."""
    script = f"""if True:
        import runpy, sys
        try:
            runpy.run_module({command!r}, run_name="__main__", alter_sys=True)
        except SystemExit as stop:
            print(stop.code, *({heavy} & sys.modules.keys()), file=sys.stderr)
    """
    words = [sys.executable, "-W", "ignore:.*found in sys.modules", "-c", script, "--help"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "0"
    assert "--seed" in done.stdout


HARD_ONES = (
    "cash-in",
    "garnet:S=2,A=3,b=2,gamma=0.1,seed=1",
    "garnet:S=5,A=3,b=2,gamma=0.1,seed=1,hard=1",
    "garnet:S=7,A=3,b=2,gamma=0.9,seed=1",
)


@EACH
def test_every_statement_is_met_where_it_could_fail(module):
    """Small radii, a small discount, ties, an absorbing state, a strict ratio test: no verdict is an empty word."""
    rows = row_of(module, module.check(options(module, mdp=HARD_ONES, seed=16, instances=4))).values()
    assert [row.label for row in rows if not row.met] == []
