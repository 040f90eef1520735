"""What the claims compare: both sides at made-up numbers, and what is not claimed where an assumption fails."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from flint import fmpq

from exact.controller import ControllerSettings, Outcome
from exact.evaluation import Evaluation
from exact.mdps.library import load
from exact.rational import dyadics
from exact.subproblem.step import Step
from tests.verify.made_up import made_up
from verify import algorithm31, contraction, estimates, inexact, ladder, lemma32, lemma34, radius_floor, theorem35
from verify.core.command import Options, SearchOptions
from verify.core.statement import Verdict
from verify.tabular.optimum import Optimum
from verify.tabular.runs import Run, beginning, controller, rational_mdp, steps
from verify.tabular.trial import exact_trial


def sides(claims):
    return {claim.statement: (claim.actual, claim.claimed) for claim in claims}


def test_lemmas_33_and_34():
    found = sides(lemma34.claims(made_up()))
    assert found[lemma34.MIXTURE] == (4, fmpq(4, 10) * 6)
    assert found[lemma34.OPTIMAL] == (fmpq(81, 4), 16 + 6 + fmpq(5, 2))
    assert found[lemma34.STATEWISE] == (fmpq(7, 4), 0)
    assert found[lemma34.MONOTONE] == (3, 0)
    r = fmpq(8, 81)
    assert found[lemma34.VISITATION] == (r, fmpq(2, 3))
    assert found[lemma34.PRIOR] == (r, 1 - 9 * fmpq(4, 3))
    assert found[lemma34.PRIOR_RADIUS] == (r, 1 - 9 * fmpq(4) * 4)
    assert found[lemma34.POSTERIOR] == (r, 1 / (1 + 9 * fmpq(9, 4)))
    assert found[lemma34.NO_REJECTION] == (fmpq(2, 3), fmpq(1, 40))
    assert found[lemma34.TV_RADIUS] == (16, fmpq(1, 2))


def test_the_mixture_of_lemma_33_is_at_most_the_greedy_policy():
    far = made_up(trial=dyadics(np.array([[0.0, 1, 0], [0, 0, 1]])))
    assert sides(lemma34.claims(far))[lemma34.MIXTURE] == (50, 6)


def test_nothing_is_claimed_of_states_that_are_never_visited():
    t = made_up()
    unvisited = made_up(before=replace(t.before, rho=dyadics(np.array([0.0, 5.0]))))
    found = sides(lemma34.claims(unvisited))
    assert lemma34.OPTIMAL in found
    assert not {lemma34.STATEWISE, lemma34.MONOTONE, lemma34.PRIOR} & found.keys()


def test_without_a_discount_a_ratio_of_one_says_nothing():
    claims = list(lemma34.ratio_claims(made_up(discount=fmpq(0))))
    assert not any(claim.nontrivial for claim in claims if claim.statement is not lemma34.TV_RADIUS)


def test_the_falsifier_of_lemma_34_searches():
    checks = lemma34.check(SearchOptions(mdp=("cash-in",), instances=1, search=2))
    found = {check.instance.partition(" near ")[0] for check in checks if "falsifier" in check.instance}
    assert found == {
        f"falsifier of {name}"
        for name in ("Lemma 3.3, printed", "Lemma 3.4, printed", "prior ratio", "span ratio", "posterior ratio")
    }


def test_the_ladder_compares_with_the_error():
    found = sides(ladder.claims(made_up()))
    assert {claimed for _, claimed in found.values()} == {fmpq(81, 4) - 2}


SETTINGS = ControllerSettings(beta0=0.25, beta1=0.5)


def of_theorem35(t, suboptimal):
    best = Optimum(fmpq(11), None, np.array(suboptimal))
    return sides(theorem35.claims(t, best, SETTINGS))


NONE = [[False] * 3] * 2


def test_theorem_35():
    found = of_theorem35(made_up(), NONE)
    assert found[theorem35.INCREASE] == (9, 7)
    assert found[theorem35.GAIN] == (2, fmpq(1, 4) * fmpq(4, 10) * 26)
    assert found[theorem35.RATE] == (2, fmpq(1, 4) * fmpq(1, 40) * fmpq(4, 10) * 4)
    assert found[theorem35.RATE_SHARPER] == (2, fmpq(8, 81) * fmpq(4, 6) * fmpq(1, 10) * fmpq(26, 4) * 4)
    assert found[theorem35.TERMINATION] == (9, 11)
    rejected = of_theorem35(made_up(said=SimpleNamespace(outcome=Outcome.REJECT)), NONE)
    assert rejected.keys() == {theorem35.RATE_SHARPER}


@pytest.mark.parametrize(
    ("suboptimal", "claimed"),
    [
        ([[False, False, False], [False, True, False]], False),  # mass 5/2 <= 4, but a gap of 8 is not suboptimal
        ([[True, False, False], [False, True, False]], True),  # mass 3/2 + 5/2 <= 4, gaps 8 and 5 above all others
        ([[True, False, False], [True, True, False]], False),  # mass 21/4 > 4
    ],
)
def test_termination_is_claimed_once_little_mass_is_left_and_the_gaps_are_separated(suboptimal, claimed):
    assert (theorem35.TERMINATION in of_theorem35(made_up(), suboptimal)) is claimed


def test_optimal_policies_are_compared(monkeypatch):
    """If all actions passed for optimal, a random policy would be taken for an optimal one."""
    right = lemma32.optimum

    def wrong(mdp, rational):
        best = right(mdp, rational)
        return Optimum(best.eta, best.V, best.suboptimal & False)

    monkeypatch.setattr(lemma32, "optimum", wrong)
    found = lemma32._check_optimal(Run("cash-in", 0, Options()))
    assert {check.statement: check.verdict for check in found} == {
        lemma32.NECESSARY: Verdict.VIOLATED,
        lemma32.SUFFICIENT: Verdict.VIOLATED,
    }


def test_the_floors_of_the_radius():
    """gamma = .9; the paper's floor knows the smallest A* and the largest Abar so far."""
    run = Run("garnet:S=7,A=3,b=2,gamma=0.9,seed=1", 17, Options())
    mdp = load(run.mdp)
    exact = rational_mdp(mdp)
    trials = list(steps(run, mdp))
    points = [exact_trial(exact, it) for it in trials]
    found = {}
    for check in radius_floor._check_run(run):
        found.setdefault(check.statement, []).append(check)
    settings, delta0, p0 = controller(run), beginning(run, mdp)[1], mdp.initial.min()
    c = 0.1 * p0 / 0.9
    least = min(delta0, settings.gamma2 * (1 - settings.beta1) * c, settings.gamma3 * (1 - settings.beta0) * c)
    assert len(found[radius_floor.PAPER]) == len(points) > 2
    for k, (it, floor, paper) in enumerate(
        zip(trials, found[radius_floor.FLOOR], found[radius_floor.PAPER], strict=True), 1
    ):
        eps, A_bar = min(float(t.A_star) for t in points[:k]), max(float(t.A_bar) for t in points[:k])
        delta_bar = p0**2 * 0.1**3 * eps * (1 - settings.beta1) / (4 * A_bar * 0.9)
        assert (floor.actual, floor.claimed) == pytest.approx((it.next_delta, least))
        assert (paper.actual, paper.claimed) == pytest.approx((it.next_delta, min(delta0, settings.gamma2 * delta_bar)))
    for statement, beta in ((radius_floor.SHRINKING, settings.beta1), (radius_floor.REJECTION, settings.beta0)):
        assert [check.claimed for check in found[statement]] == pytest.approx([(1 - beta) * c] * len(found[statement]))


@pytest.mark.parametrize(
    ("ratio", "outcome", "expected"),
    [
        (0.6, Outcome.ACCEPT, {}),
        (0.3, Outcome.ACCEPT, {radius_floor.SHRINKING: 0.5 * 7}),
        (0.1, Outcome.REJECT, {radius_floor.SHRINKING: 0.5 * 7, radius_floor.REJECTION: 0.75 * 7}),
    ],
)
def test_what_a_small_ratio_says_of_the_radius(ratio, outcome, expected):
    it = SimpleNamespace(ratio=ratio, outcome=outcome, delta=2.0)
    checks = radius_floor._ratio_checks(it, SETTINGS, fmpq(7), "here")
    assert {check.statement: check.claimed for check in checks} == pytest.approx(expected)
    assert all(check.actual == 2 for check in checks)


def test_every_starved_step_is_checked():
    found = [check for check in contraction.check_worst() if check.statement is contraction.STARVED]
    assert len(found) == 3 * contraction.K


def test_mirror_descent_by_hand():
    """In the slow MDP pi gives up all its mass in states 0 and 1: max |g - pi|^2 = 2, x = 10, gamma = .9."""
    mdp, start, best = contraction.slow_mdp(0.9)
    step = next(contraction.moves(mdp, start, contraction.projected(fmpq(4)), 1))
    check = contraction.check_mirror(step, fmpq(4), mdp.discount, best, "here")
    assert check.actual == pytest.approx(9 + 2 / 8)


def test_inexact_steps_by_hand():
    """confused("return"): eps = 1/4, delta = 5/2, TV = 1/4, D' = 5/2, the loss is (1/2 - 1/1024) 5/2, gamma = .9."""
    it = inexact.confused("return")
    found = {check.statement: check for check in inexact.check_return(it, "here")}
    loss, gain_hat = (0.5 - 1 / 1024) * 2.5, 2.5 / 1024
    assert (found[inexact.RETURN].actual, found[inexact.RETURN].claimed) == pytest.approx((1.25, loss))
    assert (found[inexact.VALUE].actual, found[inexact.VALUE].claimed) == pytest.approx((1.25, loss))
    ratio = found[inexact.RATIO]
    assert (ratio.actual, ratio.claimed) == pytest.approx((-loss / gain_hat, 1 - 0.9 * 0.25 / 0.1 - 1.25 / gain_hat))
    limit = inexact.check_limit(it, fmpq(1, 2), dyadics(np.array([1.0])), "here")
    x = float(1 - it.now.V[0])
    assert limit.actual == pytest.approx(0.95 * x + 2.2 * 0.25 * 0.5 / 0.1)


def test_an_accepted_inexact_step_by_hand():
    """confused("gain"): gain* = 5/8, gain_hat = 1/2, nu = 1/16, eps = delta = 1/4; the discount is zero."""
    found = {check.statement: check for check in inexact.check_return(inexact.confused("gain"), "here")}
    accepted = found[inexact.ACCEPTED]
    assert (accepted.actual, accepted.claimed) == pytest.approx((3 / 8, 0.5 * (5 / 8 - 1 / 8) - 1 / 16))


def test_errors_of_the_advantages_are_as_large_as_they_may_be():
    A = made_up().before.A
    noises = inexact.noises(A, np.random.default_rng(0))
    assert {abs(float(x)) for x in noises["signs"].ravel()} == {1}
    assert noises["inverted"].tolist() == [[1, -1, -1], [1, 1, -1]]
    assert abs(noises["any"]).max() <= 1


def test_the_model_of_the_surrogate_by_hand():
    """cash-in, from stay half of the way: D = 5/2, span A = 1, min rho = 5, eta' = 5/11, gain = 5/2."""
    mdp = rational_mdp(load("cash-in"))
    stay, half = (dyadics(np.array(pi)) for pi in ([[1.0, 0], [1, 0]], [[0.5, 0.5], [1, 0]]))
    (check,) = estimates.check_model(mdp, stay, half, "here")
    assert (check.actual, check.claimed) == pytest.approx((2 * 0.9 * 2.5**2 / (0.1 * 5), 2.5 - 5 / 11))


def said_of_the_made_up_step():
    """Reports that are wrong, each by another number."""
    t = made_up()
    V, A = np.array([1.5, 2.25]), t.before.A.astype(float) + np.array([[0, 0, 0.25], [0, 0, 0]])
    before = Evaluation(V, None, A, np.array([3.5, 4.5]), 7.5)
    after = Evaluation(np.array([4, 8.125]), None, t.after.A.astype(float), np.array([2.0, 7.0]), 9.25)
    step = Step(None, 20.0, 5.0, 4.0)
    return made_up(said=SimpleNamespace(step=step, before=before, after=after, ratio=0.125))


def test_the_step_that_was_ordered():
    found = sides(algorithm31.claims(said_of_the_made_up_step(), 1 << 32))
    cell, u = 5.0 / (1 << 32), 2.0**-26
    expected = {
        algorithm31.BUDGET: (50 + cell, 4),
        algorithm31.SPENT: (4, 50 - cell),
        algorithm31.DUAL: (20.25 + 4 * cell + 60 * u, 200 + 6 + 2.5),
        algorithm31.GAIN: (60 * u, 0.25),
        algorithm31.DISTANCE: (10 * u, 1),
        algorithm31.ETA: (6 * u, 0.5),
        algorithm31.VALUES: (6 * u, 0.5),
        algorithm31.ADVANTAGES: (6 * u, 0.25),
        algorithm31.VISITS: (10 * u, 1),
        algorithm31.RATIO: (60 * u, 2 - 20.25 / 8),
    }
    assert found.keys() == expected.keys()
    for statement, (actual, claimed) in expected.items():
        got = tuple(map(float, found[statement]))
        assert got == pytest.approx((actual, abs(claimed)), rel=1e-12), statement.name


STAY, GO = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])


@pytest.mark.parametrize(
    ("ratio", "outcome", "next_delta", "following", "wrong"),
    [
        (0.3, Outcome.ACCEPT, 1.6, (GO, 1.6), set()),
        (0.6, Outcome.ACCEPT, 4.0, (GO, 4.0), set()),
        (0.1, Outcome.REJECT, 1.2, (STAY, 1.2), set()),
        (0.1, Outcome.REJECT, 1.2, None, set()),
        (0.3, Outcome.ACCEPT, 1.6, (STAY, 1.6), {algorithm31.ACCEPTANCE}),
        (0.1, Outcome.REJECT, 1.2, (GO, 1.2), {algorithm31.ACCEPTANCE}),
        (0.1, Outcome.ACCEPT, 1.2, None, {algorithm31.ACCEPTANCE}),
        (0.3, Outcome.ACCEPT, 1.6, (GO, 2.0), {algorithm31.RADIUS}),
        (0.3, Outcome.ACCEPT, 2.0, None, {algorithm31.RADIUS}),
        (0.1, Outcome.REJECT, 1.6, None, {algorithm31.RADIUS}),
    ],
)
def test_the_loop_that_was_ordered(ratio, outcome, next_delta, following, wrong):
    step = SimpleNamespace(policy=GO)
    it = SimpleNamespace(ratio=ratio, outcome=outcome, delta=2.0, next_delta=next_delta, policy=STAY, step=step)
    after = following and SimpleNamespace(policy=following[0], delta=following[1])
    checks = algorithm31.loop_checks(it, after, SETTINGS, "here")
    assert {check.statement for check in checks if check.verdict is Verdict.VIOLATED} == wrong
