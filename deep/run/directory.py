"""A run directory: config.json, metrics.jsonl, checkpoints/, result.json, and a lock against a second trainer."""

import dataclasses
import json
import os
import platform
import re
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import FileLock, Timeout

from deep.config import Config, CriticSettings, InnerSettings, PolicySettings, RadiusSettings, SamplingSettings
from exact.common.errors import FaultError, InputError
from exact.common.files import atomic_write
from exact.common.source import source_version
from exact.controller import ControllerSettings

SECTIONS = {
    "policy": PolicySettings,
    "critic": CriticSettings,
    "sampling": SamplingSettings,
    "inner": InnerSettings,
    "radius": RadiusSettings,
    "controller": ControllerSettings,
}
FIELDS = tuple(f.name for f in dataclasses.fields(Config))
LATER = ("env_kwargs", "wrapper", "eval_every", "eval_episodes")
"""Fields that older runs do not have; they get the default."""
PACKAGES = ("stro", "torch", "numpy", "gymnasium", "mujoco", "ale-py")


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Versions of what the numbers of a run depend on."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def to_json(config: Config) -> str:
    """All fields of a configuration."""
    return json.dumps(dataclasses.asdict(config))


def _tuples(value: Any) -> Any:
    """A value from JSON with tuples for its lists."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def config_from_json(text: str, where: Path) -> Config:
    """Inverse of what `RunDirectory.create` writes.

    Raises:
        InputError: not JSON, a field is missing or unknown, or a value is out of range.
    """
    try:
        saved = json.loads(text)
        values = {name: saved[name] for name in FIELDS if name in saved or name not in LATER}
        for name, section in SECTIONS.items():
            values[name] = section(**{k: _tuples(v) for k, v in values[name].items()})
        return Config(**values)
    except KeyError as error:
        raise InputError(f"{where}: no field {error}; expected the configuration of a run of this version") from error
    except (ValueError, TypeError) as error:
        raise InputError(f"{where}: {error}") from error


def read_config(folder: Path) -> Config:
    """The configuration of a run directory. Raises InputError if there is none or it is damaged."""
    path = folder / "config.json"
    try:
        return config_from_json(path.read_text(), path)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; expected a run directory made by deep.train") from error


def check_new(folder: Path) -> None:
    """Raise InputError unless a new run can be made in `folder`."""
    if (folder / "result.json").exists():
        raise InputError(f"{folder} holds a finished run; choose another --out")
    if (folder / "config.json").exists():
        raise InputError(f"{folder} holds an unfinished run; continue it with --resume {folder}")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; expected a new or empty folder for --out")
    if folder.exists() and not all(_left_by_a_start(path) for path in folder.iterdir()):
        raise InputError(f"{folder} is not empty and holds no run; choose another --out")


def _left_by_a_start(path: Path) -> bool:
    """Whether a start that was killed before it wrote config.json may have left this file or folder."""
    if path.is_symlink():
        return False
    if path.name == "checkpoints":
        return path.is_dir() and not any(path.iterdir())
    ours = path.name in ("lock", "metrics.jsonl") or re.fullmatch(r"\.[0-9a-f]{16}\.tmp", path.name) is not None
    return ours and path.is_file() and (path.suffix == ".tmp" or path.stat().st_size == 0)


class RunDirectory:
    """An open, locked run directory; a context manager.

    Raises:
        InputError: the folder cannot be written or another trainer has it.
    """

    def __init__(self, folder: Path):
        self.folder, self.checkpoints = folder, folder / "checkpoints"
        # The system releases the lock when the process ends, however it ends. A lock made of the file's mere existence,
        # filelock's substitute where the file system knows no locks, would survive a kill: none is taken then.
        self.lock = FileLock(folder / "lock", blocking=False, fallback_to_soft=False)
        try:
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            self.lock.acquire()
            self.metrics = (folder / "metrics.jsonl").open("ab")
        except Timeout:
            raise InputError(f"run directory {folder} is in use by another trainer") from None
        except OSError as error:
            self.lock.release()
            raise InputError(f"cannot write run directory {folder}: {error.strerror}") from error

    def __enter__(self) -> "RunDirectory":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.metrics.close()
        self.lock.release()

    @classmethod
    def create(
        cls, folder: Path, settings: dict[str, Any], command: str, packages: Sequence[str] = PACKAGES
    ) -> "RunDirectory":
        """A directory for a new run, with its config.json: the settings, the command, and the packages' versions.

        Raises:
            InputError: the folder is not empty or cannot be written.
        """
        check_new(folder)
        run = cls(folder)
        source = {"source": source_version(("exact", "deep"))}
        record = settings | {"versions": versions(packages) | source, "command": command}
        atomic_write(folder / "config.json", json.dumps(record, indent=1) + "\n")
        return run

    def append(self, line: dict[str, Any]) -> None:
        """Add one line to metrics.jsonl."""
        self.metrics.write(json.dumps(line).encode() + b"\n")
        self.metrics.flush()

    def sync(self) -> int:
        """Make metrics.jsonl durable; returns its size in bytes, for `rewind`."""
        os.fsync(self.metrics.fileno())
        return self.metrics.tell()

    def take_over(self, metrics: Path, size: int) -> None:
        """Begin metrics.jsonl with the first `size` bytes of another run's.

        Raises:
            InputError: the other file cannot be read, or is shorter.
        """
        try:
            content = metrics.read_bytes()[:size]
        except OSError as error:
            raise InputError(f"cannot read {metrics}: {error.strerror}") from error
        if len(content) < size:
            raise InputError(f"{metrics} has {len(content)} bytes, its checkpoint was made at {size}")
        self.metrics.truncate(0)
        self.metrics.write(content)
        self.metrics.flush()

    def rewind(self, size: int) -> None:
        """Forget the metrics after a checkpoint.

        Raises:
            InputError: metrics.jsonl is shorter than it was at the checkpoint.
        """
        there = os.fstat(self.metrics.fileno()).st_size
        if there < size:
            raise InputError(f"{self.folder / 'metrics.jsonl'} has {there} bytes, its checkpoint was made at {size}")
        self.metrics.truncate(size)

    def entries(self) -> list[dict[str, Any]]:
        """All lines of metrics.jsonl."""
        return [json.loads(line) for line in (self.folder / "metrics.jsonl").read_text().splitlines()]

    def finish(self, result: dict[str, Any]) -> None:
        """Write result.json. Raises FaultError if it cannot be written."""
        try:
            atomic_write(self.folder / "result.json", json.dumps(result, indent=1) + "\n")
        except InputError as error:  # the folder was good when the run began: a full disk, say
            raise FaultError(str(error)) from error


def env_folder(env: str) -> str:
    """Folder name of a Gymnasium id, which may hold a namespace and a module (`ALE/Pong-v5`, `module:Env-v0`)."""
    return env.replace("/", "-").replace(":", "-")
