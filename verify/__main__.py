"""Check every statement: `python -m verify` runs all statement files and writes one summary page.

    python -m verify [--out DIR] [--instances N --seed K --certify --jobs J]

DIR gets summary.md (the table and the figures), summary.json (one object per statement) and a figure per file.
"""

import os
import platform
import shlex
import sys
from dataclasses import dataclass, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from exact.common import cli
from exact.common.errors import InputError
from exact.common.files import atomic_write
from exact.common.tables import markdown_row
from verify import ladder as bounds
from verify import lemma32, lemma34, lemma36, lemma37, theorem35, theorem38, trapezoid
from verify.core.command import CommonOptions, SearchOptions, Study, carry_out
from verify.core.report import HEADINGS, Row, as_json, cells

STUDIES: tuple[Study[Any], ...] = tuple(
    module.STUDY for module in (lemma32, lemma34, theorem35, lemma36, lemma37, theorem38, bounds, trapezoid)
)


@dataclass(frozen=True)
class AllOptions(SearchOptions):
    """Check every statement of the STRO paper's theory (arXiv 1911.11640) and write one summary page.

    Exit status: 0 every statement came out as expected, 1 one did not, 2 bad input.
    """

    out: Path = Path("figures/verify")
    """Folder for summary.md, summary.json and the figures; made if it is missing."""


def main() -> int:
    """The command line."""
    options = cli.parse(AllOptions, "verify")
    if options.json is not None or options.figure is not None:
        raise InputError("--json and --figure belong to the single statement files; here --out names the folder")
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {options.out}: {error.strerror}") from None
    if not os.access(options.out, os.W_OK):
        raise InputError(f"cannot write into {options.out}")
    everything: list[Row] = []
    page = [header(options)]
    for study in STUDIES:
        figure = f"{study.command.removeprefix('verify.')}.png"
        rows = carry_out(study, restrict(study.options, replace(options, figure=options.out / figure)))
        everything += rows
        page.append(section(study, rows, figure))
    atomic_write(options.out / "summary.json", as_json(everything))
    atomic_write(options.out / "summary.md", "\n".join(page))
    print(f"summary: {options.out / 'summary.md'}, {options.out / 'summary.json'}")
    return 0 if all(row.as_expected for row in everything) else 1


def restrict(kind: type[CommonOptions], options: CommonOptions) -> CommonOptions:
    """The options of one statement file among those of all."""
    return kind(**{f.name: getattr(options, f.name) for f in fields(kind)})


def header(options: CommonOptions) -> str:
    """Title, command and versions."""
    command = shlex.join(["python", "-m", "verify", *sys.argv[1:]])
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "cvxpy", "python-flint"))
    return (
        f"# The theory of STRO, checked\n\n`{command}` with Python {platform.python_version()}, {packages}; "
        f"seeds from {options.seed}.\nTightness is claimed/actual: 1 is tight, negative is vacuous.\n"
    )


def section(study: Study[Any], rows: list[Row], figure: str) -> str:
    """One statement file: its table and figure in Markdown."""
    lines = [f"## {study.title}", "", f"`python -m {study.command}`", ""]
    lines += [markdown_row((*HEADINGS, "inequality")), markdown_row(("---",) * (len(HEADINGS) + 1))]
    lines += [markdown_row((*cells(row), f"`{row.formula}`")) for row in rows]
    return "\n".join([*lines, "", f"![{study.title}]({figure})", ""])


if __name__ == "__main__":
    cli.run(main)
