"""What a checkpoint must hold to fit a learner: types, shapes and ranges, checked before anything of it is used.

A right checksum only says that a file is as somebody wrote it.  After this check nothing in a checkpoint can make
`deep.run.snapshot.unpack` fail; what fails there is an environment or a worker.
"""

from dataclasses import dataclass, fields
from typing import Any, Literal

import torch
from torch import Tensor

from deep.algorithm import Learner
from deep.config import Config
from deep.metrics import RECENT_EPISODES
from deep.model.policies import CategoricalPolicy, GaussianPolicy
from deep.run.directory import config_from_json
from exact.common.errors import InputError
from exact.common.schema import Absent, Each, Finite, Json, Open, Rows, Whole, read, wrong
from exact.controller import ControllerState

RNG = {
    "bit_generator": Literal["PCG64"],
    "state": {"state": Whole(high=(1 << 128) - 1), "inc": Whole(high=(1 << 128) - 1)},
    "has_uint32": Whole(high=1),
    "uinteger": Whole(high=(1 << 32) - 1),
}
"""The state of NumPy's default generator."""


@dataclass(frozen=True)
class Values:
    """A tensor of this type and shape; -1 in the shape is any length. Floating-point values are finite."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    below: int | None = None
    """Integers lie in [0, below)."""

    def read(self, value: Any, where: str) -> Tensor:
        """The tensor."""
        fits = type(value) is Tensor and value.layout is torch.strided and value.device.type == "cpu"
        if not fits or value.dtype is not self.dtype or not self._has_shape(value):
            raise wrong(where, f"{self.dtype} of shape {self.shape}", _described(value))
        tensor: Tensor = value
        if tensor.untyped_storage().nbytes() < tensor.numel() * tensor.element_size():
            raise wrong(where, "a tensor with all of its values", _described(tensor))
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise InputError(f"{where} has values that are not finite")
        if self.below is not None and tensor.numel() and not bool(((tensor >= 0) & (tensor < self.below)).all()):
            raise InputError(f"{where}: expected integers in [0, {self.below})")
        return tensor

    def _has_shape(self, value: Tensor) -> bool:
        pairs = zip(value.shape, self.shape, strict=False)
        return len(value.shape) == len(self.shape) and all(want in (-1, there) for there, want in pairs)


def _described(value: Any) -> Any:
    return f"{value.dtype} of shape {tuple(value.shape)}" if isinstance(value, Tensor) else value


@dataclass(frozen=True)
class Samples:
    """A dictionary or a list whose tensors named here have as many rows as each other, at least one."""

    kind: Any
    aligned: tuple[Any, ...]

    def read(self, value: Any, where: str) -> Any:
        """The dictionary or list."""
        found = read(value, self.kind, where)
        lengths = {len(found[key]) for key in self.aligned}
        if len(lengths) != 1 or 0 in lengths:
            raise InputError(f"{where}: expected tensors with equally many rows, got {sorted(lengths)}")
        return found


def check_state(learner: Learner, saved: Any) -> None:
    """Raise InputError unless a checkpoint has a state that this learner can take."""
    kinds = {"learner": layout(learner), "config": str, "metrics_bytes": Whole(), "seconds": Finite(0)}
    read(saved, kinds | {"metrics_sha256": Absent(str)}, "checkpoint")  # absent before there was one


def check_whole(learner: Learner, saved: Any) -> None:
    """Raise InputError unless a checkpoint is one of a run with this learner's settings."""
    read(saved, Open({"config": str}), "checkpoint")
    made, given = config_from_json(saved["config"], "the checkpoint's settings"), learner.config
    if made != given:
        names = ", ".join(f.name for f in fields(Config) if getattr(made, f.name) != getattr(given, f.name))
        raise InputError(f"it was made with other settings ({names}) than config.json has")
    check_state(learner, saved)


def check_parts(saved: Any) -> None:
    """Raise InputError unless a checkpoint has what a policy needs, whatever its sizes: parameters and moments."""
    vector, any_moments = Values(torch.float32, (-1,)), Open({"count": Finite(0), "mean": AnyShape(), "m2": AnyShape()})
    kinds: dict[str, Any] = {"theta": vector, "observations": any_moments}
    read(saved, Open({"learner": Open(kinds), "config": str}), "checkpoint")
    learned = saved["learner"]
    if "critic" in learned:
        read(learned["critic"], Open({"phi": vector}), "checkpoint.learner.critic")
    if "rewards" in learned:
        read(learned["rewards"], moments(()), "checkpoint.learner.rewards")
    if "counters" in learned:
        read(learned["counters"], Open({"steps": Whole()}), "checkpoint.learner.counters")


@dataclass(frozen=True)
class AnyShape:
    """Moments of observations of whatever shape."""

    def read(self, value: Any, where: str) -> Tensor:
        """The tensor."""
        shape = (-1,) * value.dim() if isinstance(value, Tensor) else ()
        return Values(torch.float64, shape).read(value, where)


def moments(shape: tuple[int, ...]) -> dict[str, Any]:
    """Packed RunningMoments of things of this shape."""
    return {"count": Finite(0), "mean": Values(torch.float64, shape), "m2": Values(torch.float64, shape)}


def layout(learner: Learner) -> dict[str, Any]:
    """The kind (exact.common.schema) of what `deep.run.snapshot.pack` makes of a learner."""
    policy, config, phi = learner.policy, learner.config, learner.critic.phi
    assert isinstance(policy, CategoricalPolicy | GaussianPolicy)
    discrete, outputs, seen = isinstance(policy, CategoricalPolicy), policy.net.outputs, learner.observation_shape
    inputs = Values(torch.uint8 if learner.batches.pixels else torch.float32, (-1, *seen))
    column, theta = Values(torch.float32, (-1,)), Values(torch.float32, (policy.size,))
    heads = policy.heads if isinstance(policy, CategoricalPolicy) else ()
    several = (len(heads),) if len(heads) > 1 else ()  # a product of distributions has an action of several numbers
    actions = (
        Values(torch.int64, (-1, *several), max((*heads, 0)) or outputs)
        if discrete
        else Values(torch.float32, (-1, outputs))
    )
    batch = Samples(
        {
            "observations": inputs,
            "actions": actions,
            "advantages": column,
            "targets": column,
            "log_prob": column,
            "moments": moments(seen),
            "eta": Finite(),
            "sigma": Finite(0),
        },
        ("observations", "actions", "advantages", "targets", "log_prob"),
    )
    weights = Values(torch.float32, tuple(phi.shape))
    worker = Open({"rng": RNG, "episode": Whole(), "steps": Whole()})
    return {
        "theta": theta,
        "B": batch,
        "controller": ControllerState,
        "rejected": Rows({"theta": theta, "batch": batch, "gain": Finite()}),
        "observations": moments(seen),
        "rewards": moments(()),
        "recent": Rows(Finite(), RECENT_EPISODES),
        "window": Absent(Rows(Finite(), config.radius.window)),  # absent before there was one
        "counters": {"steps": Whole(), "iteration": Whole(), "mean_spread": Finite(0)},
        "episodes": Rows(Each((Whole(), Finite(), Whole()))),
        "rng": Json(RNG),
        "critic": {
            "window": Rows(Samples(Each((inputs, column)), (0, 1)), config.critic.batches),
            "phi": weights,
            "first_moment": weights,
            "second_moment": weights,
            "updates": Values(torch.float32, ()),
            "rng": Json(RNG),
        },
        "workers": Each((Each((Json(worker), actions)),) * config.workers),
    }
