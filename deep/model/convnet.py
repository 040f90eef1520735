"""A convolutional ReLU network over one flat parameter vector, with its derivatives written out; for pixels.

The interface is that of deep.model.mlp.MLP, notation included: `linearise` keeps the activations of one pass for
products with the Jacobian.  Images stay uint8 until `_input` scales them to [0, 1].

A convolution's weights lie in theta as (out, height, width, in) and are used as a view (out, in, height, width), and
activations are kept channels last: the layout that convolutions are fastest in here, with nothing to rearrange.

Everything before the last layer may be computed in a shorter type than theta's (`compute`).  With bfloat16, the Nature
CNN and Breakout's frames, outputs change by 1%, and products with J or J' by 5%, because units close to the bend of
their ReLU take its other side.  For a value network that is less than the sampling noise of its targets.  For a policy
it is too much: it hides the divergence of two policies near each other.
"""

import itertools
import math
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from deep.model.kernels import conv2d_backward, relu_backward
from deep.model.mlp import Layers, orthogonal

CHUNK = 256
"""Images per pass. It bounds the memory of their activations; 64 to 512 take the same time."""


@dataclass(frozen=True)
class ConvNet:
    """Shape of a network of convolutions and hidden layers, all with ReLU, and a linear head.

    Raises:
        ValueError: the convolutions do not fit the image.
    """

    image: tuple[int, ...]
    """(channels, height, width), or (height, width, channels): the channels are taken to be fewer than the rows."""
    convolutions: tuple[tuple[int, int, int], ...]
    """(channels, kernel, stride) of each."""
    hidden: tuple[int, ...]
    """Widths of the layers between the convolutions and the head."""
    outputs: int
    head_scale: float = 1.0
    """Factor of the initial head weights."""
    compute: torch.dtype | None = None
    """Type of everything before the head; None: that of the parameters."""

    def __post_init__(self) -> None:
        if min(self._planes()[-1]) < 1:
            raise ValueError(f"network: convolutions {self.convolutions} do not fit images of shape {self.image}")

    @property
    def channels_last(self) -> bool:
        """Whether images are (height, width, channels)."""
        return self.image[2] < self.image[0]

    def _planes(self) -> list[tuple[int, int, int]]:
        """(channels, height, width) of the input and after each convolution."""
        a, b, c = self.image
        planes = [(c, a, b) if self.channels_last else (a, b, c)]
        for channels, kernel, stride in self.convolutions:
            _, h, w = planes[-1]
            planes.append((channels, (h - kernel) // stride + 1, (w - kernel) // stride + 1))
        return planes

    def _shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the weights as they lie in theta, first layer first."""
        planes = self._planes()
        shapes: list[tuple[int, ...]] = [
            (channels, kernel, kernel, before[0])
            for (channels, kernel, _), before in zip(self.convolutions, planes, strict=False)
        ]
        widths = (math.prod(planes[-1]), *self.hidden, self.outputs)
        return shapes + list(itertools.pairwise(widths))

    @property
    def size(self) -> int:
        """Number of parameters."""
        return sum(math.prod(s) + (s[0] if len(s) == 4 else s[1]) for s in self._shapes())

    def initial(self, rng: np.random.Generator) -> Tensor:
        """Orthogonal weights (gain sqrt(2), head_scale for the head), zero biases; shape (size,), float32."""
        theta = torch.zeros(self.size)
        layers = self.layers(theta)
        for i, (w, _) in enumerate(layers):
            gain = self.head_scale if i == len(layers) - 1 else math.sqrt(2.0)
            w.copy_(torch.from_numpy(gain * orthogonal(len(w), w[0].numel(), rng)).view(w.shape))
        return theta

    def layers(self, theta: Tensor) -> Layers:
        """Views of theta, shape (size,): weights (out, in, height, width) or (inputs, outputs), and biases."""
        views, start = [], 0
        for shape in self._shapes():
            n, convolution = math.prod(shape), len(shape) == 4
            weights, start = theta[start : start + n].view(shape), start + n
            outputs = shape[0] if convolution else shape[1]
            views.append((weights.permute(0, 3, 1, 2) if convolution else weights, theta[start : start + outputs]))
            start += outputs
        return views

    def _input(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        """Images as (n, channels, height, width) in [0, 1], channels last in memory."""
        if self.channels_last:
            x = x.permute(0, 3, 1, 2)
        # In two steps: converting and rearranging at once takes twice as long.
        return x.to(dtype).contiguous(memory_format=torch.channels_last).mul_(1 / 255)

    def forward(self, theta: Tensor, x: Tensor) -> Tensor:
        """Outputs of shape (n, outputs) for uint8 images of shape (n, *image)."""
        layers = self.layers(theta)
        return torch.cat([self.linearise_layers(layers, part).output for part in torch.split(x, CHUNK)])

    def linearise(self, theta: Tensor, x: Tensor) -> "Chunks":
        """The network at theta on images x of shape (n, *image), with its Jacobian products."""
        layers = self.layers(theta)
        return Chunks([self.linearise_layers(layers, part) for part in torch.split(x, CHUNK)])

    def linearise_layers(self, layers: Layers, x: Tensor) -> "ConvLinearisation":
        """The same for a parameter vector given by its views `layers(theta)`."""
        return ConvLinearisation(self, layers, x)

    def actor(self, theta: Tensor) -> "ConvActor":
        """The network at theta, for sampling."""
        return ConvActor(self, theta.detach())


def cast(layers: Layers, dtype: torch.dtype) -> Layers:
    """Layers in another type."""
    return [(w.to(dtype), b.to(dtype)) for w, b in layers]


def flat(h: Tensor) -> Tensor:
    """(n, channels, height, width), channels last in memory, as (n, inputs) without a copy."""
    return h.permute(0, 2, 3, 1).reshape(len(h), -1)


def image(h: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Inverse of `flat`: (n, inputs) as `shape` (n, channels, height, width)."""
    n, channels, height, width = shape
    return h.view(n, height, width, channels).permute(0, 3, 1, 2)


class ConvLinearisation:
    """One forward pass and products with its Jacobian (see deep.model.mlp)."""

    @torch.no_grad()
    def __init__(self, net: ConvNet, layers: Layers, x: Tensor):
        self.net, self.split = net, len(net.convolutions)
        self.head = layers[-1][0]
        self.dtype = net.compute or self.head.dtype
        self.weights = cast(layers[:-1], self.dtype)
        a = net._input(x, self.dtype)
        self.inputs = [a]
        """Input of each layer; a ReLU layer's slope is 1 where its output, the next input, is positive."""
        for i, (w, b) in enumerate(self.weights):
            a = flat(a) if i == self.split else a
            self.inputs[i] = a
            a = functional.conv2d(a, w, b, net.convolutions[i][2]) if i < self.split else torch.addmm(b, a, w)
            self.inputs.append(a.relu_())
        a = flat(a) if self.split == len(self.weights) else a
        self.features = a.to(self.head.dtype)
        """Input of the head."""
        self.output = torch.addmm(layers[-1][1], self.features, self.head)
        """f(theta, x), shape (n, outputs)."""

    @torch.no_grad()
    def jvp(self, v: Tensor) -> Tensor:
        """J v for a parameter direction v of shape (size,); shape (n, outputs)."""
        *hidden, (head, bias) = self.net.layers(v)
        tangent: Tensor | None = None
        for i, (dw, db) in enumerate(cast(hidden, self.dtype)):
            tangent = flat(tangent) if tangent is not None and i == self.split else tangent
            tangent = self._gate(i, self._tangent(i, dw, db, tangent))
        assert tangent is not None  # there is a convolution
        tangent = flat(tangent) if self.split == len(self.weights) else tangent
        return torch.addmm(bias, self.features, head).addmm_(tangent.to(self.head.dtype), self.head)

    def _tangent(self, i: int, dw: Tensor, db: Tensor, tangent: Tensor | None) -> Tensor:
        """Directional derivative of layer i before its ReLU: a dW + db + (da) W."""
        if i >= self.split:
            dz = torch.addmm(db, self.inputs[i], dw)
            return dz if tangent is None else dz.addmm_(tangent, self.weights[i][0])
        stride = self.net.convolutions[i][2]
        dz = functional.conv2d(self.inputs[i], dw, db, stride)
        return dz if tangent is None else dz.add_(functional.conv2d(tangent, self.weights[i][0], None, stride))

    def _gate(self, i: int, u: Tensor) -> Tensor:
        """u times the slope of layer i's ReLU, for u in the shape of that layer's output."""
        output = self.inputs[i + 1]
        output = output if output.shape == u.shape else image(output, u.shape)
        return relu_backward(u, output)

    def vjp(self, u: Tensor) -> Tensor:
        """J' u for an output cotangent u of shape (n, outputs); shape (size,)."""
        gradient = torch.empty(self.net.size, dtype=u.dtype, device=u.device)
        self.vjp_into(self.net.layers(gradient), u)
        return gradient

    @torch.no_grad()
    def vjp_into(self, views: Layers, u: Tensor) -> None:
        """Write J' u into a vector of shape (size,) given by its views `net.layers(vector)`."""
        torch.mm(self.features.t(), u, out=views[-1][0])
        torch.sum(u, 0, out=views[-1][1])
        back: Tensor | None = (u @ self.head.t()).to(self.dtype)
        for i in reversed(range(len(self.weights))):
            assert back is not None  # only the first layer has no cotangent to hand on
            if i == self.split - 1:
                back = image(back, (len(back), *self.net._planes()[-1]))
            back = self._backward(i, views[i], self._gate(i, back))

    def _backward(self, i: int, view: tuple[Tensor, Tensor], u: Tensor) -> Tensor | None:
        """Write layer i's part of J' u, u the cotangent of its output before the ReLU.

        Returns:
            The cotangent of the layer's input; None if the input is an image.
        """
        a, w = self.inputs[i], self.weights[i][0]
        if i >= self.split:
            view[0].copy_(a.t() @ u)
            view[1].copy_(u.sum(0))
            return torch.mm(u, w.t())
        by_input, by_weights, by_biases = conv2d_backward(u, a, w, self.net.convolutions[i][2], input_wanted=i > 0)
        view[0].copy_(by_weights)
        view[1].copy_(by_biases)
        return by_input


class Chunks:
    """Linearisations of consecutive parts of a batch as one of the whole."""

    def __init__(self, parts: list[ConvLinearisation]):
        self.parts = parts
        self.output = torch.cat([part.output for part in parts])
        """f(theta, x), shape (n, outputs)."""

    def jvp(self, v: Tensor) -> Tensor:
        """J v for a parameter direction v of shape (size,); shape (n, outputs)."""
        return torch.cat([part.jvp(v) for part in self.parts])

    def vjp(self, u: Tensor) -> Tensor:
        """J' u for an output cotangent u of shape (n, outputs); shape (size,)."""
        return reduce(torch.add, (part.vjp(v) for part, v in zip(self.parts, torch.split(u, CHUNK), strict=True)))


@dataclass(frozen=True)
class ConvActor:
    """The network with fixed parameters, from NumPy to NumPy."""

    net: ConvNet
    theta: Tensor

    @property
    def outputs(self) -> int:
        """Width of the output."""
        return self.net.outputs

    def __call__(self, x: NDArray[Any]) -> NDArray[Any]:
        """Map images of shape (n, *image), or one of shape `image`, to outputs of shape (n, outputs) or (outputs,)."""
        images = torch.from_numpy(x.reshape(-1, *self.net.image)).to(self.theta.device)
        return self.net.forward(self.theta, images).cpu().numpy().reshape(*x.shape[:-3], -1)
