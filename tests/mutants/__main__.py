"""Try small wrong versions of the project, and write who notices them.

    python -m tests.mutants [--only TEXT] [--both] [--out docs/mutants.md] [--results figures/mutants.json]

Every mutant is tried in a copy of the project, after all that is run on its file has found nothing in the file as it
is. Who has to notice it is asked first: verify if a solver is broken, with short runs of some commands until one ends
with another status than 0; else the tests that mirror the file, until one fails. The other is asked if the first
notices nothing, or with `--both`. The results are kept, so that a run that was interrupted goes on where it stopped. A
mutant that was noticed is tried again if it or its file changes. A change elsewhere is not seen: `--fresh` tries all of
them again.
"""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from exact.common import cli
from exact.common.errors import FaultError
from exact.common.files import atomic_write, check_writable
from exact.common.tables import Table
from tests.mutants.catalogue import ROOT, Mutant, load

COPIED = ("deep", "exact", "stro", "tests", "verify", "pyproject.toml")
QUICK = """
from hypothesis import Phase, settings

settings.register_profile("quick", derandomize=True, phases=[Phase.explicit, Phase.generate])
settings.load_profile("quick")
"""
"""Added to the copy's conftest.py: the same examples in every run, and a failing one need not be made small."""
LIMIT = 90.0
"""Seconds for one command, or for the tests of one mutant. What takes longer hangs, and that is noticed."""


@dataclass(frozen=True)
class Options:
    """Try small wrong versions of the project, and write who notices them.

    Exit status: 0 each was noticed by whom it has to be, 1 one was not, 2 bad input.
    """

    only: str = ""
    """Try only mutants whose file or description contains this text. No table is written then."""
    both: bool = False
    """Ask verify and the tests about every mutant, also if one of them has noticed it."""
    fresh: bool = False
    """Try all again, also those whose result is known."""
    results: Path = Path("figures/mutants.json")
    """Where the results are kept."""
    out: Path = Path("docs/mutants.md")
    """Where the table is written."""

    def __post_init__(self) -> None:
        self.results.parent.mkdir(parents=True, exist_ok=True)
        check_writable(self.results)
        check_writable(self.out)


@dataclass(frozen=True)
class Result:
    """Who noticed one mutant."""

    verify: str | None
    """The statement or the error by which verify noticed it; empty: it did not; None: it was not asked."""
    tests: str | None
    """The test that failed; empty: none; None: they were not asked."""
    digest: str
    """Of what this is the result."""


def enough(mutant: Mutant, result: Result) -> bool:
    """Whether a mutant was noticed by whom it has to be: a broken solver by verify, an equivalent one by nobody."""
    return not fault(mutant, result)


def fault(mutant: Mutant, result: Result) -> str:
    """What is wrong with the result, in capitals; empty: nothing."""
    if mutant.equivalent:
        return "NOT EQUIVALENT" if result.verify or result.tests else ""
    return "" if result.verify or (result.tests and not mutant.solver) else "SURVIVES"


def settled(mutant: Mutant, result: Result, both: bool) -> bool:
    """Whether a known result need not be made again."""
    return enough(mutant, result) and not (both and None in (result.verify, result.tests))


UNTRIED = Result(None, None, "")


class Trials:
    """A copy of the project, and a warm process that runs commands in it."""

    def __init__(self, folder: Path):
        self.folder, self.changes = folder, 0
        for name in COPIED:
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, folder / name)
        with (folder / "tests/conftest.py").open("a") as file:
            file.write(QUICK)
        script = [sys.executable, str(Path(__file__).with_name("warm.py"))]
        self.process = subprocess.Popen(script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder)

    def ask(self, **request: Any) -> dict[str, Any]:
        """One request of `warm`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"folder": str(self.folder), "limit": LIMIT} | request) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def close(self) -> None:
        """Ends the warm process."""
        self.process.communicate()

    def attempt(self, mutant: Mutant, both: bool = False) -> Result:
        """Change the file, see who notices, and mend it."""
        file, digest = self.folder / mutant.path, mutant.digest(self.folder)
        saved = Path(shutil.copy2(file, f"{file}.saved"))
        file.write_text(mutant.text(self.folder))
        self.changes += 1
        os.utime(file, (self.changes, self.changes))  # bytecode is told from that of another mutant by the time alone
        try:
            if mutant.solver:
                verify = self._verify(mutant)
                return Result(verify, self._tests(mutant) if both or not verify else None, digest)
            tests = self._tests(mutant)
            return Result(self._verify(mutant) if both or not tests else None, tests, digest)
        finally:
            saved.replace(file)

    def unchanged(self, mutant: Mutant) -> None:
        """Runs everything on the file as it is.

        Raises:
            FaultError: something is noticed where nothing is wrong.
        """
        if found := self._verify(mutant) or self._tests(mutant):
            raise FaultError(f"{mutant.path} is unchanged, and yet: {found}")

    def _verify(self, mutant: Mutant) -> str:
        for line in mutant.commands:
            answer = self.ask(command=line)
            if answer["status"] != 0:
                return f"{line.split()[0]}: {noticed(answer)}"
        return ""

    def _tests(self, mutant: Mutant) -> str:
        if not mutant.tests:
            return ""
        answer = self.ask(pytest=mutant.tests)
        failed = re.search(r"^(?:FAILED|ERROR) (\S+)", answer["output"], re.M)
        if answer["status"] != 0 and failed is None and answer["status"] is not None:
            return f"pytest: {last_line(answer)}"
        return "" if answer["status"] == 0 else failed[1] if failed else "does not end"


@contextmanager
def trials() -> Iterator[Trials]:
    """`Trials` in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        found = Trials(Path(folder))
        try:
            yield found
        finally:
            found.close()


def noticed(answer: dict[str, Any]) -> str:
    """The first statement that did not come out as expected, or what went wrong."""
    if answer["status"] is None:
        return "does not end"
    rows = re.findall(r"^\| (.*?) +\|.*, expected: ", answer["output"], re.M)
    return rows[0] if rows else last_line(answer)


def last_line(answer: dict[str, Any]) -> str:
    """The last line that was printed."""
    lines = answer["output"].strip().splitlines()
    return lines[-1][:120] if lines else f"status {answer['status']}"


def line(mutant: Mutant, result: Result) -> str:
    """What came out, in one line."""
    mark = f"{fault(mutant, result)} ".lstrip()
    return f"{mark}{mutant} -- {result.verify or '-'} -- {result.tests or '-'}"


def known(path: Path) -> dict[str, Result]:
    """The results of earlier runs."""
    return {key: Result(**fields) for key, fields in json.loads(path.read_text()).items()} if path.exists() else {}


def work(options: Options) -> int:
    """Try every mutant that is asked for and not known, and write the table."""
    mutants = [mutant for mutant in load() if options.only in str(mutant)]
    results = {} if options.fresh else known(options.results)
    tried: set[str] = set()
    with trials() as place:
        for number, mutant in enumerate(mutants, 1):
            found = results.get(str(mutant))
            if found is None or found.digest != mutant.digest(place.folder) or not settled(mutant, found, options.both):
                if mutant.path not in tried:
                    place.unchanged(mutant)
                tried.add(mutant.path)
                found = results[str(mutant)] = place.attempt(mutant, options.both)
                content = {key: asdict(result) for key, result in results.items()}
                atomic_write(options.results, json.dumps(content, indent=1) + "\n")
            print(f"{number}/{len(mutants)} {line(mutant, found)}", flush=True)
    if not options.only:
        atomic_write(options.out, page(mutants, results))
    return cli.DONE if all(enough(mutant, results[str(mutant)]) for mutant in mutants) else cli.NEGATIVE


def page(mutants: Sequence[Mutant], results: dict[str, Result]) -> str:
    """The table of who notices what, in Markdown."""
    found = [(mutant, results.get(str(mutant), UNTRIED)) for mutant in mutants]
    solvers = [(mutant, result) for mutant, result in found if mutant.solver and not mutant.equivalent]
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "cvxpy", "python-flint", "pytest"))
    asked = [(mutant, result) for mutant, result in found if result is not UNTRIED]
    lines = [
        "# Who notices a wrong version\n",
        f"`make mutate` with Python {platform.python_version()}, {packages}. `tests/mutants/mutants.toml` has the "
        "replacements and the commands.\n",
        "A mutant is a small wrong version of one file. *verify* names the statement that fails on it, or the error, "
        "in short runs of the commands;\n*tests* names a test that fails. A dash: nothing was noticed. An empty cell: "
        "not asked, because the other one had noticed it.\n**S**: a solver is broken. Then verify itself has to "
        "notice it.\n",
        f"{len(found)} mutants, {len(asked)} of them tried. {sum(bool(r.verify or r.tests) for _, r in asked)} were "
        f"noticed. {sum(bool(m.equivalent) for m, _ in found)} are equivalent: nothing can notice them. "
        f"{len(solvers)} others break a solver,\n{sum(r is not UNTRIED for _, r in solvers)} of them tried; "
        f"verify noticed {sum(bool(r.verify) for _, r in solvers)}.\n",
    ]
    for path in dict.fromkeys(mutant.path for mutant in mutants):
        lines.append(section(path, [pair for pair in found if pair[0].path == path]))
    return "\n".join(lines)


def section(path: str, found: list[tuple[Mutant, Result]]) -> str:
    """The mutants of one file."""
    rows = tuple(
        (("**S** " if mutant.solver else "") + mutant.wrong, cell(result.verify), by_tests(mutant, result))
        for mutant, result in found
    )
    return Table(path, ("what is wrong", "verify", "tests"), rows).markdown()


def cell(noticed: str | None) -> str:
    """Who noticed it; a dash if nobody did, nothing if nobody was asked."""
    return "" if noticed is None else noticed or "-"


def by_tests(mutant: Mutant, result: Result) -> str:
    """The last cell of a mutant's row."""
    if mutant.equivalent and enough(mutant, result):
        return f"equivalent: {mutant.equivalent}"
    if result is UNTRIED:
        return "not tried yet"
    shown = f"`{result.tests.split('::')[-1].split('[')[0]}`" if result.tests else cell(result.tests)
    return f"{fault(mutant, result)} {shown}".strip() if shown != "-" else fault(mutant, result) or shown


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return cli.main(Options, "tests.mutants", work, argv)


if __name__ == "__main__":
    sys.exit(main())
