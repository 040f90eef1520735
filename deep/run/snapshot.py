"""What a checkpoint holds: every bit of state that the rest of a run depends on, as tensors and plain values."""

import json
import sys
from collections import deque
from typing import Any

import torch

from deep.algorithm import Learner, State, Trial
from deep.batch import Batch
from deep.metrics import RECENT_EPISODES
from deep.sampling.normalise import RunningMoments
from exact.controller import ControllerState

NOT_EXACT = (
    "{} of {} running episodes could not be restored, new ones have begun: reset(seed=...) does not determine an "
    "episode of this environment, or it was too long to be kept. So this run is not the uninterrupted one"
)


def pack_moments(moments: RunningMoments) -> dict[str, Any]:
    """Running moments as tensors."""
    return {"count": moments.count, "mean": torch.tensor(moments.mean), "m2": torch.tensor(moments.m2)}


def unpack_moments(packed: dict[str, Any]) -> RunningMoments:
    """Inverse of pack_moments."""
    return RunningMoments(packed["count"], packed["mean"].numpy(), packed["m2"].numpy())


BATCH_FIELDS = ("observations", "actions", "advantages", "targets", "log_prob", "moments", "eta", "sigma")
"""What a checkpoint holds of a batch. Its parameters stand beside it, and the rest follows from these."""


def _pack_batch(batch: Batch) -> dict[str, Any]:
    packed = {name: getattr(batch, name) for name in BATCH_FIELDS}
    return packed | {"moments": pack_moments(batch.moments)}


def _unpack_batch(theta: torch.Tensor, packed: dict[str, Any], learner: Learner) -> Batch:
    values: dict[str, Any] = packed | {"moments": unpack_moments(packed["moments"])}
    theta = theta.to(learner.device)
    for name, value in values.items():
        values[name] = value.to(learner.device) if torch.is_tensor(value) else value
    return Batch(theta=theta, pi=learner.policy.distribution(theta, values["observations"]), **values)


def pack(learner: Learner) -> dict[str, Any]:
    """The state of a learner, its critic and its workers. No request may be under way."""
    s = learner.state
    return {
        "theta": s.theta,
        "B": _pack_batch(s.B),
        "controller": {"radius": s.controller.radius, "rejections": s.controller.rejections},
        "rejected": [{"theta": t.batch.theta, "batch": _pack_batch(t.batch), "gain": t.gain} for t in s.rejected],
        "observations": pack_moments(s.observations),
        "rewards": pack_moments(s.rewards),
        "recent": list(s.recent),
        "window": list(s.window),
        "counters": {name: getattr(s, name) for name in ("steps", "iteration", "mean_spread")},
        "episodes": [list(episode) for episode in s.episodes],
        "rng": json.dumps(learner.rng.bit_generator.state),
        "critic": learner.critic.state(),
        "workers": [[text, torch.from_numpy(actions)] for text, actions in learner.sampler.states()],
    }


def unpack(learner: Learner, packed: dict[str, Any]) -> None:
    """Put a learner into a packed state; the workers replay their running episodes."""
    learner.state = State(
        B=_unpack_batch(packed["theta"], packed["B"], learner),
        controller=ControllerState(**packed["controller"]),
        rejected=[Trial(_unpack_batch(t["theta"], t["batch"], learner), t["gain"]) for t in packed["rejected"]],
        observations=unpack_moments(packed["observations"]),
        rewards=unpack_moments(packed["rewards"]),
        recent=deque(packed["recent"], maxlen=RECENT_EPISODES),
        window=deque(packed.get("window", ()), maxlen=learner.config.radius.window),  # absent before there was one
        episodes=[tuple(episode) for episode in packed["episodes"]],
        **packed["counters"],
    )
    learner.rng.bit_generator.state = json.loads(packed["rng"])
    learner.critic.restore(packed["critic"])
    exact = learner.sampler.restore([(text, actions.numpy()) for text, actions in packed["workers"]])
    learner.state.restarted = exact.count(False)
    if not all(exact):
        print(f"note: {NOT_EXACT.format(exact.count(False), len(exact))}", file=sys.stderr)
