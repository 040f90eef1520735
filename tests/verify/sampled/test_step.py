"""The step of the sampled surrogate, against the exact one."""

from dataclasses import replace

import numpy as np
import pytest

from exact.subproblem.kl import solve_kl_reverse
from tests.verify.sampled.cases import batch_of, many
from verify.sampled.estimators import BatchSums
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
