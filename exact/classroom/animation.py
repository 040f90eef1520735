"""An animation of the lesson for a slide: a title, and a scene for every step that the MDP can show.

A scene has the question of its step above, and below it the views that answer it.  Either the iteration of a run of
Algorithm 3.1 (Zhao, Li and Wen, arXiv 1911.11640) goes on, or the radius at one iteration grows.  The axes of a scene
stand still.  The numbers are those of `exact.classroom.scene`, and the data files of the page.
"""

import importlib
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

from exact.classroom import frames
from exact.classroom.lesson import Step, part, steps
from exact.classroom.scene import RunSettings, scene
from exact.common.drawing import plain_text
from exact.common.errors import InputError
from exact.common.files import atomic_write
from exact.mdp import MDP
from exact.mdps.library import load

TITLE = "Why a trust region converges"
SOURCE = "Algorithm 3.1 of Zhao, Li and Wen (2019)"
FRAMES_PER_SECOND = 2
TITLE_REPEATS = 4
LAST_FRAME_REPEATS = 4
"""How often the last frame of a scene is repeated, so that it can be read."""
MOST_FRAMES = 10
"""Largest number of frames of a scene, not counting the repeats."""

COLOURS = 128
"""Size of the palette of a .gif."""

Picture = tuple[Image.Image, int]
"""A frame, and how often it is shown."""
Panel = Callable[[Axes, Any], None]
"""Draws one moment of a scene into its axes."""


@dataclass(frozen=True)
class Scene:
    """What the animation shows of one step of the lesson."""

    question: str
    moments: Sequence[Any]
    """What goes on: iterations, radii by their index, rungs, sizes of a batch."""
    panels: Sequence[Panel]
    """From left to right."""
    caption: Callable[[Any], str]
    """The line under the question at one moment."""


def animate(mdp: MDP | None, settings: RunSettings, target: Path) -> None:
    """Write the animation to `target`, a .gif or an .mp4 file, completely or not at all.

    Args:
        mdp: the MDP of all scenes about one; without it, every scene has the MDP of its step in the lesson.
        settings: how Algorithm 3.1 is run.
        target: the file to write.

    Raises:
        InputError: another ending, .mp4 without imageio-ffmpeg, an MDP that the classroom cannot draw, or the file
            cannot be written.
        FaultError: the disk is full or broken.
    """
    write = {".gif": _write_gif, ".mp4": _write_mp4}.get(target.suffix)
    if write is None:
        raise InputError(f"{target}: an animation must end in .gif or .mp4")
    if target.suffix == ".mp4":
        _ffmpeg()
    scenes = list(lesson_scenes(mdp, settings))
    with rc_context({"font.size": 14, "axes.spines.top": False, "axes.spines.right": False}):
        canvas: Any = FigureCanvasAgg(Figure(figsize=(12.8, 7.2), dpi=100))
        pictures = []
        for repeats in film(canvas.figure, scenes, mdp):
            canvas.draw()
            pictures.append((Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"), repeats))
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder) / f"movie{target.suffix}"
        write(temporary, pictures)
        atomic_write(target, temporary.read_bytes())


def _write_gif(target: Path, pictures: Sequence[Picture]) -> None:
    frames_ = [picture.quantize(COLOURS, dither=Image.Dither.NONE) for picture, _ in pictures]
    milliseconds = [1000 * repeats // FRAMES_PER_SECOND for _, repeats in pictures]
    frames_[0].save(target, save_all=True, append_images=frames_[1:], duration=milliseconds, loop=0)


def _write_mp4(target: Path, pictures: Sequence[Picture]) -> None:
    movie = _ffmpeg().write_frames(str(target), pictures[0][0].size, fps=FRAMES_PER_SECOND)
    movie.send(None)
    for picture, repeats in pictures:
        for _ in range(repeats):
            movie.send(picture.tobytes())
    movie.close()


def _ffmpeg() -> Any:
    try:
        return importlib.import_module("imageio_ffmpeg")
    except ImportError:
        raise InputError("writing .mp4 needs imageio-ffmpeg: install stro[video], or write a .gif") from None


def film(figure: Figure, scenes: Sequence[Scene], mdp: MDP | None) -> Iterator[int]:
    """Draw the title and every moment of every scene, one after the other; yields how often each is to be shown."""
    figure.text(0.5, 0.62, TITLE, ha="center", size=40, family="serif")
    figure.text(0.5, 0.5, SOURCE if mdp is None else f"{SOURCE}, on {plain_text(mdp.name)}", ha="center", size=20)
    yield TITLE_REPEATS
    for number, one in enumerate(scenes, start=1):
        figure.clear()
        figure.set_layout_engine(ConstrainedLayoutEngine(rect=(0.01, 0.02, 0.97, 0.83)))
        axes = figure.subplots(1, len(one.panels), squeeze=False)[0]
        figure.text(0.02, 0.93, f"{number}. {one.question}", size=24, family="serif")
        line = figure.text(0.02, 0.88, "", size=15, color="#5b636d")
        for moment in one.moments:
            for ax, panel in zip(axes, one.panels, strict=True):
                ax.clear()
                panel(ax, moment)
            line.set_text(one.caption(moment))
            if moment is one.moments[0]:  # the layout is made once: the axes stand still, and frames are faster
                figure.draw_without_rendering()
                figure.set_layout_engine("none")
            yield LAST_FRAME_REPEATS if moment is one.moments[-1] else 1


def lesson_scenes(mdp: MDP | None, settings: RunSettings) -> Iterator[Scene]:
    """The scenes of the lesson's steps; a step whose view the MDP does not have is left out."""
    given = None if mdp is None else scene(mdp, settings)
    known: dict[str, dict[str, Any]] = {}
    for step in steps():
        shown, k = given, 0
        if given is None:
            shown = known.setdefault(step.mdp, {}) or scene(load(step.mdp), settings)
            known[step.mdp], k = shown, step.k
        assert shown is not None
        made = _scene_of(step, shown, k)
        if made is not None:
            yield made


def _scene_of(step: Step, shown: dict[str, Any], k: int) -> Scene | None:
    """The scene of a step on an MDP, at iteration k where the radius moves."""
    name, last = plain_text(shown["name"]), len(shown["eta"]) - 1
    radii, horizon = shown["steps"][k]["delta"], 1 / (1 - shown["discount"])

    def by_iteration(*panels: Panel) -> Scene:
        return Scene(step.question, _spread(0, last), panels, lambda i: f"{name}, iteration {i} of {last}")

    def by_radius(*draw: Callable[..., None], largest: float = np.inf) -> Scene:
        panels = [of(one, shown, k) for one in draw]
        moments = _spread(len(radii) // 3, int(np.searchsorted(radii, largest, side="right")) - 1)
        return Scene(step.question, moments, panels, lambda i: f"{name}, iteration {k}, radius {radii[i]:.3g}")

    def of(draw: Callable[..., None], *data: Any) -> Panel:
        return lambda ax, i: draw(ax, *data, i)

    match step.views[0]:
        case "problem":
            return by_iteration(of(frames.draw_policy, shown), of(frames.draw_return, shown))
        case "gain":
            return by_radius(frames.draw_gain)
        case "square":
            return by_radius(frames.draw_square, largest=horizon / 8) if shown["square"] else None
        case "water":
            return by_radius(frames.draw_water, largest=horizon / 8)
        case "ratio":
            return by_radius(frames.draw_ratio, frames.draw_gain)
        case "ladder":
            rungs = range(len(frames.RUNGS))
            return Scene(step.question, rungs, [of(frames.draw_ladder, shown, k)], lambda i: f"{name}, iteration {k}")
        case "run":
            return by_iteration(of(frames.draw_policy, shown), of(frames.draw_progress, shown))
        case "grid":
            grid = shown["grid"]
            return by_iteration(*(of(frames.draw_map, grid, m) for m in range(3))) if grid else None
        case "noise":
            noise = json.loads(part("noise.json"))
            panels = [of(frames.draw_batches, noise), of(frames.draw_wrong, noise)]
            sizes = range(len(noise["batches"]))
            return Scene(
                step.question, sizes, panels, lambda i: f"{noise['mdp']}, batches of {noise['batches'][i]['n']}"
            )
        case "deep":
            deep = json.loads(part("deep.json"))
            panels = [of(frames.draw_learning, deep), of(frames.draw_cloud, deep)]
            moments = _spread(deep["iterations"] // MOST_FRAMES, deep["iterations"])
            return Scene(
                step.question, moments, panels, lambda i: f"{deep['env']}, iteration {i} of {deep['iterations']}"
            )
        case view:
            raise AssertionError(f"page/lesson.html has a view without a scene: {view}")


def _spread(low: int, high: int) -> list[int]:
    """At most MOST_FRAMES whole numbers from low to high."""
    return sorted({round(x) for x in np.linspace(low, high, MOST_FRAMES)})
