"""The convolutional network against plain automatic differentiation, and the categorical policy on it, in float64."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from deep.model.convnet import CHUNK, ConvNet
from deep.model.policies import CategoricalPolicy
from deep.presets import NATURE_CNN

NETS = {
    "hidden layer": ConvNet((2, 9, 8), ((3, 3, 2), (4, 2, 1)), (5,), 3),
    "two hidden layers": ConvNet((2, 9, 8), ((3, 3, 2),), (5, 4), 3),
    "no hidden layer": ConvNet((2, 9, 8), ((3, 3, 2), (4, 2, 1)), (), 3),
    "channels last": ConvNet((9, 8, 2), ((3, 3, 2), (4, 2, 1)), (5,), 3),
}
EVERY = pytest.mark.parametrize("net", NETS.values(), ids=NETS)


def plain(net, theta, x):
    """The network as torch's own operations would write it."""
    h = (x.permute(0, 3, 1, 2) if net.channels_last else x).to(theta.dtype) / 255
    *hidden, (weights, biases) = net.layers(theta)
    for i, (w, b) in enumerate(hidden):
        if i == len(net.convolutions):
            h = h.permute(0, 2, 3, 1).flatten(1)
        h = torch.relu(functional.conv2d(h, w, b, net.convolutions[i][2]) if i < len(net.convolutions) else h @ w + b)
    if len(net.convolutions) == len(hidden):
        h = h.permute(0, 2, 3, 1).flatten(1)
    return h @ weights + biases


def point(net, n=7, seed=0):
    rng = np.random.default_rng(seed)

    def draw(*shape):
        return torch.from_numpy(rng.standard_normal(shape))

    x = torch.from_numpy(rng.integers(256, size=(n, *net.image), dtype=np.uint8))
    return 0.5 * draw(net.size), x, draw(net.size), draw(n, net.outputs)


@EVERY
def test_output_gradient_and_jacobian_products_are_those_of_automatic_differentiation(net):
    theta, x, v, u = point(net)
    linear = net.linearise(theta, x)
    output, jv = torch.autograd.functional.jvp(lambda t: plain(net, t, x), theta, v)
    _, ju = torch.autograd.functional.vjp(lambda t: plain(net, t, x), theta, u)
    torch.testing.assert_close(linear.output, output)
    torch.testing.assert_close(net.forward(theta, x), output)
    torch.testing.assert_close(linear.jvp(v), jv)
    torch.testing.assert_close(linear.vjp(u), ju)


def test_images_in_several_chunks_are_those_in_one():
    net = NETS["hidden layer"]
    theta, x, v, u = point(net, n=CHUNK + 3)
    linear = net.linearise(theta, x)
    output, jv = torch.autograd.functional.jvp(lambda t: plain(net, t, x), theta, v)
    _, ju = torch.autograd.functional.vjp(lambda t: plain(net, t, x), theta, u)
    torch.testing.assert_close(net.forward(theta, x), output)
    torch.testing.assert_close(linear.output, output)
    torch.testing.assert_close(linear.jvp(v), jv)
    torch.testing.assert_close(linear.vjp(u), ju)


def test_fisher_products_are_those_of_the_dense_hessian_of_the_kl():
    net = NETS["hidden layer"]
    theta, x, _, _ = point(net)
    policy = CategoricalPolicy(net)
    pi_k = policy.distribution(theta, x)

    def kl(t):
        return policy.distance(pi_k, pi_k._replace(output=plain(net, t, x))).mean()

    product = policy.fisher_vector_product(theta, policy.linearise(theta, x))
    dense = torch.stack([product(unit) for unit in torch.eye(net.size, dtype=theta.dtype)])
    torch.testing.assert_close(dense, torch.autograd.functional.hessian(kl, theta), rtol=1e-8, atol=1e-10)


def test_nature_cnn_has_its_published_size_and_starts_orthogonal():
    net = ConvNet((4, 84, 84), NATURE_CNN, (512,), 6, head_scale=0.01)
    assert net.size == 1_687_206  # DQN's network with six actions
    theta = net.initial(np.random.default_rng(0)).double()
    (first, bias), *_, (dense, _), (head, _) = net.layers(theta)
    w = first.permute(0, 2, 3, 1).reshape(32, -1)
    for gram, scale in ((w @ w.T, 2.0), (dense.T @ dense, 2.0), (head.T @ head, 1e-4)):
        torch.testing.assert_close(gram, scale * torch.eye(len(gram)).double(), rtol=0, atol=1e-5 * scale)
    assert not bias.any()


def test_short_arithmetic_is_close():
    exact = ConvNet((4, 84, 84), NATURE_CNN, (512,), 6)
    short = ConvNet((4, 84, 84), NATURE_CNN, (512,), 6, compute=torch.bfloat16)
    theta = exact.initial(np.random.default_rng(0))
    _, x, _, u = point(exact, n=16)
    a, b = exact.linearise(theta, x), short.linearise(theta, x)
    assert b.output.dtype == torch.float32
    v = torch.from_numpy(np.random.default_rng(1).standard_normal(exact.size)).float()
    # On noise many units are close to where their ReLU bends, so the products differ more than on a game's frames.
    pairs = ((a.output, b.output, 0.03), (a.jvp(v), b.jvp(v), 0.15), (a.vjp(u.float()), b.vjp(u.float()), 0.15))
    for wanted, got, tolerance in pairs:
        assert float((wanted - got).norm() / wanted.norm()) < tolerance


def test_actor_computes_the_network_for_one_image_and_for_many():
    net = NETS["hidden layer"]
    theta, x, _, _ = point(net)
    actor = net.actor(theta)
    output = net.forward(theta, x).numpy()
    np.testing.assert_allclose(actor(x.numpy()), output)
    np.testing.assert_allclose(actor(x[0].numpy()), output[0])


def test_layers_that_do_not_fit_the_image_are_refused():
    with pytest.raises(ValueError, match="do not fit images"):
        ConvNet((1, 10, 10), NATURE_CNN, (512,), 3)
