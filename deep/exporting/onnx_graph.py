"""A policy as an ONNX graph, node by node. Exporters of torch need more packages and a minute for the same graph."""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from deep.exporting.portable import BoxAction, HeadsAction, Portable
from exact.common.source import installed


class Builder:
    """Nodes and constants of a graph; every method returns the name of a value."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, array: NDArray[Any]) -> str:
        """A constant."""
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, kind: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        """The output of an operator."""
        name = name or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def part(self, x: str, start: int, stop: int | None) -> str:
        """Columns of a value of shape (n, columns)."""
        end = np.iinfo(np.int64).max if stop is None else stop
        return self.node("Slice", x, *(self.constant(np.array([i])) for i in (start, end, 1)))


def graph(policy: Portable, opset: int, ir: int) -> onnx.ModelProto:
    """The model; see deep.exporting.portable for what it computes."""
    b = Builder()
    seen = _input(b, policy)
    x = b.part(seen, 0, -policy.mask) if policy.mask else seen
    for i, layer in enumerate(policy.layers):
        weight, bias = b.constant(layer.weight), b.constant(layer.bias)
        last = "output" if i == len(policy.layers) - 1 else None
        if layer.stride:
            x = b.node("Conv", x, weight, bias, strides=[layer.stride] * 2)
        else:
            if i > 0 and policy.layers[i - 1].stride:
                x = b.node("Flatten", b.node("Transpose", x, perm=[0, 2, 3, 1]), axis=1)
            x = b.node("Add", b.node("MatMul", x, weight), bias, name=last)
        if layer.activation != "none":
            x = b.node({"tanh": "Tanh", "relu": "Relu"}[layer.activation], x)
    flat = _box(b, policy.action, x) if isinstance(policy.action, BoxAction) else _heads(b, policy.action, x, seen)
    b.node("Reshape", flat, b.constant(np.array([-1, *policy.action_shape])), name="action")
    return _model(b, policy, opset, ir)


def _model(b: Builder, policy: Portable, opset: int, ir: int) -> onnx.ModelProto:
    """The model of the nodes."""
    whole = not isinstance(policy.action, BoxAction) or policy.action.integer
    number, width = TensorProto.INT64 if whole else TensorProto.FLOAT, policy.layers[-1].bias.size
    seen = helper.np_dtype_to_tensor_dtype(policy.dtype)
    inputs = [helper.make_tensor_value_info("observation", seen, ["n", *policy.shape])]
    outputs = [
        helper.make_tensor_value_info("action", number, ["n", *policy.action_shape]),
        helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", width]),
    ]
    made = helper.make_graph(b.nodes, "policy", inputs, outputs, b.constants)
    imports = [helper.make_opsetid("", opset)]
    model: onnx.ModelProto = helper.make_model(made, ir_version=ir, opset_imports=imports, producer_name="stro")
    model.producer_version = installed("stro")
    std = policy.action.std.tolist() if isinstance(policy.action, BoxAction) else []
    helper.set_model_props(model, {"env": policy.env, "std": ",".join(map(str, std))})
    return model


def _input(b: Builder, policy: Portable) -> str:
    """Normalised observations as float32."""
    if policy.normaliser is None:
        images = _cast(b, "observation", TensorProto.FLOAT)
        images = b.node("Transpose", images, perm=[0, 3, 1, 2]) if policy.channels_last else images
        return b.node("Mul", images, b.constant(np.array(1 / 255, np.float32)))
    shifted = b.node("Sub", "observation", b.constant(policy.mean))
    shifted = shifted if policy.dtype == np.float32 else _cast(b, shifted, TensorProto.FLOAT)
    limit = np.asarray(policy.normaliser.clip)
    scaled = b.node("Mul", shifted, b.constant(policy.normaliser.scale))
    return b.node("Clip", scaled, b.constant(-limit), b.constant(limit))


def _cast(b: Builder, x: str, kind: int) -> str:
    """A value in another type."""
    return b.node("Cast", x, to=kind)


def _clipped(b: Builder, x: str, low: NDArray[Any], high: NDArray[Any]) -> str:
    """clip(x, low, high), elementwise."""
    return b.node("Max", b.node("Min", x, b.constant(high)), b.constant(low))


def _box(b: Builder, action: BoxAction, output: str) -> str:
    """The action of a Box, shape (n, actions)."""
    x = _clipped(b, output, action.least, action.most)
    x = b.node("Add", b.node("Mul", x, b.constant(action.half)), b.constant(action.middle))
    if not action.integer:
        return _clipped(b, x, action.low.astype(np.float32), action.high.astype(np.float32))
    whole = b.node("Round", _cast(b, x, TensorProto.DOUBLE))
    return _cast(b, _clipped(b, whole, action.low.astype(float), action.high.astype(float)), TensorProto.INT64)


def _heads(b: Builder, action: HeadsAction, output: str, seen: str) -> str:
    """The action of the other spaces, shape (n, heads)."""
    if action.mask:
        allowed = b.node("Greater", b.part(seen, -action.mask, None), b.constant(np.array(0, np.float32)))
        output = b.node("Where", allowed, output, b.constant(np.array(-np.inf, np.float32)))
    ends = np.cumsum(action.heads).tolist()
    parts = [b.part(output, end - size, end) for size, end in zip(action.heads, ends, strict=True)]
    best = [b.node("ArgMax", part, axis=-1, keepdims=1) for part in parts]
    return b.node("Add", b.node("Concat", *best, axis=1), b.constant(action.start))
