"""A trained policy in formats that run without this project: ONNX, TorchScript, safetensors and JSON."""

import io
import json
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deep.exporting.portable import Portable, portable
from deep.playing import Player
from exact.common.errors import InputError
from exact.common.files import write

JSON_VERSION = 1
"""Of the JSON format."""
ONNX_OPSET, ONNX_IR = 17, 8
"""Old enough for the onnxruntime of a browser or a robot."""


def to_json(policy: Portable) -> bytes:
    """The policy as JSON; numbers with as many digits as float32 has, infinity as null."""
    normaliser = policy.normaliser
    seen = {"shape": list(policy.shape), "channels_last": policy.channels_last}
    if normaliser is not None:
        clip = float(normaliser.clip)
        seen |= {"mean": _numbers(normaliser.mean), "scale": _numbers(normaliser.scale)}
        seen |= {"clip": clip if math.isfinite(clip) else None}
    box = {name: _numbers(getattr(policy, name)) for name in ("limit", "half", "middle", "std")}
    content = {
        "format": "stro-policy",
        "version": JSON_VERSION,
        "env": policy.env,
        "observation": seen,
        "layers": [
            {"weight": _numbers(x.weight), "bias": _numbers(x.bias), "activation": x.activation, "stride": x.stride}
            for x in policy.layers
        ],
        "action": box if policy.start is None else {"start": policy.start},
    }
    return json.dumps(content).encode()


def _numbers(array: NDArray[Any]) -> Any:
    """An array as lists of numbers."""
    if array.ndim > 1:
        return [_numbers(row) for row in array]
    return [float(str(x)) if np.isfinite(x) else None for x in array]


def to_safetensors(policy: Portable) -> bytes:
    """All arrays by name in the safetensors format, and what is no array in its metadata, as JSON."""
    try:
        from safetensors.numpy import save
    except ImportError:
        raise _missing("safetensors") from None
    arrays = {"limit": policy.limit, "half": policy.half, "middle": policy.middle, "std": policy.std}
    if policy.normaliser is not None:
        normaliser = policy.normaliser
        arrays |= {"mean": normaliser.mean, "scale": normaliser.scale, "clip": np.atleast_1d(normaliser.clip)}
    for i, layer in enumerate(policy.layers):
        arrays |= {f"layers.{i}.weight": layer.weight, f"layers.{i}.bias": layer.bias}
    layers = [{"activation": layer.activation, "stride": layer.stride} for layer in policy.layers]
    rest = {"env": policy.env, "start": policy.start, "shape": policy.shape, "channels_last": policy.channels_last}
    metadata = {name: json.dumps(value) for name, value in (rest | {"layers": layers}).items()}
    content: bytes = save({name: np.ascontiguousarray(a) for name, a in arrays.items() if a.size}, metadata)
    return content


class Module(torch.nn.Module):
    """The policy as a torch module: observations (n, *shape) to (actions, outputs)."""

    def __init__(self, policy: Portable):
        super().__init__()
        self.policy = policy
        arrays = {"limit": policy.limit, "half": policy.half, "middle": policy.middle}
        if policy.normaliser is not None:
            arrays |= {"mean": policy.normaliser.mean, "scale": policy.normaliser.scale}
        for i, layer in enumerate(policy.layers):
            arrays |= {f"weight{i}": layer.weight, f"bias{i}": layer.bias}
        for name, array in arrays.items():
            self.register_buffer(f"_{name}", torch.from_numpy(np.array(array)))

    def forward(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """(actions, outputs) for observations of shape (n, *shape)."""
        x, policy = self._input(observation), self.policy
        for i, layer in enumerate(policy.layers):
            weight, bias = self.get_buffer(f"_weight{i}"), self.get_buffer(f"_bias{i}")
            if layer.stride:
                x = torch.nn.functional.conv2d(x, weight, bias, layer.stride)
            else:
                x = x.permute(0, 2, 3, 1).flatten(1) if x.dim() == 4 else x
                x = x @ weight + bias
            if layer.activation != "none":
                x = torch.tanh(x) if layer.activation == "tanh" else torch.relu(x)
        if policy.start is not None:
            return x.argmax(-1) + policy.start, x
        limit, half = self.get_buffer("_limit"), self.get_buffer("_half")
        return self.get_buffer("_middle") + half * torch.clamp(x, -limit, limit), x

    def _input(self, observation: Tensor) -> Tensor:
        normaliser = self.policy.normaliser
        if normaliser is None:
            images = observation.permute(0, 3, 1, 2) if self.policy.channels_last else observation
            return images.float() / 255
        x = (observation - self.get_buffer("_mean")) * self.get_buffer("_scale")
        return torch.clamp(x, -float(normaliser.clip), float(normaliser.clip)).float()


def to_torchscript(policy: Portable) -> bytes:
    """A module for torch.jit.load: observations (n, *shape) to (actions, outputs)."""
    buffer, example = io.BytesIO(), torch.from_numpy(np.zeros((2, *policy.shape), policy.dtype))
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # torch points to torch.export; C++ and Java still load this
        traced: Any = torch.jit.trace(Module(policy).eval(), (example,))  # type: ignore[no-untyped-call]
        torch.jit.save(traced, buffer)
    return buffer.getvalue()


def to_onnx(policy: Portable) -> bytes:
    """An ONNX model: "observation" (n, *shape) to "action" and "output"."""
    try:
        from onnx import checker
    except ImportError:
        raise _missing("onnx") from None
    from deep.exporting.onnx_graph import graph

    model = graph(policy, ONNX_OPSET, ONNX_IR)
    checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def _missing(package: str) -> InputError:
    return InputError(
        f"export needs the package {package}, which is not installed; expected pip install 'stro[export]'"
    )


Format = Literal["onnx", "torchscript", "safetensors", "json"]
WRITERS: dict[Format, tuple[str, Callable[[Portable], bytes]]] = {
    "onnx": (".onnx", to_onnx),
    "torchscript": (".pt", to_torchscript),
    "safetensors": (".safetensors", to_safetensors),
    "json": (".json", to_json),
}
"""The ending of each format's files, and what writes it."""


def export(player: Player, path: Path, kind: Format | None = None) -> None:
    """Write a policy with its normaliser to a file that needs nothing of this project.

    Args:
        player: the policy.
        path: the file.
        kind: the format; None: the one that the name ends in.

    Raises:
        InputError: the format's package is missing, the file cannot be written, or there is no such format.
    """
    kind = kind or next((name for name, (ending, _) in WRITERS.items() if ending == path.suffix), None)
    if kind not in WRITERS:
        endings = ", ".join(ending for ending, _ in WRITERS.values())
        raise InputError(f"export: {path} tells no format; expected a name that ends in {endings}")
    write(path, WRITERS[kind][1](portable(player)))
