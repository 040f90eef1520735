"""The sampled step and Algorithm 4.3, against exact values."""

from dataclasses import replace

import numpy as np
import pytest

from exact.algorithm import iterate
from exact.controller import ControllerSettings, Outcome
from exact.evaluation import evaluate
from exact.mdps.library import load
from exact.subproblem.kl import solve_kl_reverse
from tests.verify.sampled.cases import GARNET, batch_of, many
from verify.sampled import algorithm as sampled_algorithm
from verify.sampled.algorithm import Sampling, advance, begin
from verify.sampled.curves import optimal_return
from verify.sampled.decisions import RADII, STAGES, DecisionTask, run_decisions, stages
from verify.sampled.estimators import BatchSums
from verify.sampled.rules import Rule, Scale
from verify.sampled.sampler import tabulate
from verify.sampled.step import gradient_norms, natural_step, propose


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
    batch = BatchSums(*(np.stack([x / 2, x / 2]) for x in (visits, total, total)), *(np.zeros(1),) * 6)
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

    def draw_batch(tables, policy, critic, sampling, rng):
        found = [evaluate(mdp, pi) for pi in policy]
        return exact_batch(mdp, policy, critic), np.array([e.eta for e in found]), np.stack([e.V for e in found])

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
