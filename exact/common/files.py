"""Files of every command: written whole or not at all, JSON read back; what is wrong with one is said in one line."""

import json
import os
import secrets
from pathlib import Path
from typing import Any

from exact.common.errors import InputError


def atomic_write(path: "str | Path", content: "str | bytes | memoryview") -> None:
    """Write `content` (text as UTF-8) to `path` completely or not at all.

    It goes to a temporary file in the same folder which then replaces `path`; a device or a pipe is written directly.

    Raises:
        InputError: the path cannot be written. An existing file is as it was.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        target = Path(os.path.realpath(path))  # a symbolic link keeps pointing at the new content
        if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
            with open(path, "wb") as stream:
                stream.write(data)
            return
        temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
        try:
            with open(temporary, "xb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        raise InputError(f"cannot write {str(path)!r}: {reason(error)}") from None


def write(path: Path, content: str | bytes) -> None:
    """Write a file and the folders it lies in, the file whole or not at all; InputError if it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
    atomic_write(path, content)


def read_json(path: Path) -> Any:
    """The content of a JSON file; InputError if it cannot be read or is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path} is damaged: expected JSON ({error})") from error


def reason(error: Exception) -> str:
    """The error's message in one line, without the path that the caller names."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
