"""Algorithm 4.3 on samples: with exact estimates it is Algorithm 3.1; rejections, forced steps."""

from dataclasses import replace

import numpy as np
import pytest

from exact.algorithm import iterate
from exact.controller import ControllerSettings, Outcome
from exact.evaluation import evaluate
from exact.mdps.library import load
from exact.subproblem.kl import solve_kl_reverse
from verify.sampled import algorithm as sampled_algorithm
from verify.sampled.algorithm import advance, begin
from verify.sampled.batches import Draw, Sampling
from verify.sampled.estimators import BatchSums
from verify.sampled.evidence import MOST_ROUNDS, rounds_needed
from verify.sampled.rules import CONTENDERS, FIXED, Rule, Scale
from verify.sampled.sampler import sample, tabulate


def exact_batch(mdp, policy, critic, N=1000.0):
    """A batch whose every sum is its expectation, with all returns equal to eta."""
    found = [evaluate(mdp, pi) for pi in policy]
    visits = np.stack([N * (1 - mdp.discount) * e.rho[:, None] * pi for e, pi in zip(found, policy, strict=True)])
    A = np.stack([e.A for e in found])
    sums = [np.stack([x / 2, x / 2]) for x in (visits, visits * A, visits * A**2)]
    eta, ones = np.array([e.eta for e in found]), np.ones(len(policy))
    return BatchSums(*sums, (visits * A).sum(axis=2), N * ones, N * ones, 9 * eta, 9 * eta**2, 9 * ones)


@pytest.mark.parametrize(("name", "delta0", "rejects"), [("inventory", 0.05, False), ("chain", 2.0, True)])
def test_with_exact_estimates_the_loop_is_algorithm_31(monkeypatch, name, delta0, rejects):
    mdp = load(name)
    settings = ControllerSettings(beta0=0.8, beta1=0.9)
    rule = Rule(
        "(3.2)",
        lambda e: e.returns,
        lambda e: (e.returns.value, e.predicted.value, 0 * e.sigma),
        settings,
        delta0 * (1 - mdp.discount),
        scale=Scale.NONE,
    )

    def draw_batch(tables, policy, critic, sampling, noise):
        found = [evaluate(mdp, pi) for pi in policy]
        eta, V = np.array([e.eta for e in found]), np.stack([e.V for e in found])
        return Draw(exact_batch(mdp, policy, critic), sample(tables, policy, noise), eta, V)

    monkeypatch.setattr(sampled_algorithm, "draw_batch", draw_batch)
    tables, sampling, rng = tabulate(mdp), Sampling(8, exact_advantages=True), np.random.default_rng(0)
    state = begin(tables, [rule], sampling, rng)
    outcomes = set()
    for k, it in enumerate(iterate(mdp, solve_kl_reverse, delta0=delta0, settings=settings, tolerance=1e-3)):
        if k == 12:
            break
        state, done = advance(tables, [rule], state, sampling, 1.0, rng)
        assert done.radius[0] == pytest.approx(it.delta * (1 - mdp.discount))
        assert done.accepted[0] == (it.outcome is Outcome.ACCEPT)
        assert state.controllers[0].radius == pytest.approx(it.next_delta * (1 - mdp.discount))
        expected = it.before.eta if it.outcome is Outcome.REJECT else it.after.eta
        assert done.eta[0] == pytest.approx(expected, abs=1e-5)
        outcomes.add(it.outcome)
        if state.resampling[0]:
            state, _ = advance(tables, [rule], state, sampling, 1.0, rng)
    assert outcomes == ({Outcome.ACCEPT, Outcome.REJECT} if rejects else {Outcome.ACCEPT})


def never(name, before_trial):
    """A rule that always rejects and prefers trial points that are estimated high."""
    return Rule(
        name,
        (lambda e: e.held_out) if before_trial else (lambda e: e.returns),
        lambda e: (-np.ones_like(e.sigma), np.zeros_like(e.sigma), np.ones_like(e.sigma)),
        ControllerSettings(-0.5, 0.5, radius_min=1e-3, radius_max=1.0, max_rejections=2),
        before_trial=before_trial,
    )


def test_a_rejection_draws_more_samples_and_the_third_forces_the_best_trial(mdp):
    rules = [never("late", False), never("early", True)]
    tables, sampling, rng = tabulate(mdp), Sampling(100, exact_advantages=False), np.random.default_rng(16)
    state = begin(tables, rules, sampling, rng)
    sizes, resampling, policies = [], [], []
    for _ in range(6):
        state, _ = advance(tables, rules, state, sampling, 1.0, rng)
        sizes.append((state.batch.steps / 100).astype(int).tolist())
        resampling.append(state.resampling.tolist())
        policies.append(state.policy)
    # late: trial, more, trial, more, forced trial; early: more, more, forced, and again
    assert [late for late, _ in sizes] == [1, 2, 2, 3, 1, 1]
    assert [early for _, early in sizes] == [2, 3, 1, 2, 3, 1]
    assert [late for late, _ in resampling] == [True, False, True, False, False, True]
    assert not any(early for _, early in resampling)
    uniform = mdp.uniform_policy()
    moved = [[not np.array_equal(policy[r], uniform) for policy in policies] for r in range(2)]
    assert moved == [[False] * 4 + [True] * 2, [False] * 2 + [True] * 4]


def test_the_forced_trial_is_the_best_of_the_rejected(mdp):
    rule = never("late", False)
    tables, sampling, rng = tabulate(mdp), Sampling(100, exact_advantages=False), np.random.default_rng(17)
    rules = [rule] * 20
    state = begin(tables, rules, sampling, rng)
    best = np.full(20, -np.inf)
    for _ in range(4):
        state, _ = advance(tables, rules, state, sampling, 1.0, rng)
        assert (state.best >= best).all()
        best = state.best
    remembered, kept = state.best_policy, state.best_batch
    state, _ = advance(tables, rules, state, sampling, 1.0, rng)
    from_memory = np.array([np.array_equal(p, q) for p, q in zip(state.policy, remembered, strict=True)])
    assert from_memory.any()
    assert not from_memory.all()  # the last trial is a candidate, too
    assert np.array_equal(state.batch.visits[:, from_memory], kept.visits[:, from_memory])
    assert np.isneginf(state.best).all()


def test_an_adaptive_rule_samples_a_trial_until_its_return_is_accurate(mdp):
    rules = [replace(FIXED[0], accuracy=accuracy) for accuracy in (None, 1e9, 1e-9)]
    tables, sampling, rng = tabulate(mdp), Sampling(100, exact_advantages=False), np.random.default_rng(20)
    state = begin(tables, rules, sampling, rng)
    decided, sizes = [], []
    for _ in range(MOST_ROUNDS):
        state, done = advance(tables, rules, state, sampling, 1.0, rng)
        decided.append(done.decided.tolist())
        sizes.append((state.batch.steps / 100).astype(int).tolist())
    assert decided == [[True, True, False]] * (MOST_ROUNDS - 1) + [[True, True, True]]
    assert sizes[-1] == [1, 1, MOST_ROUNDS]


def test_the_rounds_of_a_trial_grow_with_the_variance_over_the_squared_gain(mdp):
    rules = [replace(FIXED[0], accuracy=0.5)] * 4 + [FIXED[0]]
    state = begin(tabulate(mdp), rules, Sampling(100, exact_advantages=False), np.random.default_rng(21))
    one = replace(state.batch, returns=np.zeros(5), returns_squared=np.full(5, 9.0), trajectories=np.full(5, 10.0))
    # sigma-hat = 1, 100 (1 - .9) = 10 episodes: s.e. .316
    predicted = np.array([1.0, 0.5, 0.25, 0.0, 0.0])
    assert rounds_needed(rules, one, predicted, 0.9, 100).tolist() == [1, 2, 7, MOST_ROUNDS, 1]


def test_common_noise_is_that_of_the_newest_steps_of_the_batch(mdp):
    names = ("returns, z, common noise", "returns, z")
    rules = [next(rule for rule in CONTENDERS if rule.name == name) for name in names]
    tables, sampling, rng = tabulate(mdp), Sampling(100, exact_advantages=False), np.random.default_rng(22)
    state = begin(tables, rules, sampling, rng)
    kept, resampled = 0, 0
    for _ in range(30):
        before = state
        state, done = advance(tables, rules, state, sampling, 1.0, rng)
        same = (state.newest.noise.action == before.newest.noise.action).all(axis=0)
        assert not same[1] or not done.accepted[1]
        if before.resampling[0]:  # more samples of pi_k are drawn with new noise
            assert not same[0]
        elif done.accepted[0] or state.resampling[0]:  # not a forced step, which has the noise of an earlier trial
            assert same[0]
        replayed = sample(tables, state.policy, state.newest.noise)
        assert np.array_equal(replayed.rewards, state.newest.rewards)
        kept, resampled = kept + int(same[0]), resampled + int(before.resampling[0])
    assert kept > 0


def test_a_renewed_rule_draws_the_new_policy_again_with_new_noise(mdp):
    rules = [replace(FIXED[0], renewed=True, common_noise=True), FIXED[0]]
    tables, sampling, rng = tabulate(mdp), Sampling(100, exact_advantages=False), np.random.default_rng(23)
    state = begin(tables, rules, sampling, rng)
    decided, sizes, same = [], [], []
    for _ in range(4):
        noise = state.newest.noise.action
        state, done = advance(tables, rules, state, sampling, 1.0, rng)
        decided.append(done.decided.tolist())
        sizes.append((state.batch.steps / 100).astype(int).tolist())
        same.append(bool((state.newest.noise.action[:, 0] == noise[:, 0]).all()))
    assert decided == [[True, True], [False, True]] * 2
    assert sizes == [[1, 1], [2, 1]] * 2
    assert same == [True, False] * 2
