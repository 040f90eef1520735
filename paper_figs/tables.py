"""Cells of the tables of results, and the statements that every one of them carries."""

import re
from collections.abc import Iterable, Sequence

from paper_figs.aggregates import Summary
from paper_figs.results import Result

MISSING = "missing"


def number(value: float) -> str:
    """A return for a table cell: whole above 100, where a decimal says nothing beside the spread of the seeds."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}"


def mean_std(summary: Summary) -> str:
    """Mean and standard deviation of a summary."""
    return number(summary.mean) + ("" if summary.std is None else f"±{number(summary.std)}")


def interval_text(ends: tuple[float, float] | None) -> str:
    """A 95% interval, or that one run gives none."""
    return "one run" if ends is None else f"[{number(ends[0])}, {number(ends[1])}]"


def provenance(results: Sequence[Result]) -> tuple[str, ...]:
    """Steps, seeds and versions of runs, and the command of each of their variants; `results` is not empty."""
    least, most = min(result.steps for result in results), max(result.steps for result in results)
    steps = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    seeds = ", ".join(str(seed) for seed in sorted({result.seed for result in results}))
    versions = sorted({f"{name} {version}" for result in results for name, version in result.versions.items()})
    commands = {result.variant: generic_command(result) for result in results}
    return (
        f"{len(results)} runs of {steps} steps; seeds {seeds}; {sum(r.seconds for r in results) / 3600:.1f} hours.",
        *(
            f"Command of `{variant}`, with the environment and seed of a run: `{command}`."
            for variant, command in sorted(commands.items())
        ),
        f"Versions: {', '.join(versions)}.",
    )


def generic_command(result: Result) -> str:
    """A run's command with its environment, seed and folder replaced by placeholders."""
    command = re.sub(r"(--(?:out|resume))[ =]\S+", r"\1 DIR", result.command)
    command = re.sub(r"(--seed)[ =]\S+", r"\1 SEED", command)
    return re.sub(r"(--env)[ =]\S+", r"\1 ENV", command)


def by_env(results: Iterable[Result], variant: str) -> dict[str, list[Result]]:
    """The results of one variant, grouped by environment."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        if result.variant == variant:
            groups.setdefault(result.env, []).append(result)
    return groups
