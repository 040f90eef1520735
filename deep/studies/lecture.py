"""The classroom's chapter on a network: one training run with its trust region, and films of four moments of it.

    python -m deep.studies.lecture --run runs/lecture --out exact/classroom/page/deep.json

The page of `exact.classroom` draws these numbers and pictures. They are committed beside it, because `exact` does not
import `deep`. The same command again continues an interrupted run.
"""

import base64
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deep.config import PresetName
from exact.common import cli
from exact.common.errors import InputError
from exact.common.files import atomic_write, check_writable, read_json

MOMENTS = (0.0, 0.1, 0.3, 1.0)
"""Shares of the steps at which the policy is filmed."""
POINTS = 200
"""Most iterations that the page gets."""
FRAMES, EVERY = 36, 3
"""Frames of a film, and environment steps from one to the next."""
SIDE, QUALITY = 150, 45
"""Width and height of a frame in pixels, and the quality of the picture, 1 to 95."""
COLUMNS = ("steps", "return100", "radius", "kl", "delta", "ratio", "predicted_gain", "actual_gain")


@dataclass(frozen=True)
class Options:
    """Train an agent, film it at four moments, and write what the classroom shows of it."""

    run: Path
    """Run directory; an interrupted run is continued."""
    out: Path
    """File to write."""
    env: str = "HalfCheetah-v4"
    """Gymnasium id."""
    preset: PresetName = "paper"
    """Preset of deep.train."""
    steps: int = 400_000
    """Environment steps."""
    seed: int = 0
    """Seed of the run and of the filmed episodes."""

    def __post_init__(self) -> None:
        if self.steps < 1 or self.seed < 0:
            raise InputError("--steps must be at least 1 and --seed at least 0")
        check_writable(self.out)


def film(folder: Path, env_id: str, seed: int) -> dict[str, Any]:
    """The agent of a run directory from the start of an episode, as one picture of frames side by side.

    Returns:
        "picture": a data address of a WebP picture, `frames` squares in a row; "frames"; "steps" played so far.
    """
    from PIL import Image

    from deep.agent import load
    from deep.film import choose_renderer, follow
    from deep.playing import run_episode
    from deep.sampling.adapter import Adapter

    agent, images = load(folder, env=env_id), list[NDArray[Any]]()
    choose_renderer(agent)
    env = Adapter(agent.spec, agent.sticky, "rgb_array")
    try:
        follow(env.env)
        run_episode(env, agent, np.random.SeedSequence(seed), False, images, FRAMES * EVERY)
    finally:
        env.close()
    frames = [Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.LANCZOS) for image in images[::EVERY]]
    strip = Image.new("RGB", (SIDE * len(frames), SIDE))
    for i, frame in enumerate(frames):
        strip.paste(frame, (SIDE * i, 0))
    data = io.BytesIO()
    strip.save(data, "webp", quality=QUALITY, method=6)
    return {"picture": "data:image/webp;base64," + base64.b64encode(data.getvalue()).decode(), "frames": len(frames)}


def curve(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """COLUMNS of at most POINTS iterations, and whether each was accepted."""
    every = -(-len(lines) // POINTS)
    shown = lines[::every]
    columns: dict[str, Any] = {name: [_short(line.get(name)) for line in shown] for name in COLUMNS}
    return columns | {"accepted": [line["outcome"] != "reject" for line in shown]}


def work(options: Options) -> int:
    """Train, film and write."""
    from deep.presets import preset
    from deep.training import advance

    config = replace(preset(options.preset, options.env), steps=options.steps, seed=options.seed, workers=1)
    films, lines = [], []
    for i, share in enumerate(MOMENTS):
        lines = advance(config, options.run, round(share * options.steps), "deep.studies.lecture", lambda: False)
        kept = options.run / f"film-{i}.json"
        if not kept.exists():  # otherwise filmed at its moment, before an interruption
            steps = lines[-1]["steps"] if lines else 0
            atomic_write(kept, json.dumps({"steps": steps, **film(options.run, options.env, options.seed)}))
            print(f"{options.env}: filmed after {steps} steps")
        films.append(read_json(kept))
    content = {
        "command": f"python -m deep.studies.lecture --run {options.run} --out {options.out} --env {options.env} "
        f"--preset {options.preset} --steps {options.steps} --seed {options.seed}",
        "versions": json.loads((options.run / "config.json").read_text(encoding="utf-8"))["versions"],
        "env": options.env,
        "preset": options.preset,
        "rejected": _short(np.mean([line["outcome"] == "reject" for line in lines])),
        "gained": _short(np.mean([line["actual_gain"] > 0 for line in lines])),
        "iterations": len(lines),
        "curve": curve(lines),
        "films": films,
    }
    atomic_write(options.out, json.dumps(content, separators=(",", ":"), allow_nan=False) + "\n")
    print(f"wrote {options.out}")
    return cli.DONE


def _short(x: Any) -> float | None:
    """Four significant digits; None for a missing number."""
    return None if x is None or not np.isfinite(x) else float(f"{float(x):.4g}")


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return cli.main(Options, "deep.studies.lecture", work, argv)


if __name__ == "__main__":
    sys.exit(main())
