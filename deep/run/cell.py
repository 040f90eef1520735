"""One training run as another process sees it: its files while it runs and after it."""

import itertools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exact.common import schema
from exact.common.errors import InputError
from exact.common.files import read_input

TRAINER = (sys.executable, "-m", "deep.train")
"""The command that trains ours."""
PEER, PEER_TRAINER = "sb3-", (sys.executable, "-m", "deep.studies.peers")
"""How the presets begin that are a peer of ours, and the command that trains those."""
NOTHING: Mapping[str, Any] = {}
TAIL_BYTES = 1 << 16
"""Read from the end of a growing file: more than its longest line."""


def trainer_of(preset: str) -> tuple[str, ...]:
    """The command that trains a preset. All take --env, --seed, --preset, --steps, --out, and --resume alone."""
    return PEER_TRAINER if preset.startswith(PEER) else TRAINER


def named_again(env: str, flags: Sequence[str]) -> list[str]:
    """The options that `--resume` wants for code of modules (`deep.run.directory.check_named`): the user named it."""
    words = ["--env", env] if ":" in env else []
    for word, following in itertools.zip_longest(flags, flags[1:], fillvalue=""):
        if word == "--wrapper" or word.startswith("--wrapper="):
            words += [word] if "=" in word else [word, following]
    return words


@dataclass(frozen=True)
class Cell:
    """One run of a grid."""

    env: str
    """Gymnasium id."""
    seed: int
    directory: Path
    """The run directory."""

    @property
    def name(self) -> str:
        """The run in words."""
        return f"{self.env} seed {self.seed}"

    @property
    def log(self) -> Path:
        """File beside the run directory that takes the run's terminal output."""
        return self.directory.with_name(self.directory.name + ".log")

    @property
    def finished(self) -> bool:
        """Whether the run reached its last step."""
        return (self.directory / "result.json").exists()

    def last_metrics(self) -> dict[str, Any]:
        """The newest line of metrics.jsonl, or an empty dictionary while there is none to read."""
        path = self.directory / "metrics.jsonl"
        try:
            return parse_line(last_line(path), str(path), {"steps": int, "seconds": float, "return100": float | None})
        except InputError:
            return {}

    def result(self, *names: str) -> dict[str, Any]:
        """What result.json says of these numbers, see `deep.metrics.summary`. Raises InputError if it is damaged."""
        return schema.read_file(self.directory / "result.json", dict.fromkeys(names, float | None))

    def describe(self) -> str:
        """One line about a finished run."""
        result = self.result("max100", "final100", "seconds")
        if result["max100"] is None:
            return f"no episode ended, {result['seconds']:,.0f} s"
        return f"max100 {result['max100']:,.1f}, final100 {result['final100']:,.1f}, {result['seconds']:,.0f} s"


def read_metrics(folder: Path, kinds: Mapping[str, Any] = NOTHING) -> list[dict[str, Any]]:
    """The lines of a run's metrics.jsonl. The last one is left out if it is not whole: the run may be writing it.

    Args:
        folder: the run directory.
        kinds: what every line has besides its steps, see `exact.common.schema.Open`.

    Raises:
        InputError: the file cannot be read, or a line is not of this kind.
    """
    path = folder / "metrics.jsonl"
    lines = read_input(path).split(b"\n")[:-1]
    kinds = {"steps": schema.Whole(), **kinds}
    return [parse_line(line, f"{path}, line {number}", kinds) for number, line in enumerate(lines, 1)]


def parse_line(line: str | bytes, where: str, kinds: Mapping[str, Any] = NOTHING) -> dict[str, Any]:
    """One line of metrics.jsonl; arguments as for `read_metrics`, `where` is what messages call it."""
    return schema.Open(kinds).read(schema.parse(line, where), where)


def last_line(path: Path) -> str:
    """The last complete, non-empty line of a text file that may still be growing, or an empty string."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            tail = file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    lines = [line.strip() for line in tail.split("\n")[:-1] if line.strip()]
    return lines[-1] if lines else ""
