"""Conditions of stochastic trust regions: the moments against an independent computation, and exact probabilities."""

from fractions import Fraction

import numpy as np
import pytest

from exact.rational import dyadics
from tests.verify.cases import SMALL, row_of
from verify import estimates
from verify.core.binomial import accepted, accurate, binomial, common, independent
from verify.core.command import SearchOptions
from verify.core.statement import Verdict
from verify.tabular.runs import load, rational_mdp

HALF = Fraction(1, 2)


def test_all_statements_come_out_as_expected_whatever_the_number_of_processes():
    one, two = (estimates.check(SearchOptions(search=2, mdp=SMALL, instances=1, jobs=jobs)) for jobs in (1, 2))
    assert one == two
    assert all(check.exact for check in one)
    assert all(row.as_expected and row.checks for row in row_of(estimates, one).values())


def squared_difference(mdp, policy, trial, common, sweeps=400):
    """E (G' - G)^2 by value iteration on pairs of states: (s, t) apart, s together; float64."""
    S, A = mdp.rewards.shape
    P, gamma = mdp.kernel.reshape(S, A, S), mdp.discount
    kept = np.minimum(policy, trial)
    TV = 1 - kept.sum(axis=1)
    V, W = np.zeros((S, S)), np.zeros((S, S))  # first and second moment of G'_t - G_s for independent episodes
    together = np.zeros(S)
    for _ in range(sweeps):
        # one step of each pair of actions (a, b) from (s, t): its reward, then the moments of what follows
        step = mdp.rewards[None, :, None, :] - mdp.rewards[:, None, :, None]
        then1 = np.einsum("sai,tbj,ij->stab", P, P, V)
        then2 = np.einsum("sai,tbj,ij->stab", P, P, W)
        second = step**2 + 2 * gamma * step * then1 + gamma**2 * then2
        both = np.einsum("sa,tb->stab", policy, trial)
        V, W = (both * (step + gamma * then1)).sum(axis=(2, 3)), (both * second).sum(axis=(2, 3))
        own = second[np.arange(S), np.arange(S)]
        split = np.einsum("sa,sb,sab->s", policy - kept, trial - kept, own) / np.where(TV > 0, TV, 1)
        together = split + gamma**2 * np.einsum("sa,sat,t->s", kept, P, together)
    if common:
        return mdp.initial @ together
    return np.einsum("s,t,st->", mdp.initial, mdp.initial, W)


@pytest.mark.parametrize("name", ["dadashi-2a", "garnet:S=4,A=3,b=2,gamma=0.9,seed=3"])
def test_the_moments_agree_with_value_iteration_on_pairs(name):
    mdp, rng = load(name), np.random.default_rng(1)
    policy, trial = (estimates.grid_policy(rng.dirichlet(np.ones(mdp.n_actions), mdp.n_states)) for _ in range(2))
    exact = rational_mdp(mdp)
    found = estimates.difference(exact, dyadics(policy), dyadics(trial))
    assert float(found.common) == pytest.approx(squared_difference(mdp, policy, trial, common=True))
    mean = (
        estimates.evaluate_exactly(exact, dyadics(trial)).eta - estimates.evaluate_exactly(exact, dyadics(policy)).eta
    )
    apart = squared_difference(mdp, policy, trial, common=False)
    assert float(found.independent + mean**2) == pytest.approx(apart)


def test_the_bound_of_common_random_numbers_is_attained():
    mdp, policy, trial = estimates.fork()
    found = estimates.difference(mdp, policy, trial)
    assert 4 * found.D_c == 1
    assert float(found.common) == pytest.approx(25)  # R^2 TV/(1-gamma)^2
    assert found.common == found.D_c / (1 - mdp.discount) ** 2


@pytest.mark.parametrize("law", [independent, common])
@pytest.mark.parametrize("q", [Fraction(3, 4), Fraction(1, 4), HALF])
def test_laws_have_the_right_margins(law, q):
    joint = law(5, HALF, q)
    assert sum(w for _, _, w in joint) == 1
    assert sum(i * w for i, _, w in joint) == 5 * HALF
    assert sum(j * w for _, j, w in joint) == 5 * q
    ones = [sum(w for _, j, w in joint if j == k) for k in range(6)]
    assert ones == binomial(5, q)
    if law is common:
        assert sum((j - i) ** 2 * w for i, j, w in joint) == 5 * abs(q - HALF) * (1 + 4 * abs(q - HALF))


def test_probabilities_by_hand():
    assert accurate(2, HALF, Fraction(0)) == HALF
    joint = independent(1, HALF, HALF)
    assert accepted(1, joint, Fraction(0), Fraction(-1), lambda ones: HALF**2) == Fraction(3, 4)
    assert accepted(1, joint, Fraction(0), Fraction(-2), lambda ones: HALF**2) == 1


def test_fewer_episodes_than_the_claim_counts_are_found_out(monkeypatch):
    ends = (HALF, HALF, Fraction(1, 64))
    assert estimates.check_acceptance(64, *ends).verdict is Verdict.HOLDS
    whole = estimates.accepted
    monkeypatch.setattr(estimates, "accepted", lambda n, law, *rest: whole(4, independent(4, HALF, HALF), *rest))
    assert estimates.check_acceptance(64, *ends).verdict is Verdict.VIOLATED
