"""Score a trained agent.

    python -m deep.evaluate DIR [--episodes 100 --deterministic|--stochastic --seed 0 --video FILE.mp4|FILE.gif]

The observation normaliser is part of the checkpoint and stays fixed, so a restored policy scores what it scored.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from tyro.conf import Positional

from deep.agent import Agent, load
from deep.playing import run_episode
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
