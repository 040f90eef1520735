"""Inexact advantages: the errors that are attained, and wrong constants that the steps of the proofs refute."""

from dataclasses import replace

from flint import fmpq

from tests.verify.cases import SMALL, row_of
from verify import inexact
from verify.core.statement import Verdict
from verify.tabular.rational_steps import knapsack_value


def test_all_statements_come_out_as_expected_whatever_the_number_of_processes():
    options = [inexact.STUDY.options(mdp=SMALL, instances=2, search=4, jobs=jobs) for jobs in (1, 2)]
    one, two = map(inexact.check, options)
    assert one == two
    assert all(check.exact for check in one)
    assert all(row.as_expected and row.checks for row in row_of(inexact, one).values())


def test_four_eps_delta_are_lost_to_the_last_digit():
    it = inexact.confused("gain")
    assert (it.eps, it.delta) == (fmpq(1, 4), fmpq(1, 4))
    assert knapsack_value(it.policy, it.now, it.delta) == fmpq(5, 8)
    assert it.gain(it.now.A) == fmpq(3, 8)


def test_smaller_errors_than_there_are_would_refute_the_statements():
    """With eps a hundredth smaller than the error of A_hat both bounds fail: their constants cannot be smaller."""
    for name, statement, check in (
        ("gain", inexact.GAIN, inexact.check_gain),
        ("return", inexact.RETURN, inexact.check_return),
    ):
        it = inexact.confused(name)
        for eps, verdict in ((it.eps, Verdict.HOLDS), (it.eps * fmpq(99, 100), Verdict.VIOLATED)):
            found = {c.statement: c.verdict for c in check(replace(it, eps=eps), "here")}
            assert found[statement] is verdict


def test_a_step_that_is_no_maximiser_is_found_out():
    it = inexact.confused("gain")
    backward = replace(it, trial=2 * it.policy - it.trial)
    assert next(inexact.check_gain(backward, "here")).verdict is Verdict.VIOLATED
    assert inexact.check_share(replace(backward, eps=fmpq(0)), "here").verdict is Verdict.VIOLATED
