"""Lemma 3.7: the numbers of its counterexample, and the radius below which it fails."""

from exact.gaussian.instances import two_state
from tests.verify.gaussian.cases import verdicts
from verify import lemma37
from verify.core.statement import Verdict


def test_lemma_37_numbers_of_the_counterexample():
    check = verdicts(lemma37.LEMMA, two_state(), 1e-4)[lemma37.PRINTED]
    assert (check.verdict, check.exact) == (Verdict.VIOLATED, True)
    assert round(check.actual, 6) == 0.997860  # docs/theory.md, section 9.2
    assert round(check.claimed, 6) == 0.999894


def test_lemma_37_is_violated_below_a_radius_of_about_002():
    crossing = lemma37.crossing()
    assert round(crossing, 3) == 0.002
    assert verdicts(lemma37.LEMMA, two_state(), 0.99 * crossing)[lemma37.PRINTED].verdict is Verdict.VIOLATED
    assert verdicts(lemma37.LEMMA, two_state(), 1.01 * crossing)[lemma37.PRINTED].verdict is Verdict.HOLDS
