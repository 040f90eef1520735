"""What the Gaussian statements compare: both sides at made-up numbers."""

import math
from dataclasses import fields, replace
from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb

from exact.controller import ControllerSettings, Outcome
from exact.gaussian import bounds
from exact.gaussian.instances import one_state, two_state
from exact.gaussian.measures import measure_step
from tests.verify.gaussian.cases import EFFORT
from tests.verify.test_formulas import measures
from verify import joint, lemma36, lemma37, theorem38
from verify.core.command import CommonOptions
from verify.core.statement import Verdict


def sides(claims):
    return {claim.statement: (float(claim.actual), float(claim.claimed)) for claim in claims}


def test_lemma_36():
    m = measures(attained=1.5, dual=2.0, gain=1.75)
    found = sides(lemma36.claims(m))
    assert found == {
        lemma36.OPTIMAL: (64 * 1.5, 63 * 2.0),
        lemma36.PRINTED: (1.75, bounds.gain_lemma36(m)),
        lemma36.REPAIRED: (1.75, bounds.gain_repaired(m)),
        lemma36.NATURAL: (1.75, bounds.gain_natural(m)),
        lemma36.CONVERSE: (bounds.gain_limit(m), 1.5),
    }
    assert sides(lemma36.claims(measures(rho_max=2.0))).keys() - found.keys() == {lemma36.SMALL}


def test_lemma_37():
    m = measures(change=0.5, attained=0.8)
    assert sides(lemma37.claims(m)) == {
        lemma37.PRINTED: (0.625, 1 - bounds.loss_lemma37(m)),
        lemma37.REPAIRED: (0.625, 1 - bounds.loss_repaired(m)),
        lemma37.NO_REJECTION: (0.625, 0.5 * 0.25),
        lemma37.POSTERIOR: (0.625, 1 - bounds.loss_posterior(m)),
        lemma37.PRIOR: (0.625, 1 - bounds.loss_prior(m)),
    }


def test_lemma_37_at_a_radius_that_does_not_bind_is_measured_at_the_float_step():
    assert not lemma37.encloser(one_state(), 50.0, EFFORT).at_maximiser
    assert lemma37.encloser(one_state(), 1e-3, EFFORT).at_maximiser


STRICT = ControllerSettings(beta0=0.25, beta1=0.5)


@pytest.mark.parametrize(
    ("r", "outcome", "mu", "delta", "wrong"),
    [
        (0.3, Outcome.ACCEPT, 1.0, 1.6, set()),
        (0.6, Outcome.ACCEPT, 1.0, 4.0, set()),
        (0.1, Outcome.REJECT, 0.0, 1.2, set()),
        (0.3, Outcome.ACCEPT, 0.0, 1.6, {theorem38.ACCEPTANCE}),
        (0.1, Outcome.REJECT, 1.0, 1.2, {theorem38.ACCEPTANCE}),
        (0.1, Outcome.ACCEPT, 0.0, None, {theorem38.ACCEPTANCE}),
        (0.3, Outcome.ACCEPT, 1.0, 2.0, {theorem38.RADIUS}),
    ],
)
def test_the_loop_of_the_mean_step(r, outcome, mu, delta, wrong):
    def at(m):
        return SimpleNamespace(policy=SimpleNamespace(mu=np.array([m])))

    it = SimpleNamespace(r=r, outcome=outcome, delta=2.0, current=at(0.0), step=at(1.0))
    checks = theorem38.loop_checks(it, np.array([mu]), delta, STRICT, "here")
    assert {check.statement for check in checks if check.verdict is Verdict.VIOLATED} == wrong


def test_theorem_38_adds_up_what_its_steps_promise():
    checks = theorem38.check_trajectory(theorem38.GaussianTrajectory(None, CommonOptions()))
    (whole,) = (check for check in checks if check.statement is theorem38.STATIONARY)
    promised = [check.claimed for check in checks if check.statement is theorem38.INCREASE]
    assert len(promised) > 1
    assert whole.claimed == pytest.approx(sum(promised))
    assert whole.actual == pytest.approx(2)  # r = sin a in state 0, gamma = 1/2, and eta = 0 at the start


def test_no_return_is_larger_than_all_rewards_at_their_largest():
    assert float(theorem38.largest_return(two_state()).mid()) == pytest.approx(2)


def test_accepted_joint_trials_promise_what_the_repaired_lemma_36_does():
    run = joint.JointRun(0)
    checks = joint.along_a_run(run)
    instance, delta = next(run.cases())
    promised = 0.05 * bounds.gain_repaired(measure_step(instance, max(delta, 1e-3)))
    assert checks[0].claimed == pytest.approx(promised, rel=1e-2)  # h is a maximum over a grid there
    assert all(check.claimed > 0 for check in checks)


def test_the_joint_trial():
    """gamma = 1/2, radius .6, KL .5, that of the mean .3, u = 1.1, gain 2, change 1."""
    m = measures()
    mean = replace(m, **{f.name: arb(getattr(m, f.name)) for f in fields(m) if f.name != "at_maximiser"})
    t = joint.Trial(mean, arb(0.5), arb(0.3), arb(1.1), arb(2), arb(1))
    found = {check.statement: (check.actual, check.claimed) for check in joint.step_checks(t, 0.6, "here")}
    expected = {
        joint.CONSTRAINT: (0.6, 0.5),
        joint.NO_SHRINKING: (1.1, math.sqrt(0.5)),
        joint.GAIN: (2, 1),
        joint.LITTLE: (math.e * math.sqrt(0.3), math.log(1.1)),
        joint.REPAIRED: (0.5, 1 - bounds.loss_repaired(measures(delta=0.6))),
        joint.NO_REJECTION: (0.5, 0.125),
        joint.MONOTONE: (1, 0),
    }
    assert found.keys() == expected.keys()
    for statement, both in expected.items():
        assert found[statement] == pytest.approx(both), statement.name
