"""The command line that all statement files share: options, parallel checking, report files, exit status."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Generic, Literal, TypeVar

import tyro
from rich.console import Console

from exact.common import cli
from exact.common.drawing import check_figure_path, save_figure
from exact.common.errors import InputError
from exact.common.files import atomic_write, check_writable
from verify.core.report import Row, as_json, print_table, tally
from verify.core.statement import Check, Statement

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class CommonOptions:
    """Check statements of the STRO paper (arXiv 1911.11640).

    Exit status: 0 every statement came out as expected, 1 one did not, 2 bad input.
    """

    instances: int = 100
    """Random instances: Garnet MDPs, or with --mdp runs from random policies and radii on every one of them; for the
    Gaussian statements random smooth MDPs."""
    seed: int = 0
    """Instance i uses the seed SEED + i, so that it can be repeated alone with --instances 1."""
    certify: bool = False
    """Decide every check in exact arithmetic, not only those that floating point leaves open."""
    float_only: bool = False
    """Leave open what floating point cannot decide (fast)."""
    json: Path | None = None
    """Write the report to this file."""
    figure: Path | None = None
    """Write a figure to this file (.png, .pdf or .svg)."""
    jobs: int = 1
    """Worker processes; the result does not depend on it."""

    def __post_init__(self) -> None:
        for name, least in (("instances", 0), ("seed", 0), ("jobs", 1)):
            if getattr(self, name) < least:
                raise InputError(f"--{name} must be at least {least}, got {getattr(self, name)}")
        if self.certify and self.float_only:
            raise InputError("--certify and --float-only exclude each other")
        if self.json is not None:
            check_writable(self.json)
        if self.figure is not None:
            check_figure_path(self.figure)

    @property
    def seeds(self) -> range:
        """The seeds of the random instances."""
        return range(self.seed, self.seed + self.instances)


@dataclass(frozen=True)
class Options(CommonOptions):
    """Check statements of the STRO paper (arXiv 1911.11640) on finite MDPs.

    Floating point proposes, exact arithmetic decides: an inequality whose sides floats cannot tell apart is decided
    over the rationals. Exit status: 0 every statement came out as expected, 1 one did not, 2 bad input.
    """

    mdp: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Name of the library, garnet:S=..,A=..,b=..,gamma=..,seed=.., or a .npz or .json file; repeatable. Default: the
    named library and random Garnet MDPs."""
    solver: Literal["closed-form", "lp"] = "closed-form"
    """Solver of the subproblem (3.6)."""


@dataclass(frozen=True)
class FalsifierOptions(CommonOptions):
    """Check statements of the STRO paper (arXiv 1911.11640) about Gaussian policies, in ball arithmetic.

    Exit status: 0 every statement came out as expected, 1 one did not, 2 bad input.
    """

    search: int = 100
    """Perturbations that the falsifier tries around each of the instances it starts from."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.search < 0:
            raise InputError(f"--search must be at least 0, got {self.search}")


@dataclass(frozen=True)
class SearchOptions(Options, FalsifierOptions):
    """Check statements of the STRO paper (arXiv 1911.11640) on finite MDPs, and search for worse instances.

    Floating point proposes, exact arithmetic decides: an inequality whose sides floats cannot tell apart is decided
    over the rationals. Exit status: 0 every statement came out as expected, 1 one did not, 2 bad input.
    """


AnyOptions = TypeVar("AnyOptions", bound=CommonOptions)


@dataclass(frozen=True)
class Study(Generic[AnyOptions]):
    """What a statement file checks, how, and how it is drawn."""

    title: str
    command: str
    """Module name, as in `python -m verify.lemma34`."""
    statements: tuple[Statement, ...]
    options: type[AnyOptions]
    """Its command line."""
    check: Callable[[AnyOptions], list[Check]]
    """Make all checks the options ask for."""
    draw: Callable[[list[Check]], "Figure"]
    """Draw the checks."""


def carry_out(study: Study[AnyOptions], options: AnyOptions) -> list[Row]:
    """Check, print the table, write the report files."""
    checks = study.check(options)
    rows = tally(study.statements, checks)
    print_table(study.title, rows, terminal())
    if options.figure is not None:
        save_figure(study.draw(checks), options.figure)
    if options.json is not None:
        atomic_write(options.json, as_json(rows))
    return rows


def terminal() -> Console:
    """Standard output, wide enough for the tables where it is not a terminal."""
    return Console() if sys.stdout.isatty() else Console(width=120)


def run(study: Study[AnyOptions], argv: Sequence[str] | None) -> int:
    """Command line of one statement file: 0 if every statement came out as expected, else 1."""

    def work(options: AnyOptions) -> int:
        rows = carry_out(study, options)
        return cli.DONE if all(row.as_expected for row in rows) else cli.NEGATIVE

    return cli.main(study.options, study.command, work, argv)
