"""The rooms of docs/architecture.md, computed from the imports: arrows point down, and no circle of files."""

import ast
from fnmatch import fnmatchcase
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("stro", "exact", "verify", "deep", "paper_figs")

FLOORS = (
    # From the ground up. A file imports from its own room and from lower floors. Rooms on one floor are strangers.
    ("exact.common.*",),
    ("exact.small_fractions",),
    ("exact.arrays",),
    ("exact.mdp",),
    ("exact.formats.*",),
    ("exact.controller", "exact.bounds", "exact.evaluation"),
    ("exact.subproblem.*", "exact.mdps.*"),
    ("exact.algorithm", "exact.optimum", "exact.rational"),
    ("exact.baselines", "exact.certificate", "exact.reporting"),
    ("exact.gaussian.*",),
    ("exact.classroom.*", "exact.solving", "exact.speed", "exact.convert"),
    ("verify.core.*",),
    ("verify.tabular.*", "verify.gaussian.*", "verify.sampled.*"),
    ("verify.*",),
    ("deep.config",),
    ("deep.model.*",),
    ("deep.sampling.*",),
    ("deep.presets", "deep.batch"),
    ("deep.surrogate",),
    ("deep.innersolu",),
    ("deep.metrics",),
    ("deep.algorithm",),
    ("deep.build",),
    ("deep.run.*",),
    ("deep.playing",),
    ("deep.film",),
    ("deep.origin", "deep.watching"),
    ("deep.options", "deep.check"),
    ("deep.training",),
    ("deep.exporting.*",),
    ("deep.agent",),
    ("deep.space", "deep.trial"),
    ("deep.studies.*",),
    ("deep.evaluate", "deep.grid", "deep.export", "deep.plot", "deep.tune"),
    ("deep.speed",),
    ("paper_figs.*",),
)
ENTRIES = ("stro", "stro.__main__", "exact", "exact.solve", "verify.__main__", "deep", "deep.train")
"""Faces and commands: they import what they like, nothing imports them."""


def modules() -> dict[str, Path]:
    """Every module of the packages with its file."""
    found = {}
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            found[name] = file
    return found


def imports(file: Path, known: dict[str, Path]) -> set[str]:
    """The project's modules that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in known else node.module)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return found & known.keys()


MODULES = modules()
IMPORTS = {name: imports(file, MODULES) - {name} for name, file in MODULES.items()}


def place(module: str) -> tuple[int, str]:
    """(floor, room) of a module: the first pattern that fits."""
    for floor, rooms in enumerate(FLOORS):
        for room in rooms:
            if fnmatchcase(module, room) or module == room.removesuffix(".*"):
                return floor, room
    raise AssertionError(f"{module} has no place; give it one here and in docs/architecture.md")


INSIDE = sorted(MODULES.keys() - set(ENTRIES) - {"verify", "paper_figs", "paper_figs.data"})


@pytest.mark.parametrize("module", INSIDE)
def test_arrows_point_down(module):
    floor, room = place(module)
    for target in IMPORTS[module]:
        assert target not in ENTRIES, f"{module} imports {target}, which is for users"
        lower, other = place(target)
        assert lower < floor or other == room, f"{module} imports {target}: up, or into a room of the same floor"


def test_no_circle_of_files():
    try:
        TopologicalSorter(IMPORTS).prepare()
    except CycleError as error:
        pytest.fail(" needs ".join(error.args[1]))
