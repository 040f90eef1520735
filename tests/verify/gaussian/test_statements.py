"""What all statement files about Gaussian policies must do: verdicts, reports, options."""

import json

import pytest

from exact.common.drawing import save_figure
from verify import joint, lemma36, lemma37, theorem38
from verify.core.command import FalsifierOptions
from verify.core.report import tally


@pytest.mark.parametrize("module", [lemma36, lemma37], ids=["lemma36", "lemma37"])
def test_all_statements_come_out_as_expected_whatever_the_number_of_processes(module):
    one, two = (module.check(FalsifierOptions(instances=2, search=2, jobs=jobs)) for jobs in (1, 2))
    assert one == two
    rows = tally(module.STATEMENTS, one)
    assert all(row.as_expected and row.checks and not row.undecided for row in rows)
    assert module.check(FalsifierOptions(instances=1, search=0, seed=9))[-1] not in one


@pytest.mark.parametrize(
    "module", [lemma36, lemma37, theorem38, joint], ids=["lemma36", "lemma37", "theorem38", "joint"]
)
def test_command_reports_and_draws(module, tmp_path, capsys):
    report, figure = tmp_path / "report.json", tmp_path / "figure.svg"
    extra = () if module in (theorem38, joint) else ("--search", "0")
    assert module.main(["--instances", "1", "--json", str(report), *extra]) == 0
    rows = json.loads(report.read_text())
    assert [row["statement"] for row in rows] == [statement.name for statement in module.STATEMENTS]
    save_figure(module.draw(module.check(module.STUDY.options(instances=0))), figure)
    assert figure.stat().st_size > 0
    assert module.STUDY.title in capsys.readouterr().out


@pytest.mark.parametrize(
    "module", [lemma36, lemma37, theorem38, joint], ids=["lemma36", "lemma37", "theorem38", "joint"]
)
@pytest.mark.parametrize("arguments", [("--mdp", "frozenlake-4x4"), ("--solver", "lp")], ids=["mdp", "solver"])
def test_command_refuses_options_of_finite_actions(module, arguments, capsys):
    assert module.main([*arguments]) == 2
    errors = capsys.readouterr().err.strip().splitlines()
    assert len(errors) == 1
    assert f"unknown option {arguments[0]}" in errors[0]
