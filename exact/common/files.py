"""Files are written whole or not at all, and JSON is read back. What is wrong with a file is said in one line."""

import errno
import json
import os
import secrets
import stat
from pathlib import Path
from typing import Any

from exact.common.errors import FaultError, InputError

FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
"""Errors of the disk, not of the path that the user gave."""


def check_writable(path: Path) -> None:
    """Check that a file could be written here. A command asks before the work is done, not after.

    Raises:
        InputError: `path` is a folder, or its folder does not exist or is not writable.
    """
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise InputError(f"cannot write {path}: expected a file name in an existing, writable folder")


def check_regular(path: "str | Path") -> None:
    """Check that a path to read is a file. A pipe without a writer would be waited for, a device never ends.

    Raises:
        InputError: it is a pipe, a device or a socket.
        OSError: it does not exist.
    """
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise InputError("is no regular file")


def atomic_write(path: "str | Path", content: "str | bytes | memoryview") -> None:
    """Write `content` (text as UTF-8) to `path`, whole or not at all, even if the machine stops.

    The content goes to a temporary file in the same folder. This file is flushed to the disk and then takes the place
    of `path`. A symbolic link keeps its target. A device or a pipe is written directly.

    Raises:
        InputError: the path cannot be written.
        FaultError: the disk is full or broken. After either error an existing file is as it was.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
            with open(path, "wb") as stream:
                stream.write(data)
            return
        _replace(Path(os.path.realpath(path)), data)
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        kind = FaultError if isinstance(error, OSError) and error.errno in FAULTS else InputError
        raise kind(f"cannot write {str(path)!r}: {reason(error)}") from None


def _replace(target: Path, data: "bytes | memoryview") -> None:
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Flush a folder to the disk, so that the names of its files survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write(path: Path, content: "str | bytes | memoryview") -> None:
    """Make the folders that the file lies in, and write it as `atomic_write` does.

    Raises:
        InputError: a folder cannot be made, or as `atomic_write`.
        FaultError: as `atomic_write`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {path}: {reason(error)}") from error
    atomic_write(path, content)


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        InputError: the file cannot be read, or it is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {reason(error)}") from error
    except ValueError as error:
        raise InputError(f"{path} is damaged: expected JSON ({error})") from error


def reason(error: Exception) -> str:
    """The error's message in one line, without the path: the caller names that."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
