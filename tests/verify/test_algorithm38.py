"""The Gaussian steps and loops come out as expected, and a broken one is noticed."""

from dataclasses import replace

import pytest

import exact.gaussian.algorithm
import exact.gaussian.joint
from exact.controller import ControllerState, Outcome, decide
from exact.gaussian.algorithm import WIDTH_MAX
from exact.gaussian.joint import solve_joint
from exact.gaussian.model import GaussianPolicy, evaluate, gradient
from exact.gaussian.steps import mean_step, sigma_step
from tests.verify.cases import row_of
from verify import algorithm38
from verify.core.command import CommonOptions
from verify.core.statement import Verdict


def checks(jobs=1, instances=2):
    return algorithm38.check(CommonOptions(instances=instances, jobs=jobs))


def test_all_statements_hold_and_are_met_whatever_the_number_of_processes():
    one = checks()
    assert one == checks(jobs=2)
    rows = row_of(algorithm38, one).values()
    assert all(row.as_expected and row.met and not row.undecided for row in rows)


def violated():
    return {check.statement for check in checks(instances=1) if check.verdict is Verdict.VIOLATED}


def a_tenth_further(mdp, current, delta):
    step = mean_step(mdp, current, delta)
    mu = current.policy.mu + 1.1 * (step.policy.mu - current.policy.mu)
    return replace(step, policy=GaussianPolicy(mu, step.policy.sigma))


MEAN_STEPS = {
    "gain doubled": (lambda *at: replace(mean_step(*at), gain=2 * mean_step(*at).gain), algorithm38.GAIN),
    "distance not said": (lambda *at: replace(mean_step(*at), distance=0.0), algorithm38.DISTANCE),
    "a tenth further": (a_tenth_further, algorithm38.CONSTRAINT),
}


@pytest.mark.parametrize(("break_", "statement"), MEAN_STEPS.values(), ids=MEAN_STEPS.keys())
def test_a_broken_mean_step_is_noticed(break_, statement, monkeypatch):
    monkeypatch.setattr(exact.gaussian.algorithm, "mean_step", break_)
    assert statement in violated()


VALUES = {
    "eta is the mean value": (
        "evaluate",
        lambda mdp, policy: replace(evaluate(mdp, policy), eta=float(evaluate(mdp, policy).V.mean()) + 0.1),
        algorithm38.ETA,
    ),
    "the gradient is halved": ("gradient", lambda mdp, current: gradient(mdp, current) / 2, algorithm38.GRADIENT),
}


@pytest.mark.parametrize(("name", "break_", "statement"), VALUES.values(), ids=VALUES.keys())
def test_a_broken_evaluation_is_noticed(name, break_, statement, monkeypatch):
    monkeypatch.setattr(exact.gaussian.algorithm, name, break_)
    assert statement in violated()


def towards(share):
    """A sigma step that goes so far of the way, down where the right one goes up if the share is negative."""

    def step(mdp, current, width, sigma_range):
        good, now = sigma_step(mdp, current, width, sigma_range), current.policy.sigma
        return GaussianPolicy(good.mu, min(max(now * (good.sigma / now) ** share, sigma_range[0]), sigma_range[1]))

    return step


SIGMA_STEPS = {
    "half too far": (towards(1.5), algorithm38.WIDTH),
    "half of the way": (towards(0.5), algorithm38.BEST),
    "downhill": (towards(-1), algorithm38.UPHILL),
}


@pytest.mark.parametrize(("break_", "statement"), SIGMA_STEPS.values(), ids=SIGMA_STEPS.keys())
def test_a_broken_sigma_step_is_noticed(break_, statement, monkeypatch):
    for module in (exact.gaussian.algorithm, algorithm38):
        monkeypatch.setattr(module, "sigma_step", break_)
    assert statement in violated()


LOOPS = {
    "a rejected trial is taken": (
        exact.gaussian.joint,
        "decide",
        lambda settings, state, r: (Outcome.ACCEPT, decide(settings, state, r)[1]),
        algorithm38.JOINT,
    ),
    "the radius never changes": (
        exact.gaussian.joint,
        "decide",
        lambda settings, state, r: (decide(settings, state, r)[0], ControllerState(state.radius)),
        algorithm38.RADIUS,
    ),
    "every ratio is one": (
        exact.gaussian.joint,
        "ratio",
        lambda actual, predicted: 1.0,
        algorithm38.RATIO,
    ),
    "every sigma is taken": (
        exact.gaussian.algorithm,
        "decide",
        lambda settings, state, r: (  # of the two tests the one with the bounds of the width
            Outcome.ACCEPT if settings.radius_max == WIDTH_MAX else decide(settings, state, r)[0],
            decide(settings, state, r)[1],
        ),
        algorithm38.SIGMA,
    ),
}


@pytest.mark.parametrize(("module", "name", "break_", "statement"), LOOPS.values(), ids=LOOPS.keys())
def test_a_broken_loop_is_noticed(module, name, break_, statement, monkeypatch):
    monkeypatch.setattr(module, name, break_)
    assert statement in violated()


def test_what_the_loop_went_on_with_is_looked_at():
    """After a rejection, as if the trial had been taken in silence, and as if the radius had stayed."""
    instance, delta = list(algorithm38.cases(None))[1]
    run = solve_joint(instance.mdp, instance.policy, algorithm38.STRICT, delta, algorithm38.SIGMAS, 1e-4, 2)
    it, following = run
    assert it.outcome is Outcome.REJECT
    taken = replace(following, current=evaluate(instance.mdp, it.step.policy))
    stayed = replace(following, delta=it.delta)
    for after, wrong in ((following, set()), (taken, {algorithm38.JOINT}), (stayed, {algorithm38.RADIUS})):
        checks = algorithm38.check_joint(instance, it, after, algorithm38.STRICT, "here")
        assert {check.statement for check in checks if check.verdict is Verdict.VIOLATED} == wrong
