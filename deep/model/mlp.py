"""Networks over one flat parameter vector: the interface, and a tanh multilayer perceptron.

Trust-region methods treat the parameters as a vector theta (conjugate gradients, line search, projections), so the
network is a function f(theta, x) and holds no parameters.  `Linearisation` keeps the activations of one forward pass
and gives products with the Jacobian J = df/dtheta of the stacked outputs,

    jvp(v) = J v  (forward mode),      vjp(u) = J' u  (backward mode),

which is all that the Gauss-Newton form J' M J of the Fisher matrix and the gradient of a loss need.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deep.model.actors import MlpActor, OutputActor
from deep.model.kernels import tanh_backward_

Layers = list[tuple[Tensor, Tensor]]
"""Weights of shape (inputs, outputs) and biases of shape (outputs,), first layer first."""


NARROW = range(2, 16)
"""Widths of narrow layers. For these a CPU multiplies matrices of many rows two to six times as fast if they are
transposed."""


def affine(b: Tensor, x: Tensor, w: Tensor) -> Tensor:
    """b + x w, for b of shape (outputs,) or (n, outputs)."""
    return torch.mm(w.t(), x.t()).t() + b if w.shape[1] in NARROW else torch.addmm(b, x, w)


def tanh_layer(b: Tensor, x: Tensor, w: Tensor) -> Tensor:
    """tanh(b + x w), computed as 1 - 2 sigmoid(-2 (b + x w)): on a CPU torch's tanh takes three times as long."""
    return torch.rsub(torch.addmm(b, x, w, beta=-2, alpha=-2).sigmoid_(), 1, alpha=2)


def orthogonal(rows: int, columns: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A random matrix whose columns, or rows if there are fewer, are orthonormal."""
    q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    q = q * np.sign(np.diag(r))
    return q if rows >= columns else q.T


class Products(Protocol):
    """A network's output at some inputs, and products with its Jacobian there (see the module's docstring)."""

    @property
    def output(self) -> Tensor:
        """f(theta, x), shape (n, outputs)."""
        ...

    def jvp(self, v: Tensor) -> Tensor:
        """J v, shape (n, outputs), for a parameter direction of shape (size,)."""
        ...

    def vjp(self, u: Tensor) -> Tensor:
        """J' u, shape (size,), for an output cotangent of shape (n, outputs)."""
        ...


class MinibatchProducts(Products, Protocol):
    """What a fit by many small steps asks for on top."""

    def vjp_into(self, views: Layers, u: Tensor) -> None:
        """Write J' u into a vector of shape (size,) given by its views `layers(vector)`."""
        ...


class Network(Protocol):
    """What policies and the critic ask of a network; MLP here, ConvNet in deep.model.convnet."""

    @property
    def size(self) -> int:
        """Number of parameters."""
        ...

    @property
    def outputs(self) -> int:
        """Width of the output."""
        ...

    def initial(self, rng: np.random.Generator) -> Tensor:
        """Initial parameters, shape (size,)."""
        ...

    def layers(self, theta: Tensor) -> Layers:
        """Views of theta."""
        ...

    def forward(self, theta: Tensor, x: Tensor) -> Tensor:
        """Outputs of shape (n, outputs)."""
        ...

    def linearise(self, theta: Tensor, x: Tensor) -> Products:
        """The network at theta on inputs x with its Jacobian products."""
        ...

    def linearise_layers(self, layers: Layers, x: Tensor) -> MinibatchProducts:
        """The same for a parameter vector given by its views `layers(theta)`, in one piece."""
        ...

    def actor(self, theta: Tensor) -> OutputActor:
        """The network at theta, for sampling."""
        ...


@dataclass(frozen=True)
class MLP:
    """Shape of a tanh network with a linear head.

    Raises:
        ValueError: fewer than two sizes, or a size below one.
    """

    sizes: tuple[int, ...]
    """Widths from the input to the output, e.g. (17, 64, 64, 6)."""
    head_scale: float = 1.0
    """Factor of the initial head weights; a small one starts a policy near its mean-zero, uniform state."""

    def __post_init__(self) -> None:
        if len(self.sizes) < 2 or min(self.sizes) < 1:
            raise ValueError(f"network: need at least input and output widths >= 1, got {self.sizes}")

    @property
    def outputs(self) -> int:
        """Width of the output."""
        return self.sizes[-1]

    @property
    def size(self) -> int:
        """Number of parameters."""
        return sum((m + 1) * n for m, n in zip(self.sizes, self.sizes[1:], strict=False))

    def initial(self, rng: np.random.Generator) -> Tensor:
        """Orthogonal weights (gain sqrt(2), head_scale for the head), zero biases; shape (size,), float32."""
        theta = torch.zeros(self.size)
        layers = self.layers(theta)
        for i, (w, _) in enumerate(layers):
            gain = self.head_scale if i == len(layers) - 1 else math.sqrt(2.0)
            w.copy_(torch.from_numpy(gain * orthogonal(w.shape[0], w.shape[1], rng)))
        return theta

    def layers(self, theta: Tensor) -> Layers:
        """Views of theta, shape (size,)."""
        views, start = [], 0
        for m, n in zip(self.sizes, self.sizes[1:], strict=False):
            views.append((theta[start : start + m * n].view(m, n), theta[start + m * n : start + (m + 1) * n]))
            start += (m + 1) * n
        return views

    def forward(self, theta: Tensor, x: Tensor) -> Tensor:
        """Outputs of shape (n, outputs) for inputs of shape (n, inputs); differentiable in theta."""
        *hidden, (weights, biases) = self.layers(theta)
        for w, b in hidden:
            x = tanh_layer(b, x, w)
        return affine(biases, x, weights)

    def linearise(self, theta: Tensor, x: Tensor) -> "Linearisation":
        """The network at theta on inputs x of shape (n, inputs), with its Jacobian products."""
        return self.linearise_layers(self.layers(theta), x)

    def linearise_layers(self, layers: Layers, x: Tensor) -> "Linearisation":
        """The same for a parameter vector given by its views `layers(theta)`."""
        return Linearisation(self, layers, x)

    def actor(self, theta: Tensor) -> MlpActor:
        """A NumPy copy of the network at theta for single observations."""
        fixed = theta.detach().cpu()
        return MlpActor(tuple((w.numpy().copy(), b.numpy().copy()) for w, b in self.layers(fixed)))


class Linearisation:
    """One forward pass and products with its Jacobian (see the module's docstring)."""

    def __init__(self, net: MLP, layers: Layers, x: Tensor):
        self.net, self.weights, self.activations = net, layers, [x]
        for w, b in layers[:-1]:
            self.activations.append(tanh_layer(b, self.activations[-1], w))
        self.activations.append(affine(layers[-1][1], self.activations[-1], layers[-1][0]))

    @property
    def output(self) -> Tensor:
        """f(theta, x), shape (n, outputs)."""
        return self.activations[-1]

    def jvp(self, v: Tensor) -> Tensor:
        """J v for a parameter direction v of shape (size,); shape (n, outputs)."""
        (dw, db), *rest = self.net.layers(v)
        tangent = affine(db, self.activations[0], dw)
        for i, (dw, db) in enumerate(rest, 1):
            tanh_backward_(tangent, self.activations[i])
            tangent = affine(affine(db, self.activations[i], dw), tangent, self.weights[i][0])
        return tangent

    def vjp(self, u: Tensor) -> Tensor:
        """J' u for an output cotangent u of shape (n, outputs); shape (size,)."""
        gradient = torch.empty(self.net.size, dtype=u.dtype, device=u.device)
        self.vjp_into(self.net.layers(gradient), u)
        return gradient

    def vjp_into(self, views: Layers, u: Tensor) -> None:
        """Write J' u into a vector of shape (size,) given by its views `net.layers(vector)`."""
        for i in reversed(range(len(views))):
            if u.shape[1] in NARROW:
                views[i][0].copy_(torch.mm(u.t(), self.activations[i]).t())
            else:
                torch.mm(self.activations[i].t(), u, out=views[i][0])
            torch.sum(u, 0, out=views[i][1])
            if i > 0:
                u = tanh_backward_(torch.mm(u, self.weights[i][0].t()), self.activations[i])
