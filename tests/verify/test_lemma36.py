"""Lemma 3.6: the numbers of its counterexample."""

import pytest

from exact.gaussian.instances import one_state
from exact.gaussian.measures import measure_step
from tests.verify.gaussian.cases import verdicts
from verify import lemma36
from verify.core.statement import Verdict


def test_lemma_36_numbers_of_the_counterexample():
    check = verdicts(lemma36.LEMMA, one_state(), 1e-3)[lemma36.PRINTED]
    assert (check.verdict, check.exact) == (Verdict.VIOLATED, True)
    assert round(check.claimed, 5) == 0.19180  # docs/theory.md, section 9.1
    attained = measure_step(one_state(), 1e-3).attained
    assert round(attained, 5) == 0.12130
    assert check.actual == pytest.approx(attained, rel=1e-3)
