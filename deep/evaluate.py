"""Score a trained agent.

    python -m deep.evaluate DIR [--episodes 100 --deterministic|--stochastic --seed 0 --video FILE.mp4|FILE.gif]

The observation normaliser is part of the checkpoint and stays fixed, so a restored policy scores what it scored.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from deep.build import inspect, make_policy
from deep.model.actors import Actor
from deep.run.checkpoint import read_newest
from deep.run.directory import read_config
from deep.run.snapshot import unpack_moments
from deep.sampling.environments import ActionMap, make_env, spec_of
from deep.sampling.normalise import Preprocess, preprocess
from exact.common import cli
from exact.common.errors import InputError

VIDEO_SUFFIXES = (".mp4", ".gif")
DEFAULT_FPS = 30


@dataclass(frozen=True)
class Agent:
    """A restored policy with its normaliser."""

    env_id: str
    sticky: float
    """Probability of a sticky action in Atari games."""
    actor: Actor
    normalise: Preprocess

    def make_env(self, render_mode: str | None = None) -> gym.Env:
        """The environment it was trained in."""
        return make_env(self.env_id, render_mode, self.sticky)

    @classmethod
    def load(cls, folder: Path) -> "Agent":
        """The agent of a run directory's newest whole checkpoint.

        Raises:
            InputError: no run directory, no usable checkpoint, or they do not match.
        """
        config = read_config(folder)
        saved = read_newest(folder / "checkpoints", lambda line: print(line, file=sys.stderr))
        if saved is None:
            raise InputError(f"{folder} has no checkpoint yet")
        spec = inspect(config.env)
        policy = make_policy(config, spec)
        theta, moments = saved["learner"]["theta"], unpack_moments(saved["learner"]["observations"])
        if theta.shape != (policy.size,):
            raise InputError(
                f"the checkpoint in {folder} does not match its config.json: {len(theta)} parameters, "
                f"expected {policy.size}"
            )
        clip = config.sampling.observation_clip if config.normalize else np.inf
        return cls(config.env, config.sticky_actions, policy.actor(theta), preprocess(moments, clip, spec.pixels))


def run_episode(
    env: gym.Env, agent: Agent, seed: np.random.SeedSequence, stochastic: bool, frames: list[NDArray[Any]] | None = None
) -> tuple[float, int]:
    """(undiscounted return, length) of one episode; its rendered frames are added to `frames`."""
    reset, noise = seed.spawn(2)
    rng, to_env = np.random.default_rng(noise), ActionMap(spec_of(env, agent.env_id))
    observation, _ = env.reset(seed=int(reset.generate_state(1)[0]))
    total, length, over = 0.0, 0, False
    while not over:
        if frames is not None:
            frames.append(np.asarray(env.render()))
        seen = agent.normalise(np.asarray(observation, np.float32))
        action = agent.actor.act(seen, agent.actor.draw_noise(rng, 1)[0]) if stochastic else agent.actor.mode(seen)
        observation, reward, terminated, truncated, _ = env.step(to_env(action))
        total, length, over = total + float(reward), length + 1, terminated or truncated
    return total, length


def evaluate(agent: Agent, episodes: int, seed: int, stochastic: bool) -> list[tuple[float, int]]:
    """(return, length) of each of `episodes` episodes; the same seed gives the same ones."""
    env = agent.make_env()
    try:
        seeds = np.random.SeedSequence(seed).spawn(episodes)
        return [run_episode(env, agent, one, stochastic) for one in seeds]
    finally:
        env.close()


def record(agent: Agent, path: Path, seed: int, stochastic: bool) -> None:
    """Film the first episode of `evaluate` with the same seed.

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
        fps = env.metadata.get("render_fps", DEFAULT_FPS)
        run_episode(env, agent, np.random.SeedSequence(seed).spawn(1)[0], stochastic, frames)
        env.close()
    except InputError:
        raise
    except Exception as error:  # renderers fail in many ways where there is no display
        raise InputError(f"--video: cannot render {agent.env_id!r}: {type(error).__name__}: {error}") from error
    temporary = path.with_name(f".{path.name}.tmp{path.suffix}")
    timing = {"fps": fps} if path.suffix == ".mp4" else {"duration": 1000 / fps, "loop": 0}
    try:
        imageio.imwrite(temporary, np.stack(frames), **timing)
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"--video: cannot write {path}: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (see --help)")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line. Raises InputError."""
    parser = _Parser(prog="python -m deep.evaluate", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DIR", help="run directory")
    parser.add_argument("--episodes", type=int, default=100, help="number of episodes (default 100)")
    parser.add_argument("--seed", type=int, default=0, help="of the episodes (default 0)")
    noise = parser.add_mutually_exclusive_group()
    noise.add_argument("--stochastic", action="store_true", help="sample actions, as in training")
    noise.add_argument("--deterministic", action="store_true", help="most probable actions (the default)")
    parser.add_argument("--video", type=Path, metavar="FILE", help="film the first episode (.mp4 or .gif)")
    options = parser.parse_args(arguments)
    if options.episodes < 1 or options.seed < 0:
        raise InputError(f"expected --episodes >= 1 and --seed >= 0, got {options.episodes} and {options.seed}")
    if options.video is not None:
        if options.video.suffix not in VIDEO_SUFFIXES:
            raise InputError(f"--video: expected a name that ends in .mp4 or .gif, got {options.video}")
        if not options.video.parent.is_dir():
            raise InputError(f"--video: there is no folder {options.video.parent}")
    return options


def _main() -> int:
    options = parse(sys.argv[1:])
    agent = Agent.load(options.folder)
    results = np.array(evaluate(agent, options.episodes, options.seed, options.stochastic))
    if options.video is not None:
        record(agent, options.video, options.seed, options.stochastic)
    returns, lengths = results.T
    spread = f"±{returns.std(ddof=1):.1f}" if len(returns) > 1 else ""
    kind = "stochastic" if options.stochastic else "deterministic"
    print(
        f"{agent.env_id}, {kind} policy, {len(returns)} episodes: return {returns.mean():.1f}{spread} "
        f"(median {np.median(returns):.1f}, {returns.min():.1f} to {returns.max():.1f}), length {lengths.mean():.0f}"
    )
    return 0


if __name__ == "__main__":
    cli.run(_main)
