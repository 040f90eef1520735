import json

import pytest
import torch

from deep.run import checkpoint
from deep.run.checkpoint import LATEST, MAGIC, PREVIOUS, VERSION, DamagedError, read, read_newest, write
from exact.common.errors import InputError


@pytest.fixture
def folder(tmp_path):
    """Two checkpoints: n = 1, then n = 2."""
    for n in (1, 2):
        write(tmp_path, {"n": n, "x": torch.full((3,), float(n))})
    return tmp_path


def newest(folder):
    warnings = []
    return read_newest(folder, warnings.append), warnings


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
    with pytest.raises(KilledError):
        write(folder, {"n": 3})
    monkeypatch.undo()
    assert newest(folder)[0]["n"] == (3 if last_step == 3 else 1)
    write(folder, {"n": 4})
    assert newest(folder)[0]["n"] == 4
    assert read(folder / PREVIOUS)["n"] in (1, 3)


def test_nothing_is_executed_by_reading(folder, tmp_path_factory):
    class Payload:
        def __reduce__(self):
            return (open, (str(witness), "w"))

    witness = tmp_path_factory.mktemp("out") / "executed"
    write(folder, {"x": Payload()})
    with pytest.raises(Exception, match=r"[Ww]eights.only"):
        read(folder / LATEST)
    assert not witness.exists()
