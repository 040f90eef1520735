"""One training run as another process sees it: its files while it runs and after it."""

import itertools
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exact.common.files import read_json

TRAINER = (sys.executable, "-m", "deep.train")
"""The command that trains ours."""
PEER, PEER_TRAINER = "sb3-", (sys.executable, "-m", "deep.studies.peers")
"""How the presets begin that are a peer of ours, and the command that trains those."""
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
        try:
            entry: dict[str, Any] = json.loads(last_line(self.directory / "metrics.jsonl"))
        except json.JSONDecodeError:
            return {}
        return entry

    def describe(self) -> str:
        """One line about a finished run."""
        result = read_json(self.directory / "result.json")
        if result["max100"] is None:
            return f"no episode ended, {result['seconds']:,.0f} s"
        return f"max100 {result['max100']:,.1f}, final100 {result['final100']:,.1f}, {result['seconds']:,.0f} s"


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
