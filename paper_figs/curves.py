"""The 3x3 grid of learning curves: what `fig1`, `fig2` and `fig4` share."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from exact.common.curves import learning_curve
from exact.common.drawing import check_figure_suffix, plain_text, save_figure
from exact.common.errors import InputError
from paper_figs.drawing import note, paper_line
from paper_figs.paper import PaperTable, read_table
from paper_figs.results import MUJOCO, PEERS, Result, load, say_left_out
from paper_figs.tables import by_env

COLORS = ("tab:blue", "tab:orange", "tab:green", "tab:purple", "tab:brown")
PAPER_COLORS = {"STRO": "0.1", "TRPO": "0.55"}


@dataclass(frozen=True)
class Options:
    """The options that the figures share."""

    variants: tuple[str, ...]
    """Variants to draw, at most five."""
    out: Path
    """Write the figure to this PNG, PDF or SVG file."""
    runs: tuple[Path, ...] = (MUJOCO, PEERS)
    """Folders of runs or of result files."""
    seed: int = 0
    """Seed of the bootstrap."""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise InputError(f"expected --seed >= 0, got {self.seed}")
        if not 1 <= len(self.variants) <= len(COLORS):
            raise InputError(f"--variants: expected 1 to {len(COLORS)} names, got {len(self.variants)}")


def draw(results: Sequence[Result], variants: Sequence[str], table: PaperTable, rng: np.random.Generator) -> Figure:
    """A figure with one panel for each task: the variants' learning curves, and the paper's numbers as dotted lines."""
    figure = Figure(figsize=(11, 9), layout="constrained")
    panels = figure.subplots(3, 3).ravel()
    groups = {variant: by_env(results, variant) for variant in variants}
    for ax, task in zip(panels, table.tasks, strict=True):
        ax.set_title(plain_text(task.task), fontsize=10)
        for variant, color in zip(variants, COLORS, strict=False):
            curves = [result.curve for result in groups[variant].get(task.env, []) if result.curve]
            if curves:
                learning_curve(ax, curves, f"{variant} ({len(curves)})", color, rng)
        if not ax.lines:
            note(ax, "no runs")
            continue
        for column, color in PAPER_COLORS.items():
            paper_line(ax, task.scores[column][0], f"paper's {column}, Table {table.number}", color)
        ax.ticklabel_format(axis="x", style="sci", scilimits=(0, 0))
        ax.legend(fontsize=7)
    figure.supxlabel("environment steps")
    figure.supylabel("mean return of the last 100 episodes: IQM over (seeds), 95% bootstrap interval")
    return figure


def draw_table(options: Options, table: int = 1) -> int:
    """Draw the learning curves on the tasks of the paper's Table 1 or 2 into --out. Returns the exit status.

    Raises:
        InputError: the figure cannot be written, or there is no run of these variants.
    """
    check_figure_suffix(options.out)
    found = load(options.runs)
    say_left_out(found, options.variants, [task.env for task in read_table(table).tasks], options.runs)
    results = [result for result in found if result.variant in options.variants]
    rng = np.random.default_rng(np.random.SeedSequence(options.seed))
    save_figure(draw(results, options.variants, read_table(table), rng), options.out)
    print(f"wrote {options.out}")
    return 0
