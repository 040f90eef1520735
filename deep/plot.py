"""Draw the learning curves of run directories, finished or not, in one figure.

    python -m deep.plot runs/* [--out curves.png|.svg|.pdf|.html] [--value return100]

One panel for each environment. Runs that differ in nothing but their seed are one group: a line for the interquartile
mean over the seeds, and a band for its 95% bootstrap interval. A group is named by its preset and the settings in which
it differs from other groups. The HTML page needs no network; a click in its table hides a group.
"""

import html
import io
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tyro.conf import Positional

from deep.config import by_flag
from deep.run.cell import read_metrics
from exact.common import cli, schema
from exact.common.curves import Curve, learning_curve
from exact.common.drawing import FIGURE_SUFFIXES, plain_text, save_figure
from exact.common.errors import InputError
from exact.common.files import check_writable, write
from exact.common.tables import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

IDENTITY = frozenset(
    {"env", "seed", "command", "versions", "workers", "device", "checkpoint_every", "eval_every", "eval_episodes"}
)
"""Fields of config.json that do not tell groups apart."""
POINTS = 400
"""Most points of a curve that are drawn: more than a panel has pixels."""
NAMED = 3
"""Most settings in the name of a group."""


@dataclass(frozen=True)
class Options:
    """Draw the learning curves of run directories, finished or not, in one figure."""

    runs: Positional[tuple[Path, ...]]
    """Run directories, or folders of them at any depth."""
    out: Path = Path("curves.html")
    """The figure (.png, .svg, .pdf) or the page (.html) to write."""
    value: str = "return100"
    """What to draw: a name in the lines of metrics.jsonl, such as return100, eval_return, kl, entropy or radius."""
    seed: int = 0
    """Seed of the bootstrap."""

    def __post_init__(self) -> None:
        if not self.runs:
            raise InputError("expected run directories, e.g. runs/*")
        if self.seed < 0:
            raise InputError(f"expected --seed >= 0, got {self.seed}")
        if self.out.suffix not in (*FIGURE_SUFFIXES, ".html"):
            raise InputError(f"--out: expected a name ending in {', '.join(FIGURE_SUFFIXES)} or .html, got {self.out}")


@dataclass(frozen=True)
class Run:
    """One run directory."""

    folder: Path
    config: dict[str, Any]
    """Its config.json, `by_flag`."""
    curve: Curve
    missing: str
    """Why there is nothing to draw, if the curve is empty."""

    @property
    def setting(self) -> str:
        """What the runs of a group have in common."""
        return json.dumps({k: v for k, v in self.config.items() if k not in IDENTITY}, sort_keys=True)


@dataclass(frozen=True)
class Group:
    """Runs in one environment that differ in their seed only."""

    name: str
    runs: tuple[Run, ...]

    @property
    def last(self) -> float:
        """Mean over the runs of their last value."""
        return float(np.mean([run.curve[-1][1] for run in self.runs]))


def find(roots: Sequence[Path]) -> list[Path]:
    """The run directories at or under the roots, each once. Raises InputError for a root that has none."""
    found: dict[Path, None] = {}
    for root in roots:
        if not root.exists():
            raise InputError(f"no such folder: {root}")
        here = [path.parent for path in sorted(root.rglob("config.json")) if (path.parent / "metrics.jsonl").exists()]
        if not here and len(roots) == 1:
            raise InputError(f"{root} holds no run directory; expected folders made by deep.train")
        if not here:
            print(f"left out {root}: no run directory", file=sys.stderr)
        found |= dict.fromkeys(here)
    if not found:
        raise InputError(f"no run directory under {', '.join(map(str, roots))}; expected folders made by deep.train")
    return list(found)


def read(folder: Path, value: str) -> Run:
    """A run and the curve of one value. Raises InputError for a damaged file or a value that no line has."""
    config = by_flag(schema.read_file(folder / "config.json", {"env": str}))
    points, known = [], set[str]()
    for line in read_metrics(folder):
        known |= line.keys()
        if isinstance(line.get(value), int | float):
            points.append((line["steps"], float(line[value])))
    if known and value not in known:
        raise InputError(f"--value {value}: {folder} has no such number; expected one of {', '.join(sorted(known))}")
    kept = points[:: math.ceil(len(points) / POINTS)] if points else []
    missing = "no episode ended" if value == "return100" and known else f"no number for {value} yet"
    return Run(folder, config, tuple(kept if not points or kept[-1] == points[-1] else [*kept, points[-1]]), missing)


def groups(runs: Sequence[Run]) -> list[Group]:
    """The runs of one environment by their settings, in the order of their first runs."""
    by_setting: dict[str, list[Run]] = {}
    for run in runs:
        by_setting.setdefault(run.setting, []).append(run)
    first = [members[0].config for members in by_setting.values()]
    named = [
        Group(name_of(config, first), tuple(members))
        for config, members in zip(first, by_setting.values(), strict=True)
    ]
    seen: dict[str, int] = {}
    for i, group in enumerate(named):
        seen[group.name] = seen.get(group.name, 0) + 1
        if seen[group.name] > 1:
            named[i] = Group(f"{group.name} ({seen[group.name]})", group.runs)
    return named


def name_of(config: dict[str, Any], others: Sequence[dict[str, Any]]) -> str:
    """The preset, and the settings that differ among groups with this preset."""
    same = [other for other in others if other.get("preset") == config.get("preset")]
    names = [key for key in config if key not in IDENTITY and any(other.get(key) != config[key] for other in same)]
    texts = [f"{name}={_text(config[name])}" for name in names[:NAMED]]
    return ", ".join([str(config.get("preset", "run")), *texts, *(["..."] if len(names) > NAMED else [])])


def _text(value: Any) -> str:
    if isinstance(value, dict):  # where a run began: {"kind": ..., "source": ...}
        return " ".join(Path(str(part)).name for part in value.values())
    return "x".join(map(str, value)) if isinstance(value, list) else str(value)


def draw(panels: dict[str, list[Group]], value: str, rng: np.random.Generator) -> "Figure":
    """A figure with one panel for each environment. Lines and bands have ids for the page to find them."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    columns = math.ceil(math.sqrt(len(panels)))
    rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(max(6.5, 4.2 * columns), max(4.2, 3.2 * rows)), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    palette = colormaps["tab10"].colors  # type: ignore[attr-defined]
    for i, (env, members) in enumerate(panels.items()):
        axes[i].set_title(plain_text(env), fontsize=10)
        for j, group in enumerate(members):
            before = len(axes[i].lines), len(axes[i].collections)
            label = f"{group.name} ({counted(len(group.runs), 'seed')})"
            learning_curve(axes[i], [run.curve for run in group.runs], label, palette[j % len(palette)], rng)
            for artist in (*axes[i].lines[before[0] :], *axes[i].collections[before[1] :]):
                artist.set_gid(f"group-{i}-{j}")
        axes[i].ticklabel_format(axis="x", style="sci", scilimits=(0, 0))
        axes[i].grid(alpha=0.25, linewidth=0.5)
        axes[i].legend(fontsize=7)
    for ax in axes[len(panels) :]:
        ax.set_visible(False)
    figure.supxlabel("environment steps", fontsize=10)
    figure.supylabel(f"{value}: IQM over seeds, 95% bootstrap interval", fontsize=10)
    return figure


def page(panels: dict[str, list[Group]], figure: "Figure", value: str, empty: Sequence[Run]) -> str:
    """The figure and a table of its groups as one HTML page; below them the runs that have nothing to draw."""
    svg = io.StringIO()
    figure.savefig(svg, format="svg", metadata={"Date": None})
    rows = []
    for i, (env, members) in enumerate(panels.items()):
        for j, group in enumerate(members):
            steps = max(run.curve[-1][0] for run in group.runs)
            folders = "<br>".join(html.escape(str(run.folder)) for run in group.runs)
            rows.append(
                f'<tr data-group="group-{i}-{j}"><td>{html.escape(env)}<td>{html.escape(group.name)}'
                f'<td class="number">{len(group.runs)}<td class="number">{steps:,}'
                f'<td class="number">{group.last:,.1f}<td>{folders}'
            )
    rows += [
        f"<tr><td>{html.escape(str(run.config.get('env')))}<td>{html.escape(str(run.config.get('preset')))}"
        f'<td class="number">1<td><td class="number">{run.missing}<td>{html.escape(str(run.folder))}'
        for run in empty
    ]
    drawing = svg.getvalue()
    template = resources.files("deep").joinpath("pages", "plot.html").read_text(encoding="utf-8")
    text = template.replace("VALUE", html.escape(value)).replace("ROWS", "\n".join(rows))
    return text.replace("FIGURE", drawing[drawing.index("<svg") :])


def work(options: Options) -> int:
    """Read the runs, draw them, and say what could not be drawn."""
    check_writable(options.out)
    runs = [read(folder, options.value) for folder in find(options.runs)]
    empty = [run for run in runs if not run.curve]
    drawn = [run for run in runs if run.curve]
    if not drawn:
        reasons = "; ".join(f"{run.folder}: {run.missing}" for run in empty)
        raise InputError(f"there is nothing to draw in {counted(len(runs), 'run')}: {reasons}")
    envs = dict.fromkeys(run.config["env"] for run in drawn)
    panels = {env: groups([run for run in drawn if run.config["env"] == env]) for env in envs}
    figure = draw(panels, options.value, np.random.default_rng(np.random.SeedSequence(options.seed)))
    if options.out.suffix == ".html":
        write(options.out, page(panels, figure, options.value, empty))
    else:
        save_figure(figure, options.out)
    for run in empty:
        print(f"left out {run.folder}: {run.missing}", file=sys.stderr)
    print(f"wrote {options.out}: {counted(len(drawn), 'run')}, {counted(len(panels), 'environment')}")
    return cli.DONE


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return cli.main(Options, "deep.plot", work, argv)


if __name__ == "__main__":
    sys.exit(main())
