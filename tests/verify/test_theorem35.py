"""Theorem 3.5: the numbers of the counterexample to (3.10)."""

import pytest

from verify import theorem35
from verify.core.statement import Verdict


def test_310_numbers():
    """docs/theory.md, section 6: .348 is below gamma2 delta_bar = .444; the repaired floor is .333 at most."""
    printed, repaired = theorem35._check_floor()
    assert (printed.verdict, repaired.verdict) == (Verdict.VIOLATED, Verdict.HOLDS)
    assert printed.actual == repaired.actual == pytest.approx(0.348)
    assert printed.claimed == pytest.approx(0.8 * 5 / 9)
    assert repaired.claimed == pytest.approx(0.6 * (1 / 0.49 - 1) * 5 / 9)
