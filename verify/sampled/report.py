"""Tables, JSON and figure of `verify.sampled`."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from exact.common.tables import Table
from verify.core.drawing import new_figure
from verify.sampled.curves import CurveRow
from verify.sampled.decisions import RADII, DecisionRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DIGITS = 4
"""Significant digits of the report."""

DECISION_COLUMNS = {
    "worse steps": "worse",
    "false accepts": "false_accepts",
    "false rejects": "false_rejects",
    "wrong sign": "wrong_sign",
    "bias": "bias",
    "claimed se": "claimed_error",
    "actual se": "actual_error",
    "predicted / true": "overfit",
    "samples / gain": "samples_per_gain",
}
CURVE_COLUMNS = {
    "score": "score",
    "final": "final",
    "- best radius": "against_radius",
    "- best mu": "against_mu",
    "rejected": "rejected",
}
SHOWN = ("(4.14)", "(4.14) without sigma", "returns, z", "reverse, z", "cross-fitted, z")
"""Rules whose curves are drawn, beside the best ones without a ratio test."""


def decision_tables(rows: Sequence[DecisionRow]) -> list[Table]:
    """One table for every level of advantage error and batch size, over all radii."""
    tables = []
    for advantages, n_steps in dict.fromkeys((row.advantages, row.n_steps) for row in rows):
        chosen = [row for row in rows if (row.advantages, row.n_steps, row.radius) == (advantages, n_steps, None)]
        shown = ((row.rule, *(_number(getattr(row, field)) for field in DECISION_COLUMNS.values())) for row in chosen)
        title = f"decisions, {advantages} advantages, N = {n_steps}"
        tables.append(_numbers_table(title, ("rule", *DECISION_COLUMNS), tuple(shown)))
    return tables


def curve_table(rows: Sequence[CurveRow], advantages: str) -> Table:
    """The rules by falling score, with 95% intervals."""
    order = sorted(rows, key=lambda row: -row.score)
    shown = (
        (row.rule, *(_with_interval(row, field) for field in CURVE_COLUMNS.values()), str(row.mdps_above_radius))
        for row in order
    )
    table = _numbers_table(f"whole runs, {advantages} advantages", ("rule", *CURVE_COLUMNS, "MDPs"), tuple(shown))
    return replace(table, notes=("MDPs: on how many of them the rule beats the fixed radius that is best there",))


def _numbers_table(title: str, header: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> Table:
    return Table(title, header, rows, right=frozenset(range(1, len(header))))


def _with_interval(row: CurveRow, field: str) -> str:
    ends = None if field == "final" else getattr(row, f"{field}_interval", None)
    return f"{getattr(row, field):.3f}" + ("" if ends is None else f" [{ends[0]:.3f}, {ends[1]:.3f}]")


def _number(x: float) -> str:
    return "-" if not math.isfinite(x) else f"{x:.3g}"


def as_json(
    settings: dict[str, Any], decisions: Iterable[DecisionRow], curves: Mapping[str, Sequence[CurveRow]]
) -> str:
    """The whole report. Numbers have DIGITS significant digits; what is undefined is null."""
    report = {
        "settings": settings,
        "decisions": [asdict(row) for row in decisions],
        "curves": {level: [asdict(row) for row in rows] for level, rows in curves.items()},
    }
    return json.dumps(_rounded(report)) + "\n"


def _rounded(x: Any) -> Any:
    if isinstance(x, dict):
        return {key: _rounded(value) for key, value in x.items()}
    if isinstance(x, list | tuple):
        return [_rounded(value) for value in x]
    if isinstance(x, float):
        return float(f"{x:.{DIGITS}g}") if math.isfinite(x) else None
    return x


def draw(decisions: Sequence[DecisionRow], curves: Mapping[str, Sequence[CurveRow]], curve_steps: int) -> "Figure":
    """Four panels: overfitting, wrong signs, convergence, scores. Only the dashed lines have exact advantages."""
    figure = new_figure(11, 9.5)
    axes = figure.subplots(2, 2, height_ratios=(2, 3))
    gae = [row for row in decisions if row.advantages == "gae"]
    _overfit_panel(axes[0, 0], decisions)
    _signs_panel(axes[0, 1], gae)
    _convergence_panel(axes[1, 0], curves["gae"], curve_steps)
    _scores_panel(axes[1, 1], curves["gae"])
    return figure


def _overfit_panel(ax: "Axes", rows: Sequence[DecisionRow]) -> None:
    for advantages, style in (("gae", "o-"), ("exact", "s--")):
        for i, radius in enumerate(RADII):
            chosen = [r for r in rows if (r.advantages, r.radius, r.rule) == (advantages, radius, rows[0].rule)]
            ax.plot(
                [r.n_steps for r in chosen],
                [r.overfit for r in chosen],
                style,
                color=f"C{i}",
                label=f"{advantages}, radius {radius:g}",
            )
    ax.axhline(1, color="k", lw=0.8)
    _batch_axis(ax, sorted({row.n_steps for row in rows}))
    ax.set(yscale="log", ylabel="predicted / true gain", title="in-sample gain over true gain")
    ax.legend(fontsize=8)


def _signs_panel(ax: "Axes", rows: Sequence[DecisionRow]) -> None:
    """The estimators without the thresholds of their rules. Every estimator has one rule that ends in ", z"."""
    for rule in dict.fromkeys(row.rule for row in rows if row.rule.endswith(", z")):
        chosen = [row for row in rows if row.rule == rule and row.radius is None]
        ax.plot([r.n_steps for r in chosen], [r.wrong_sign for r in chosen], "o-", label=rule.removesuffix(", z"))
    _batch_axis(ax, sorted({row.n_steps for row in rows}))
    ax.set(ylim=(0, None), ylabel="share of steps", title="sign of the estimated gain is wrong")
    ax.legend(fontsize=7)


def _batch_axis(ax: "Axes", sizes: Sequence[int]) -> None:
    from matplotlib.ticker import NullLocator

    ax.set(xscale="log", xlabel="batch size N")
    ax.set_xticks(sizes, [str(n) for n in sizes])
    ax.xaxis.set_minor_locator(NullLocator())


def _convergence_panel(ax: "Axes", rows: Sequence[CurveRow], curve_steps: int) -> None:
    by_name = {row.rule: row for row in rows}
    names = [*SHOWN, best_fixed(rows, "fixed radius"), best_fixed(rows, "fixed mu")]
    for i, name in enumerate(names):
        progress = by_name[name].mean_progress
        steps = curve_steps * np.arange(1, len(progress) + 1)
        ax.plot(steps, progress, color=f"C{i}", lw=2 if name.startswith("fixed") else 1.3, label=name)
    ax.set(xlabel="environment steps", ylabel="share of the way to the optimum", ylim=(0, 1), title="whole runs (GAE)")
    ax.legend(fontsize=8)


def _scores_panel(ax: "Axes", rows: Sequence[CurveRow]) -> None:
    order = sorted(rows, key=lambda row: row.score)
    for y, row in enumerate(order):
        color = "0.5" if row.rule.startswith(("fixed", "radius")) else "C0"
        ax.plot(row.score_interval, (y, y), color=color, lw=3, alpha=0.5)
        ax.plot(row.score, y, "o", color=color, ms=4)
    ax.set_yticks(range(len(order)), [row.rule for row in order], fontsize=7)
    best = next(row for row in order if row.rule == best_fixed(rows, "fixed radius"))
    ax.axvline(best.score, color="k", lw=0.8)
    ax.set(xlabel="mean progress over the budget, 95% interval", title="scores (grey: no ratio test)")


def best_fixed(rows: Sequence[CurveRow], kind: str) -> str:
    """Name of the best-scoring rule whose name is `kind` and a number."""
    fixed = [row for row in rows if row.rule.rpartition(" ")[0] == kind]
    return max(fixed, key=lambda row: row.score).rule
