"""How a verdict is reached by one arithmetic after the other, and how the falsifier climbs."""

import pytest

from verify.core.checking import check_all, climb, decide
from verify.core.command import CommonOptions
from verify.core.statement import Check, Statement, Verdict

FIRST, SECOND = Statement("first", "new", "a >= b"), Statement("second", "new", "c >= d")
HOLDS, VIOLATED, OPEN = Verdict.HOLDS, Verdict.VIOLATED, Verdict.UNDECIDED


def check(statement, verdict, exact):
    return Check(statement, 1.0, 0.0, 1.0, verdict, exact, "here")


def attempt(made, name, *found):
    """An arithmetic that finds these checks; it notes in `made` that it was asked."""

    def work():
        made.append(name)
        return None if found == (None,) else list(found)

    return work


def test_a_clear_verdict_asks_for_no_better_arithmetic():
    made = []
    checks = decide([attempt(made, "floats", check(FIRST, HOLDS, False)), attempt(made, "exact")])
    assert made == ["floats"]
    assert [c.exact for c in checks] == [False]


def test_an_open_verdict_is_replaced_and_a_clear_one_kept():
    floats = [check(FIRST, HOLDS, False), check(SECOND, OPEN, False)]
    exact = [check(FIRST, HOLDS, True), check(SECOND, VIOLATED, True)]
    checks = decide([attempt([], "floats", *floats), attempt([], "exact", *exact)])
    assert checks == [floats[0], exact[1]]


def test_a_claim_that_turns_out_not_to_apply_is_dropped():
    floats = [check(FIRST, OPEN, False), check(SECOND, OPEN, False)]
    checks = decide([attempt([], "floats", *floats), attempt([], "exact", check(SECOND, HOLDS, True))])
    assert [c.statement for c in checks] == [SECOND]


def test_what_stays_open_is_undecided():
    checks = decide([attempt([], "floats", check(FIRST, OPEN, False))])
    assert [c.verdict for c in checks] == [OPEN]


def test_an_arithmetic_that_cannot_enclose_the_step_is_passed_over():
    made = []
    balls = [attempt(made, "64 bits", None), attempt(made, "128 bits", check(FIRST, HOLDS, True))]
    assert [c.exact for c in decide(balls)] == [True]
    assert made == ["64 bits", "128 bits"]
    assert decide([attempt(made, "64 bits", None)]) == []


def two_checks(n):
    return [check(FIRST, HOLDS, True), Check(SECOND, n, 0.0, n, HOLDS, True, str(n))]


@pytest.mark.parametrize("jobs", [1, 2])
def test_checks_are_in_the_order_of_the_items(jobs):
    found = check_all(two_checks, range(5), CommonOptions(jobs=jobs), "items")
    assert [c.instance for c in found[1::2]] == ["0", "1", "2", "3", "4"]


def test_climbing_keeps_what_is_better_only():
    moves = iter([1, -3, 1, 0, -1])
    assert climb(10, lambda x: -abs(x - 12), lambda x: x + next(moves), 5) == (12, 0)


def test_no_trials_leave_the_start():
    assert climb(10, lambda x: x, lambda x: x + 1, 0) == (10, 10)
