import numpy as np
import pytest
import torch
from torch import distributions

from deep.model.mlp import MLP
from deep.model.policies import CategoricalPolicy, GaussianPolicy

GAUSSIAN = GaussianPolicy(MLP((3, 6, 2)), -0.5)
CATEGORICAL = CategoricalPolicy(MLP((3, 6, 4)))
PRODUCT = CategoricalPolicy(MLP((3, 6, 7)), heads=(4, 1, 2))
MASKED = CategoricalPolicy(MLP((3, 6, 4)), heads=(4,), mask=4)
MASKS = CategoricalPolicy(MLP((3, 6, 7)), heads=(4, 1, 2), mask=7)
NAMES = {"gaussian": GAUSSIAN, "categorical": CATEGORICAL, "product": PRODUCT, "masked": MASKED, "masks": MASKS}
POLICIES = pytest.mark.parametrize("policy", NAMES.values(), ids=NAMES)


class Product:
    """Categorical distributions side by side, of logits that lie side by side."""

    def __init__(self, logits, heads):
        self.parts = [distributions.Categorical(logits=part) for part in logits.split(heads, 1)]

    def sample(self):
        return torch.stack([part.sample() for part in self.parts], 1)

    def log_prob(self, actions):
        return sum(part.log_prob(actions[:, i]) for i, part in enumerate(self.parts))

    def entropy(self):
        return sum(part.entropy() for part in self.parts)


def kl(p, q):
    if isinstance(p, Product):
        return sum(map(distributions.kl_divergence, p.parts, q.parts))
    return distributions.kl_divergence(p, q)


def observe(policy, n=9):
    """Observations, with a mask that allows the first action of each distribution and half of the others."""
    x, mask = draw(n, 3), (draw(n, policy.mask, seed=7) > 0).double()
    if policy.mask:
        mask[:, np.cumsum((0, *policy.heads[:-1]))] = 1
    return torch.cat([x, mask], 1)


def draw(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def reference(policy, pi):
    if policy is GAUSSIAN:
        return distributions.Independent(distributions.Normal(pi.output, pi.log_std.exp().expand_as(pi.output)), 1)
    if len(policy.heads) > 1:
        return Product(pi.output, list(policy.heads))
    return distributions.Categorical(logits=pi.output)


@POLICIES
def test_log_prob_kl_and_entropy_agree_with_torch_distributions(policy):
    x = observe(policy)
    old, new = (policy.distribution(0.3 * draw(policy.size, seed=seed), x) for seed in (1, 2))
    p, q = reference(policy, old), reference(policy, new)
    actions = p.sample()
    torch.testing.assert_close(policy.log_prob(old, actions), p.log_prob(actions))
    torch.testing.assert_close(policy.distance(old, new), kl(p, q))
    torch.testing.assert_close(policy.entropy(old), p.entropy().mean())


@POLICIES
def test_fisher_products_are_those_of_the_dense_hessian_of_the_kl(policy):
    theta, x = 0.5 * draw(policy.size, seed=3), observe(policy)
    pi_k = policy.distribution(theta, x)

    def distance(t):
        return policy.distance(pi_k, policy.distribution(t, x)).mean()

    hessian = torch.autograd.functional.hessian(distance, theta)
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


@pytest.mark.parametrize("policy", [MASKED, MASKS, PRODUCT], ids=["masked", "masks", "product"])
def test_a_masked_action_has_no_probability_and_the_others_share_it(policy):
    n, rng = 4000, np.random.default_rng(4)
    theta, x = 0.5 * draw(policy.size, seed=3).float(), observe(policy, 1).float()
    actor, pi = policy.actor(theta), policy.distribution(theta, x)
    actions = actor.act(np.repeat(x.numpy(), n, 0), actor.draw_noise(rng, n)).reshape(n, -1)
    mode = actor.mode(x[0].numpy()).reshape(-1)
    allowed = x[0, 3:] if policy.mask else torch.ones(7)
    for i, (logits, mask) in enumerate(zip(pi.output.split(policy.heads, 1), allowed.split(policy.heads), strict=True)):
        p = torch.softmax(logits[0], 0)
        assert (p[mask == 0] == 0).all()
        np.testing.assert_allclose(np.bincount(actions[:, i], minlength=len(p)) / n, p, atol=0.04)
        assert mode[i] == int(p.argmax())
