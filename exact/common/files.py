"""Files are written whole or not at all, and JSON is read back. What is wrong with a file is said in one line."""

import contextlib
import errno
import json
import os
import secrets
import stat
from pathlib import Path
from typing import Any

from exact.common.errors import FaultError, InputError

LARGEST = 1 << 34
"""Bytes that a file of text may have."""
FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
"""Errors of the disk, not of the path that the user gave."""
SAFELY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""How files are opened for writing: no link is followed, no pipe is waited for."""


def check_writable(path: Path) -> None:
    """Check that a file could be written here. A command asks before the work is done, not after.

    Raises:
        InputError: `path` is a folder or no regular file, or its folder does not exist or is not writable.
    """
    if path.is_symlink() or (path.exists() and not path.is_file() and not path.is_dir()):
        raise InputError(f"cannot write {path}: this is a link, a pipe or a device, expected a regular file")
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise InputError(f"cannot write {path}: expected a file name in an existing, writable folder")


def check_different(*paths: Path | None) -> None:
    """Check that a command's files are different ones. The file that is written last would replace the others.

    Raises:
        InputError: two of the paths that are not None name one file.
    """
    named = [os.path.abspath(path) for path in paths if path is not None]
    for path in named:
        if named.count(path) > 1:
            raise InputError(f"{os.path.relpath(path)} is named twice: every file of a command needs its own name")


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

    The content goes to a temporary file of a random name in the same folder. This file is flushed to the disk and then
    takes the place of `path`. A symbolic link, a pipe or a device in this place is refused: whoever put it there could
    choose what is overwritten.

    Raises:
        InputError: the path cannot be written, or is no regular file.
        FaultError: the disk is full or broken. After either error an existing file is as it was.
    """
    try:
        _replace(Path(path), content.encode() if isinstance(content, str) else content)
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        raise kind_of(error)(f"cannot write {str(path)!r}: {reason(error)}") from None


def kind_of(error: Exception) -> type[InputError] | type[FaultError]:
    """FaultError for an error of the disk, InputError for one of the path that the user gave."""
    return FaultError if isinstance(error, OSError) and error.errno in FAULTS else InputError


def _replace(target: Path, data: "bytes | memoryview") -> None:
    check_target(target)
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFELY, 0o666)
    try:
        try:
            write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    sync_folder(target.parent)


def write_all(descriptor: int, data: "bytes | memoryview") -> None:
    """Write all of the data, in as many pieces as the system wants it. Raises OSError."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def check_target(path: Path) -> None:
    """Raise OSError if there is something at `path` that is no regular file."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        what = "a symbolic link" if stat.S_ISLNK(mode) else "a pipe or a device"
        raise OSError(errno.EINVAL, f"this is {what}, expected a regular file or a new name")


def open_append(path: Path) -> int:
    """A descriptor that reads a regular file and appends to it; the file is made if there is none.

    Raises:
        OSError: it cannot be opened, or is a link, a pipe or a device.
    """
    check_target(path)
    return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | SAFELY, 0o666)


def append_line(path: Path, line: str) -> None:
    """Add a line to a file, which is made if there is none. The write is one piece, so that a kill leaves all or none.

    Raises:
        InputError: the file cannot be written, or is a link, a pipe or a device.
        FaultError: the disk is full or broken.
    """
    try:
        descriptor = open_append(path)
        try:
            write_all(descriptor, line.encode() + b"\n")
        finally:
            os.close(descriptor)
    except OSError as error:
        raise kind_of(error)(f"cannot write {str(path)!r}: {reason(error)}") from error


def read_regular(path: Path, most: int) -> bytes:
    """All bytes of a regular file.

    Args:
        path: the file, or a link to it.
        most: bytes that it may have; a larger file is not read at all.

    Raises:
        OSError: it cannot be read, is too large, or is a pipe or a device, which might never end.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        there = os.fstat(descriptor)
        if not stat.S_ISREG(there.st_mode):
            what = "a folder" if stat.S_ISDIR(there.st_mode) else "a pipe or a device"
            raise OSError(errno.EINVAL, f"this is {what}, expected a regular file")
        if there.st_size > most:
            raise OSError(errno.EFBIG, f"has {there.st_size:,} bytes, expected at most {most:,}")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


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


def read_input(path: Path) -> bytes:
    """All bytes of a file. Raises InputError: it cannot be read, is larger than LARGEST, or is a pipe or a device."""
    try:
        return read_regular(path, LARGEST)
    except OSError as error:
        raise InputError(f"cannot read {path}: {reason(error)}") from error


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        InputError: the file cannot be read, or it is not JSON.
    """
    content = read_input(path)
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged: expected JSON ({error})") from error


def reason(error: Exception) -> str:
    """The error's message in one line, without the path: the caller names that."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
