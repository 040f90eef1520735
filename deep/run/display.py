"""What runs show: a progress bar on a terminal, a line now and then elsewhere."""

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from deep.config import Config
from deep.run.cell import Cell
from exact.common.progress import Ticker

SMOOTHING = 0.95
"""Weight of the past in the acceptance rate shown."""
STANDING = 4
"""A line of progress shows so many of the running runs."""


class Display:
    """Progress of one run; a context manager.

    Args:
        config: the run's settings.
        quiet: show nothing.
    """

    def __init__(self, config: Config, quiet: bool = False):
        self.config, self.accepted = config, 1.0
        self.console = Console()
        self.bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.percentage:3.0f}%"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[text]}", markup=False),
            console=self.console,
            disable=quiet or not self.console.is_terminal,
        )
        self.task = self.bar.add_task(config.env, total=config.steps, text="starting")
        self.first: tuple[int, float] | None = None
        self.text = f"{config.env} seed {config.seed}: starting"
        self.ticker = Ticker(lambda: self.text, sys.stdout, silent=quiet or not self.bar.disable)

    def __enter__(self) -> "Display":
        self.bar.start()
        self.ticker.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ticker.__exit__(kind, value, trace)
        self.bar.stop()

    def update(self, line: dict[str, Any]) -> None:
        """Show one iteration."""
        self.accepted = SMOOTHING * self.accepted + (1 - SMOOTHING) * (line["outcome"] == "accept")
        texts = self._texts(line)
        self.bar.update(self.task, completed=line["steps"], text="\n".join(texts))
        self.text = f"{self.config.env} seed {self.config.seed}: {line['steps']} steps, {', '.join(texts)}"

    def _texts(self, line: dict[str, Any]) -> tuple[str, str, str]:
        """The numbers of one iteration in three lines that fit a narrow terminal beside the bar."""
        if self.first is None:  # of this process: a resumed run's earlier speed says nothing about this machine now
            self.first = (line["steps"], line["seconds"])
        steps, seconds = line["steps"] - self.first[0], line["seconds"] - self.first[1]
        speed = f"{steps / seconds:,.0f} steps/s" if seconds > 0 else "- steps/s"
        mean = "-" if line["return100"] is None else f"{line['return100']:,.1f}"
        judged = f" (without noise {line['eval_return']:,.1f})" if "eval_return" in line else ""
        return (
            f"return {mean}{judged}, {speed}",
            f"accepted {self.accepted:.0%}, delta {line['delta']:.4f}, kl {line['kl']:.4f}",
            f"entropy {line['entropy']:.2f}, expl. var. {line['explained_variance']:.2f}",
        )


class GridDisplay:
    """One bar per running run on a terminal, and anywhere one printed line per run that ended.

    Args:
        console: where to.
        runs: runs in all.
        steps: of each.
    """

    def __init__(self, console: Console, runs: int, steps: int) -> None:
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:3.0f}% {task.fields[status]}", markup=False),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self.tasks: dict[Cell, TaskID] = {}
        self.runs, self.steps, self.ended = runs, steps, 0

    def running(self, cell: Cell) -> None:
        """Show where a run stands."""
        if cell not in self.tasks:
            self.tasks[cell] = self.progress.add_task(cell.name, total=self.steps, status="starting")
        entry = cell.last_metrics()
        self.progress.update(self.tasks[cell], completed=entry.get("steps", 0), status=status_text(entry))

    def state(self) -> str:
        """Where the running runs stand, in one line."""
        return f"[{self.ended}/{self.runs}] {standing([(cell.name, cell) for cell in list(self.tasks)], self.steps)}"

    def end(self, cell: Cell, message: str) -> None:
        """Say how a run ended."""
        self.ended += 1
        if cell in self.tasks:
            self.progress.remove_task(self.tasks.pop(cell))
        line = f"[{self.ended}/{self.runs}] {cell.name}: {message}"
        self.progress.console.print(line, markup=False, highlight=False, soft_wrap=True)


def standing(runs: Sequence[tuple[str, Cell]], steps: int) -> str:
    """The names, steps and returns of the first running runs, in one line."""
    if not runs:
        return "starting"
    parts = []
    for name, cell in runs[:STANDING]:
        entry = cell.last_metrics()
        parts.append(f"{name}: {entry.get('steps', 0):,} of {steps:,} steps, {status_text(entry)}")
    return "; ".join(parts) + (f"; and {len(runs) - STANDING} more" if len(runs) > STANDING else "")


def status_text(entry: dict[str, Any]) -> str:
    """Speed and mean return of the last 100 episodes, for the progress display."""
    if not entry:
        return "starting"
    value = entry["return100"]
    speed = entry["steps"] / max(entry["seconds"], 1e-9)
    return f"{speed:,.0f} steps/s, return {'-' if value is None else format(value, ',.1f')}"
