"""An animation of a run of Algorithm 3.1 (Zhao, Li and Wen, arXiv 1911.11640) for a slide, one frame per iteration.

On the left is the policy: the square of a two-state MDP, the map of a grid world, or the water filling of (3.6).  On
the right are the ratio r(delta) of (3.2) with its lower bounds, and the progress of the run.  The numbers are those of
`exact.classroom.scene`.
"""

import importlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.animation import FFMpegWriter, FuncAnimation, PillowWriter
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Polygon, Rectangle

from exact.classroom.scene import RunSettings, scene
from exact.common.drawing import plain_text
from exact.common.errors import InputError
from exact.common.files import atomic_write
from exact.mdp import MDP

BLUE, ORANGE, GREEN, PURPLE, GREY, PALE = "#0b5fa5", "#c04a00", "#0a7a55", "#85339f", "#8a929c", "#d5e5f2"
FRAMES_PER_SECOND = 2
LAST_FRAME_REPEATS = 4
LEGEND: Any = {"loc": "lower center", "bbox_to_anchor": (0.5, 1), "ncols": 4, "fontsize": 11, "columnspacing": 1.2}
DIRECTIONS = {"←": (-1, 0), "→": (1, 0), "↑": (0, -1), "↓": (0, 1)}
BOUNDS = (
    *(("bound_lemma34", ORANGE, "Lemma 3.4"), ("bound_prior", PURPLE, "prior bound")),
    *(("bound_posterior", GREEN, "posterior bound"), ("ratio", BLUE, "ratio r")),
)
"""Curves of the ratio plot: column of the scene, colour, label."""


def animate(mdp: MDP, settings: RunSettings, target: Path) -> None:
    """Write the animation of a run on `mdp` to `target`, a .gif or an .mp4 file, completely or not at all.

    Raises:
        InputError: another ending, .mp4 without imageio-ffmpeg, an MDP that the classroom cannot draw, or the file
            cannot be written.
        FaultError: the disk is full or broken.
    """
    rc: Any = {"font.size": 14, "axes.spines.top": False, "axes.spines.right": False}
    if target.suffix == ".mp4":
        rc["animation.ffmpeg_path"] = _ffmpeg()
    elif target.suffix != ".gif":
        raise InputError(f"{target}: an animation must end in .gif or .mp4")
    shown = scene(mdp, settings)
    frames = [*range(len(shown["eta"])), *[len(shown["eta"]) - 1] * LAST_FRAME_REPEATS]
    with rc_context(rc), tempfile.TemporaryDirectory() as folder:
        figure = Figure(figsize=(12.8, 7.2), dpi=100, layout=ConstrainedLayoutEngine(rect=(0, 0, 1, 0.94)))
        grid = figure.add_gridspec(2, 2, width_ratios=(1.15, 1))
        axes = (figure.add_subplot(grid[:, 0]), figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, 1]))

        draw_frame(figure, axes, shown, 0)
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # the layout is made once: the axes stand still, and frames are faster

        def draw(k: int) -> list[Any]:
            draw_frame(figure, axes, shown, k)
            return []

        movie = FuncAnimation(figure, draw, frames=frames, init_func=list, cache_frame_data=False)
        writer = (PillowWriter if target.suffix == ".gif" else FFMpegWriter)(fps=FRAMES_PER_SECOND)
        temporary = Path(folder) / f"movie{target.suffix}"
        movie.save(temporary, writer=writer)
        atomic_write(target, temporary.read_bytes())


def _ffmpeg() -> str:
    try:
        return str(importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe())
    except ImportError:
        raise InputError("writing .mp4 needs imageio-ffmpeg: install stro[video], or write a .gif") from None


def draw_frame(figure: Figure, axes: tuple[Axes, Axes, Axes], shown: dict[str, Any], k: int) -> None:
    """Draw iteration k of a scene into three axes: policy, ratio, progress."""
    for ax in axes:
        ax.clear()
    last = len(shown["eta"]) - 1
    figure.suptitle(
        f"{plain_text(shown['name'])}   k = {k} of {last}   "
        f"η = {shown['eta'][k]:.4g}   A* = {shown['advantage'][k]:.3g}"
    )
    now = shown["steps"][k] if k < len(shown["steps"]) else None
    if shown["square"]:
        draw_square(axes[0], shown["square"], k, now)
    elif shown["grid"]:
        draw_map(axes[0], shown["grid"], k)
    else:
        draw_water(axes[0], now)
    draw_ratio(axes[1], shown, now)
    draw_progress(axes[2], shown, k)


def draw_square(ax: Axes, square: dict[str, Any], k: int, now: dict[str, Any] | None) -> Axes:
    """The policy square: level lines of eta, the trust region, the path and the step."""
    for line in square["contours"]:
        ax.plot(*np.transpose(line), color=GREY, lw=0.7)
    path = np.array(square["policies"])
    if now is not None:
        (px, py), (wx, wy) = path[k], now["delta"][now["own"]] / np.array(now["rho"])
        corners = [(px + wx, py), (px, py + wy), (px - wx, py), (px, py - wy)]
        ax.add_patch(Polygon(corners, fc=PALE, ec=BLUE, alpha=0.8))
        trial = now["trial_policies"][now["own"]]
        ax.annotate("", trial, path[k], arrowprops={"arrowstyle": "-|>", "color": ORANGE, "lw": 2.5})
    ax.plot(*path[: k + 1].T, "o-", color=BLUE, lw=2)
    ax.plot(*path[k], "o", color=BLUE, ms=12)
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel=r"$\pi(1|0)$", ylabel=r"$\pi(1|1)$")
    ax.set_title("policies, and the trust region")
    return ax


def draw_map(ax: Axes, grid: dict[str, Any], k: int) -> Axes:
    """The value map of the trust-region run with its policy as arrows."""
    own = grid["methods"][0]
    rows, columns = len(grid["letters"]), len(grid["letters"][0])
    values = np.array(own["values"])
    ax.imshow(values[k].reshape(rows, columns), cmap="Blues", vmin=values.min(), vmax=values.max() * 1.3, alpha=0.9)
    y, x = np.divmod(np.arange(rows * columns), columns)
    for arrow, share in zip(grid["arrows"], np.transpose(own["percent"][k]) / 100, strict=True):
        dx, dy = DIRECTIONS[arrow]
        shaft: Any = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.006, "minlength": 0.5}
        ax.quiver(x, y, 0.42 * share * dx, 0.42 * share * dy, **shaft)
    for s, letter in enumerate("".join(grid["letters"])):
        if letter not in ".F":
            ax.text(x[s] - 0.45, y[s] - 0.25, letter)
    ax.set(xticks=[], yticks=[], title="values and policy")
    return ax


def draw_water(ax: Axes, now: dict[str, Any] | None) -> Axes:
    """The bars of (3.6), of width rho pi and height G. What is emptied is filled; the water line is dashed."""
    ax.set(
        xlabel=r"width $\rho(s)\,\pi(a|s)$, budget $\delta$",
        ylabel="height $G(s,a)$",
        title="the step as water filling",
    )
    if now is None:
        return ax
    bars, used = now["bars"], now["distance"][now["own"]]
    start = 0.0
    for width, height in zip(bars["width"], bars["height"], strict=True):
        ax.add_patch(Rectangle((start, 0), width, height, fc=PALE, ec=GREY))
        ax.add_patch(Rectangle((start, 0), min(max(used - start, 0.0), width), height, fc=BLUE))
        start += width
    ax.axhline(now["price"][now["own"]], color=ORANGE, ls="--")
    ax.set(xlim=(0, start), ylim=(0, 1.1 * bars["height"][0]))
    return ax


def draw_ratio(ax: Axes, shown: dict[str, Any], now: dict[str, Any] | None) -> Axes:
    """r(delta) at pi_k with its lower bounds, and a dot at the run's own radius."""
    ax.set(xscale="log", xlabel=r"radius $\delta$", ylim=(-0.15, 1.35))
    for name in ("beta0", "beta1"):
        ax.axhline(shown[name], color=GREY, ls=":", lw=1)
    if now is None:
        return ax
    for column, colour, label in BOUNDS:
        ax.plot(now["delta"], np.array(now[column], dtype=float), color=colour, lw=2, label=label)
    ax.plot(now["delta"][now["own"]], now["ratio"][now["own"]], "o", color=BLUE, ms=9)
    ax.set_xlim(now["delta"][0], now["delta"][-1])
    ax.legend(**LEGEND)
    return ax


def draw_progress(ax: Axes, shown: dict[str, Any], k: int) -> Axes:
    """eta* - eta_k and delta_k up to now, with rejected trials as crosses."""
    for values, colour, label in ((shown["gap"], BLUE, r"$\eta^*-\eta_k$"), (shown["delta"], GREEN, r"$\delta_k$")):
        known = np.array(values[: k + 1])
        ax.plot(np.where(known > 0, known, np.nan), "o-", color=colour, ms=4, label=label)
    crosses = [j for j in range(min(k + 1, len(shown["accepted"]))) if not shown["accepted"][j]]
    ax.plot(crosses, [shown["delta"][j] for j in crosses], "x", color=ORANGE, ms=9, mew=2.5, label="rejected")
    positive = [v for v in (*shown["gap"], *shown["delta"]) if v > 0]
    ax.set(yscale="log", xlim=(-0.5, len(shown["eta"]) - 0.5), ylim=(min(positive) / 2, max(positive) * 2))
    ax.set(xlabel="iteration k")
    ax.legend(**LEGEND)
    return ax
