"""The estimates of a batch, against exact values."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from exact.evaluation import evaluate
from tests.verify.sampled.cases import assert_mean, batch_of, many
from verify.sampled.estimators import (
    Estimate,
    average,
    fit_critic,
    gae,
    half,
    merge,
    paired_difference,
    performance_difference,
    returns_difference,
    returns_mean,
    returns_spread,
    reverse_surrogate,
    summarise,
    surrogate_gain,
    total_rewards,
    whole,
)
from verify.sampled.sampler import Samples, draw_noise, sample, tabulate


def test_total_rewards_are_those_of_complete_trajectories():
    ended = np.array([[0, 0], [1, 0], [0, 1], [1, 0], [0, 0]], dtype=bool)
    rewards = np.array([[1.0, 1], [2, 2], [3, 3], [4, 4], [5, 5]])
    states = np.zeros((5, 2), dtype=np.intp)
    total, squares, count = total_rewards(Samples(states, states, rewards, states, ended))
    # first: 1+2 and 3+4, the 5 belongs to an open trajectory; second: 1+2+3 alone, so the open 4+5 counts too
    assert total.tolist() == [10, 15]
    assert squares.tolist() == [9 + 49, 36 + 81]
    assert count.tolist() == [2, 2]


def test_the_spread_of_the_returns_is_the_sample_standard_deviation():
    """(4.2) divides by n - 1: returns 3 and 7 have the spread sqrt(8)."""
    batch = SimpleNamespace(returns=np.array([10.0]), returns_squared=np.array([58.0]), trajectories=np.array([2]))
    assert returns_spread(batch) == pytest.approx(8**0.5)


def test_gae_stops_at_the_end_of_an_episode():
    td = np.array([[1.0], [2.0], [4.0], [8.0]])
    ended = np.array([[False], [True], [False], [False]])
    assert gae(td, ended, 0.5).ravel().tolist() == [2.0, 2.0, 8.0, 8.0]
    assert gae(td, ended, 0.0).ravel().tolist() == td.ravel().tolist()


def test_gae_with_lambda_one_is_unbiased_for_any_critic(mdp, pair):
    V = np.random.default_rng(3).normal(size=6)
    A = evaluate(mdp, pair[0]).Q - V[:, None]
    batch = batch_of(mdp, pair[0], 4000, 60, 4, lam=1.0, V=V)
    visits, total, _ = whole(batch)
    cut = 10 * np.abs(A).max() / 4000 / (1 - mdp.discount)  # the last episode's advantages miss their future
    assert_mean(total / visits, A, bias=cut)


def test_gae_with_the_exact_critic_is_unbiased_for_any_lambda(mdp, pair):
    ev = evaluate(mdp, pair[0])
    visits, total, _ = whole(batch_of(mdp, pair[0], 4000, 60, 5, lam=0.6, V=ev.V))
    assert_mean(total / visits, ev.A)


def test_returns_estimate_eta_and_their_spread_is_their_error(mdp, pair):
    batch = batch_of(mdp, pair[0], 4000, 150, 6)
    estimate = returns_mean(batch)
    cut = 2 / (4000 * (1 - mdp.discount)) * np.abs(mdp.rewards).max() / (1 - mdp.discount)
    assert_mean(estimate.value, evaluate(mdp, pair[0]).eta, bias=cut)
    assert estimate.error.mean() == pytest.approx(estimate.value.std(), rel=0.15)
    assert np.allclose(returns_spread(batch), estimate.error * np.sqrt(batch.trajectories))


def test_estimators_agree_with_exact_values(mdp, pair):
    first, second = pair
    before, after = evaluate(mdp, first), evaluate(mdp, second)
    gain, gamma = after.eta - before.eta, mdp.discount
    batch = batch_of(mdp, first, 4000, 100, 7, V=before.V, exact_A=before.A)
    trial = batch_of(mdp, second, 4000, 100, 8, V=before.V, exact_A=after.A)
    step = second - first
    burn_in = 1 / (4000 * (1 - gamma) ** 2)  # batches begin at rho0, of the order of one episode in 4000 (1 - gamma)
    forward = surrogate_gain(whole(batch), many(first, 100), many(second, 100), gamma)
    assert_mean(forward.value, before.rho @ (step * before.A).sum(axis=1), bias=burn_in * np.abs(before.A).max())
    assert forward.error.mean() == pytest.approx(forward.value.std(), rel=0.4)  # steps are not quite independent
    reverse = reverse_surrogate(trial, many(first, 100), many(second, 100), gamma)
    assert_mean(reverse.value, after.rho @ (step * after.A).sum(axis=1), bias=burn_in * np.abs(after.A).max())
    assert_mean(performance_difference(trial, gamma).value, gain, bias=burn_in * np.abs(before.A).max())
    assert_mean(returns_difference(batch, trial).value, gain, bias=4 * burn_in * np.abs(mdp.rewards).max())


def test_the_gain_of_staying_is_exactly_zero(mdp, pair):
    batch, pi = batch_of(mdp, pair[0], 200, 3, 20), many(pair[0], 3)
    assert np.array_equal(surrogate_gain(whole(batch), pi, pi, mdp.discount).value, np.zeros(3))


def test_the_performance_difference_is_off_by_the_critics_error_at_the_start(mdp, pair):
    V = evaluate(mdp, pair[0]).V + np.arange(6)
    trial = batch_of(mdp, pair[1], 4000, 100, 9, V=V)
    expected = evaluate(mdp, pair[1]).eta - mdp.initial @ V
    assert_mean(performance_difference(trial, mdp.discount).value, expected, bias=0.02)


def test_the_critic_is_the_mean_target_and_unvisited_states_keep_theirs(mdp, pair):
    batch = batch_of(mdp, pair[0], 10000, 20, 10, lam=1.0)
    assert_mean(fit_critic(batch, np.zeros((20, 6))), evaluate(mdp, pair[0]).V, bias=0.02)
    unseen = replace(batch, visits=np.zeros_like(batch.visits))
    assert np.array_equal(fit_critic(unseen, np.full((20, 6), 7.0)), np.full((20, 6), 7.0))


def test_merging_adds_and_halves_make_the_whole(mdp, pair):
    a, b = (batch_of(mdp, pair[0], 101, 3, seed) for seed in (11, 12))
    assert np.array_equal(merge(a, b).steps, np.full(3, 202))
    assert np.array_equal(merge(a, b).visits, a.visits + b.visits)
    assert [half(a, i)[0].sum() for i in range(2)] == [150, 153]
    assert np.allclose(whole(a)[1], half(a, 0)[1] + half(a, 1)[1])


def test_pairs_with_common_noise_estimate_the_difference_with_less_error(mdp, pair):
    N, R = 2000, 60
    noise, apart = (draw_noise(mdp, N, R, np.random.default_rng(seed)) for seed in (30, 31))
    tables = tabulate(mdp)
    old, new = (sample(tables, many(policy, R), noise) for policy in pair)
    paired = paired_difference(old.rewards, new)
    truth = evaluate(mdp, pair[1]).eta - evaluate(mdp, pair[0]).eta
    assert_mean(paired.value, truth, bias=10 * np.abs(mdp.rewards).max() / N / (1 - mdp.discount))
    assert np.std(paired.value) == pytest.approx(np.sqrt((paired.error**2).mean()), rel=0.3)
    critic = np.zeros((R, mdp.n_states))
    batches = [summarise(mdp, samples, critic, 0.95) for samples in (old, sample(tables, many(pair[1], R), apart))]
    assert paired.error.mean() < 0.8 * returns_difference(*batches).error.mean()


def test_standard_errors_by_hand():
    """Of 1, 2, 3, 6 the sample variance is 14/3; of one trajectory nothing is known."""
    total, squares, n = np.array([12.0]), np.array([50.0]), np.array([4.0])
    td = SimpleNamespace(td=total, td_squared=squares, steps=n)
    found = performance_difference(td, 0.5)
    assert (found.value[0], found.error[0]) == pytest.approx((3 / 0.5, np.sqrt(14 / 3 / 4) / 0.5))
    mean = average(Estimate(np.array([1.0]), np.array([3.0])), Estimate(np.array([3.0]), np.array([4.0])))
    assert (mean.value[0], mean.error[0]) == (2.0, 2.5)


def test_the_error_of_paired_returns_by_hand():
    """Four trajectories of one step, whose returns are 1, 2, 3 and 6 larger than those of pi_k."""
    rewards, ones = np.array([[1.0], [2.0], [3.0], [6.0]]), np.ones((4, 1))
    trial = Samples(ones.astype(int), ones.astype(int), rewards + 5, ones.astype(int), ones.astype(bool))
    found = paired_difference(5 * ones, trial)
    assert (found.value[0], found.error[0]) == pytest.approx((3, np.sqrt(14 / 3 / 4)))
