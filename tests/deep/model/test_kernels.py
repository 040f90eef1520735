"""The private calls of torch, and the public ways that stand in where this torch has no such call."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional

from deep.model import kernels


def draw(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


@pytest.fixture(params=["private", "public"])
def way(request, monkeypatch):
    """This torch as it is, or one without the private names."""
    if request.param == "public":
        monkeypatch.delattr(torch, "_fused_adam_")
        monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported")
        monkeypatch.setattr(torch.ops, "aten", SimpleNamespace())
    return request.param


def test_adam_is_torchs(way):
    start = draw(50)
    phi, first, second, updates = start.clone(), torch.zeros(50), torch.zeros(50), torch.zeros(())
    wanted = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([wanted])
    for i, rate in enumerate((1e-2, 3e-3, 1e-3), 1):
        optimiser.param_groups[0]["lr"] = rate
        wanted.grad = draw(50, seed=i)
        optimiser.step()
        kernels.adam_(phi, draw(50, seed=i), first, second, updates, rate)
    torch.testing.assert_close(phi, wanted.detach(), rtol=1e-5, atol=1e-6)
    assert float(updates) == 3


def test_tanh_and_relu_are_differentiated(way):
    u, x = draw(7, 5), draw(7, 5, seed=1)
    for function, backward in ((torch.tanh, kernels.tanh_backward_), (torch.relu, kernels.relu_backward)):
        leaf = x.clone().requires_grad_()
        (wanted,) = torch.autograd.grad(function(leaf), leaf, u)
        torch.testing.assert_close(backward(u.clone(), function(x)), wanted)


def test_tanh_backward_works_in_place(way):
    u = draw(3, 2)
    assert kernels.tanh_backward_(u, torch.zeros(3, 2)) is u


@pytest.mark.parametrize("input_wanted", [True, False])
def test_convolutions_are_differentiated(way, input_wanted):
    x, w, b = (t.requires_grad_() for t in (draw(2, 3, 9, 9), draw(4, 3, 3, 3, seed=1), draw(4, seed=2)))
    output = functional.conv2d(x, w, b, 2)
    u = draw(*output.shape, seed=3)
    wanted = torch.autograd.grad(output, (x, w, b), u)
    by_x, by_w, by_b = kernels.conv2d_backward(u, x.detach(), w.detach(), 2, input_wanted)
    torch.testing.assert_close((by_w, by_b), wanted[1:], rtol=1e-4, atol=1e-5)
    if input_wanted:
        torch.testing.assert_close(by_x, wanted[0], rtol=1e-4, atol=1e-5)
    else:
        assert by_x is None


def test_without_an_answer_bfloat16_is_not_fast(way):
    assert isinstance(kernels.bfloat16_is_fast(), bool)
    if way == "public":
        assert not kernels.bfloat16_is_fast()
