"""Theorem 3.8: it holds along runs that reject, and its radius floor."""

import pytest
from flint import arb

from exact.controller import ControllerSettings, Outcome
from exact.gaussian.instances import two_state
from verify import theorem38
from verify.core.command import CommonOptions
from verify.core.report import tally
from verify.core.statement import Verdict
from verify.gaussian.runs import judge_balls


def test_theorem_38_holds_along_its_runs_and_they_reject():
    checks = theorem38.check(CommonOptions(instances=4))
    rows = tally(theorem38.STATEMENTS, checks)
    assert all(row.as_expected and row.checks and not row.undecided for row in rows)
    assert all(check.exact for check in checks)
    outcomes = [it.outcome for it in theorem38.GaussianTrajectory(None, CommonOptions()).solve().iterations]
    assert outcomes[0] is Outcome.REJECT
    assert outcomes[-1] is Outcome.ACCEPT


def test_theorem_38_radius_floor_is_the_smallest_of_three_and_would_notice_a_smaller_radius():
    def floor_at(beta0, beta1, delta0):
        return float(theorem38.radius_floor(two_state(), ControllerSettings(beta0=beta0, beta1=beta1), delta0).mid())

    c = 2 * 0.5**3 * (0.1 * 0.5 / 0.5) ** 2  # at beta = .9
    floor = floor_at(0.9, 0.95, 10.0)
    assert floor == pytest.approx(0.8 * c / 4, rel=1e-12)
    assert floor_at(0.9, 0.91, 10.0) == pytest.approx(0.6 * c, rel=1e-12)
    assert floor_at(0.9, 0.91, 1e-6) == 1e-6
    assert judge_balls(theorem38.FLOOR, arb(0.99 * floor), arb(floor), "here").verdict is Verdict.VIOLATED
