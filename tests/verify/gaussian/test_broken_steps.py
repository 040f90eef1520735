"""Broken Gaussian solvers: a verdict of a statement file fails."""

from dataclasses import replace

import numpy as np
import pytest

import exact.gaussian.algorithm
import verify.gaussian.runs
from exact.controller import ControllerState, Outcome, decide
from exact.gaussian import joint as joint_steps
from exact.gaussian.model import GaussianPolicy, evaluate
from exact.gaussian.steps import mean_step
from verify import joint, lemma36, theorem38
from verify.core.command import CommonOptions, FalsifierOptions
from verify.core.statement import Verdict
from verify.gaussian.runs import random_case


def violated(statements, checks):
    """The statements that should hold and do not."""
    return {c.statement for c in checks if c.verdict is Verdict.VIOLATED and c.statement.expected == "holds"}


def moved(step, mu):
    return replace(step, policy=GaussianPolicy(mu, step.policy.sigma))


def part_of_the_way(share):
    def step(mdp, current, delta):
        good = mean_step(mdp, current, delta)
        return moved(good, current.policy.mu + share * (good.policy.mu - current.policy.mu))

    return step


MEAN_STEPS = {
    "budget doubled": (lambda mdp, current, delta: mean_step(mdp, current, 2 * delta), lemma36.CONSTRAINT),
    "budget a thousandth too large": (
        lambda mdp, current, delta: mean_step(mdp, current, 1.001 * delta),
        lemma36.CONSTRAINT,
    ),
    "budget halved": (lambda mdp, current, delta: mean_step(mdp, current, delta / 2), lemma36.OPTIMAL),
    "half of the way": (part_of_the_way(0.5), lemma36.OPTIMAL),
    "no step": (part_of_the_way(0.0), lemma36.OPTIMAL),
    "backwards": (part_of_the_way(-1.0), lemma36.OPTIMAL),
    "price doubled": (
        lambda mdp, current, delta: replace(
            mean_step(mdp, current, delta), price=2 * mean_step(mdp, current, delta).price
        ),
        lemma36.OPTIMAL,
    ),
}


@pytest.mark.parametrize(("break_", "statement"), MEAN_STEPS.values(), ids=MEAN_STEPS.keys())
def test_a_broken_mean_step_is_noticed(break_, statement, monkeypatch):
    for module in (verify.gaussian.runs, lemma36):
        monkeypatch.setattr(module, "mean_step", break_)
    assert statement in violated(lemma36.STATEMENTS, lemma36.check(FalsifierOptions(instances=1, search=0)))


def shrunk(mdp, current, delta, sigma_range):
    """(3.13) with a sigma that is smaller than what the radius leaves."""
    step = joint_steps.joint_step(mdp, current, delta, sigma_range)
    return replace(step, policy=GaussianPolicy(step.policy.mu, 0.7 * current.policy.sigma))


def wide(mdp, current, delta, sigma_range):
    """(3.13) with a radius of its own."""
    mean = joint_steps.joint_step(mdp, current, delta, sigma_range).mean
    sigma = min(2 * current.policy.sigma, sigma_range[1])
    return joint_steps.JointStep(mean, GaussianPolicy(mean.policy.mu, sigma), mean.gain)


@pytest.mark.parametrize(
    ("break_", "statement"),
    [(shrunk, joint.CONSTRAINT), (shrunk, joint.NO_SHRINKING), (wide, joint.CONSTRAINT)],
    ids=["sigma shrinks: constraint", "sigma shrinks: theorem", "sigma grows too far"],
)
def test_a_broken_sigma_is_noticed(break_, statement, monkeypatch):
    monkeypatch.setattr(joint, "joint_step", break_)
    assert statement in violated(joint.STATEMENTS, joint.check(CommonOptions(instances=1)))


def shrinks_too_far(settings, state, r):
    outcome, following = decide(settings, state, r)
    return outcome, ControllerState(state.radius * 1e-9 if following.radius < state.radius else following.radius)


CONTROLLERS = {
    "rejected trial taken": (
        lambda settings, state, r: (Outcome.ACCEPT, decide(settings, state, r)[1]),
        theorem38.ACCEPTANCE,
    ),
    "radius shrinks too far": (shrinks_too_far, theorem38.FLOOR),
}


@pytest.mark.parametrize(("break_", "statement"), CONTROLLERS.values(), ids=CONTROLLERS.keys())
def test_a_broken_loop_is_noticed(break_, statement, monkeypatch):
    """In the run that rejects: the two-state MDP with a strict test."""
    monkeypatch.setattr(exact.gaussian.algorithm, "decide", break_)
    assert statement in violated(theorem38.STATEMENTS, theorem38.check(CommonOptions(instances=0)))


def test_the_instances_are_not_at_fault():
    instance, _ = random_case(0)
    assert np.isfinite(evaluate(instance.mdp, instance.policy).eta)
    assert not violated(lemma36.STATEMENTS, lemma36.check(FalsifierOptions(instances=1, search=0)))
    assert not violated(joint.STATEMENTS, joint.check(CommonOptions(instances=1)))
