import numpy as np
import pytest
import torch
from torch import distributions

from deep.model.mlp import MLP
from deep.model.policies import CategoricalPolicy, GaussianPolicy

GAUSSIAN = GaussianPolicy(MLP((3, 6, 2)), -0.5)
CATEGORICAL = CategoricalPolicy(MLP((3, 6, 4)))
POLICIES = pytest.mark.parametrize("policy", [GAUSSIAN, CATEGORICAL], ids=["gaussian", "categorical"])


def draw(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def reference(policy, pi):
    if policy is GAUSSIAN:
        return distributions.Independent(distributions.Normal(pi.output, pi.log_std.exp().expand_as(pi.output)), 1)
    return distributions.Categorical(logits=pi.output)


@POLICIES
def test_log_prob_kl_and_entropy_agree_with_torch_distributions(policy):
    x = draw(9, 3)
    old, new = (policy.distribution(0.3 * draw(policy.size, seed=seed), x) for seed in (1, 2))
    p, q = reference(policy, old), reference(policy, new)
    actions = p.sample()
    torch.testing.assert_close(policy.log_prob(old, actions), p.log_prob(actions))
    torch.testing.assert_close(policy.distance(old, new), distributions.kl_divergence(p, q))
    torch.testing.assert_close(policy.entropy(old), p.entropy().mean())


@POLICIES
def test_fisher_products_are_those_of_the_dense_hessian_of_the_kl(policy):
    theta, x = 0.5 * draw(policy.size, seed=3), draw(9, 3)
    pi_k = policy.distribution(theta, x)

    def kl(t):
        return policy.distance(pi_k, policy.distribution(t, x)).mean()

    hessian = torch.autograd.functional.hessian(kl, theta)
    product = policy.fisher_vector_product(theta, policy.linearise(theta, x))
    dense = torch.stack([product(unit) for unit in torch.eye(policy.size, dtype=theta.dtype)])
    torch.testing.assert_close(dense, hessian, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("policy", [GAUSSIAN, CATEGORICAL], ids=["gaussian", "categorical"])
def test_actor_samples_the_policy(policy):
    n, rng = 20_000, np.random.default_rng(4)
    theta, x = 0.5 * draw(policy.size, seed=3).float(), draw(1, 3).float()
    actor, pi = policy.actor(theta), reference(policy, policy.distribution(theta, x))
    actions = np.array([actor.act(x[0].numpy(), noise) for noise in actor.draw_noise(rng, n)])
    if policy is GAUSSIAN:
        np.testing.assert_allclose(actions.mean(0), pi.mean[0], atol=0.03)
        np.testing.assert_allclose(actions.std(0), pi.stddev[0], atol=0.03)
        np.testing.assert_allclose(actor.mode(x[0].numpy()), pi.mean[0], rtol=1e-5)
    else:
        np.testing.assert_allclose(np.bincount(actions, minlength=4) / n, pi.probs[0], atol=0.02)
        assert actor.mode(x[0].numpy()) == int(pi.probs[0].argmax())
