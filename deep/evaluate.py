"""Score a trained agent.

    python -m deep.evaluate DIR [--episodes 100 --deterministic|--stochastic --seed 0 --video FILE.mp4|FILE.gif]

The observation normaliser is part of the checkpoint and stays fixed, so a restored policy scores what it scored.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from tyro.conf import Positional

from deep.build import make_policy
from deep.model.actors import Actor
from deep.run.checkpoint import read_newest
from deep.run.directory import read_config
from deep.run.snapshot import unpack_moments
from deep.sampling.environments import ActionMap, EnvSpec, inspect
from deep.sampling.normalise import Preprocess, preprocess
from exact.common import cli
from exact.common.errors import InputError

VIDEO_SUFFIXES = (".mp4", ".gif")
DEFAULT_FPS = 30


@dataclass(frozen=True)
class Options:
    """Score a trained agent over whole episodes."""

    folder: Positional[Path]
    """Run directory."""
    episodes: int = 100
    """Number of episodes."""
    seed: int = 0
    """Seed of the episodes: of the environment, and of the actions if they are sampled."""
    stochastic: bool = False
    """Sample actions, as in training."""
    deterministic: bool = False
    """Take the most probable actions, which is what happens without --stochastic."""
    video: Path | None = None
    """Film the first episode (.mp4 or .gif)."""

    def __post_init__(self) -> None:
        if self.episodes < 1 or self.seed < 0:
            raise InputError(f"expected --episodes >= 1 and --seed >= 0, got {self.episodes} and {self.seed}")
        if self.stochastic and self.deterministic:
            raise InputError("--stochastic and --deterministic exclude each other")
        if self.video is not None and self.video.suffix not in VIDEO_SUFFIXES:
            raise InputError(f"--video: expected a name that ends in .mp4 or .gif, got {self.video}")
        if self.video is not None and not self.video.parent.is_dir():
            raise InputError(f"--video: there is no folder {self.video.parent}")


@dataclass(frozen=True)
class Agent:
    """A trained policy with its normaliser."""

    spec: EnvSpec
    """The environment it was trained in."""
    sticky: float
    """Probability of a sticky action in Atari games."""
    actor: Actor
    normalise: Preprocess

    def act(self, observation: NDArray[Any], rng: np.random.Generator | None = None) -> NDArray[Any] | int:
        """The action to hand to env.step.

        Args:
            observation: as the environment gives it, shape spec.observation_shape.
            rng: samples the action; without it the most probable action is taken.
        """
        seen = self.normalise(np.asarray(observation) if self.spec.pixels else np.asarray(observation, np.float32))
        action = self.actor.mode(seen) if rng is None else self.actor.act(seen, self.actor.draw_noise(rng, 1)[0])
        return self.to_env(action)

    @cached_property
    def to_env(self) -> ActionMap:
        """From the policy's actions to the environment's."""
        return ActionMap(self.spec)

    def make_env(self, render_mode: str | None = None) -> gym.Env:
        """An environment like the one it was trained in."""
        return self.spec.maker(render_mode, self.sticky)

    def evaluate(self, episodes: int = 100, seed: int = 0, stochastic: bool = False) -> list[tuple[float, int]]:
        """Play whole episodes.

        Args:
            episodes: their number, >= 1.
            seed: of the environment and the actions; the same seed gives the same episodes.
            stochastic: whether to sample actions, as in training, or to take the most probable ones.

        Returns:
            (undiscounted return, length) of each episode.
        """
        env = self.make_env()
        try:
            return [run_episode(env, self, one, stochastic) for one in np.random.SeedSequence(seed).spawn(episodes)]
        finally:
            env.close()


def load(folder: Path | str) -> Agent:
    """The agent of a run directory's newest whole checkpoint.

    Raises:
        InputError: no run directory, no usable checkpoint, or they do not match.
    """
    folder = Path(folder)
    config = read_config(folder)
    saved = read_newest(folder / "checkpoints", lambda line: print(line, file=sys.stderr))
    if saved is None:
        raise InputError(f"{folder} has no checkpoint yet")
    spec = inspect(config.env, config.env_kwargs, config.wrapper)
    policy = make_policy(config, spec)
    theta, moments = saved["learner"]["theta"], unpack_moments(saved["learner"]["observations"])
    if theta.shape != (policy.size,):
        raise InputError(
            f"the checkpoint in {folder} does not match its config.json: {len(theta)} parameters, "
            f"expected {policy.size}"
        )
    clip = config.sampling.observation_clip if config.normalize else np.inf
    return Agent(spec, config.sticky_actions, policy.actor(theta), preprocess(moments, clip, spec.pixels))


def run_episode(
    env: gym.Env, agent: Agent, seed: np.random.SeedSequence, stochastic: bool, frames: list[NDArray[Any]] | None = None
) -> tuple[float, int]:
    """(undiscounted return, length) of one episode; its rendered frames are added to `frames`."""
    reset, noise = seed.spawn(2)
    rng = np.random.default_rng(noise) if stochastic else None
    observation, _ = env.reset(seed=int(reset.generate_state(1)[0]))
    total, length, over = 0.0, 0, False
    while not over:
        if frames is not None:
            frames.append(np.asarray(env.render()))
        observation, reward, terminated, truncated, _ = env.step(agent.act(observation, rng))
        total, length, over = total + float(reward), length + 1, terminated or truncated
    return total, length


def _follow(env: gym.Env) -> None:
    """Let the camera follow the agent, in a MuJoCo task whose model has a camera for that.

    gymnasium 1.4 does so only where the task names the body to follow: HalfCheetah, Ant and Swimmer left the picture.
    """
    renderer = getattr(env.unwrapped, "mujoco_renderer", None)
    if renderer is None or "trackbodyid" in (renderer.default_cam_config or {}):
        return
    cameras = [renderer.model.camera(i).name for i in range(renderer.model.ncam)]
    if "track" in cameras:
        renderer.camera_id = cameras.index("track")


def record(agent: Agent, path: Path, seed: int, stochastic: bool) -> None:
    """Film the first episode of `Agent.evaluate` with the same seed.

    Raises:
        InputError: the package for videos is missing, the environment cannot be rendered, or the file not written.
    """
    try:
        import imageio.v3 as imageio
    except ImportError:
        raise InputError("--video needs the packages imageio and imageio-ffmpeg, which are not installed") from None
    frames: list[NDArray[Any]] = []
    try:
        env = agent.make_env("rgb_array")
        _follow(env)
        fps = env.metadata.get("render_fps", DEFAULT_FPS)
        run_episode(env, agent, np.random.SeedSequence(seed).spawn(1)[0], stochastic, frames)
        env.close()
    except InputError:
        raise
    except Exception as error:  # renderers fail in many ways where there is no display
        raise InputError(f"--video: cannot render {agent.spec.env_id!r}: {type(error).__name__}: {error}") from error
    temporary = path.with_name(f".{path.name}.tmp{path.suffix}")
    timing = {"fps": fps} if path.suffix == ".mp4" else {"duration": 1000 / fps, "loop": 0}
    try:
        imageio.imwrite(temporary, np.stack(frames), **timing)
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"--video: cannot write {path}: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def work(options: Options) -> int:
    """Play the episodes, film the first one if asked to, and say what came out."""
    agent = load(options.folder)
    results = np.array(agent.evaluate(options.episodes, options.seed, options.stochastic))
    if options.video is not None:
        record(agent, options.video, options.seed, options.stochastic)
    returns, lengths = results.T
    spread = f"±{returns.std(ddof=1):.1f}" if len(returns) > 1 else ""
    kind = "stochastic" if options.stochastic else "deterministic"
    print(
        f"{agent.spec.env_id}, {kind} policy, {len(returns)} episodes: return {returns.mean():.1f}{spread} "
        f"(median {np.median(returns):.1f}, {returns.min():.1f} to {returns.max():.1f}), length {lengths.mean():.0f}"
    )
    return cli.DONE


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return cli.main(Options, "deep.evaluate", work, argv)


if __name__ == "__main__":
    sys.exit(main())
