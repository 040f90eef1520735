"""The bridge: SAMPLE, its estimates, the sampled step, Algorithm 4.3 and the rules, against exact values."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flint import fmpq

from exact import cli
from exact.algorithm import iterate
from exact.controller import ControllerSettings, ControllerState, Outcome
from exact.errors import InputError
from exact.evaluation import evaluate
from exact.kl import solve_kl_reverse
from exact.library import load
from verify import sampled_algorithm, sampled_ratio
from verify.estimators import (
    Batch,
    Estimate,
    fit_critic,
    gae,
    half,
    merge,
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
from verify.rational import dyadics
from verify.report import Verdict
from verify.rules import CONTENDERS, FIXED, GUARD, RULES, Rule, Scale, decide_all
from verify.runs import rational_mdp
from verify.sampled_algorithm import Sampling, advance, begin, radii, weigh_unsampled
from verify.sampled_curves import optimal_return
from verify.sampled_decisions import RADII, STAGES, DecisionTask, run_decisions, stages
from verify.sampled_step import Proposal, gradient_norms, natural_step, propose
from verify.sampling import Samples, sample, sampler
from verify.trapezoid import STUDY, derivative_rewards, errors

GARNET = "garnet:S=6,A=3,b=2,gamma=0.9,seed=3"
STANDARD_ERRORS = 4.5
"""Width of statistical tests: with fixed seeds they fail or pass for good, and a wrong formula is much farther off."""


@pytest.fixture(scope="module")
def mdp():
    return load(GARNET)


@pytest.fixture(scope="module")
def pair(mdp):
    """Two neighbouring random policies."""
    rng = np.random.default_rng(5)
    first, other = rng.dirichlet(np.ones(3), (2, 6))
    return first, 0.8 * first + 0.2 * other


def many(policy, R):
    return np.repeat(policy[None], R, axis=0)


def batch_of(mdp, policy, N, R, seed, lam=0.95, V=None, exact_A=None):
    samples = sample(sampler(mdp), many(policy, R), N, np.random.default_rng(seed))
    V = np.zeros((R, mdp.n_states)) if V is None else np.repeat(V[None], R, axis=0)
    return summarise(mdp, samples, V, lam, None if exact_A is None else many(exact_A, R))


def assert_mean(values, expected, bias=0.0):
    """The mean over replications agrees with `expected` to STANDARD_ERRORS, up to a known bias."""
    error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    assert np.all(np.abs(values.mean(axis=0) - expected) <= STANDARD_ERRORS * error + bias)


@pytest.mark.parametrize("name", [GARNET, "frozenlake-4x4"])
def test_sample_visits_states_as_rho_and_actions_as_pi(name):
    mdp = load(name)
    rng = np.random.default_rng(1)
    policy = rng.dirichlet(np.ones(mdp.n_actions), mdp.n_states)
    N, R = 2000, 200
    samples = sample(sampler(mdp), many(policy, R), N, rng)
    visits = np.stack([np.bincount(x, minlength=mdp.n_states) / N for x in samples.states.T])
    burn_in = 1 / (N * (1 - mdp.discount))  # the batch begins at rho0, not at (1 - gamma) rho
    assert_mean(visits, (1 - mdp.discount) * evaluate(mdp, policy).rho, bias=burn_in)
    for s in range(mdp.n_states):
        taken = np.bincount(samples.actions[samples.states == s], minlength=mdp.n_actions)
        expected = taken.sum() * policy[s]
        assert np.all(np.abs(taken - expected) <= STANDARD_ERRORS * np.sqrt(expected * (1 - policy[s]) + 1))


def test_next_states_follow_the_kernel(mdp, pair):
    samples = sample(sampler(mdp), many(pair[0], 100), 1000, np.random.default_rng(2))
    went_on = ~samples.ended[:-1]
    assert np.array_equal(samples.next_states[:-1][went_on], samples.states[1:][went_on])
    counts = np.zeros((6, 3, 6))
    np.add.at(counts, (samples.states, samples.actions, samples.next_states), 1)
    expected = counts.sum(axis=2, keepdims=True) * mdp.transitions
    assert np.all(np.abs(counts - expected) <= STANDARD_ERRORS * np.sqrt(expected + 1) * (expected > 0))


def test_total_rewards_are_those_of_complete_trajectories():
    ended = np.array([[0, 0], [1, 0], [0, 1], [1, 0], [0, 0]], dtype=bool)
    rewards = np.array([[1.0, 1], [2, 2], [3, 3], [4, 4], [5, 5]])
    states = np.zeros((5, 2), dtype=np.intp)
    total, squares, count = total_rewards(Samples(states, states, rewards, states, ended))
    # first: 1+2 and 3+4, the 5 belongs to an open trajectory; second: 1+2+3 alone, so the open 4+5 counts too
    assert total.tolist() == [10, 15]
    assert squares.tolist() == [9 + 49, 36 + 81]
    assert count.tolist() == [2, 2]


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


@pytest.mark.parametrize("radius", [1e-4, 0.01, 0.5])
def test_the_natural_step_is_the_exact_kl_step_at_the_sampled_surrogate(mdp, radius):
    rng = np.random.default_rng(13)
    pi = rng.dirichlet(np.full(3, 0.5), (4, 6))
    visits = rng.integers(0, 9, (4, 6, 3)).astype(float)
    visits[0, 2] = 0  # a state never seen
    total = rng.normal(size=visits.shape) * visits
    found = natural_step((visits, total, total), pi, np.full(4, radius))
    n = visits.sum(axis=2)
    for r in range(4):
        A_hat = total[r] / np.maximum(n[r, :, None], 1) / pi[r]
        expected = solve_kl_reverse(pi[r], A_hat, n[r] / n[r].sum(), radius)
        assert np.allclose(found[r], expected.policy, atol=1e-6)
    assert np.allclose(found[0, 2], pi[0, 2])


def test_the_natural_step_stays_at_a_deterministic_policy():
    pi = np.zeros((1, 2, 2))
    pi[..., 0] = 1
    visits = np.array([[[5.0, 0], [5, 0]]])
    assert np.array_equal(natural_step((visits, 2 * visits, visits), pi, np.array([0.1])), pi)


def test_the_gradient_norms_are_those_of_the_logits():
    pi = np.array([[[0.25, 0.75]]])
    visits, total = np.array([[[2.0, 2.0]]]), np.array([[[1.0, -1.0]]])
    batch = Batch(*(np.stack([x / 2, x / 2]) for x in (visits, total, total)), *(np.zeros(1),) * 6)
    euclidean, natural = gradient_norms(batch, pi)
    A_hat = np.array([1 / (4 * 0.25), -1 / (4 * 0.75)])
    g = pi[0, 0] * (A_hat - pi[0, 0] @ A_hat)
    H = np.diag(pi[0, 0]) - np.outer(pi[0, 0], pi[0, 0])
    assert euclidean[0] == pytest.approx(np.linalg.norm(g))
    assert natural[0] == pytest.approx(np.sqrt(g @ np.linalg.pinv(H) @ g))


def test_the_held_out_gain_does_not_see_the_half_that_chose_the_step(mdp, pair):
    batch = batch_of(mdp, pair[0], 200, 2, 14)
    other = batch_of(mdp, pair[0], 200, 2, 15)
    mixed = replace(
        batch,
        **{
            name: np.stack([getattr(batch, name)[0], getattr(other, name)[1]])
            for name in ("visits", "advantage", "advantage_squared")
        },
    )
    halved, radius = np.array([True, False]), np.full(2, 0.01)
    a, b = (propose(x, many(pair[0], 2), radius, mdp.discount, halved) for x in (batch, mixed))
    assert np.array_equal(a.policy[0], b.policy[0])
    assert a.predicted.value[0] == b.predicted.value[0]
    assert a.held_out.value[0] != b.held_out.value[0]
    assert not np.array_equal(a.policy[1], b.policy[1])


def test_with_exact_advantages_no_sampled_step_makes_a_policy_worse(mdp):
    """Reweighting exact advantages by visits keeps their signs, so that f(s) >= 0 in every state."""
    task = DecisionTask(GARNET, Sampling(20, exact_advantages=True), 10, np.random.SeedSequence(1))
    assert all((found.gain >= -1e-12).all() for found in run_decisions(task))
    per_stage = len(STAGES), len(RADII) * task.replications
    gain = run_decisions(task)[0].gain.reshape(per_stage)
    assert (gain <= 1 - np.array(STAGES)[:, None] + 1e-9).all()  # no more than what was left of the way
    assert gain[0].max() > 1 - STAGES[-1]
    noisy = replace(task, sampling=Sampling(20, exact_advantages=False))
    assert (run_decisions(noisy)[0].gain < 0).any()


def test_stages_lie_where_they_say(mdp):
    start, optimum = evaluate(mdp, mdp.uniform_policy()).eta, optimal_return(mdp)
    reached = [(evaluate(mdp, pi).eta - start) / (optimum - start) for pi in stages(mdp, optimum)]
    assert all(share <= found <= share + 0.15 for share, found in zip(STAGES, reached, strict=True))


def exact_batch(mdp, policy, critic, N=1000.0):
    """A batch whose every sum is its expectation, with all returns equal to eta."""
    found = [evaluate(mdp, pi) for pi in policy]
    visits = np.stack([N * (1 - mdp.discount) * e.rho[:, None] * pi for e, pi in zip(found, policy, strict=True)])
    A = np.stack([e.A for e in found])
    sums = [np.stack([x / 2, x / 2]) for x in (visits, visits * A, visits * A**2)]
    eta, ones = np.array([e.eta for e in found]), np.ones(len(policy))
    return Batch(*sums, (visits * A).sum(axis=2), N * ones, N * ones, 9 * eta, 9 * eta**2, 9 * ones)


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

    def draw(source, policy, critic, sampling, rng):
        found = [evaluate(mdp, pi) for pi in policy]
        return exact_batch(mdp, policy, critic), np.array([e.eta for e in found]), np.stack([e.V for e in found])

    monkeypatch.setattr(sampled_algorithm, "draw", draw)
    source, sampling, rng = sampler(mdp), Sampling(8, exact_advantages=True), np.random.default_rng(0)
    lanes = begin(source, [rule], sampling, rng)
    outcomes = set()
    for k, it in enumerate(iterate(mdp, solve_kl_reverse, delta0=delta0, settings=settings, tolerance=1e-3)):
        if k == 12:
            break
        lanes, done = advance(source, [rule], lanes, sampling, 1.0, rng)
        assert done.radius[0] == pytest.approx(it.delta * (1 - mdp.discount))
        assert done.accepted[0] == (it.outcome is Outcome.ACCEPT)
        assert lanes.states[0].radius == pytest.approx(it.next_delta * (1 - mdp.discount))
        expected = it.before.eta if it.outcome is Outcome.REJECT else it.after.eta
        assert done.eta[0] == pytest.approx(expected, abs=1e-5)
        outcomes.add(it.outcome)
        if lanes.owing[0]:
            lanes, _ = advance(source, [rule], lanes, sampling, 1.0, rng)
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
    source, sampling, rng = sampler(mdp), Sampling(100, exact_advantages=False), np.random.default_rng(16)
    lanes = begin(source, rules, sampling, rng)
    sizes, owing, policies = [], [], []
    for _ in range(6):
        lanes, _ = advance(source, rules, lanes, sampling, 1.0, rng)
        sizes.append((lanes.batch.steps / 100).astype(int).tolist())
        owing.append(lanes.owing.tolist())
        policies.append(lanes.policy)
    # late: trial, more, trial, more, forced trial; early: more, more, forced, and again
    assert [late for late, _ in sizes] == [1, 2, 2, 3, 1, 1]
    assert [early for _, early in sizes] == [2, 3, 1, 2, 3, 1]
    assert [late for late, _ in owing] == [True, False, True, False, False, True]
    assert not any(early for _, early in owing)
    uniform = mdp.uniform_policy()
    moved = [[not np.array_equal(policy[r], uniform) for policy in policies] for r in range(2)]
    assert moved == [[False] * 4 + [True] * 2, [False] * 2 + [True] * 4]


def test_the_forced_trial_is_the_best_of_the_rejected(mdp):
    rule = never("late", False)
    source, sampling, rng = sampler(mdp), Sampling(100, exact_advantages=False), np.random.default_rng(17)
    rules = [rule] * 20
    lanes = begin(source, rules, sampling, rng)
    best = np.full(20, -np.inf)
    for _ in range(4):
        lanes, _ = advance(source, rules, lanes, sampling, 1.0, rng)
        assert (lanes.best >= best).all()
        best = lanes.best
    remembered, kept = lanes.best_policy, lanes.best_batch
    lanes, _ = advance(source, rules, lanes, sampling, 1.0, rng)
    from_memory = np.array([np.array_equal(p, q) for p, q in zip(lanes.policy, remembered, strict=True)])
    assert from_memory.any()
    assert not from_memory.all()  # the last trial is a candidate, too
    assert np.array_equal(lanes.batch.visits[:, from_memory], kept.visits[:, from_memory])
    assert np.isneginf(lanes.best).all()


def evidence(predicted=2.0, sigma=3.0, returns=(1.0, 0.5), reverse=(-1.0, 0.25)):
    one = np.ones(1)
    unsampled = weigh_unsampled(
        Batch(*(np.ones((2, 1, 1, 1)),) * 3, *(one,) * 6),
        Proposal(np.ones((1, 1, 1)), Estimate(predicted * one, one), Estimate(one, one)),
    )
    return replace(
        unsampled,
        sigma=sigma * one,
        returns=Estimate(*(x * one for x in returns)),
        reverse=Estimate(*(x * one for x in reverse)),
    )


def test_rules_form_the_ratio_they_are_named_after():
    by_name = {rule.name: rule for rule in RULES}

    def terms(name):
        return [float(x[0]) for x in by_name[name].terms(evidence())]

    assert terms("(4.14)") == [1, 2, 3]
    assert terms("(4.14) without sigma") == [1, 2, 0]
    assert terms("returns, z") == [1, 0, 0.5]
    assert terms("returns, relaxed") == [1 + 2 * 0.5, 2, 2 * 0.5]
    assert terms("reverse, z") == [-1, 0, 0.25]
    assert terms("trapezoid, z") == [(2 - 1) / 2, 0, np.hypot(1, 0.25) / 2]


def test_the_guard_rejects_a_significant_loss_and_keeps_mu():
    guard = next(rule for rule in RULES if rule.settings is GUARD)
    for value, expected in ((-1.0, Outcome.REJECT), (-0.4, Outcome.ACCEPT), (9.0, Outcome.ACCEPT)):
        state = ControllerState(guard.mu)
        outcomes, states = decide_all([guard], [state], evidence(reverse=(value, 0.25)), np.ones(1, dtype=bool))
        assert outcomes == [expected]
        assert states[0].radius == guard.mu


def test_a_rule_that_needs_the_trial_cannot_decide_before_it():
    known = replace(evidence(), returns=Estimate(np.full(1, np.nan), np.full(1, np.nan)))
    with pytest.raises(ValueError, match="non-finite"):
        decide_all([RULES[0]], [ControllerState(0.1)], known, np.ones(1, dtype=bool))


def test_the_radius_is_mu_times_the_factor_of_the_rules_scale(mdp):
    rules = [replace(FIXED[0], mu=0.5, scale=scale) for scale in Scale]
    source, sampling, rng = sampler(mdp), Sampling(50, exact_advantages=False), np.random.default_rng(19)
    lanes = begin(source, rules, sampling, rng)
    assert np.allclose(radii(rules, lanes, left=1.0), 0.5)  # every norm is relative to that of the first batch
    lanes, _ = advance(source, rules, lanes, sampling, 1.0, rng)
    now = gradient_norms(lanes.batch, lanes.policy)
    factors = {
        Scale.NONE: 1,
        Scale.EUCLIDEAN: now[0][1] / lanes.norms[0][1],
        Scale.NATURAL: now[1][2] / lanes.norms[1][2],
        Scale.LINEAR: 0.25,
    }
    expected = [0.5 * factors[scale] for scale in Scale]
    assert radii(rules, lanes, left=0.25) == pytest.approx(expected)
    assert len(set(expected)) == 4


def test_rules_have_distinct_names():
    names = [rule.name for rule in CONTENDERS]
    assert len(set(names)) == len(names)


def test_halving_the_step_divides_the_trapezoids_error_by_eight_and_the_surrogates_by_four():
    rng = np.random.default_rng(18)
    for seed in range(3):
        mdp = load(f"garnet:S=5,A=3,b=2,gamma=0.9,seed={seed}")
        pi, to = dyadics(rng.dirichlet(np.ones(3), (2, 5)))
        pi, to = (p / p.sum(axis=1, keepdims=True) for p in (pi, to))
        found = [errors(rational_mdp(mdp), pi, pi + fmpq(1, h) * (to - pi)) for h in (4096, 8192)]
        forward, trapezoid = (float(found[0][i] / found[1][i]) for i in range(2))
        assert forward == pytest.approx(4, rel=0.05)
        assert trapezoid == pytest.approx(8, rel=0.05)
        derivatives = derivative_rewards(rational_mdp(mdp), pi, fmpq(1, 4096) * (to - pi))
        third = [next(derivatives)[1] for _ in range(3)][2]
        assert float(found[0][1] / third) == pytest.approx(-0.5, rel=0.05)


def test_the_trapezoids_bounds_hold_exactly():
    checks = STUDY.check(STUDY.options(instances=4, seed=1, mdp=("cash-in", "forest")))
    assert {check.statement for check in checks} == set(STUDY.statements)
    assert all(check.verdict is Verdict.HOLDS and check.exact for check in checks)


SMALL = ["--mdp", GARNET, "--batches", "16", "32", "--replications", "2", "--rounds", "3", "--seeds", "2",
         "--curve-batch", "16"]  # fmt: skip


def command(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["sampled_ratio", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.run(sampled_ratio.work)
    return stop.value.code


def test_the_report_depends_on_the_seed_and_not_on_the_jobs(monkeypatch, tmp_path, capsys):
    reports = []
    for i, extra in enumerate((["--figure", str(tmp_path / "f.png")], ["--jobs", "2"], ["--seed", "1"])):
        path = tmp_path / f"{i}.json"
        assert command(monkeypatch, *SMALL, "--mdp", "chain", "--json", str(path), *extra) == 0
        reports.append(json.loads(path.read_text()))
    assert reports[0] == reports[1]
    assert reports[0]["decisions"] != reports[2]["decisions"]
    assert reports[0]["curves"] != reports[2]["curves"]
    assert (tmp_path / "f.png").stat().st_size > 1000
    out = capsys.readouterr().out
    assert all(rule.name in out for rule in CONTENDERS)
    assert len(reports[0]["decisions"]) == len(RULES) * 2 * 2 * 4


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"batches": (4,)}, "--batches must be one or more sizes of at least 8"),
        ({"batches": ()}, "--batches must be one or more sizes of at least 8"),
        ({"curve_batch": 2}, "--curve-batch must be at least 8, got 2"),
        ({"replications": 1}, "--replications must be at least 2, got 1"),
        ({"seeds": 1}, "--seeds must be at least 2, got 1"),
        ({"seed": -1}, "--seed must be at least 0, got -1"),
        ({"json": Path("no/such/folder.json")}, "cannot write"),
        ({"figure": Path("figure.txt")}, "expected a file name ending in"),
    ],
)
def test_options_say_what_is_wrong_with_them(wrong, message):
    with pytest.raises(InputError, match=message):
        sampled_ratio.Options(**wrong)


@pytest.mark.parametrize(
    ("mdp_name", "message"),
    [("chian", "did you mean chain"), ("garnet:S=4,A=1,b=2,gamma=0.9,seed=0", "the uniform policy is optimal")],
)
def test_a_bad_mdp_is_one_line_and_status_2_before_any_work(monkeypatch, capsys, tmp_path, mdp_name, message):
    path = tmp_path / "report.json"
    path.write_text("kept")
    assert command(monkeypatch, "--mdp", "chain", "--mdp", mdp_name, "--json", str(path)) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert message in error
    assert path.read_text() == "kept"
