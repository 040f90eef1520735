"""Checkpoint files: written atomically, checked before they are believed, read without executing anything.

A file has three parts: a magic line; a JSON line with the format version and the length and SHA-256 of the rest;
tensors and plain Python values in torch's format, loaded with weights_only=True.  `write` keeps the file before as
`previous.pt`; `read_newest` falls back to it.
"""

import hashlib
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from exact.common.errors import FaultError, InputError
from exact.common.files import atomic_write, sync_folder

MAGIC = b"STRO checkpoint\n"
VERSION = 1
LATEST, PREVIOUS, NEXT = "latest.pt", "previous.pt", "next.pt"
BEST = "best.pt"
"""The policy whose evaluation was best; written by `write_one`."""


class DamagedError(Exception):
    """A file that is not a whole checkpoint of this version; the message says why."""


def write(folder: Path, state: dict[str, Any]) -> None:
    """Make `state` (tensors, numbers, strings, lists, dictionaries) the newest checkpoint of a folder.

    The new file is on the disk before an old one moves, and a damaged one never takes the place of a whole one. So
    there is a whole checkpoint at every moment, once there was one.

    Raises:
        FaultError: the file cannot be written; the checkpoint before is kept.
    """
    try:
        write_one(folder / NEXT, state)
        if _whole(folder / LATEST):
            os.replace(folder / LATEST, folder / PREVIOUS)
        os.replace(folder / NEXT, folder / LATEST)
        sync_folder(folder)
    except InputError as error:  # the folder was good when the run began
        raise FaultError(str(error)) from error


def write_one(path: Path, state: dict[str, Any]) -> None:
    """Write one checkpoint file, whole or not at all. Raises InputError or FaultError as `atomic_write`."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    payload = buffer.getvalue()
    header = {"version": VERSION, "bytes": len(payload), "sha256": hashlib.sha256(payload).hexdigest()}
    atomic_write(path, MAGIC + json.dumps(header).encode() + b"\n" + payload)


def read(path: Path) -> dict[str, Any]:
    """Read one checkpoint file.

    Raises:
        DamagedError: it is foreign, truncated, altered, of another version, or unreadable.
    """
    state: dict[str, Any] = torch.load(io.BytesIO(_payload(path)), map_location="cpu", weights_only=True)
    return state


def _whole(path: Path) -> bool:
    """Whether a file is there and passes its checksum."""
    try:
        _payload(path)
    except DamagedError:
        return False
    return True


def _payload(path: Path) -> bytes:
    """The checked contents of a checkpoint file; raises DamagedError as `read`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DamagedError(f"cannot be read: {error.strerror}") from error
    if not data.startswith(MAGIC):
        raise DamagedError("is not a checkpoint of this program")
    try:
        line, payload = data[len(MAGIC) :].split(b"\n", 1)
        header = json.loads(line)
        version, size, digest = header["version"], header["bytes"], header["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError("has a damaged header") from error
    if version != VERSION:
        raise DamagedError(f"has format version {version}, this program reads {VERSION}")
    if len(payload) != size:
        raise DamagedError(f"is truncated: {len(payload)} of {size} bytes")
    if hashlib.sha256(payload).hexdigest() != digest:
        raise DamagedError("fails its checksum: its contents were altered")
    return payload


def read_newest(folder: Path, warn: Callable[[str], None]) -> dict[str, Any] | None:
    """The newest whole checkpoint of a folder, or None if there is none at all.

    Args:
        folder: where `write` wrote.
        warn: called with one line when the newest file is passed over.

    Raises:
        InputError: there are checkpoint files, but none is whole.
    """
    found = [path for path in (folder / LATEST, folder / PREVIOUS) if path.exists()]
    reasons = []
    for path in found:
        try:
            state = read(path)
        except DamagedError as error:
            reasons.append(f"{path} {error}")
            continue
        if reasons:
            warn(f"warning: {reasons[0]}; continuing from {path.name}")
        return state
    if reasons:
        raise InputError(f"no usable checkpoint: {'; '.join(reasons)}")
    return None
