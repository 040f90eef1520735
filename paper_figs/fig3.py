"""The paper's Figure 3: equal wall-clock time, on its three tasks and HalfCheetah, beside on- and off-policy peers.

    python -m paper_figs.fig3 [--runs DIR ...] [--minutes 10] [--out figures/fig3.png] [--table FILE.md]

Each of its runs has a core to itself, so that their clocks compare (docs/peers.md has the commands); the result files
are committed under paper_figs/data/wall_clock. The first row has the returns of training: TRPO, PPO and ours sample
their actions, DDPG and TD3 add noise to them, SAC samples too. The second row has the same policies evaluated without
noise, as the paper has the off-policy methods. The third row has the environment steps. The table has the last value
of every curve.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from exact.common import cli
from exact.common.aggregates import summarise
from exact.common.curves import Curve, learning_curve
from exact.common.drawing import check_figure_suffix, save_figure
from exact.common.errors import InputError
from exact.common.tables import Table, publish
from paper_figs.drawing import note
from paper_figs.results import WALL_CLOCK, Result, load, say_left_out
from paper_figs.tables import MISSING, by_env, mean_std, provenance

TASKS = ("Swimmer-v4", "Ant-v4", "Humanoid-v4", "HalfCheetah-v4")
COLORS = ("tab:blue", "tab:cyan", "tab:orange", "tab:green", "tab:purple", "tab:red", "tab:brown")


@dataclass(frozen=True)
class Options:
    """The paper's Figure 3: returns after equal wall-clock time."""

    variants: tuple[str, ...] = ("default", "paper", "sb3-ppo", "sb3-trpo", "sb3-sac", "sb3-td3", "sb3-ddpg")
    """Variants to draw, at most seven."""
    runs: tuple[Path, ...] = (WALL_CLOCK,)
    """Folders of runs or of result files, made on the same machine."""
    minutes: float = 10.0
    """How much of the runs to draw; a run that ended before ends before."""
    out: Path = Path("figures/fig3.png")
    """Write the figure to this PNG, PDF or SVG file."""
    table: Path | None = None
    """Also write the table to this Markdown file."""
    seed: int = 0
    """Seed of the bootstrap."""

    def __post_init__(self) -> None:
        if self.seed < 0 or not self.minutes > 0:
            raise InputError(f"expected --seed >= 0 and --minutes > 0, got {self.seed} and {self.minutes}")
        if not 1 <= len(self.variants) <= len(COLORS):
            raise InputError(f"--variants: expected 1 to {len(COLORS)} names, got {len(self.variants)}")


def trained(result: Result) -> Sequence[tuple[int, float]]:
    """The returns of training against steps."""
    return result.curve


def evaluated(result: Result) -> Sequence[tuple[int, float]]:
    """The returns without noise against steps."""
    return result.evaluations


def stepped(result: Result) -> Sequence[tuple[int, float]]:
    """The steps against steps: by time they are the speed."""
    return [(steps, float(steps)) for steps, _ in result.curve]


Values = Callable[[Result], Sequence[tuple[int, float]]]
"""What is drawn of a run, against steps."""

ROWS: tuple[tuple[str, Values], ...] = (
    ("return in training,\nlast 100 episodes", trained),
    ("return without noise,\nevaluated", evaluated),
    ("environment steps", stepped),
)


def by_minutes(results: Sequence[Result], values: Values, minutes: float) -> list[Curve]:
    """Each run's values against minutes of wall-clock time, up to `minutes`; runs that have none are left out."""
    timed = ([(seconds / 60, value) for seconds, value in run.by_time(values(run))] for run in results)
    curves = [[(minute, value) for minute, value in points if minute <= minutes] for points in timed]
    return [curve for curve in curves if curve]


def panel(
    ax: Axes,
    groups: dict[str, list[Result]],
    values: Values,
    minutes: float,
    rng: np.random.Generator,
) -> None:
    """Draw one task's curves; `groups` are its results by variant."""
    for (variant, results), color in zip(groups.items(), COLORS, strict=False):
        curves = by_minutes(results, values, minutes)
        if curves:
            learning_curve(ax, curves, variant, color, rng)
    if not ax.lines:
        note(ax, "no runs")
        return
    ax.set_xlim(0, minutes)


def draw(results: Sequence[Result], options: Options) -> Figure:
    """A figure with a column for each task: returns in training, returns without noise, steps, all against minutes."""
    figure = Figure(figsize=(13, 9), layout="constrained")
    panels = figure.subplots(len(ROWS), len(TASKS), squeeze=False)
    variants = {variant: by_env(results, variant) for variant in options.variants}
    rng = np.random.default_rng(np.random.SeedSequence(options.seed))
    for column, task in enumerate(TASKS):
        panels[0, column].set_title(task.partition("-")[0], fontsize=10)
        groups = {variant: of_env.get(task, []) for variant, of_env in variants.items()}
        for row, (label, values) in enumerate(ROWS):
            ax = panels[row, column]
            panel(ax, groups, values, options.minutes, rng)
            if column == 0:
                ax.set_ylabel(label)
            if values is stepped and ax.lines:
                ax.set_yscale("log")
    lines = {line.get_label(): line for ax in panels.flat for line in ax.lines}
    figure.legend(lines.values(), lines.keys(), loc="outside upper center", ncols=len(lines))
    figure.supxlabel("minutes of wall-clock time, evaluations not counted: IQM over the seeds, 95% bootstrap interval")
    return figure


def cell(results: Sequence[Result], values: Values, minutes: float) -> str:
    """The last values of the curves that `panel` draws: mean±std over the runs, of steps the mean."""
    last = [curve[-1][1] for curve in by_minutes(results, values, minutes)]
    if not last:
        return MISSING
    return f"{np.mean(last):,.0f}" if values is stepped else mean_std(summarise(last, np.random.default_rng(0)))


def last_values(results: Sequence[Result], options: Options) -> Table:
    """A row for each task and variant that has runs: where the curves are after `options.minutes`."""
    variants = {variant: by_env(results, variant) for variant in options.variants}
    groups = [(task, variant, of_env[task]) for task in TASKS for variant, of_env in variants.items() if task in of_env]
    rows = (
        (task.partition("-")[0], variant, str(len(runs)), *(cell(runs, values, options.minutes) for _, values in ROWS))
        for task, variant, runs in groups
    )
    header = ("task", "variant", "runs", *(label.replace("\n", " ") for label, _ in ROWS))
    notes = (
        "The last value of every curve: mean±std over the runs. A run that ended before has its value at the end.",
        *provenance([run for _, _, runs in groups for run in runs]),
    )
    return Table(f"After {options.minutes:g} minutes", header, tuple(rows), notes, right=frozenset({2, 3, 4, 5}))


def work(options: Options) -> int:
    """Draw the figure and show the table; with --table also write it."""
    check_figure_suffix(options.out)
    results = load(options.runs)
    say_left_out(results, options.variants, TASKS, options.runs)
    save_figure(draw(results, options), options.out)
    publish([last_values(results, options)], options.table)
    print(f"wrote {options.out}")
    return cli.DONE


def main(argv: Sequence[str] | None = None) -> int:
    """The command `python -m paper_figs.fig3`; returns the exit status."""
    return cli.main(Options, "paper_figs.fig3", work, argv)


if __name__ == "__main__":
    sys.exit(main())
