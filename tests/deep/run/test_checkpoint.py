import hashlib
import io
import json
import os
import pickle
import zipfile

import pytest
import torch

from deep.run import checkpoint
from deep.run.checkpoint import LATEST, MAGIC, PREVIOUS, VERSION, Checkpoints, DamagedError, read
from exact.common.errors import FaultError, InputError


@pytest.fixture
def folder(tmp_path):
    """Two checkpoints: n = 1, then n = 2."""
    checkpoints = Checkpoints(tmp_path)
    for n in (1, 2):
        checkpoints.write({"n": n, "x": torch.full((3,), float(n))})
    return tmp_path


def anything(_):
    """Every checkpoint fits."""


def newest(folder):
    warnings = []
    return Checkpoints(folder).newest(warnings.append, anything), warnings


def test_the_newest_is_read_and_the_one_before_is_kept(folder):
    state, warnings = newest(folder)
    assert (state["n"], warnings) == (2, [])
    torch.testing.assert_close(state["x"], torch.full((3,), 2.0))
    assert read(folder / PREVIOUS)["n"] == 1
    assert sorted(path.name for path in folder.iterdir()) == [LATEST, PREVIOUS]


def test_no_checkpoint_is_none(tmp_path):
    assert newest(tmp_path) == (None, [])


def damage(folder, kind):
    path = folder / LATEST
    data = path.read_bytes()
    if kind == "foreign":
        data = b"PK\x03\x04 something else"
    elif kind == "empty":
        data = b""
    elif kind == "truncated":
        data = data[:-100]
    elif kind == "bit-flipped":
        data = data[:-50] + bytes([data[-50] ^ 1]) + data[-49:]
    elif kind == "header":
        data = MAGIC + b"{not json\n"
    else:
        header, payload = data[len(MAGIC) :].split(b"\n", 1)
        data = MAGIC + json.dumps(json.loads(header) | {"version": VERSION + 1}).encode() + b"\n" + payload
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("foreign", "not a checkpoint"),
        ("empty", "not a checkpoint"),
        ("truncated", "truncated"),
        ("bit-flipped", "checksum"),
        ("header", "header"),
        ("newer", "format version 2"),
    ],
)
def test_a_damaged_file_is_named_and_the_previous_one_used(folder, kind, reason):
    damage(folder, kind)
    with pytest.raises(DamagedError, match=reason):
        read(folder / LATEST)
    state, warnings = newest(folder)
    assert state["n"] == 1
    assert len(warnings) == 1
    assert reason in warnings[0]
    (folder / PREVIOUS).write_bytes(b"")
    with pytest.raises(InputError, match="no usable checkpoint"):
        newest(folder)


@pytest.mark.parametrize("last_step", [0, 1, 2, 3])
def test_there_is_a_whole_checkpoint_at_every_moment(folder, monkeypatch, last_step):
    """latest.pt is damaged. The next save ends after any of its steps, as a kill would end it."""
    damage(folder, "bit-flipped")

    class KilledError(Exception):
        pass

    steps = []

    def step(function):
        def stopped(*arguments):
            if len(steps) == last_step:
                raise KilledError
            steps.append(function)
            return function(*arguments)

        return stopped

    monkeypatch.setattr(checkpoint, "atomic_write", step(checkpoint.atomic_write))
    monkeypatch.setattr(checkpoint.os, "replace", step(checkpoint.os.replace))
    monkeypatch.setattr(checkpoint, "sync_folder", step(checkpoint.sync_folder))
    checkpoints = Checkpoints(folder)
    assert checkpoints.newest(print, anything)["n"] == 1
    with pytest.raises(KilledError):
        checkpoints.write({"n": 3})
    monkeypatch.undo()
    assert newest(folder)[0]["n"] == (3 if last_step == 3 else 1)
    checkpoints = Checkpoints(folder)
    checkpoints.newest(print, anything)
    checkpoints.write({"n": 4})
    assert newest(folder)[0]["n"] == 4
    assert read(folder / PREVIOUS)["n"] in (1, 3)


def test_a_whole_file_that_does_not_fit_never_takes_the_place_of_one_that_does(folder):
    def fits(state):
        if state["n"] == 2:
            raise InputError("it is two")

    checkpoints, warnings = Checkpoints(folder), []
    assert checkpoints.newest(warnings.append, fits)["n"] == 1
    assert "does not fit: it is two" in warnings[0]
    checkpoints.write({"n": 3})
    assert (read(folder / LATEST)["n"], read(folder / PREVIOUS)["n"]) == (3, 1)
    checkpoints.write({"n": 4})
    assert (read(folder / LATEST)["n"], read(folder / PREVIOUS)["n"]) == (4, 3)


@pytest.mark.parametrize("name", [LATEST, PREVIOUS, "next.pt"])
def test_links_and_pipes_are_refused(folder, tmp_path_factory, name):
    """A link as next.pt would have the file that it names overwritten."""
    target = tmp_path_factory.mktemp("out") / "precious"
    target.write_text("precious")
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(target)
    checkpoints = Checkpoints(folder)
    checkpoints.newest(print, anything)
    if name == PREVIOUS:
        checkpoints.write({"n": 3})  # a rename takes the link's place
    elif name == "next.pt":
        with pytest.raises(FaultError, match="a symbolic link"):
            checkpoints.write({"n": 3})
    assert target.read_text() == "precious"
    (folder / LATEST).unlink()
    os.mkfifo(folder / LATEST)
    with pytest.raises(DamagedError, match="a pipe or a device"):
        read(folder / LATEST)


def sealed(payload):
    """A checkpoint file with any payload and its right checksum."""
    header = {"version": VERSION, "bytes": len(payload), "sha256": hashlib.sha256(payload).hexdigest()}
    return MAGIC + json.dumps(header).encode() + b"\n" + payload


def bomb():
    """An archive of 100 MB of zeros in 100 KB."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(10**8))
    return file.getvalue()


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "does not load"),
        (b"no archive", "does not load"),
        (pickle.dumps({"n": 1}), "does not load"),
        (bomb(), "unpacks to more than it has"),
    ],
    ids=["empty", "no archive", "a pickle", "a bomb"],
)
def test_a_right_checksum_is_not_believed(tmp_path, payload, reason):
    (tmp_path / LATEST).write_bytes(sealed(payload))
    with pytest.raises(DamagedError, match=reason):
        read(tmp_path / LATEST)


def test_nothing_is_executed_by_reading(folder, tmp_path_factory):
    class Payload:
        def __reduce__(self):
            return (open, (str(witness), "w"))

    witness = tmp_path_factory.mktemp("out") / "executed"
    Checkpoints(folder).write({"x": Payload()})
    with pytest.raises(DamagedError, match=r"does not load \(UnpicklingError\)"):
        read(folder / LATEST)
    assert not witness.exists()
