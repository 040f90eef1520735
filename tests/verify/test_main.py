"""The command `python -m verify`."""

import json

import pytest

from verify import __main__ as summary


def test_summary_page_has_every_statement_and_figure(tmp_path):
    words = ["--out", str(tmp_path), "--instances", "1", "--search", "1", "--mdp", "cash-in"]
    assert summary.main(words) == 0
    rows = json.loads((tmp_path / "summary.json").read_text())
    page = (tmp_path / "summary.md").read_text()
    assert f"`python -m verify {' '.join(words)}`" in page  # the words that main was given, not the process's own
    statements = [statement for study in summary.STUDIES for statement in study.statements]
    assert [row["statement"] for row in rows] == [statement.name for statement in statements]
    assert all(statement.formula.replace("|", "\\|") in page for statement in statements)
    for study in summary.STUDIES:
        assert (tmp_path / f"{study.command.removeprefix('verify.')}.png").stat().st_size > 0
    failing = [row["statement"] for row in rows if row["expected"] == "fails"]
    assert {"Lemma 3.2 without rho0 > 0", "(3.10), the inference", "Lemma 3.6", "Lemma 3.7"} <= set(failing)
    assert {"global budget", "an emptied action stays empty", "a fixed number of episodes"} <= set(failing)
    assert all(row["violations"] > 0 for row in rows if row["expected"] == "fails")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--json", "x.json"), "--out names the folder"),
        (("--mdp", "nonesuch"), "unknown MDP"),
        (("--out", "/dev/null/x"), "cannot make the folder"),
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments, words, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    assert summary.main([*arguments]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert words in errors[0]
