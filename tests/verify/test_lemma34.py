"""Lemmas 3.3 and 3.4: the numbers of the cash-in MDP, and steps that are no maximisers."""

import numpy as np
import pytest

from exact.algorithm import iterate
from exact.evaluation import evaluate
from exact.mdps.library import load
from exact.subproblem.step import Step
from exact.subproblem.tv import solve_tv
from tests.verify.cases import STAY
from verify import lemma34
from verify.core.command import Options
from verify.core.statement import Verdict
from verify.tabular.runs import check_step
from verify.tabular.trial import on_grid


def test_lemma34_numbers_on_cash_in():
    """The table of docs/theory.md, section 4, as the verifier sees it, over the rationals."""
    mdp = load("cash-in")
    table = ((1e-4, 0.99982, 0.99982, 0.712), (0.1, 0.84746, 0.82, -287), (5, 0.1, -8, -14399))
    for delta, ratio, prior, printed in table:
        it = next(iterate(mdp, start=STAY, delta0=delta))
        checks = {c.statement: c for c in check_step(lemma34.claims, mdp, it, Options(), "here")}
        assert round(checks[lemma34.PRIOR].actual, 5) == ratio
        assert round(checks[lemma34.PRIOR].claimed, 5) == prior
        assert checks[lemma34.LEMMA_34].claimed == pytest.approx(printed, rel=2e-3)
        assert checks[lemma34.POSTERIOR].slack == pytest.approx(0, abs=1e-15)  # tight here; the step is off the grid


def worse_step(policy, A, rho, delta):
    """Half of the way: feasible, but no maximiser."""
    step = solve_tv(policy, A, rho, delta)
    return Step((policy + step.policy) / 2, step.gain / 2, step.distance / 2, step.price)


def backward_step(policy, A, rho, delta):
    """The maximiser for the negated advantage: as bad as can be."""
    step = solve_tv(policy, -A, rho, delta)
    return Step(step.policy, -step.gain, step.distance, step.price)


@pytest.mark.parametrize(
    ("step", "violated"),
    [
        (worse_step, {lemma34.OPTIMAL}),
        (backward_step, {lemma34.OPTIMAL, lemma34.LEMMA_33, lemma34.SHARP_33, lemma34.STATEWISE, lemma34.MONOTONE}),
    ],
)
def test_a_step_that_is_no_maximiser_is_found_out(step, violated):
    mdp = load("dadashi-2a")
    it = next(iterate(mdp, on_grid(solve_tv), start=mdp.uniform_policy(), delta0=100.0))
    bad = step(it.policy, it.before.A, it.before.rho, 100.0)
    fake = type(it)(**{**vars(it), "step": bad})
    checks = check_step(lemma34.claims, mdp, fake, Options(), "here")
    assert violated <= {c.statement for c in checks if c.verdict is Verdict.VIOLATED}


def test_a_step_that_helps_one_state_and_harms_another_is_not_monotone():
    """Nor is it statewise: a maximum in the place of a minimum would let it pass."""
    mdp = load("garnet:S=7,A=3,b=2,gamma=0.9,seed=1")
    it = next(iterate(mdp, on_grid(solve_tv), start=np.full((7, 3), [0.5, 0.25, 0.25]), delta0=100.0))
    order = it.before.A.argsort(axis=1)
    trial = np.eye(3)[np.where(np.arange(7) < 4, order[:, -1], order[:, 0])]
    after = evaluate(mdp, trial)
    assert (after.V - it.before.V).min() < 0 < (after.V - it.before.V).max()
    fake = type(it)(**{**vars(it), "step": Step(trial, 1.0, 1.0, 0.0)})
    found = {c.statement: c.verdict for c in check_step(lemma34.claims, mdp, fake, Options(), "here")}
    assert found[lemma34.MONOTONE] is found[lemma34.STATEWISE] is Verdict.VIOLATED


def test_a_trial_that_leaves_a_state_unvisited_is_checked(capsys):
    """Seed 2 goes from a policy that visits every state of the MDP "unvisited" to one that does not."""
    assert lemma34.main(["--mdp", "unvisited", "--seed", "2", "--instances", "1", "--search", "0"]) == 0
