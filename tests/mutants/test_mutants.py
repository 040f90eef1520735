"""Every mutant applies, the table knows it, and a sample of them is noticed by whom it has to be."""

from dataclasses import replace

import pytest

from tests.mutants.__main__ import Result, enough, known, main, page, trials
from tests.mutants.catalogue import ROOT, load
from verify.__main__ import STUDIES

MUTANTS = load()
SAMPLE = (
    "exact/subproblem/tv.py: the budget is doubled",
    "exact/algorithm.py: a rejected trial is taken",
    "exact/evaluation.py: eta is the mean value",
    "verify/lemma34.py: STATEWISE asks the best state",
    "verify/theorem35.py: the linear rate without p0",
    "exact/gaussian/bounds.py: Lemma 3.6 repaired without h",
)
"""Tried in every run of the tests; each takes about two seconds."""


def test_every_mutant_applies():
    for mutant in MUTANTS:
        assert mutant.text() != (ROOT / mutant.path).read_text()
        assert all((ROOT / word.partition("::")[0]).exists() for word in mutant.tests), mutant


def test_no_two_have_one_name():
    names = [str(mutant) for mutant in MUTANTS]
    assert len(set(names)) == len(names)
    assert set(SAMPLE) <= set(names)


def test_every_statement_file_has_mutants():
    paths = {mutant.path for mutant in MUTANTS}
    assert {study.command.replace(".", "/") + ".py" for study in STUDIES} <= paths


def test_the_committed_table_has_every_mutant_and_no_survivor():
    table = (ROOT / "docs" / "mutants.md").read_text()
    assert "SURVIVES" not in table
    for mutant in MUTANTS:
        section = table.partition(f"## {mutant.path}\n")[2].partition("\n## ")[0].replace("\\|", "|")
        assert f"{mutant.wrong} |" in section, f"{mutant} is not in docs/mutants.md: make mutate"


def test_a_text_that_does_not_occur_once_is_an_error():
    for old in ("no such text", "import"):
        with pytest.raises(ValueError, match="expected once"):
            replace(MUTANTS[0], old=old).text()


@pytest.fixture(scope="module")
def place():
    with trials() as found:
        yield found


@pytest.mark.parametrize("name", SAMPLE)
def test_a_sample_is_noticed(name, place):
    (mutant,) = (mutant for mutant in MUTANTS if str(mutant) == name)
    result = place.attempt(mutant)
    assert enough(mutant, result)
    assert (result.tests is None) == mutant.solver  # whoever has to notice it has
    assert (place.folder / mutant.path).read_text() == (ROOT / mutant.path).read_text()


def test_nothing_is_noticed_where_nothing_is_wrong(place):
    (mutant,) = (mutant for mutant in MUTANTS if str(mutant) == SAMPLE[3])
    place.unchanged(replace(mutant, tests=("tests/verify/test_formulas.py",)))


def test_what_is_wrong_is_said_of_a_change_that_nobody_notices(tmp_path, capsys, monkeypatch):
    """A comment more: the status is 1."""
    harmless = replace(MUTANTS[0], wrong="a comment", new=MUTANTS[0].old + "  # unchanged", commands=(), tests=())
    monkeypatch.setattr("tests.mutants.__main__.load", lambda: [harmless])
    words = ["--results", str(tmp_path / "results.json"), "--out", str(tmp_path / "mutants.md")]
    assert main(words) == 1
    assert "SURVIVES exact/subproblem/tv.py: a comment" in capsys.readouterr().out
    assert "| **S** a comment | - | SURVIVES |" in (tmp_path / "mutants.md").read_text()
    assert known(tmp_path / "results.json") == {str(harmless): Result("", "", harmless.digest())}


@pytest.mark.parametrize(
    ("solver", "equivalent", "verify", "tests", "expected"),
    [
        (True, "", "", "t", "SURVIVES"),
        (True, "", "v", "", ""),
        (False, "", "", "t", ""),
        (False, "", "", "", "SURVIVES"),
        (False, "why", "", "", ""),
        (False, "why", "", "t", "NOT EQUIVALENT"),
    ],
)
def test_who_has_to_notice(solver, equivalent, verify, tests, expected):
    mutant = replace(MUTANTS[0], solver=solver, equivalent=equivalent)
    assert enough(mutant, Result(verify, tests, "")) == (not expected)
    table = page([mutant], {str(mutant): Result(verify, tests, "")})
    assert [word for word in ("SURVIVES", "NOT EQUIVALENT") if word in table] == [expected] * bool(expected)


def test_bad_input_is_one_line(tmp_path, capsys):
    assert main(["--results", str(tmp_path / "results.json"), "--out", str(tmp_path)]) == 2
    assert "cannot write" in capsys.readouterr().err
