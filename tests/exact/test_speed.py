"""The benchmark command: what it prints, on problems that take no time."""

import pytest

from exact import speed


def test_the_table_is_printed_line_by_line(monkeypatch, capsys):
    rows = [
        speed.Row("fast", "3x", ">= 2x", True),
        speed.Row("slow", "1x", ">= 2x", False),
        speed.Row("  beside it", "1 s", "", None),
    ]
    monkeypatch.setattr(speed, "rows", lambda options: iter(rows))
    assert speed.main([]) == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading.split() == ["what", "measured", "target"]
    assert [line.split()[-1] for line in lines] == ["reached", "MISSED", "s"]


def test_the_closed_form_and_the_linear_program_agree():
    ratio, difference = speed.against_lp(20, 3, target=1)
    assert ratio.measured.endswith("ms)")
    assert difference.reached


def test_memory_is_measured_in_tables_of_policies():
    arguments = speed.problem(2000, 5)
    row = speed.peak_memory(arguments, "S=2000 A=5")
    assert float(row.measured) > 2


def test_algorithm_31_reaches_the_tolerance_of_the_benchmark():
    seconds, summary = speed.run_algorithm(speed.large_mdp(300))
    assert seconds > 0
    assert "A* = " in summary
    assert not summary.startswith("not reached")


@pytest.mark.parametrize("words", [["--huge"], ["--large", "yes"]])
def test_bad_input_is_one_line(words, capsys):
    assert speed.main(words) == 2
    assert capsys.readouterr().err.count("\n") == 1
