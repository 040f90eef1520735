"""The command line of the statement files: their options, and how a study is carried out and reported."""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar

import tyro

from exact.certificate import as_json as certificates_as_json
from exact.common import cli
from exact.common.drawing import check_figure_path, save_figure
from exact.common.errors import InputError
from exact.common.executors import check_executor, workers
from exact.common.files import atomic_write, check_different, check_writable
from exact.common.tables import counted
from verify.core.findings import Findings
from verify.core.report import Row, as_json, summary_table, tally
from verify.core.statement import Check, Statement

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class CommonOptions:
    """Check statements of the STRO paper (arXiv 1911.11640).

    Exit status: 0 every statement came out as expected, 1 one did not, 2 bad input.
    """

    instances: int = 100
    """Number of random instances. They are Garnet MDPs; with --mdp they are runs on every MDP named, from random
    policies and radii; for the Gaussian statements they are random smooth MDPs."""
    seed: int = 0
    """Instance i uses the seed SEED + i. So --seed SEED+i --instances 1 repeats it alone."""
    float_only: bool = False
    """Check in floats alone. This is fast, and a verdict is then no proof: it rests on an estimate of rounding errors.
    What floats cannot tell is left open."""
    json: Path | None = None
    """Write the report to this file."""
    figure: Path | None = None
    """Write a figure to this file (.png, .pdf or .svg)."""
    jobs: int = 1
    """Number of worker processes. The result does not depend on it."""
    executor: str = "local"
    """Where the work is done: local, dask:ADDRESS, dask:local or module:factory, see docs/scale.md. The result does not
    depend on it."""
    journal: Path | None = None
    """Folder for what was found so far. The same command continues from it after it was killed."""

    def __post_init__(self) -> None:
        for name, least in (("instances", 0), ("seed", 0), ("jobs", 1)):
            if getattr(self, name) < least:
                raise InputError(f"--{name} must be at least {least}, got {getattr(self, name)}")
        check_executor(self.executor)
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

    Floating point proposes the steps, exact arithmetic decides every inequality.
    Exit status: 0 every statement came out as expected, 1 one did not, 2 bad input.
    """

    mdp: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """An MDP: a name of the library, garnet:S=..,A=..,b=..,gamma=..,seed=.. (without seed every instance has another
    one), or a file, see docs/models.md. Can be given more than once. Default: all MDPs of the library and random Garnet
    MDPs. In Python, MDP objects are accepted, too."""
    solver: Literal["closed-form", "lp"] = "closed-form"
    """How the subproblem (3.6) is solved."""
    certificate: Path | None = None
    """Write certificates of the first five steps of every run, in MDPs of at most 100 states, to this file: exact
    fractions that verify/check_certificate.py checks."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.certificate is not None:
            check_writable(self.certificate)
        models = (Path(mdp.partition(":")[0]) for mdp in self.mdp if isinstance(mdp, str))
        for model in (None, *models):
            check_different(model, self.json, self.figure, self.certificate)


@dataclass(frozen=True)
class FalsifierOptions(CommonOptions):
    """Check statements of the STRO paper (arXiv 1911.11640) about Gaussian policies, in ball arithmetic.

    Exit status: 0 every statement came out as expected, 1 one did not, 2 bad input.
    """

    search: int = 100
    """Number of perturbations that the falsifier tries around each instance it starts from."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.search < 0:
            raise InputError(f"--search must be at least 0, got {self.search}")


@dataclass(frozen=True)
class SearchOptions(Options, FalsifierOptions):
    """Check statements of the STRO paper (arXiv 1911.11640) on finite MDPs, and search for worse instances.

    Floating point proposes the steps, exact arithmetic decides every inequality.
    Exit status: 0 every statement came out as expected, 1 one did not, 2 bad input.
    """


AnyOptions = TypeVar("AnyOptions", bound=CommonOptions)


@dataclass(frozen=True)
class Study(Generic[AnyOptions]):
    """One statement file as the commands see it."""

    title: str
    """Heading of its table."""
    command: str
    """Name of its module, such as verify.lemma34."""
    statements: tuple[Statement, ...]
    """What it checks, in the order of the table."""
    options: type[AnyOptions]
    """The dataclass of its command line."""
    check: Callable[[AnyOptions], Findings]
    """Makes all checks that the options ask for."""
    draw: Callable[[list[Check]], "Figure"]
    """Draws them, or those of the first items if there are very many."""
    certificates: Callable[[AnyOptions], list[dict[str, Any]]] | None = None
    """Makes the certificates that --certificate asks for; None: it is refused."""
    unread: tuple[str, ...] = ()
    """Options that would change nothing here. They are refused where the study is asked for alone."""


def carry_out(study: Study[AnyOptions], options: AnyOptions) -> list[Row]:
    """Check a study, print its table, and write the files that the options name.

    Raises:
        InputError: a file cannot be written, or an MDP of the options cannot be loaded.
    """
    if options.journal is not None:
        options = replace(options, journal=options.journal / study.command)
    path: Path | None = getattr(options, "certificate", None)
    certificates = None if path is None else certify(study, options)  # first: what it refuses is known before the work
    with workers(options.executor, options.jobs):
        checks = study.check(options)
    rows = tally(study.statements, checks)
    summary_table(study.title, rows).show()
    if options.figure is not None:
        save_figure(study.draw(list(checks)), options.figure)
    if options.json is not None:
        atomic_write(options.json, as_json(rows))
    if path is not None and certificates is not None:
        atomic_write(path, certificates_as_json(certificates))
        print(f"wrote {counted(len(certificates), 'certificate')} to {path}")
    return rows


def certify(study: Study[AnyOptions], options: AnyOptions) -> list[dict[str, Any]]:
    """The certificates that --certificate asks for.

    Raises:
        InputError: the study makes none, or none for these options.
    """
    if study.certificates is None:
        raise InputError(f"--certificate: {study.command} makes no certificates")
    return study.certificates(options)


def refuse_unread(study: Study[AnyOptions], options: AnyOptions) -> None:
    """Raise InputError if an option is given that the study does not read."""
    for field in fields(options):
        if field.name in study.unread and getattr(options, field.name) != field.default:
            raise InputError(f"--{field.name.replace('_', '-')} would change nothing in {study.command}")


def run(study: Study[AnyOptions], argv: Sequence[str] | None) -> int:
    """The command line of a statement file.

    Args:
        study: what it checks.
        argv: the words after the command, the process's own if None.

    Returns:
        The exit status: 0 if every statement came out as expected, 1 if one did not, 2 for bad input.
    """

    if study.check.__module__ == "__main__":
        # `python -m` runs the file under this name, which says nothing to another machine.
        study = importlib.import_module(study.command).STUDY

    def work(options: AnyOptions) -> int:
        refuse_unread(study, options)
        rows = carry_out(study, options)
        return cli.DONE if all(row.as_expected for row in rows) else cli.NEGATIVE

    return cli.main(study.options, study.command, work, argv)
