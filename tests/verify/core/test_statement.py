"""Verdicts: exact sides decide, floats only beyond their rounding; and which checks say something."""

import math

import pytest
from flint import fmpq

from verify.core.statement import Statement, Verdict, is_nontrivial, judge

STATEMENT = Statement("x", "new", "actual >= claimed")


@pytest.mark.parametrize(
    ("actual", "claimed", "verdict"),
    [(2, 1, Verdict.HOLDS), (1, 1, Verdict.HOLDS), (1, 2, Verdict.VIOLATED)],
)
def test_exact_sides_decide(actual, claimed, verdict):
    check = judge(STATEMENT, fmpq(actual, 10**30), fmpq(claimed, 10**30), "here")
    assert (check.verdict, check.exact) == (verdict, True)


@pytest.mark.parametrize(
    ("slack", "verdict"),
    [
        (0.2, Verdict.HOLDS),
        (-0.2, Verdict.VIOLATED),
        (0.05, Verdict.UNDECIDED),
        (-0.05, Verdict.UNDECIDED),
        (math.inf, Verdict.UNDECIDED),
        (math.nan, Verdict.UNDECIDED),
    ],
)
def test_floats_decide_beyond_their_rounding(slack, verdict):
    check = judge(STATEMENT, 1.0 + slack, 1.0, "here", margin=0.1)
    assert (check.verdict, check.exact) == (verdict, False)


@pytest.mark.parametrize(
    ("actual", "claimed", "says"), [(1, 1, True), (100, 1, True), (101, 1, False), (1, 0, False), (0, 0, False)]
)
def test_a_bound_says_something_if_it_is_positive_and_near(actual, claimed, says):
    assert is_nontrivial(fmpq(actual), fmpq(claimed)) is says
    assert judge(STATEMENT, fmpq(actual), fmpq(claimed), "here").nontrivial is says
    assert judge(STATEMENT, fmpq(actual), fmpq(claimed), "here", nontrivial=not says).nontrivial is not says
