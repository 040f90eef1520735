"""All statement files at once: `python -m verify` checks every statement and writes one summary page.

    python -m verify [--out DIR] [--instances N --seed K --jobs J]

DIR gets summary.md (the tables and the figures), summary.json (one object for every statement) and one figure for every
statement file.
"""

import os
import platform
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from exact.common import cli
from exact.common.errors import InputError
from exact.common.executors import workers
from exact.common.files import atomic_write, reason
from verify import (
    algorithm31,
    algorithm38,
    contraction,
    counts,
    divergence,
    estimates,
    inexact,
    joint,
    ladder,
    lemma32,
    lemma34,
    lemma36,
    lemma37,
    radius_floor,
    rungs,
    section2,
    termination,
    theorem35,
    theorem38,
    trapezoid,
)
from verify.core.command import CommonOptions, SearchOptions, Study, carry_out
from verify.core.report import Row, as_json, summary_table

STUDIES: tuple[Study[Any], ...] = tuple(
    module.STUDY
    for module in (
        section2,
        algorithm31,
        divergence,
        lemma32,
        lemma34,
        theorem35,
        radius_floor,
        algorithm38,
        lemma36,
        lemma37,
        theorem38,
        joint,
        ladder,
        rungs,
        trapezoid,
        contraction,
        counts,
        termination,
        inexact,
        estimates,
    )
)


FILES_OF_ONE = ("json", "figure", "certificate")
"""Options whose file is that of one statement file: the next one would replace it."""


@dataclass(frozen=True)
class AllOptions(SearchOptions):
    """Check every statement of the STRO paper's theory (arXiv 1911.11640) and write one summary page.

    Exit status: 0 every statement came out as expected, 1 one did not, 2 bad input.
    """

    out: Path = Path("figures/verify")
    """Folder for summary.md, summary.json and the figures. It is made if it is missing."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(getattr(self, name) is not None for name in FILES_OF_ONE):
            raise InputError(
                "--json, --figure and --certificate belong to the single statement files; here --out names the folder"
            )


def main(argv: Sequence[str] | None = None) -> int:
    """The command line. The page begins with the words that were given."""
    words = sys.argv[1:] if argv is None else argv
    return cli.main(AllOptions, "verify", lambda options: summarise(options, words), argv)


def summarise(options: AllOptions, words: Sequence[str]) -> int:
    """Check everything and write the page; returns the exit status.

    Raises:
        InputError: the folder cannot be made or written, or an MDP of the options cannot be loaded.
    """
    make_folder(options.out)
    everything: list[Row] = []
    page = [header(words, options.seed)]
    with workers(options.executor, options.jobs):
        for study in STUDIES:
            figure = f"{study.command.removeprefix('verify.')}.png"
            rows = carry_out(study, restrict(study.options, options, options.out / figure))
            everything += rows
            page.append(section(study, rows, figure))
    atomic_write(options.out / "summary.json", as_json(everything))
    atomic_write(options.out / "summary.md", "\n".join(page))
    print(f"summary: {options.out / 'summary.md'}, {options.out / 'summary.json'}")
    return cli.DONE if all(row.as_expected for row in everything) else cli.NEGATIVE


def make_folder(folder: Path) -> None:
    """Make a folder to write into; InputError if that is impossible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {folder}: {reason(error)}") from None
    if not os.access(folder, os.W_OK):
        raise InputError(f"cannot write into {folder}")


def restrict(kind: type[CommonOptions], options: AllOptions, figure: Path) -> CommonOptions:
    """The options of one statement file among those of all, with a file for its figure."""
    given = {field.name: getattr(options, field.name) for field in fields(kind)}
    return kind(**(given | {"figure": figure}))


def header(words: Sequence[str], seed: int) -> str:
    """Title of the page, the command with the words that were given, and the versions."""
    command = shlex.join(["python", "-m", "verify", *words])
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "cvxpy", "python-flint"))
    return (
        f"# The theory of STRO, checked\n\n`{command}` with Python {platform.python_version()}, {packages}; "
        f"seeds from {seed}.\nTightness is claimed/actual: 1 is tight, negative is vacuous.\n"
    )


def section(study: Study[Any], rows: list[Row], figure: str) -> str:
    """One statement file in Markdown: the table with the inequalities, the command and the figure."""
    table = replace(summary_table(study.title, rows, formulas=True), notes=(f"`python -m {study.command}`",))
    return f"{table.markdown()}\n![{study.title}]({figure})\n"


if __name__ == "__main__":
    sys.exit(main())
