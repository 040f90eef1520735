"""Broken solvers: whatever is wrong with a step, a verdict of `verify.algorithm31` or of a theorem fails.

Each break is injected where the software would have it. The verifier must end with a violated statement.
"""

from dataclasses import replace

import numpy as np
import pytest

import exact.algorithm
import verify.tabular.runs
from exact.controller import ControllerState, Outcome, decide
from exact.evaluation import evaluate
from exact.subproblem.step import Step
from exact.subproblem.tv import solve_tv
from tests.verify.cases import options
from verify import algorithm31, lemma34, radius_floor
from verify.core.statement import Verdict

MDPS = ("cash-in", "garnet:S=7,A=3,b=2,gamma=0.9,seed=1")
SEED = 17
"""Of runs with a strict ratio test, in which trials are rejected."""


def greedy_step(policy, A, rho, share):
    """The mixture of pi_k and the greedy policy."""
    trial = (1 - share) * policy + share * np.eye(A.shape[1])[A.argmax(axis=1)]
    tv = abs(trial - policy).sum(axis=1) / 2
    return Step(trial, float(rho @ (trial * A).sum(axis=1)), float(rho @ tv), 0.0)


def half_way(policy, A, rho, delta):
    step = solve_tv(policy, A, rho, delta)
    return Step((policy + step.policy) / 2, step.gain / 2, step.distance / 2, step.price)


def backwards(policy, A, rho, delta):
    step = solve_tv(policy, -A, rho, delta)
    return Step(step.policy, -step.gain, step.distance, step.price)


SOLVERS = {
    "budget doubled": lambda policy, A, rho, delta: solve_tv(policy, A, rho, 2 * delta),
    "budget a ten-thousandth too large": lambda policy, A, rho, delta: solve_tv(policy, A, rho, 1.0001 * delta),
    "budget halved": lambda policy, A, rho, delta: solve_tv(policy, A, rho, delta / 2),
    "rho dropped": lambda policy, A, rho, delta: solve_tv(policy, A, np.ones_like(rho), delta),
    "rho normalised": lambda policy, A, rho, delta: solve_tv(policy, A, rho / rho.sum(), delta),
    "radius taken for a KL": lambda policy, A, rho, delta: solve_tv(policy, A, rho, delta**0.5),
    "gain doubled": lambda *at: replace(solve_tv(*at), gain=2 * solve_tv(*at).gain),
    "gain of nothing": lambda *at: replace(solve_tv(*at), gain=1.0),
    "distance not said": lambda *at: replace(solve_tv(*at), distance=0.0),
    "price halved": lambda *at: replace(solve_tv(*at), price=solve_tv(*at).price / 2),
    "price not said": lambda *at: replace(solve_tv(*at), price=0.0),
    "no step": lambda policy, A, rho, delta: Step(policy, 0.0, 0.0, 0.0),
    "greedy at once": lambda policy, A, rho, delta: greedy_step(policy, A, rho, 1.0),
    "mixture instead of the threshold": lambda policy, A, rho, delta: greedy_step(
        policy, A, rho, min(1.0, delta / rho.sum())
    ),
    "half of the way": half_way,
    "backwards": backwards,
    "advantages of the wrong state": lambda policy, A, rho, delta: solve_tv(policy, A[::-1], rho, delta),
    "an action forgotten": lambda policy, A, rho, delta: solve_tv(
        policy, A - 1e3 * (np.arange(A.shape[1]) == 1), rho, delta
    ),
}


@pytest.fixture
def violated(monkeypatch):
    """Runs the statement files with a break in place; returns the labels of the violated statements."""

    def run(files=(algorithm31,)):
        found = set()
        for module in files:
            chosen = options(module, mdp=MDPS, seed=SEED, instances=1, **({"search": 0} if module is lemma34 else {}))
            expected = {s for s in module.STATEMENTS if s.expected == "holds"}
            found |= {c.statement.name for c in module.check(chosen) if c.verdict is Verdict.VIOLATED} & {
                s.name for s in expected
            }
        return found

    return run


def test_nothing_is_violated_without_a_break(violated):
    assert violated() == set()


@pytest.mark.parametrize("break_", SOLVERS.values(), ids=SOLVERS.keys())
def test_a_broken_subproblem_solver_is_noticed(break_, violated, monkeypatch):
    monkeypatch.setattr(verify.tabular.runs, "solve_tv", break_)
    assert violated()


def mean_value(mdp, policy, guess=None):
    e = evaluate(mdp, policy, guess)
    return replace(e, eta=float(e.V.mean()) + 0.1)


def changed(**parts):
    """`evaluate` with some parts replaced by functions of the right evaluation."""

    def wrong(mdp, policy, guess=None):
        e = evaluate(mdp, policy)
        return replace(e, **{name: part(e, mdp) for name, part in parts.items()})

    return wrong


EVALUATIONS = {
    "eta = mean V, where rho0 is not uniform": changed(eta=lambda e, _: float(e.V.mean()) + 0.1),
    "eta of the first state": changed(eta=lambda e, _: float(e.V[0])),
    "rho normalised": changed(rho=lambda e, mdp: e.rho * (1 - mdp.discount)),
    "rho of the uniform start": changed(rho=lambda e, mdp: np.full_like(e.rho, e.rho.mean())),
    "A = Q": changed(A=lambda e, _: e.Q),
    "A = -A": changed(A=lambda e, _: -e.A),
    "V off by one": changed(V=lambda e, _: e.V + 1),
    "a discount of its own": lambda mdp, policy, guess=None: evaluate(
        type(mdp)(mdp.transitions, mdp.rewards, mdp.initial, mdp.discount * 0.99), policy
    ),
}


@pytest.mark.parametrize("break_", EVALUATIONS.values(), ids=EVALUATIONS.keys())
def test_a_broken_evaluation_is_noticed(break_, violated, monkeypatch):
    monkeypatch.setattr(exact.algorithm, "evaluate", break_)
    assert violated()


def taken_always(settings, state, r):
    return Outcome.ACCEPT, decide(settings, state, r)[1]


def never_taken(settings, state, r):
    return Outcome.REJECT, decide(settings, state, r)[1]


def one_sided(settings, state, r):
    """The radius never grows."""
    outcome, following = decide(settings, state, r)
    return outcome, ControllerState(min(state.radius, following.radius))


CONTROLLERS = {
    "rejected trial taken": taken_always,
    "no trial taken": never_taken,
    "radius never updated": lambda settings, state, r: (decide(settings, state, r)[0], state),
    "radius never grows": one_sided,
    "radius updated the wrong way": lambda settings, state, r: (
        decide(settings, state, r)[0],
        ControllerState(min(1e6, state.radius**2 / decide(settings, state, r)[1].radius)),
    ),
    "beta0 and beta1 exchanged": lambda settings, state, r: decide(
        replace(settings, beta0=settings.beta1 - 1e-9), state, r
    ),
}


@pytest.mark.parametrize("break_", CONTROLLERS.values(), ids=CONTROLLERS.keys())
def test_a_broken_loop_is_noticed(break_, violated, monkeypatch):
    monkeypatch.setattr(exact.algorithm, "decide", break_)
    assert violated()


RATIOS = {
    "ratio inverted": lambda actual, predicted, noise=0.0: predicted / actual if actual > 0 else -np.inf,
    "ratio always one": lambda actual, predicted, noise=0.0: 1.0,
    "ratio of the absolute gain": lambda actual, predicted, noise=0.0: actual,
}


@pytest.mark.parametrize("break_", RATIOS.values(), ids=RATIOS.keys())
def test_a_broken_ratio_is_noticed(break_, violated, monkeypatch):
    monkeypatch.setattr(exact.algorithm, "ratio", break_)
    assert violated()


@pytest.mark.parametrize(
    ("break_", "file", "statement"),
    [
        (backwards, lemma34, "Lemma 3.3"),
        (backwards, lemma34, "no state is made worse"),
        (backwards, lemma34, "monotone improvement"),
        (half_way, lemma34, "closed form of (3.6)"),
    ],
)
def test_the_theorems_notice_too(break_, file, statement, violated, monkeypatch):
    monkeypatch.setattr(verify.tabular.runs, "solve_tv", break_)
    assert statement in violated((file,))


def test_the_floor_notices_a_radius_that_shrinks_too_far(violated, monkeypatch):
    def shrinks(settings, state, r):
        outcome, following = decide(settings, state, r)
        return outcome, ControllerState(state.radius / 50 if following.radius < state.radius else following.radius)

    monkeypatch.setattr(exact.algorithm, "decide", shrinks)
    assert {"radius floor"} <= violated((radius_floor,)) or violated()
