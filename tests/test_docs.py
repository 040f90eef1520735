"""The pages and docstrings are true of the tree: links lead somewhere, commands and pages exist, and the README uses
the public faces only."""

import ast
import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LOG = ROOT / "docs" / "log"
TODAY = [page for page in PAGES if page.name != "CHANGELOG.md" and LOG not in page.parents]
"""Pages that speak of the project as it is; the others may use the names of their time."""
ROOMS = ("exact", "deep", "verify", "paper_figs", "stro", "examples")
SOURCES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))

LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\]\([^)]*\))*\]\(([^)\s]+)\)")
COMMAND = re.compile(r"python3? -m ([\w.]*\w)")
PAGE = re.compile(r"\bdocs/[\w./-]*\.md\b")
FACE = re.compile(
    r"^\s*(from (?:stro|exact|deep|verify|paper_figs)\b.*|import (?:stro|exact|deep|verify|paper_figs)\b.*)$", re.M
)


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def without_code(text: str) -> str:
    """Markdown without fenced blocks and code spans: an index such as `P[s](t)` is no link."""
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.S)


def anchors(page: Path) -> set[str]:
    """The names by which GitHub links to the headings of a page."""
    headings = re.findall(r"^#+ +(.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> set[str]:
    """Targets of the page's links within the repository, pictures included."""
    text = without_code(page.read_text())
    targets = {target for link in LINK.finditer(text) for target in re.findall(r"\]\(([^)\s]+)\)", link[0])}
    return {target for target in targets if not re.match(r"[a-z]+:", target)}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{name(page)} links to {link}"
        assert not anchor or anchor in anchors(target), f"{name(page)} links to {link}"


def runs(module: str) -> bool:
    """Whether `python -m module` finds something to run."""
    try:
        spec = find_spec(module)
        return spec is not None and (spec.submodule_search_locations is None or runs(f"{module}.__main__"))
    except ModuleNotFoundError:
        return False


@pytest.mark.parametrize("page", TODAY, ids=name)
def test_commands_exist(page):
    for module in COMMAND.findall(page.read_text()):
        assert runs(module), f"{name(page)} says python -m {module}"


def test_the_sources_name_commands_and_pages_that_exist():
    for source in SOURCES:
        text = source.read_text()
        for module in COMMAND.findall(text):
            assert runs(module), f"{name(source)} says python -m {module}"
        for page in PAGE.findall(text):
            assert (ROOT / page).is_file(), f"{name(source)} names {page}"


def test_the_readme_uses_the_public_faces_only():
    statements = FACE.findall((ROOT / "README.md").read_text())
    assert statements
    for statement in statements:
        (node,) = ast.parse(statement.strip()).body
        assert isinstance(node, ast.ImportFrom), statement
        assert node.module in ("exact", "deep"), statement
        face = import_module(node.module)
        for alias in node.names:
            assert alias.name in face.__all__, statement
            assert getattr(face, alias.name)


def test_what_is_checked_is_found():
    """A pattern that matched nothing would pass every page."""
    assert {"docs/architecture.md", "docs/images/halfcheetah.gif", "docs/images/convergence.png"} <= links(
        ROOT / "README.md"
    )
    assert {"exact.solve", "deep.train", "verify.lemma34"} <= set(COMMAND.findall((ROOT / "README.md").read_text()))
    assert (runs("exact.solve"), runs("verify"), runs("exact"), runs("exact.benchmark")) == (True, True, False, False)
