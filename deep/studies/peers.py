"""Train sb3-contrib's TRPO, to compare its returns with ours on the same versions of the tasks, by the same measure.

    python -m deep.studies.peers --env Hopper-v4 [--seed 0 --steps 1000000 --out DIR]

It writes the config.json, metrics.jsonl and result.json of a run directory, which `paper_figs` reads. A run that was
killed cannot be resumed; it starts again in another folder. The settings are those that RL Baselines3 Zoo has of TRPO
for most MuJoCo tasks, with running normalisation of observations and rewards.
"""

import importlib.util
import shlex
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deep.metrics import RECENT_EPISODES, summary
from deep.run.directory import PACKAGES, RunDirectory, check_new, env_folder
from deep.sampling.environments import inspect
from deep.sampling.making import Maker
from exact.common import cli
from exact.common.errors import InputError

MODULE = "deep.studies.peers"
NAME = "sb3-trpo"
"""What stands for a preset in config.json, and the folder of its runs."""
ENVS = 2
"""Environments side by side, each of n_steps a batch."""
SETTINGS: dict[str, Any] = {
    "n_steps": 1024,
    "batch_size": 128,
    "learning_rate": 1e-3,
    "n_critic_updates": 20,
    "cg_max_steps": 25,
    "cg_damping": 0.1,
    "target_kl": 0.01,
    "gamma": 0.99,
    "gae_lambda": 0.95,
}
"""Arguments of sb3_contrib.TRPO; all others are its defaults."""


@dataclass(frozen=True)
class Options:
    """Train sb3-contrib's TRPO, to compare its returns with ours."""

    env: str
    """Gymnasium id, with flat observations."""
    seed: int = 0
    """The run's seed."""
    steps: int = 1_000_000
    """Environment steps, rounded up to whole batches."""
    out: Path | None = None
    """Run directory; None: runs/sb3-trpo/ENV/seedSEED."""

    def __post_init__(self) -> None:
        for name, least in (("seed", 0), ("steps", 1)):
            if getattr(self, name) < least:
                raise InputError(f"--{name} must be at least {least}, got {getattr(self, name)}")
        if inspect(self.env).pixels:
            raise InputError(f"--env: {self.env!r} has pixels, expected an environment with flat observations")

    @property
    def folder(self) -> Path:
        """The run directory."""
        return self.out or Path("runs") / NAME / env_folder(self.env) / f"seed{self.seed}"


def train(options: Options, command: str) -> dict[str, Any]:
    """Train in a new run directory and return what result.json holds.

    Raises:
        InputError: sb3-contrib is not installed, or the directory cannot be used.
    """
    if importlib.util.find_spec("sb3_contrib") is None:
        raise InputError("sb3_contrib is not installed: expected the optional dependencies [bench]")
    folder = options.folder
    if (folder / "config.json").exists() and not (folder / "result.json").exists():
        raise InputError(f"{folder} holds an unfinished run, which a peer cannot continue; choose another --out")
    check_new(folder)
    from sb3_contrib import TRPO
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    maker = Maker(options.env)
    environments = VecNormalize(DummyVecEnv([lambda: Monitor(maker())] * ENVS), gamma=SETTINGS["gamma"])
    model = TRPO("MlpPolicy", environments, seed=options.seed, device="cpu", **SETTINGS)
    settings = asdict(options) | {"preset": NAME, "environments": ENVS, "trpo": SETTINGS}
    del settings["out"]
    packages = (*PACKAGES, "stable-baselines3", "sb3-contrib")
    episodes: list[tuple[int, float, int]] = []
    recent: deque[float] = deque(maxlen=RECENT_EPISODES)
    began = time.perf_counter()

    with RunDirectory.create(folder, settings, command, packages) as directory:

        def observe(local: dict[str, Any], _: dict[str, Any]) -> bool:
            steps = model.num_timesteps
            ended = [info["episode"] for info in local["infos"] if "episode" in info]
            episodes.extend((steps, float(episode["r"]), int(episode["l"])) for episode in ended)
            recent.extend(float(episode["r"]) for episode in ended)
            if steps % (ENVS * SETTINGS["n_steps"]) == 0:
                line = {"steps": steps, "episodes": list(episodes), "seconds": time.perf_counter() - began}
                directory.append(line | {"return100": float(np.mean(recent)) if recent else None})
                episodes.clear()
            return True

        model.learn(options.steps, callback=observe)
        result = summary(directory.entries())
        directory.finish(result)
    return result


def work(options: Options, command: str) -> int:
    """Train and say what came out; `command` is recorded in config.json."""
    result = train(options, command)
    print(f"{options.env} seed {options.seed}: max100 {result['max100']}, {result['seconds']:.0f} s, {options.folder}")
    return cli.DONE


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    words = sys.argv[1:] if argv is None else list(argv)
    command = shlex.join(["python", "-m", MODULE, *words])
    return cli.main(Options, MODULE, lambda options: work(options, command), words)


if __name__ == "__main__":
    sys.exit(main())
