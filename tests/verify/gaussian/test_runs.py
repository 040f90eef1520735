"""The mean steps that are checked: floats and balls agree, the falsifier finds violations."""

from functools import partial

import numpy as np
import pytest
from flint import arb

from exact.gaussian.instances import random_instance
from exact.gaussian.measures import measure_step
from tests.verify.gaussian.cases import verdicts
from verify import lemma36, lemma37
from verify.core.command import FalsifierOptions
from verify.core.statement import Claim, Statement, Verdict
from verify.gaussian.runs import GaussianRun, decide_in_balls, falsify, judge_balls


@pytest.mark.parametrize("lemma", [lemma36.LEMMA, lemma37.LEMMA], ids=["lemma36", "lemma37"])
def test_floats_and_balls_agree_where_floats_are_clear(lemma):
    for run in (GaussianRun(None, FalsifierOptions()), GaussianRun(3, FalsifierOptions())):
        for instance, delta in run.cases():
            exact = verdicts(lemma, instance, delta)
            for statement, check in verdicts(lemma, instance, delta, float_only=True).items():
                assert not check.exact
                if check.verdict is not Verdict.UNDECIDED and statement in exact:
                    assert check.verdict is exact[statement].verdict


def test_overlapping_balls_leave_the_verdict_open():
    judged = [judge_balls(lemma36.PRINTED, arb(a, 0.1), arb(1), "here").verdict for a in (1.05, 2, 0.5)]
    assert judged == [Verdict.UNDECIDED, Verdict.HOLDS, Verdict.VIOLATED]


def test_the_falsifier_breaks_the_printed_lemma_and_not_the_others():
    rng = np.random.default_rng(5)
    instance = random_instance(rng, 2, 1, 0.6)
    delta = 0.5
    assert verdicts(lemma37.LEMMA, instance, delta, float_only=True)[lemma37.PRINTED].verdict is Verdict.HOLDS

    def closeness(statement, case):
        claim = next(c for c in lemma37.claims(measure_step(*case)) if c.statement is statement)
        return lemma37.closeness(claim.actual, claim.claimed)

    start = closeness(lemma37.PRINTED, (instance, delta))
    worst = falsify((instance, delta), partial(closeness, lemma37.PRINTED), 400, rng)
    assert start < 1 < closeness(lemma37.PRINTED, worst)
    assert verdicts(lemma37.LEMMA, *worst)[lemma37.PRINTED].verdict is Verdict.VIOLATED
    tried = falsify((instance, delta), partial(closeness, lemma37.PRIOR), 60, rng)
    assert closeness(lemma37.PRIOR, (instance, delta)) <= closeness(lemma37.PRIOR, tried) < 1


def test_the_falsifier_keeps_the_best_of_its_climbs():
    """The first begins at the place that is given, which is the best one here; the second begins further away."""
    start = next(GaussianRun(3, FalsifierOptions()).cases())
    assert falsify(start, lambda case: float(case is start), 10, np.random.default_rng(0)) is start


def test_an_open_verdict_is_asked_for_in_more_bits():
    """1 >= 1 - 2^-150 is open where a third is enclosed in 64 or 128 bits."""
    statement = Statement("close", "new", "3/3 >= 1 - 2^-150")

    def claims(measures):
        return [Claim(statement, 3 * (arb(1) / 3), 1 - arb(2) ** -150, 0.0)]

    (check,) = decide_in_balls(lambda effort: None, claims, "here")
    assert check.verdict is Verdict.HOLDS
