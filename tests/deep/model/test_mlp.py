import numpy as np
import pytest
import torch

from deep.model.mlp import MLP

NET = MLP((3, 5, 4, 2))


@pytest.fixture
def point():
    rng = np.random.default_rng(0)

    def draw(*shape):
        return torch.from_numpy(rng.standard_normal(shape))

    return draw(NET.size), draw(7, 3), draw(NET.size), draw(7, 2)


def test_jacobian_products_agree_with_automatic_differentiation(point):
    theta, x, v, u = point
    linear = NET.linearise(theta, x)
    output, jv = torch.autograd.functional.jvp(lambda t: NET.forward(t, x), theta, v)
    _, ju = torch.autograd.functional.vjp(lambda t: NET.forward(t, x), theta, u)
    torch.testing.assert_close(linear.output, output)
    torch.testing.assert_close(linear.jvp(v), jv)
    torch.testing.assert_close(linear.vjp(u), ju)


def test_actor_computes_the_network(point):
    theta, x = point[0].float(), point[1].float()
    actor = NET.actor(theta)
    rows = np.stack([actor(row) for row in x.numpy()])
    np.testing.assert_allclose(rows, NET.forward(theta, x).numpy(), rtol=1e-5, atol=1e-6)


def test_actor_is_a_copy(point):
    theta, x = point[0].float(), point[1].float().numpy()
    actor = NET.actor(theta)
    before = actor(x[0]).copy()
    theta.zero_()
    np.testing.assert_array_equal(actor(x[0]), before)


def test_initial_weights_are_orthogonal_and_the_head_is_scaled():
    net = MLP((3, 8, 2), head_scale=0.01)
    (w, b), (head, _) = net.layers(net.initial(np.random.default_rng(1)).double())
    torch.testing.assert_close(w @ w.T, 2 * torch.eye(3).double(), atol=1e-5, rtol=0)
    torch.testing.assert_close(head.T @ head, 1e-4 * torch.eye(2).double(), atol=1e-8, rtol=0)
    assert not b.any()


@pytest.mark.parametrize("sizes", [(3,), (3, 0, 2)])
def test_bad_sizes_are_refused(sizes):
    with pytest.raises(ValueError, match="network"):
        MLP(sizes)
