"""Score a trained agent.

    python -m deep.evaluate DIR [--episodes 100 --deterministic|--stochastic --seed 0 --video FILE.mp4|FILE.gif]

The observation normaliser is part of the checkpoint and stays fixed, so a restored policy scores what it scored.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tyro.conf import Positional

from deep.agent import load
from deep.film import VIDEO_SUFFIXES, choose_renderer, record
from deep.playing import MAX_STEPS
from exact.common import cli
from exact.common.errors import InputError
from exact.common.files import check_writable
from exact.common.progress import counter


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
    max_steps: int = MAX_STEPS
    """An episode that has not ended after so many steps is cut off."""
    best: bool = False
    """Take the checkpoint whose evaluation was best (--eval-every of deep.train), not the newest."""
    env: str | None = None
    """The run's environment. It must be named if it is one of a module (module:name), whose code will be run."""
    wrapper: str | None = None
    """The run's wrapper, likewise."""
    video: Path | None = None
    """Film the first episode (.mp4 or .gif). A machine without a display renders MuJoCo with MUJOCO_GL=egl or osmesa;
    what works is tried."""

    def __post_init__(self) -> None:
        if self.episodes < 1 or self.seed < 0:
            raise InputError(f"expected --episodes >= 1 and --seed >= 0, got {self.episodes} and {self.seed}")
        if self.max_steps < 1:
            raise InputError(f"expected --max-steps >= 1, got {self.max_steps}")
        if self.stochastic and self.deterministic:
            raise InputError("--stochastic and --deterministic exclude each other")
        if self.video is not None and self.video.suffix not in VIDEO_SUFFIXES:
            raise InputError(f"--video: expected a name that ends in .mp4 or .gif, got {self.video}")


def work(options: Options) -> int:
    """Play the episodes, film the first one if asked to, and say what came out."""
    if options.video is not None:
        check_writable(options.video)
    agent = load(options.folder, best=options.best, env=options.env, wrapper=options.wrapper)
    if options.video is not None:
        choose_renderer(agent)  # before the episodes: a film that cannot be made is known at once
    ticker, tell = counter("episodes", options.episodes)
    with ticker:
        results = np.array(agent.evaluate(options.episodes, options.seed, options.stochastic, options.max_steps, tell))
    if options.video is not None:
        record(agent, options.video, options.seed, options.stochastic, options.max_steps)
    returns, lengths = results.T
    spread = f"±{returns.std(ddof=1):.1f}" if len(returns) > 1 else ""
    kind = "stochastic" if options.stochastic else "deterministic"
    print(
        f"{agent.spec.env_id}, {kind} policy, {len(returns)} episodes: return {returns.mean():.1f}{spread} "
        f"(median {np.median(returns):.1f}, {returns.min():.1f} to {returns.max():.1f}), length {lengths.mean():.0f}"
    )
    if (cut := int((lengths >= options.max_steps).sum())) > 0:
        print(f"note: {cut} of {len(lengths)} episodes were cut off after --max-steps {options.max_steps} steps")
    return cli.DONE


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return cli.main(Options, "deep.evaluate", work, argv)


if __name__ == "__main__":
    sys.exit(main())
