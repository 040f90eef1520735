"""Verdicts, the table and the JSON report."""

import json
import math

import pytest
from flint import fmpq

from verify.core.report import HEADINGS, as_json, cells, summary_table, tally
from verify.core.statement import Statement, Verdict, judge

HOLDS = Statement("Lemma 1", "printed", "a >= b")
FAILS = Statement("Lemma 2", "repaired", "c >= d", expected="fails")


@pytest.mark.parametrize(
    ("actual", "claimed", "margin", "verdict"),
    [
        (1.0, 0.5, 0.1, Verdict.HOLDS),
        (0.5, 1.0, 0.1, Verdict.VIOLATED),
        (1.0, 1.05, 0.1, Verdict.UNDECIDED),
        (1.05, 1.0, 0.1, Verdict.UNDECIDED),
        (math.nan, 1.0, 0.1, Verdict.UNDECIDED),
        (math.inf, 1.0, 0.1, Verdict.UNDECIDED),
        (1.0, 1.0, 0.0, Verdict.UNDECIDED),
        (fmpq(1, 3), fmpq(1, 3), None, Verdict.HOLDS),
        (fmpq(1, 3), fmpq(1, 3) + fmpq(1, 10**40), None, Verdict.VIOLATED),
        (fmpq(1, 3) + fmpq(1, 10**40), fmpq(1, 3), None, Verdict.HOLDS),
    ],
)
def test_verdicts(actual, claimed, margin, verdict):
    check = judge(HOLDS, actual, claimed, "here", margin)
    assert check.verdict is verdict
    assert check.exact == (margin is None)
    assert check.slack == pytest.approx(float(actual - claimed), nan_ok=True)


def checks(statement, *pairs):
    return [judge(statement, fmpq(a), fmpq(c), f"instance {i}") for i, (a, c) in enumerate(pairs)]


def test_row():
    row = tally([HOLDS], [*checks(HOLDS, (4, 1), (2, 1), (8, 1)), judge(HOLDS, 1.0, 1.0, "float", 1e-9)])[0]
    assert (row.checks, row.violations, row.undecided, row.decided_exactly) == (4, 0, 1, 3)
    assert (row.worst_slack, row.worst_instance) == (0.0, "float")
    assert row.median_tightness == 0.375
    assert (row.statement, row.form, row.formula, row.expected) == ("Lemma 1", "printed", "a >= b", "holds")


@pytest.mark.parametrize(
    ("statement", "pairs", "as_expected", "outcome"),
    [
        (HOLDS, [(2, 1)], True, "holds"),
        (HOLDS, [(2, 1), (1, 2)], False, "fails, expected: holds"),
        (FAILS, [(1, 2)], True, "fails, as expected"),
        (FAILS, [(2, 1)], False, "holds, expected: fails"),
        (HOLDS, [], True, "not checked"),
        (FAILS, [], True, "not checked"),
    ],
)
def test_what_is_expected(statement, pairs, as_expected, outcome):
    row = tally([statement], checks(statement, *pairs))[0]
    assert row.as_expected == as_expected
    assert cells(row)[-1] == outcome
    assert len(cells(row)) == len(HEADINGS)


def test_rows_keep_the_order_and_unchecked_statements():
    rows = tally([FAILS, HOLDS], checks(HOLDS, (2, 1)))
    assert [row.statement for row in rows] == ["Lemma 2", "Lemma 1"]
    assert (rows[0].checks, rows[0].worst_slack, rows[0].median_tightness, rows[0].worst_instance) == (
        0,
        None,
        None,
        None,
    )


def test_tightness_of_bounds_on_nothing_is_left_out():
    """claimed/actual is meant for a positive actual value."""
    assert tally([HOLDS], checks(HOLDS, (0, -1), (-1, -2)))[0].median_tightness is None


def test_json_schema():
    found = json.loads(as_json(tally([HOLDS, FAILS], checks(HOLDS, (2, 1)))))
    expected = {"statement", "form", "formula", "expected", "checks", "nontrivial"} | {
        "violations",
        "undecided",
        "decided_exactly",
    }
    for row in found:
        assert set(row) == expected | {"worst_slack", "median_tightness", "worst_instance"}
        assert row["form"] in {"printed", "repaired", "sharper", "new"}
        assert row["expected"] in {"holds", "fails"}
    assert [row["checks"] for row in found] == [1, 0]
    assert found[1]["worst_instance"] is None


def test_table_tells_how_to_repeat_the_worst():
    table = summary_table("Title", tally([HOLDS, FAILS], checks(HOLDS, (2, 1), (3, 1))))
    assert table.title == "Title"
    assert table.notes == ("worst Lemma 1, printed: instance 0",)
    assert table.header == HEADINGS


def test_a_statement_that_did_not_come_out_is_red():
    rows = tally([HOLDS, FAILS], [*checks(HOLDS, (1, 2)), *checks(FAILS, (1, 2))])
    assert summary_table("Title", rows).styles == ("red", None)


def test_the_table_of_the_summary_has_the_inequalities():
    table = summary_table("Title", tally([HOLDS], checks(HOLDS, (2, 1))), formulas=True)
    assert table.header == (*HEADINGS, "inequality")
    assert table.rows[0][-1] == "`a >= b`"


@pytest.mark.parametrize(
    ("form", "label"),
    [("printed", "Lemma 1, printed"), ("repaired", "Lemma 1, repaired"), ("sharper", "Lemma 1, sharper")],
)
def test_the_form_is_part_of_the_label(form, label):
    assert Statement("Lemma 1", form, "a >= b").label == label
    assert tally([Statement("Lemma 1", form, "a >= b")], [])[0].label == label


def test_new_goes_without_saying():
    assert Statement("linear rate", "new", "a >= b").label == "linear rate"
