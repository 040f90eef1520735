"""What the tables share: their cells, and the notes below them that say where the numbers come from."""

import re
from collections.abc import Iterable, Sequence

from exact.common.aggregates import Summary
from exact.common.tables import counted
from paper_figs.results import Result, present_command

MISSING = "missing"
"""The cell of a task without runs."""


def number(value: float) -> str:
    """A return for a cell: a whole number from 100 on, where the spread over the seeds drowns a decimal."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}"


def mean_std(summary: Summary) -> str:
    """The cell `mean±std`; the mean alone for a single run."""
    return number(summary.mean) + ("" if summary.std is None else f"±{number(summary.std)}")


def interval_text(ends: tuple[float, float] | None) -> str:
    """The cell of a 95% interval, or "one run", which has none."""
    return "one run" if ends is None else f"[{number(ends[0])}, {number(ends[1])}]"


def provenance(results: Sequence[Result]) -> tuple[str, ...]:
    """Notes on the runs: steps, seeds, versions and the commands of each variant; `results` is not empty."""
    least, most = min(result.steps for result in results), max(result.steps for result in results)
    steps = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    distinct = sorted({result.seed for result in results})
    noun, seeds = "seed" if len(distinct) == 1 else "seeds", ", ".join(str(seed) for seed in distinct)
    hours = sum(result.seconds for result in results) / 3600
    versions = sorted({f"{name} {version}" for result in results for name, version in result.versions.items()})
    commands: dict[str, dict[str, list[str]]] = {}
    for result in results:
        envs = commands.setdefault(result.variant, {}).setdefault(generic_command(result), [])
        if result.env not in envs:
            envs.append(result.env)
    return (
        f"{counted(len(results), 'run')} of {steps} steps; {noun} {seeds}; {hours:.1f} hours.",
        *(
            f"Command of `{variant}`" + (" on " + ", ".join(envs) if len(of_variant) > 1 else "") + ", "
            f"with the environment and seed of a run: {command}."
            for variant, of_variant in sorted(commands.items())
            for command, envs in of_variant.items()
        ),
        f"Versions: {', '.join(versions)}.",
    )


def generic_command(result: Result) -> str:
    """A run's command as Markdown: its present name, with placeholders for environment, seed and folder."""
    command, former = present_command(result.command)
    command = re.sub(r"(--(?:out|resume))[ =]\S+", r"\1 DIR", command)
    command = re.sub(r"(--seed)[ =]\S+", r"\1 SEED", command)
    command = re.sub(r"(--env)[ =]\S+", r"\1 ENV", command)
    return f"`{command}`" + ("" if former is None else f" (recorded under its former name, `{former}`)")


def by_env(results: Iterable[Result], variant: str) -> dict[str, list[Result]]:
    """The results of one variant by environment."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        if result.variant == variant:
            groups.setdefault(result.env, []).append(result)
    return groups
