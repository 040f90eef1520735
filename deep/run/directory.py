"""A run directory: config.json, metrics.jsonl, checkpoints/, result.json, and a lock against a second trainer."""

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import platform
import re
import shlex
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from filelock import FileLock, Timeout

from deep.config import Config
from deep.run.cell import parse_line
from deep.sampling.making import NAMELESS, nameless
from exact.common import schema
from exact.common.errors import FaultError, InputError
from exact.common.files import atomic_write, check_target, kind_of, open_append, read_regular, reason, write_all
from exact.common.source import installed, source_version

SOURCE = ("exact", "deep")
"""The packages of this project that make a run."""
PACKAGES = ("stro", "torch", "numpy", "gymnasium", "mujoco", "ale-py")
LARGEST_CONFIG, LARGEST_METRICS = 1 << 20, 1 << 34
"""Bytes that config.json and metrics.jsonl may have."""
TEMPORARY = re.compile(r"\.[0-9a-f]{16}\.tmp")
"""Names of the files that `atomic_write` renames."""


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Versions of what the numbers of a run depend on."""
    return {"python": platform.python_version()} | {package: installed(package) for package in packages}


def to_json(config: Config) -> str:
    """All fields of a configuration."""
    return json.dumps(dataclasses.asdict(config))


def config_from_json(text: "str | bytes", where: str) -> Config:
    """Inverse of what `RunDirectory.create` writes.

    Args:
        text: JSON.
        where: what messages call it.

    Raises:
        InputError: not JSON, a field is missing or unknown, or a value is of the wrong type or out of range.
    """
    saved = schema.parse(text, where)
    if not isinstance(saved, dict):
        raise schema.wrong(where, "the configuration of a run", saved)
    names = {f.name for f in dataclasses.fields(Config)}  # beside them stand the versions and the command
    config: Config = schema.read({name: value for name, value in saved.items() if name in names}, Config, where)
    return config


def read_config(folder: Path) -> Config:
    """The configuration of a run directory. Raises InputError if there is none or it is damaged.

    Who makes its environment calls `check_named` first.
    """
    config: Config = config_from_json(*_read_config(folder))
    return config


def read_origin(folder: Path) -> dict[str, Any] | None:
    """What config.json says of the run that this one began from, None if it began anew. Raises InputError."""
    text, where = _read_config(folder)
    saved = schema.Open({}).read(schema.parse(text, where), where).get("origin")
    kind = {"kind": Literal["continue", "init"], "source": str}
    return None if saved is None else schema.read(saved, kind, f"{where}: origin")


def _read_config(folder: Path) -> tuple[bytes, str]:
    path = folder / "config.json"
    try:
        return read_regular(path, LARGEST_CONFIG), str(path)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; expected a run directory made by deep.train") from error


def check_named(config: Config, where: Path, env: object | None, wrapper: object | None) -> None:
    """Check that the caller has named the code that a run from a file would run.

    An environment or a wrapper `module:name` imports a module, that is, runs its code. Whoever made the run directory
    chose it, and that may be anybody. So it counts only if it is named again by the one who uses the directory.

    Args:
        config: the settings of the run.
        where: its directory or file.
        env: the environment that the caller named, or what it gave instead; None: nothing.
        wrapper: likewise.

    Raises:
        InputError: something is not named again, or another name is.
    """
    for option, there, given in (("env", config.env, env), ("wrapper", config.wrapper, wrapper)):
        if isinstance(given, str) and not re.fullmatch(rf"{re.escape(given)}(-v\d+)?", str(there)):
            raise InputError(f"{where} has the {option} {there!r}, not {given!r}")
        if given is None and there is not None and nameless(there):
            raise InputError(f"{where} has the {option} {there!r}; {NAMELESS}")
        if given is None and there is not None and ":" in there:
            raise InputError(
                f"{where} has the {option} {there!r}: its module is code that would be run, and the file may be "
                f"anybody's; if you trust this module, name it: --{option} {shlex.quote(there)}"
            )


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
    ours = path.name in ("lock", "metrics.jsonl") or TEMPORARY.fullmatch(path.name) is not None
    return ours and path.is_file() and (path.suffix == ".tmp" or path.stat().st_size == 0)


class RunDirectory:
    """An open, locked run directory; a context manager.

    Raises:
        InputError: the folder cannot be written, another trainer has it, or a link stands where a file should.
    """

    def __init__(self, folder: Path):
        self.folder, self.checkpoints = folder, folder / "checkpoints"
        self.metrics = -1
        self.digest = hashlib.sha256()
        """Of the lines of metrics.jsonl that this process knows: those up to the checkpoint, and its own."""
        # The system releases the lock when the process ends, however it ends. A lock made of the file's mere existence,
        # filelock's substitute where the file system knows no locks, would survive a kill: none is taken then.
        self.lock = FileLock(folder / "lock", blocking=False, fallback_to_soft=False)
        try:
            if self.checkpoints.is_symlink():
                raise OSError(errno.EINVAL, "checkpoints is a symbolic link, expected a folder")
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            check_target(folder / "lock")
            self.lock.acquire()
            self._clear()
            self.metrics = open_append(folder / "metrics.jsonl")
        except Timeout:
            raise InputError(f"run directory {folder} is in use by another trainer") from None
        except OSError as error:
            self.lock.release()
            raise kind_of(error)(f"cannot write run directory {folder}: {reason(error)}") from error

    def _clear(self) -> None:
        """Remove the temporary files that killed processes left."""
        for path in [*self.folder.iterdir(), *self.checkpoints.iterdir()]:
            if TEMPORARY.fullmatch(path.name) and stat.S_ISREG(path.lstat().st_mode):
                path.unlink()

    def __enter__(self) -> "RunDirectory":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.metrics)
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
        source = {"source": source_version(SOURCE)}
        record = settings | {"versions": versions(packages) | source, "command": command}
        try:
            atomic_write(folder / "config.json", json.dumps(record, indent=1) + "\n")
        except BaseException:
            run.__exit__(None, None, None)
            raise
        return run

    @property
    def _metrics_name(self) -> Path:
        return self.folder / "metrics.jsonl"

    def append(self, line: dict[str, Any]) -> None:
        """Add one line to metrics.jsonl. Raises FaultError if it cannot be written."""
        text = json.dumps(line).encode() + b"\n"
        with self._faults():
            write_all(self.metrics, text)
        self.digest.update(text)

    def sync(self) -> dict[str, Any]:
        """Make metrics.jsonl durable; returns what a checkpoint has of it, for `check`. Raises FaultError."""
        with self._faults():
            os.fsync(self.metrics)
            return {"metrics_bytes": os.fstat(self.metrics).st_size, "metrics_sha256": self.digest.hexdigest()}

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        """The folder was good when the run began: what fails later is a fault."""
        try:
            yield
        except OSError as error:
            raise FaultError(f"cannot write {self._metrics_name}: {reason(error)}") from error

    def check(self, saved: dict[str, Any]) -> None:
        """Check that metrics.jsonl begins with the lines that it had at a checkpoint.

        Args:
            saved: what `sync` returned; checkpoints of earlier versions have no metrics_sha256.

        Raises:
            InputError: it is shorter, or was altered.
        """
        _check_metrics(self._metrics_name, self._beginning(saved["metrics_bytes"]), saved)

    def take_over(self, metrics: Path, saved: dict[str, Any]) -> None:
        """Begin metrics.jsonl with the lines that another run's had at a checkpoint.

        Args:
            metrics: the other run's metrics.jsonl.
            saved: what `sync` returned to the other run.

        Raises:
            InputError: the other file cannot be read, or is not what it was.
        """
        content = metrics_at(metrics, saved)
        self.digest = hashlib.sha256(content)
        with self._faults():
            os.ftruncate(self.metrics, 0)
            write_all(self.metrics, content)

    def rewind(self, size: int) -> None:
        """Forget the metrics after a checkpoint, which was checked."""
        self.digest = hashlib.sha256(self._beginning(size))
        with self._faults():
            os.ftruncate(self.metrics, size)

    def restart(self, most: int) -> None:
        """Forget all metrics: the run stopped before its first checkpoint.

        Args:
            most: lines that a run may have written before its first checkpoint.

        Raises:
            InputError: there are more lines. Then there was a checkpoint, and it is gone.
        """
        lines = self._beginning(os.fstat(self.metrics).st_size).count(b"\n")
        if lines > most:
            raise InputError(
                f"{self._metrics_name} has {lines} lines, but {self.checkpoints} holds no checkpoint; "
                "expected one: put it back, or begin a new run in another folder"
            )
        self.rewind(0)

    def _beginning(self, size: int) -> bytes:
        """The first bytes of metrics.jsonl, fewer if it is shorter."""
        found, rest = [], size
        with self._faults():
            while rest and (piece := os.pread(self.metrics, min(rest, 1 << 20), size - rest)):
                found.append(piece)
                rest -= len(piece)
        return b"".join(found)

    def entries(self) -> list[dict[str, Any]]:
        """All lines of metrics.jsonl. Raises FaultError if they are not those that this process wrote and found."""
        content = self._beginning(os.fstat(self.metrics).st_size)
        if hashlib.sha256(content).hexdigest() != self.digest.hexdigest():
            raise FaultError(f"{self._metrics_name} was altered while the run was going on; its checkpoint stays")
        return _lines(self._metrics_name, content)

    def finish(self, result: dict[str, Any]) -> None:
        """Write result.json. Raises FaultError if it cannot be written."""
        try:
            atomic_write(self.folder / "result.json", json.dumps(result, indent=1) + "\n")
        except InputError as error:  # the folder was good when the run began: a full disk, say
            raise FaultError(str(error)) from error


def metrics_at(path: Path, saved: dict[str, Any]) -> bytes:
    """What a metrics.jsonl had at a checkpoint.

    Args:
        path: the file.
        saved: what `RunDirectory.sync` returned.

    Raises:
        InputError: it cannot be read, or is not what it was.
    """
    try:
        content = read_regular(path, LARGEST_METRICS)[: saved["metrics_bytes"]]
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    _check_metrics(path, content, saved)
    return content


def _check_metrics(path: Path, content: bytes, saved: dict[str, Any]) -> None:
    """Raise InputError unless these are the lines that metrics.jsonl had at a checkpoint."""
    size, wanted = saved["metrics_bytes"], saved.get("metrics_sha256")
    if len(content) < size:
        raise InputError(f"{path} has {len(content)} bytes, its checkpoint was made at {size}")
    if wanted is None:  # a checkpoint of an earlier version
        _lines(path, content)
    elif hashlib.sha256(content).hexdigest() != wanted:
        raise InputError(f"{path} was altered: its first {size} bytes are not those that the run wrote")


def _lines(path: Path, content: bytes) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl. Raises InputError for one that is none."""
    found = []
    for number, text in enumerate(content.splitlines(), 1):
        found.append(parse_line(text, f"{path}, line {number}"))
    return found


def env_folder(env: str) -> str:
    """Folder name of a Gymnasium id, which may hold a namespace and a module (`ALE/Pong-v5`, `module:Env-v0`)."""
    return env.replace("/", "-").replace(":", "-")
