"""(3.10): the numbers of its counterexamples."""

import pytest

from verify import radius_floor
from verify.core.statement import Verdict


def found(statement, where="delta_0 = 0.58, beta0 = 0.49"):
    return next(c for c in radius_floor.counterexamples() if c.statement is statement and where in c.instance)


def test_the_inference_fails():
    """docs/theory.md: .348 is below gamma2 delta_bar = .444; the repaired floor is .347."""
    printed, repaired = found(radius_floor.INFERENCE), found(radius_floor.REPAIRED)
    assert (printed.verdict, repaired.verdict) == (Verdict.VIOLATED, Verdict.HOLDS)
    assert printed.actual == repaired.actual == pytest.approx(0.348)
    assert printed.claimed == pytest.approx(0.8 * 5 / 9)
    assert repaired.claimed == pytest.approx(0.6 * (1 / 0.49 - 1) * 5 / 9)


def test_the_papers_constants_fail_for_a_tiny_gamma3_only():
    tiny = found(radius_floor.TINY)
    assert tiny.verdict is Verdict.VIOLATED
    assert tiny.actual == pytest.approx(5.8e-5)
    assert tiny.claimed == pytest.approx(0.8 * 0.25 * 1e-3 * 5 * 0.5 / (4 * 0.9))  # 1.39e-4
