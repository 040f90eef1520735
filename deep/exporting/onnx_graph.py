"""A policy as an ONNX graph, node by node. Exporters of torch need more packages and a minute for the same graph."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from deep.exporting.portable import Portable


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


def graph(policy: Portable, opset: int, ir: int) -> onnx.ModelProto:
    """The model; see deep.exporting.portable for what it computes."""
    b = Builder()
    x = _input(b, policy)
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
    _action(b, policy, x)
    number = TensorProto.UINT8 if policy.pixels else helper.np_dtype_to_tensor_dtype(policy.dtype)
    inputs = [helper.make_tensor_value_info("observation", number, ["n", *policy.shape])]
    action = (TensorProto.INT64, ["n"]) if policy.start is not None else (TensorProto.FLOAT, ["n", policy.limit.size])
    outputs = [
        helper.make_tensor_value_info("action", *action),
        helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", policy.layers[-1].bias.size]),
    ]
    made = helper.make_graph(b.nodes, "policy", inputs, outputs, b.constants)
    imports = [helper.make_opsetid("", opset)]
    model: onnx.ModelProto = helper.make_model(made, ir_version=ir, opset_imports=imports, producer_name="stro")
    model.producer_version = _version()
    helper.set_model_props(model, {"env": policy.env, "std": ",".join(map(str, policy.std.tolist()))})
    return model


def _input(b: Builder, policy: Portable) -> str:
    """Normalised observations as float32."""
    if policy.normaliser is None:
        images = _cast(b, "observation")
        images = b.node("Transpose", images, perm=[0, 3, 1, 2]) if policy.channels_last else images
        return b.node("Mul", images, b.constant(np.array(1 / 255, np.float32)))
    mean, scale, clip = policy.normaliser.mean, policy.normaliser.scale, policy.normaliser.clip
    x = b.node("Mul", b.node("Sub", "observation", b.constant(mean)), b.constant(scale.astype(mean.dtype)))
    limit = np.asarray(clip, mean.dtype)
    x = b.node("Clip", x, b.constant(-limit), b.constant(limit))
    return x if mean.dtype == np.float32 else _cast(b, x)


def _cast(b: Builder, x: str) -> str:
    """A value as float32."""
    return b.node("Cast", x, to=TensorProto.FLOAT)


def _action(b: Builder, policy: Portable, output: str) -> None:
    """The value "action"."""
    if policy.start is not None:
        best = b.node("ArgMax", output, axis=-1, keepdims=0)
        b.node("Add", best, b.constant(np.array(policy.start)), name="action")
        return
    limit = policy.limit
    x = b.node("Max", b.node("Min", output, b.constant(limit)), b.constant(-limit))
    b.node("Add", b.node("Mul", x, b.constant(policy.half)), b.constant(policy.middle), name="action")


def _version() -> str:
    try:
        return version("stro")
    except PackageNotFoundError:
        return ""
