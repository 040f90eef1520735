"""A trained policy in formats that run without this project: ONNX, TorchScript, safetensors and JSON."""

import io
import json
import math
import warnings
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deep.exporting.portable import HeadsAction, Portable, portable
from deep.playing import Player
from exact.common.errors import InputError
from exact.common.files import write

JSON_VERSION = 1
"""Of the JSON format."""
ONNX_OPSET, ONNX_IR = 17, 8
"""Old enough for the onnxruntime of a browser or a robot."""


def to_json(policy: Portable) -> bytes:
    """The policy as JSON; numbers with as many digits as they have, infinity as null."""
    seen: dict[str, Any] = {"shape": list(policy.shape), "channels_last": policy.channels_last}
    if policy.normaliser is not None:
        clip = float(policy.normaliser.clip)
        seen |= {"mean": _numbers(policy.mean), "scale": _numbers(policy.normaliser.scale)}
        seen |= {"clip": clip if math.isfinite(clip) else None}
    action = {name: _plain(getattr(policy.action, name)) for name in policy.action.__dataclass_fields__}
    content = {
        "format": "stro-policy",
        "version": JSON_VERSION,
        "env": policy.env,
        "observation": seen,
        "layers": [
            {"weight": _numbers(x.weight), "bias": _numbers(x.bias), "activation": x.activation, "stride": x.stride}
            for x in policy.layers
        ],
        "action": action | {"shape": list(policy.action_shape)},
    }
    return json.dumps(content, allow_nan=False).encode()


def _plain(value: Any) -> Any:
    """A field of an action as JSON has it."""
    return _numbers(value) if isinstance(value, np.ndarray) else value


def _numbers(array: NDArray[Any]) -> Any:
    """An array as lists of numbers."""
    if array.ndim > 1:
        return [_numbers(row) for row in array]
    if array.dtype.kind in "iu":
        return array.tolist()
    return [float(str(x)) if np.isfinite(x) else None for x in array]


def to_safetensors(policy: Portable) -> bytes:
    """All arrays by name in the safetensors format, and what is no array in its metadata, as JSON."""
    try:
        from safetensors.numpy import save
    except ImportError:
        raise _missing("safetensors") from None
    fields = {name: getattr(policy.action, name) for name in policy.action.__dataclass_fields__}
    arrays: dict[str, NDArray[Any]] = {k: v for k, v in fields.items() if isinstance(v, np.ndarray)}
    rest = {k: v for k, v in fields.items() if k not in arrays}
    if policy.normaliser is not None:
        clip = np.atleast_1d(policy.normaliser.clip)
        arrays |= {"mean": policy.mean, "scale": policy.normaliser.scale, "clip": clip}
    for i, layer in enumerate(policy.layers):
        arrays |= {f"layers.{i}.weight": layer.weight, f"layers.{i}.bias": layer.bias}
    rest |= {name: getattr(policy, name) for name in ("env", "shape", "channels_last", "action_shape")}
    rest |= {"layers": [{"activation": layer.activation, "stride": layer.stride} for layer in policy.layers]}
    metadata = {name: json.dumps(value) for name, value in rest.items()}
    content: bytes = save({name: np.ascontiguousarray(array) for name, array in arrays.items()}, metadata)
    return content


class Module(torch.nn.Module):
    """The policy as a torch module: observations (n, *shape) to (actions, outputs)."""

    def __init__(self, policy: Portable):
        super().__init__()
        self.policy = policy
        arrays = {name: getattr(policy.action, name) for name in policy.action.__dataclass_fields__}
        if policy.normaliser is not None:
            arrays |= {"mean": policy.mean, "scale": policy.normaliser.scale}
        for i, layer in enumerate(policy.layers):
            arrays |= {f"weight{i}": layer.weight, f"bias{i}": layer.bias}
        for name, array in arrays.items():
            if isinstance(array, np.ndarray):
                self.register_buffer(f"_{name}", torch.from_numpy(np.array(array)))

    def __getitem__(self, name: str) -> Tensor:
        """An array of the policy."""
        return self.get_buffer(f"_{name}")

    def forward(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """(actions, outputs) for observations of shape (n, *shape)."""
        seen, policy = self._input(observation), self.policy
        x = seen[:, : -policy.mask] if policy.mask else seen
        for i, layer in enumerate(policy.layers):
            if layer.stride:
                x = torch.nn.functional.conv2d(x, self[f"weight{i}"], self[f"bias{i}"], layer.stride)
            else:
                x = x.permute(0, 2, 3, 1).flatten(1) if x.dim() == 4 else x
                x = x @ self[f"weight{i}"] + self[f"bias{i}"]
            if layer.activation != "none":
                x = torch.tanh(x) if layer.activation == "tanh" else torch.relu(x)
        return self._action(x, seen).reshape(-1, *policy.action_shape), x

    def _input(self, observation: Tensor) -> Tensor:
        if self.policy.normaliser is None:
            images = observation.permute(0, 3, 1, 2) if self.policy.channels_last else observation
            return images.float() / 255
        clip = float(self.policy.normaliser.clip)
        return torch.clamp((observation - self["mean"]).float() * self["scale"], -clip, clip)

    def _action(self, x: Tensor, seen: Tensor) -> Tensor:
        action = self.policy.action
        if isinstance(action, HeadsAction):
            if action.mask:
                x = torch.where(seen[:, -action.mask :] > 0, x, -math.inf)
            return torch.stack([part.argmax(-1) for part in torch.split(x, list(action.heads), 1)], 1) + self["start"]
        y = self["middle"] + self["half"] * torch.clamp(x, self["least"], self["most"])
        if action.integer:
            return torch.clamp(y.double().round(), self["low"].double(), self["high"].double()).long()
        return torch.clamp(y, self["low"].float(), self["high"].float())


def to_torchscript(policy: Portable) -> bytes:
    """A module for torch.jit.load: observations (n, *shape) to (actions, outputs)."""
    buffer, example = io.BytesIO(), torch.from_numpy(np.ones((2, *policy.shape), policy.dtype))
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


def to_html(policy: Portable) -> bytes:
    """A page that plays CartPole-v1 with the policy in a browser. Raises InputError for another environment."""
    if policy.env != "CartPole-v1":
        raise InputError(f"--format html: the page plays CartPole-v1, not {policy.env}; expected another format")
    page = resources.files("deep").joinpath("pages", "cartpole.html").read_text(encoding="utf-8")
    return page.replace("POLICY", to_json(policy).decode().replace("<", "\\u003c")).encode()


def _missing(package: str) -> InputError:
    return InputError(
        f"export needs the package {package}, which is not installed; expected pip install 'stro[export]'"
    )


Format = Literal["onnx", "torchscript", "safetensors", "json", "html"]
WRITERS: dict[Format, tuple[str, Callable[[Portable], bytes]]] = {
    "onnx": (".onnx", to_onnx),
    "torchscript": (".pt", to_torchscript),
    "safetensors": (".safetensors", to_safetensors),
    "json": (".json", to_json),
    "html": (".html", to_html),
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
