"""The calls of torch that are not part of its public interface, one function each.

Every function says why the private call is worth it and has a public way beside it. It takes the public way where this
torch has no function of that name. Both give the same numbers up to rounding, which tests check.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
"""Adam's constants, as its authors propose."""


def _aten(name: str) -> Any:
    """The operator torch.ops.aten.NAME, or None if there is none."""
    return getattr(torch.ops.aten, name, None)


def adam_(phi: Tensor, gradient: Tensor, first: Tensor, second: Tensor, updates: Tensor, rate: float) -> None:
    """One step of Adam, in place.

    Why private: this is the kernel under torch.optim.Adam(fused=True). The optimiser's bookkeeping takes several times
    as long as the update of a network this small.

    Args:
        phi: parameters, shape (size,); changed.
        gradient: of the loss in phi, shape (size,).
        first, second: Adam's moments, shape (size,); changed.
        updates: number of updates so far, a scalar; changed.
        rate: step size.
    """
    updates += 1
    fused = getattr(torch, "_fused_adam_", None)
    if fused is not None:
        constants = {"beta1": BETA1, "beta2": BETA2, "eps": EPSILON, "weight_decay": 0.0}
        fused([phi], [gradient], [first], [second], [], [updates], lr=rate, amsgrad=False, maximize=False, **constants)
        return
    first.lerp_(gradient, 1 - BETA1)
    second.mul_(BETA2).addcmul_(gradient, gradient, value=1 - BETA2)
    n = float(updates)
    scale = (second / (1 - BETA2**n)).sqrt_().add_(EPSILON)
    phi.addcdiv_(first, scale, value=-rate / (1 - BETA1**n))


def bfloat16_is_fast() -> bool:
    """Whether this CPU has instructions for bfloat16.

    Why private: torch has no public question for it. Without an answer it is no, which costs time and no accuracy.
    """
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return supported is not None and bool(supported())


def tanh_backward_(u: Tensor, a: Tensor) -> Tensor:
    """u (1 - a^2), in place: u times the derivative of the tanh whose output is a. Same shapes.

    Why private: one pass over memory instead of three.
    """
    kernel = _aten("tanh_backward")
    if kernel is None:
        return u.mul_(torch.rsub(a * a, 1))
    result: Tensor = kernel.grad_input(u, a, grad_input=u)
    return result


def relu_backward(u: Tensor, a: Tensor) -> Tensor:
    """u where a > 0, else 0: u times the derivative of the ReLU whose output is a. Same shapes.

    Why private: one pass over memory instead of two, and no mask in it.
    """
    kernel = _aten("threshold_backward")
    result: Tensor = torch.where(a > 0, u, 0) if kernel is None else kernel(u, a, 0)
    return result


def conv2d_backward(
    u: Tensor, x: Tensor, w: Tensor, stride: int, input_wanted: bool
) -> tuple[Tensor | None, Tensor, Tensor]:
    """Derivatives of functional.conv2d(x, w, b, stride), multiplied by u.

    Why private: one call shares work between the three results, and needs no graph of automatic differentiation.

    Args:
        u: cotangent of the output, shape (n, out, rows, columns).
        x: input, shape (n, in, height, width).
        w: weights, shape (out, in, kernel, kernel).
        stride: of the convolution.
        input_wanted: whether the derivative in x is wanted.

    Returns:
        Those in x (None if not wanted), in w and in b, in their shapes.
    """
    kernel = _aten("convolution_backward")
    if kernel is None:
        x, w = x.detach().requires_grad_(input_wanted), w.detach().requires_grad_()
        with torch.enable_grad():
            output = functional.conv2d(x, w, None, stride)
        *by_x, by_w = torch.autograd.grad(output, (x, w) if input_wanted else (w,), u)
        return by_x[0] if by_x else None, by_w, u.sum((0, 2, 3))
    wanted = [input_wanted, True, True]
    by_x, by_w, by_b = kernel(u, x, w, [len(w)], [stride] * 2, [0, 0], [1, 1], False, [0, 0], 1, wanted)
    return by_x, by_w, by_b
