"""Train a peer of ours, to compare its returns with ours on the same versions of the tasks, by the same measure.

    python -m deep.studies.peers --env Hopper-v4 [--preset sb3-trpo|sb3-ppo|sb3-sac|sb3-td3|sb3-ddpg --seed 0 ...]
    python -m deep.grid --preset sb3-ppo --envs ... --seeds 3    # many of them; skips what is done

The peers are stable-baselines3's PPO, SAC, TD3, DDPG and sb3-contrib's TRPO, with the settings of RL Baselines3 Zoo
(`deep.studies.zoo`). A run writes the config.json, metrics.jsonl and result.json of a run directory, which `paper_figs`
reads. Its seconds are those of the training, without the evaluations. A peer cannot continue an interrupted run:
--resume DIR starts it again from its beginning.
"""

import importlib.util
import shlex
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deep.metrics import RECENT_EPISODES, summary
from deep.run.directory import PACKAGES, RunDirectory, check_new, env_folder
from deep.sampling.environments import inspect
from deep.sampling.making import Maker
from deep.studies.zoo import OFF_POLICY, PresetName, Recipe, recipe
from exact.common import cli, schema
from exact.common.errors import FaultError, InputError

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.vec_env import VecEnv

MODULE = "deep.studies.peers"
LINE_STEPS = 2048
"""A line of metrics each time that so many steps are full."""
BUFFER = 1_000_000
"""Transitions that an off-policy method keeps: the package's default. A shorter run never fills it."""


@dataclass(frozen=True)
class Options:
    """Train a peer of ours (stable-baselines3, sb3-contrib), to compare its returns with ours."""

    env: str = ""
    """Gymnasium id, with flat observations."""
    preset: PresetName = "sb3-trpo"
    """The method, with RL Baselines3 Zoo's settings for the task."""
    seed: int = 0
    """The run's seed."""
    steps: int = 1_000_000
    """Environment steps, rounded up to whole batches."""
    minutes: float | None = None
    """End the training after so many minutes, evaluations not counted, if the steps are not done before."""
    normalize: bool = True
    """Normalise observations and rewards where the Zoo does: for TRPO and PPO."""
    eval_every: int = 50_000
    """Evaluate the policy without noise after every so many steps and at the end; 0: never."""
    eval_episodes: int = 10
    """Episodes of an evaluation, from the same initial states each time."""
    out: Path | None = None
    """Run directory; None: runs/PRESET/ENV/seedSEED."""
    resume: Path | None = None
    """Start the interrupted run in this directory again, with its own settings; no setting can be changed."""

    def __post_init__(self) -> None:
        if self.resume is not None:
            if any(getattr(self, f.name) != f.default for f in fields(self) if f.name != "resume"):
                raise InputError("--resume starts a run again with its own settings; give no setting beside it")
            return
        for name, least in (("seed", 0), ("steps", 1), ("eval_every", 0), ("eval_episodes", 1)):
            if getattr(self, name) < least:
                raise InputError(f"--{name.replace('_', '-')} must be at least {least}, got {getattr(self, name)}")
        if self.minutes is not None and not self.minutes > 0:
            raise InputError(f"--minutes must be more than 0, got {self.minutes}")
        if not self.env:
            raise InputError("--env is required: the gymnasium id of the task, e.g. --env Walker2d-v4 (see --help)")
        spec = inspect(self.env)
        if spec.pixels:
            raise InputError(f"--env: {self.env!r} has pixels, expected an environment with flat observations")
        if spec.discrete and self.preset.removeprefix("sb3-") in OFF_POLICY:
            raise InputError(f"--env: {self.env!r} has discrete actions, {self.preset} needs continuous ones")

    @property
    def folder(self) -> Path:
        """The run directory."""
        return self.out or Path("runs") / self.preset / env_folder(self.env) / f"seed{self.seed}"


def read_options(folder: Path) -> Options:
    """The options of an interrupted run. Raises InputError if there is none or its config.json is damaged."""
    if (folder / "result.json").exists():
        raise InputError(f"{folder} holds a finished run; there is nothing to resume")
    config = schema.read_file(folder / "config.json", {})
    names = [f.name for f in fields(Options) if f.name not in ("out", "resume")]
    try:
        return Options(**{name: config[name] for name in names}, out=folder)
    except (KeyError, TypeError) as error:
        raise InputError(f"{folder / 'config.json'}: expected the settings of a run of {MODULE} ({error})") from error


def make_model(options: Options, chosen: Recipe) -> "tuple[BaseAlgorithm, VecEnv]":
    """The peer, untrained, and its environments. Raises InputError if a package is not installed."""
    for package in ("stable_baselines3", "sb3_contrib"):
        if importlib.util.find_spec(package) is None:
            raise InputError(f"{package} is not installed: expected the optional dependencies [bench]")
    import stable_baselines3
    import torch
    from sb3_contrib import TRPO
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.noise import NormalActionNoise
    from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecNormalize

    arguments, maker = dict(chosen.arguments), Maker(options.env)
    environments: VecEnv = DummyVecEnv([lambda: Monitor(maker())] * chosen.environments)
    if chosen.normalize:
        environments = VecNormalize(environments, gamma=arguments.get("gamma", 0.99))
    if "activation_fn" in (network := dict(arguments.pop("policy_kwargs", {}))):
        network["activation_fn"] = getattr(torch.nn, network["activation_fn"])
    if chosen.method in OFF_POLICY:
        arguments["buffer_size"] = min(BUFFER, options.steps)
    if chosen.noise:
        size = inspect(options.env).actions
        arguments["action_noise"] = NormalActionNoise(np.zeros(size), np.full(size, chosen.noise))
    kind: Any = TRPO if chosen.method == "trpo" else getattr(stable_baselines3, chosen.method.upper())
    model = kind("MlpPolicy", environments, seed=options.seed, device="cpu", policy_kwargs=network, **arguments)
    return model, environments


class Recorder:
    """The package's callback after every step: it writes the metrics, evaluates, and ends the training in time."""

    def __init__(self, options: Options, model: "BaseAlgorithm", environments: "VecEnv", directory: RunDirectory):
        self.options, self.model, self.environments, self.directory = options, model, environments, directory
        self.episodes: list[tuple[int, float, int]] = []
        self.recent: deque[float] = deque(maxlen=RECENT_EPISODES)
        self.steps, self.evaluating, self.began = 0, 0.0, time.perf_counter()

    def seconds(self) -> float:
        """Of training so far."""
        return time.perf_counter() - self.began - self.evaluating

    def __call__(self, local: dict[str, Any], _: dict[str, Any]) -> bool:
        """Whether to go on. The last line is left to `finish`, after the last update of the policy."""
        before, self.steps, every = self.steps, self.model.num_timesteps, self.options.eval_every
        ended = [info["episode"] for info in local["infos"] if "episode" in info]
        self.episodes.extend((self.steps, float(episode["r"]), int(episode["l"])) for episode in ended)
        self.recent.extend(float(episode["r"]) for episode in ended)
        if self.options.minutes is not None and self.seconds() >= 60 * self.options.minutes:
            return False
        due = every > 0 and self.steps // every > before // every
        if self.steps < self.options.steps and (due or self.steps // LINE_STEPS > before // LINE_STEPS):
            self.write(due)
        return True

    def write(self, evaluate: bool) -> None:
        """Add a line of metrics; `evaluate`: with the return of the policy without noise."""
        line: dict[str, Any] = {"steps": self.steps, "seconds": self.seconds(), "episodes": list(self.episodes)}
        line["return100"] = float(np.mean(self.recent)) if self.recent else None
        self.episodes.clear()
        if evaluate:
            before = time.perf_counter()
            returns, lengths = np.transpose(self.evaluate())
            line |= {"eval_return": returns.mean(), "eval_std": returns.std(), "eval_length": lengths.mean()}
            self.evaluating += time.perf_counter() - before
        self.directory.append(line)

    def finish(self) -> dict[str, Any]:
        """Write the last line; the result of the run."""
        self.write(self.options.eval_every > 0)
        return summary(self.directory.entries())

    def evaluate(self) -> list[tuple[float, int]]:
        """(undiscounted return, length) of whole episodes without noise; the normaliser stays as it is."""
        normalize = getattr(self.environments, "normalize_obs", lambda observation: observation)
        env, played = Maker(self.options.env)(), []
        for seed in np.random.SeedSequence(self.options.seed).spawn(self.options.eval_episodes):
            observation, _ = env.reset(seed=int(seed.generate_state(1)[0]))
            total, length, over = 0.0, 0, False
            while not over:
                action, _ = self.model.predict(normalize(observation), deterministic=True)
                observation, reward, terminated, truncated, _ = env.step(action)
                total, length, over = total + float(reward), length + 1, terminated or truncated
            played.append((total, length))
        env.close()
        return played


def open_directory(options: Options, chosen: Recipe, command: str, again: bool) -> RunDirectory:
    """The run directory, new or emptied of what an interrupted run has written."""
    import torch

    if again:
        directory = RunDirectory(options.folder)
        directory.rewind(0)
        return directory
    settings = asdict(options) | asdict(chosen) | {"threads": torch.get_num_threads()}
    for name in ("out", "resume", "method"):
        del settings[name]
    return RunDirectory.create(options.folder, settings, command, (*PACKAGES, "stable-baselines3", "sb3-contrib"))


def train(options: Options, command: str, again: bool = False) -> dict[str, Any]:
    """Train in a new run directory, and return what result.json holds.

    Args:
        options: what to train.
        command: what config.json says the run was made by.
        again: the directory is that of an interrupted run, made with these options; it starts from its beginning.

    Raises:
        InputError: a package is not installed, or the directory cannot be used.
        FaultError: the training failed; what it had recorded stays.
    """
    if not again:
        check_new(options.folder)
    chosen = recipe(options.preset, options.env, options.normalize)
    model, environments = make_model(options, chosen)
    with open_directory(options, chosen, command, again) as directory:
        recorder = Recorder(options, model, environments, directory)
        try:
            model.learn(options.steps, callback=recorder)
            result = recorder.finish()
        except (ArithmeticError, RuntimeError, ValueError) as error:
            where = f"{options.env} seed {options.seed}, step {model.num_timesteps}"
            raise FaultError(f"{where}: {type(error).__name__}: {error}") from error
        finally:
            environments.close()
        directory.finish(result)
    return result


def work(options: Options, command: str) -> int:
    """Train and say what came out; `command` is recorded in config.json."""
    again = options.resume is not None
    if options.resume is not None:
        options = read_options(options.resume)
    result = train(options, command, again)
    best = "no episode ended" if result["max100"] is None else f"max100 {result['max100']:.1f}"
    print(f"{options.env} seed {options.seed}: {best}, {result['seconds']:.0f} s, {options.folder}")
    return cli.DONE


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    words = sys.argv[1:] if argv is None else list(argv)
    command = shlex.join(["python", "-m", MODULE, *words])
    return cli.main(Options, MODULE, lambda options: work(options, command), words)


if __name__ == "__main__":
    sys.exit(main())
