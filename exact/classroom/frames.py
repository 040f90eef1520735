"""Panels of the animation: what is drawn into one axes, at one iteration or at one radius of a scene.

Every function takes the axes and a scene of `exact.classroom.scene`, and sets limits that depend on neither the
iteration nor the radius: the axes stand still while the drawing moves.
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Polygon, Rectangle

BLUE, ORANGE, GREEN, PURPLE, GREY, PALE = "#0b5fa5", "#c04a00", "#0a7a55", "#85339f", "#8a929c", "#d5e5f2"
LEGEND: Any = {"loc": "lower center", "bbox_to_anchor": (0.5, 1), "ncols": 4, "fontsize": 11, "columnspacing": 1.2}
DIRECTIONS = {"←": (-1, 0), "→": (1, 0), "↑": (0, -1), "↓": (0, 1)}
BOUNDS = (
    *(("bound_lemma34", ORANGE, "Lemma 3.4"), ("bound_prior", PURPLE, "prior bound")),
    *(("bound_posterior", GREEN, "posterior bound"), ("ratio", BLUE, "ratio r")),
)
"""Curves of the ratio plot: column of the scene, colour, label."""
RUNGS = (
    *("what is lost, 1 - r", "where V changes is not known", "the new V is unknown", "the worst state"),
    *("the largest advantage: TRPO", "the rarest start", "the least gain: Lemma 3.4"),
)
"""The rows of the ladder, as in the page."""


def draw_policy(ax: Axes, shown: dict[str, Any], k: int) -> None:
    """pi_k: a point of the policy square, the map of a grid world, or the bars of the water filling."""
    if shown["square"]:
        draw_square(ax, shown, k)
    elif shown["grid"]:
        draw_map(ax, shown["grid"], 0, k)
    else:
        last = k == len(shown["steps"])
        draw_water(ax, shown, k, None if last else shown["steps"][k]["own"], shown["steps"])


def draw_square(ax: Axes, shown: dict[str, Any], k: int, radius: int | None = None) -> None:
    """The policy square: level lines of eta and the path up to pi_k; with a radius also its region and its step."""
    square = shown["square"]
    for line in square["contours"]:
        ax.plot(*np.transpose(line), color=GREY, lw=0.7)
    path = np.array(square["policies"])
    ax.plot(*path[: k + 1].T, "o-", color=BLUE, lw=2, clip_on=False)
    ax.plot(*path[k], "o", color=BLUE, ms=12, clip_on=False)
    if radius is not None:
        now, (px, py) = shown["steps"][k], path[k]
        wx, wy = now["delta"][radius] / np.array(now["rho"])
        corners = [(px + wx, py), (px, py + wy), (px - wx, py), (px, py - wy)]
        ax.add_patch(Polygon(corners, fc=PALE, ec=BLUE, alpha=0.8))
        steps = np.array(now["trial_policies"])
        ax.plot(*steps[: radius + 1].T, ":", color=ORANGE, lw=2)
        ax.plot(*steps[radius], "o", color=ORANGE, ms=10, clip_on=False)
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel=r"$\pi(1|0)$", ylabel=r"$\pi(1|1)$")


def draw_return(ax: Axes, shown: dict[str, Any], k: int) -> None:
    """eta of the policies up to pi_k, and the optimum."""
    eta, best = shown["eta"], shown["optimum"]
    ax.axhline(best, color=GREEN, ls="--", label=r"optimum $\eta^*$")
    ax.plot(eta[: k + 1], "o-", color=BLUE, label=r"return $\eta_k$")
    room = 0.05 * (best - min(eta)) or 1
    ax.set(xlim=(-0.5, len(eta) - 0.5), ylim=(min(eta) - room, best + room), xlabel="iteration k")
    ax.legend(**LEGEND)


def draw_map(ax: Axes, grid: dict[str, Any], method: int, k: int) -> None:
    """The values of a method as colours, and its policy as arrows; walls are grey."""
    own = grid["methods"][method]
    rows, columns = len(grid["letters"]), len(grid["letters"][0])
    values = np.array([one["values"][0] + one["values"][-1] for one in grid["methods"]], dtype=float)
    low, high = np.nanmin(values), np.nanmax(values)
    k = min(k, len(own["eta"]) - 1)
    picture = np.array(own["values"][k], dtype=float).reshape(rows, columns)
    ax.set_facecolor(GREY)
    ax.imshow(picture, cmap="Blues", vmin=low, vmax=low + 1.3 * (high - low), alpha=0.9)
    y, x = np.divmod(np.arange(rows * columns), columns)
    for arrow, share in zip(grid["arrows"], np.transpose(own["percent"][k]) / 100, strict=True):
        dx, dy = DIRECTIONS[arrow]
        shaft: Any = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.006, "minlength": 0.5}
        ax.quiver(x, y, 0.42 * share * dx, 0.42 * share * dy, **shaft)
    for s, letter in enumerate("".join(grid["letters"])):
        if letter not in ".F#":
            ax.text(x[s] - 0.45, y[s] - 0.25, letter)
    ax.set(xticks=[], yticks=[], title=f"{own['name']}\nη = {own['eta'][k]:.4g}")


def draw_water(ax: Axes, shown: dict[str, Any], k: int, radius: int | None, among: Any = None) -> None:
    """The bars of (3.6) at pi_k, of width rho pi and height G: what the radius pays for is filled.

    The axes have room for the bars of the steps `among`; without them, for those of pi_k.
    """
    among = among or [shown["steps"][k]]
    heights = [now["bars"]["height"][0] for now in among]
    widest = max(sum(now["bars"]["width"]) for now in among)
    ax.set(xlabel=r"width $\rho(s)\,\pi(a|s)$, budget $\delta$", ylabel="height $G(s,a)$")
    ax.set(xlim=(0, widest), ylim=(0, 1.1 * max(heights)))
    if radius is None:
        said = "the run is shown up to here" if shown["advantage"][k] > 0 else "A* = 0: nothing is left to gain"
        ax.text(0.5, 0.5, said, ha="center", va="center", transform=ax.transAxes)
        return
    now = shown["steps"][k]
    used, start = now["distance"][radius], 0.0
    for width, height in zip(now["bars"]["width"], now["bars"]["height"], strict=True):
        ax.add_patch(Rectangle((start, 0), width, height, fc=PALE, ec=GREY))
        ax.add_patch(Rectangle((start, 0), min(max(used - start, 0.0), width), height, fc=BLUE))
        start += width
    ax.axhline(now["price"][radius], color=ORANGE, ls="--")
    ax.axvline(used, color=ORANGE)


def draw_gain(ax: Axes, shown: dict[str, Any], k: int, radius: int) -> None:
    """The predicted gain and the true gain up to a radius."""
    now = shown["steps"][k]
    for column, colour, label in (("predicted", ORANGE, "predicted gain"), ("actual", GREEN, "true gain")):
        ax.plot(now["delta"][: radius + 1], now[column][: radius + 1], color=colour, lw=2.5, label=label)
        ax.plot(now["delta"][radius], now[column][radius], "o", color=colour, ms=9, clip_on=False)
    values = [0.0, *now["predicted"], *now["actual"]]
    room = 0.05 * (max(values) - min(values))
    ax.set(xscale="log", xlim=(now["delta"][0], now["delta"][-1]), ylim=(min(values) - room, max(values) + room))
    ax.set_xlabel(r"radius $\delta$")
    ax.legend(**LEGEND)


def draw_ratio(ax: Axes, shown: dict[str, Any], k: int, radius: int) -> None:
    """r(delta) at pi_k with its lower bounds, and a dot at a radius: blue if the step is accepted."""
    now = shown["steps"][k]
    for name in ("beta0", "beta1"):
        ax.axhline(shown[name], color=GREY, ls=":", lw=1)
    for column, colour, label in BOUNDS:
        ax.plot(now["delta"], np.array(now[column], dtype=float), color=colour, lw=2, label=label)
    ratio = now["ratio"][radius]
    accepted = ratio >= shown["beta0"]
    ax.plot(
        now["delta"][radius], ratio, "o" if accepted else "X", color=BLUE if accepted else ORANGE, ms=12, clip_on=False
    )
    top = 1.08 * max(1.0, *now["ratio"])
    ax.text(0.02, 0.1, "accepted" if accepted else "rejected", transform=ax.transAxes, weight="bold")
    ax.set(xscale="log", xlim=(now["delta"][0], now["delta"][-1]), ylim=(-0.15, top), xlabel=r"radius $\delta$")
    ax.legend(**LEGEND | {"ncols": 2})


def draw_ladder(ax: Axes, shown: dict[str, Any], k: int, rung: int) -> None:
    """Upper bounds of 1 - r at the run's own radius, the first rung + 1 of them."""
    now = shown["steps"][k]
    values = np.array([row[now["own"]] for row in now["ladder"]], dtype=float)
    known = values[np.isfinite(values) & (values > 0)]
    limits = (min(known.min(), 1) / 2, max(known.max(), 10) * 20)
    for i, value in enumerate(values[: rung + 1]):
        last = i == len(values) - 1
        if np.isfinite(value) and value > 0:
            ax.barh(i, value - limits[0], left=limits[0], color=BLUE if i == 0 else ORANGE if last else PALE, ec=GREY)
            ax.text(value * 1.2, i, f"{value:.3g}" if value < 1000 else f"{value:,.0f}", va="center")
        else:
            ax.text(limits[0] * 1.2, i, "says nothing" if np.isnan(value) else "nothing is lost", va="center")
    ax.axvline(1, color=GREY, ls="--")
    ax.set(
        xscale="log",
        xlim=limits,
        ylim=(len(RUNGS) - 0.5, -0.5),
        xlabel="proved bound of 1 - r; above 1 it says nothing",
    )
    ax.set_yticks(range(len(RUNGS)), RUNGS)


def draw_progress(ax: Axes, shown: dict[str, Any], k: int) -> None:
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


def draw_batches(ax: Axes, noise: dict[str, Any], size: int) -> None:
    """What batches of one size predict, gain and measure: one mark for each batch."""
    now = noise["batches"][size]
    rows = (("predicted", ORANGE), ("gain", GREEN), ("returns", PURPLE), ("reverse", BLUE))
    for i, (column, colour) in enumerate(rows):
        ax.plot(now[column], np.full(len(now[column]), i), "o", color=colour, alpha=0.5)
    widest = np.concatenate([batch[column] for batch in noise["batches"] for column, _ in rows])
    ax.axvline(0, color=GREY, ls=":")
    ax.set(xlim=(widest.min() - 0.1, widest.max() + 0.1), ylim=(len(rows) - 0.5, -0.5))
    ax.set_yticks(range(len(rows)), ["predicted", "true gain", "difference\nof returns", "reverse\nsurrogate"])
    ax.set_xlabel(r"gain, in units of $\eta^* - \eta$(uniform)")


def draw_wrong(ax: Axes, noise: dict[str, Any], size: int) -> None:
    """How often the sign of a measured gain is wrong, up to one size of the batch."""
    batches = noise["batches"]
    for column, colour, label in (
        ("wrong_returns", PURPLE, "difference of returns"),
        ("wrong_reverse", BLUE, "reverse surrogate"),
    ):
        ax.plot(
            [b["n"] for b in batches[: size + 1]],
            [b[column] for b in batches[: size + 1]],
            "o-",
            color=colour,
            label=label,
        )
    ax.axhline(0.5, color=GREY, ls=":")
    ax.set(xscale="log", xlim=(10, 10000), ylim=(0, 0.6), xlabel="batch size N", ylabel="share of wrong signs")
    ax.legend(**LEGEND)


def draw_learning(ax: Axes, deep: dict[str, Any], upto: int) -> None:
    """The learning curve of the network, its first iterations."""
    curve = deep["curve"]
    thousands = np.array(curve["steps"]) / 1000
    ax.plot(thousands[:upto], curve["return100"][:upto], color=GREEN, lw=2)
    low, high = min(curve["return100"]), max(curve["return100"])
    ax.set(xlim=(0, thousands[-1]), ylim=(low - 0.05 * (high - low), high + 0.05 * (high - low)))
    ax.set(xlabel=f"thousand steps in {deep['env']}", ylabel="return, mean of 100 episodes")


def draw_cloud(ax: Axes, deep: dict[str, Any], upto: int) -> None:
    """Predicted against measured gain of the network's first iterations; a cross is a rejected step."""
    curve = deep["curve"]
    predicted, actual = np.array(curve["predicted_gain"]), np.array(curve["actual_gain"])
    accepted, first = np.array(curve["accepted"]), np.arange(len(predicted)) < upto
    for chosen, mark, colour, label in ((accepted, "o", BLUE, "accepted"), (~accepted, "x", ORANGE, "rejected")):
        ax.plot(predicted[chosen & first], actual[chosen & first], mark, color=colour, label=label)
    ax.axhline(0, color=GREY, lw=1)
    room = 0.05 * (actual.max() - actual.min())
    ax.set(
        xscale="log",
        xlim=(predicted.min() / 1.3, predicted.max() * 1.3),
        ylim=(actual.min() - room, actual.max() + room),
    )
    ax.set(xlabel="predicted gain (normalised)", ylabel="measured gain")
    ax.legend(**LEGEND)
