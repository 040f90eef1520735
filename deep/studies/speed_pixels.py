"""The contestants of deep.speed for pixels, and what an iteration spends its time on.

raw     one vector of 16 games on all cores with ready-made uniformly random actions, resets included
ours    python -m deep.train
peers   stable-baselines3 PPO with its Atari settings (8 games, 128 steps each, 4 epochs of batches of 256) and
        sb3-contrib TRPO (8 games, 256 steps each, its defaults otherwise), on their Atari wrappers, as the Nature
        CNN
"""

import functools
import importlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from deep.sampling.environments import EnvSpec
from deep.sampling.vector import make_vector
from exact.common.tables import Table

GAMES, PEER_GAMES = 16, 8
SETTINGS: dict[str, dict[str, Any]] = {
    "PPO": {
        "n_steps": 128,
        "n_epochs": 4,
        "batch_size": 256,
        "learning_rate": 2.5e-4,
        "clip_range": 0.1,
        "ent_coef": 0.01,
    },
    "TRPO": {"n_steps": 256},
}
"""The peers' settings where they are not their defaults; PPO's are those of RL Baselines3 Zoo for Atari."""
ITERATIONS = 4
SHARE_TARGET = 0.10
"""At most this part of an iteration may go to anything but sampling and network arithmetic."""


def step_vector(spec: EnvSpec, steps: int, seed: int) -> float:
    """Steps per second of a vector of environments that is only stepped."""
    envs = make_vector(spec, GAMES, 0.0)
    envs.reset(seed=list(range(seed, seed + GAMES)), options={"reset_mask": np.ones(GAMES, np.bool_)})
    actions = np.random.default_rng(seed).integers(spec.actions, size=(steps // GAMES, GAMES))
    start = time.monotonic()
    for row in actions:
        envs.step(row)
    return float(actions.size / (time.monotonic() - start))


def train_peer(peer: tuple[str, str], env_id: str, steps: int, seed: int) -> float:
    """Steps per second of a peer's whole training."""
    import ale_py
    from stable_baselines3.common.env_util import make_atari_env
    from stable_baselines3.common.vec_env import VecFrameStack

    gym.register_envs(ale_py)
    package, name = peer
    algorithm = getattr(importlib.import_module(package), name)
    frames = {"frameskip": 1, "repeat_action_probability": 0.0}
    envs = VecFrameStack(make_atari_env(env_id, PEER_GAMES, seed=seed, env_kwargs=frames), 4)
    start = time.monotonic()
    model = algorithm("CnnPolicy", envs, seed=seed, device="cpu", **SETTINGS[name])
    model.learn(steps)
    return float(model.num_timesteps / (time.monotonic() - start))


class Stopwatch:
    """Seconds spent in functions, each moment counted for the outermost of them only."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.running = False

    def watch(self, owner: Any, function: str, name: str) -> None:
        """Count the time of owner.function under `name`."""
        setattr(owner, function, self._timed(getattr(owner, function), name))

    def _timed(self, inner: Callable[..., Any], name: str) -> Callable[..., Any]:
        @functools.wraps(inner)
        def timed(*arguments: Any, **keywords: Any) -> Any:
            if self.running:
                return inner(*arguments, **keywords)
            self.running, start = True, time.monotonic()
            try:
                return inner(*arguments, **keywords)
            finally:
                self.running = False
                self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - start

        return timed


def shares(spec: EnvSpec, seed: int, flags: Sequence[str]) -> dict[str, float]:
    """The parts of an iteration's wall-clock time, which sum to 1.

    Functions are replaced by timed ones, so the process is of no use for anything else afterwards. On a CUDA device the
    arithmetic runs beside Python; its time counts where Python waits for it.
    """
    from deep.build import make_learner
    from deep.model import critic
    from deep.model.convnet import ConvLinearisation
    from deep.options import parse

    options, _ = parse(["--env", spec.env_id, "--seed", str(seed), *flags])
    learner = make_learner(options.config, spec)
    watch = Stopwatch()
    watch.watch(type(learner.sampler), "collect", "sampling")
    watch.watch(ConvLinearisation, "__init__", "networks")
    watch.watch(ConvLinearisation, "jvp", "networks")
    watch.watch(ConvLinearisation, "vjp_into", "networks")
    watch.watch(critic, "adam_", "networks")
    learner.start()
    learner.iterate()  # the first one is slower
    watch.seconds.clear()
    start = time.monotonic()
    for _ in range(ITERATIONS):
        learner.iterate()
    whole = time.monotonic() - start
    learner.sampler.close()
    parts = {name: seconds / whole for name, seconds in watch.seconds.items()}
    return parts | {"everything else": 1 - sum(parts.values())}


def share_table(parts: dict[str, float]) -> Table:
    """The parts of an iteration, the last one beside its target."""
    rows = []
    for name, part in parts.items():
        target = ("", "")
        if name == "everything else":
            target = (f"under {SHARE_TARGET:.0%}", "reached" if part < SHARE_TARGET else "missed")
        rows.append((name, f"{part:.1%}", *target))
    return Table("Where an iteration's time goes", ("what", "share", "target", "verdict"), tuple(rows), ())
