"""Checkpoint files: written atomically, checked before they are believed, read without executing anything.

A file has three parts: a magic line; a JSON line with the format version and the length and SHA-256 of the rest;
tensors and plain Python values in torch's format, loaded with weights_only=True.  `Checkpoints.write` keeps the file
before as `previous.pt`; `Checkpoints.newest` falls back to it.

The checksum notices damage. It does not say who made the file: whoever wants to can give any contents a right one. So
the contents are checked as well (deep.run.layout).
"""

import hashlib
import io
import json
import os
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from exact.common.errors import FaultError, InputError
from exact.common.files import atomic_write, read_regular, reason, sync_folder

MAGIC = b"STRO checkpoint\n"
VERSION = 1
LATEST, PREVIOUS, NEXT = "latest.pt", "previous.pt", "next.pt"
BEST = "best.pt"
"""The policy whose evaluation was best; written by `write_one`."""
LARGEST = 1 << 36
"""Bytes that a checkpoint may have: 64 GiB."""
LONGEST_HEADER = 1000


class DamagedError(Exception):
    """A file that is not a whole checkpoint of this version; the message says why."""


class Checkpoints:
    """The checkpoints in one folder.

    Args:
        folder: where they are.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.known = False
        """Whether `latest.pt` is known to fit: it was read and found good, or written, by this object."""

    def write(self, state: dict[str, Any]) -> None:
        """Make `state` (tensors, numbers, strings, lists, dictionaries) the newest checkpoint.

        The new file is on the disk before an old one moves. Only a whole file that is known to fit takes the place of
        `previous.pt`. So there is a good checkpoint at every moment, once there was one.

        Raises:
            FaultError: the file cannot be written; the checkpoint before is kept.
        """
        try:
            write_one(self.folder / NEXT, state)
            if self.known and _whole(self.folder / LATEST):
                os.replace(self.folder / LATEST, self.folder / PREVIOUS)
            os.replace(self.folder / NEXT, self.folder / LATEST)
            sync_folder(self.folder)
        except (InputError, OSError) as error:  # the folder was good when the run began
            why = str(error) if isinstance(error, InputError) else f"cannot write to {self.folder}: {reason(error)}"
            raise FaultError(why) from error
        self.known = True

    def newest(self, warn: Callable[[str], None], fits: Callable[[dict[str, Any]], None]) -> dict[str, Any] | None:
        """The newest checkpoint that is whole and fits, or None if there is no file at all.

        Args:
            warn: called with one line when the newest file is passed over.
            fits: raises InputError for a checkpoint that does not fit; its message says why.

        Raises:
            InputError: there are checkpoint files, but none is whole and fits.
        """
        reasons = []
        for path in (self.folder / LATEST, self.folder / PREVIOUS):
            if not os.path.lexists(path):
                continue
            try:
                state = read(path)
                fits(state)
            except DamagedError as error:
                reasons.append(f"{path} {error}")
            except InputError as error:
                reasons.append(f"{path} does not fit: {error}")
            else:
                if reasons:
                    warn(f"warning: {reasons[0]}; continuing from {path.name}")
                self.known = path.name == LATEST
                return state
        if reasons:
            raise InputError(f"no usable checkpoint: {'; '.join(reasons)}")
        return None


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
    payload = _payload(path)
    _check_archive(payload)
    try:
        with warnings.catch_warnings(action="ignore"):  # torch's, of pickles that it does not write itself
            state: dict[str, Any] = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    except Exception as error:  # the checksum is right, so somebody made it: what is in it may raise anything
        raise DamagedError(f"does not load ({type(error).__name__})") from error
    return state


def _check_archive(payload: bytes) -> None:
    """Raise DamagedError unless the payload is an archive as torch writes it, which unpacks to no more than it has."""
    try:
        with zipfile.ZipFile(io.BytesIO(payload)) as archive:
            members = archive.infolist()
    except Exception as error:
        raise DamagedError(f"does not load ({type(error).__name__})") from error
    stored = all(one.compress_type == zipfile.ZIP_STORED and one.file_size == one.compress_size for one in members)
    if not stored or sum(one.file_size for one in members) > len(payload):
        raise DamagedError("unpacks to more than it has: it was not written by this program")


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
        data = read_regular(path, LARGEST)
    except OSError as error:
        raise DamagedError(f"cannot be read: {error.strerror}") from error
    if not data.startswith(MAGIC):
        raise DamagedError("is not a checkpoint of this program")
    end = data.find(b"\n", len(MAGIC), len(MAGIC) + LONGEST_HEADER)
    try:
        header = json.loads(data[len(MAGIC) : end] if end > 0 else b"")
        version, size, digest = header["version"], header["bytes"], header["sha256"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamagedError("has a damaged header") from error
    payload = memoryview(data)[end + 1 :]
    if version != VERSION:
        raise DamagedError(f"has format version {version}, this program reads {VERSION}")
    if len(payload) != size:
        raise DamagedError(f"is truncated: {len(payload)} of {size} bytes")
    if hashlib.sha256(payload).hexdigest() != digest:
        raise DamagedError("fails its checksum: its contents were altered")
    return bytes(payload)
