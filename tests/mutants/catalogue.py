"""The mutants of mutants.toml: one exact replacement in one file each, and what is run on it."""

import hashlib
import json
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DATA = Path(__file__).with_name("mutants.toml")
TABULAR = (
    "--mdp cash-in --mdp garnet:S=2,A=3,b=2,gamma=0.1,seed=1 --mdp garnet:S=5,A=3,b=2,gamma=0.1,seed=1,hard=1 "
    "--mdp garnet:S=7,A=3,b=2,gamma=0.9,seed=1"
)
"""Small MDPs, on which every statement about finite MDPs could fail."""


@dataclass(frozen=True)
class Mutant:
    """One wrong version of a file."""

    path: str
    """The file, relative to the root of the project."""
    wrong: str
    """What is wrong, in a few words."""
    old: str
    """The text that is replaced. It occurs exactly once."""
    new: str
    """What takes its place."""
    commands: tuple[str, ...]
    """`python -m ...` lines of verify that may notice it."""
    tests: tuple[str, ...]
    """Words of pytest: the tests that mirror the file."""
    solver: bool
    """Whether a step or its report is broken, so that verify itself has to notice it."""
    equivalent: str
    """Why nothing can notice it; empty where something has to."""

    def __str__(self) -> str:
        return f"{self.path}: {self.wrong}"

    def text(self, root: Path = ROOT) -> str:
        """The changed file.

        Raises:
            ValueError: `old` does not occur exactly once, or nothing is changed.
        """
        source = (root / self.path).read_text()
        if (found := source.count(self.old)) != 1 or self.old == self.new:
            raise ValueError(f"{self}: the text to replace occurs {found} times, expected once: {self.old!r}")
        return source.replace(self.old, self.new)

    def digest(self, root: Path = ROOT) -> str:
        """What a result is a result of: the mutant and its file."""
        content = json.dumps([asdict(self), (root / self.path).read_text()])
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def load(data: Path = DATA) -> list[Mutant]:
    """All mutants, in the order of the file."""
    content = tomllib.loads(data.read_text())
    commands = {name: command(name, words) for name, words in content["commands"].items()}
    return [mutant(file, each, commands) for file in content["file"] for each in file["mutants"]]


def command(name: str, words: str) -> str:
    """A `python -m` line without `python -m`: an entry of [commands] that names no module is one of verify.NAME."""
    words = words.format(tabular=TABULAR)
    return words if words.startswith("verify.") else f"verify.{name} {words}"


def mutant(file: dict[str, Any], each: dict[str, Any], commands: dict[str, str]) -> Mutant:
    """One entry of the file."""
    return Mutant(
        file["path"],
        each["wrong"],
        each["old"],
        each["new"],
        tuple(commands[name] for name in file["verify"]),
        tuple(file["tests"]),
        each.get("solver", file.get("solver", False)),
        each.get("equivalent", ""),
    )
