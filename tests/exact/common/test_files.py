"""Files written whole or not at all."""

import io
import os
import stat
from pathlib import Path

import pytest

from exact.common.errors import FaultError, InputError
from exact.common.files import (
    append_line,
    atomic_write,
    check_different,
    check_writable,
    read_json,
    read_regular,
    write,
)


def test_atomic_write_replaces(tmp_path):
    target = tmp_path / "file"
    for content, expected in (("é", "é".encode()), (b"bytes", b"bytes"), (io.BytesIO(b"view").getbuffer(), b"view")):
        atomic_write(target, content)
        assert target.read_bytes() == expected
    assert os.listdir(tmp_path) == ["file"]
    assert target.stat().st_mode & 0o777 == 0o666 & ~current_umask()


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("failing", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [(28, FaultError, "No space left on device"), (13, InputError, "Permission denied")],
    ids=["the disk", "the path"],
)
def test_atomic_write_failure_leaves_the_old_file(tmp_path, monkeypatch, failing, code, kind, words):
    def fail(*_):
        raise OSError(code, words)

    target = tmp_path / "file"
    target.write_text("old")
    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(kind, match=rf"cannot write .*file': {words}"):
        atomic_write(target, "new")
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("name", ["missing/file", "folder", "file/below", "nul\0byte", "x" * 300])
def test_atomic_write_unwritable(tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("old")
    with pytest.raises(InputError, match="cannot write"):
        atomic_write(tmp_path / name, "new")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "old"


@pytest.mark.parametrize("kind", ["link", "dangling link", "pipe"])
def test_what_is_no_regular_file_is_refused_and_left_alone(tmp_path, kind):
    """Whoever put a link there would choose what is overwritten; a pipe would be waited for."""
    real, there = tmp_path / "real", tmp_path / "there"
    real.write_text("precious")
    if kind == "pipe":
        os.mkfifo(there)
    else:
        there.symlink_to(real if kind == "link" else "nowhere")
    what = "a pipe or a device" if kind == "pipe" else "a symbolic link"
    with pytest.raises(InputError, match=f"cannot write .*there': this is {what}, expected a regular file"):
        atomic_write(there, "new")
    with pytest.raises(InputError, match=what):
        append_line(there, "new")
    with pytest.raises(InputError, match="this is a link, a pipe or a device"):
        check_writable(there)
    assert real.read_text() == "precious"
    assert sorted(os.listdir(tmp_path)) == ["real", "there"]


def test_a_line_is_added(tmp_path):
    append_line(tmp_path / "file", "one")
    append_line(tmp_path / "file", "two")
    assert (tmp_path / "file").read_text() == "one\ntwo\n"


def test_reading_is_bounded(tmp_path):
    (tmp_path / "file").write_bytes(b"1234")
    assert read_regular(tmp_path / "file", 4) == b"1234"
    os.mkfifo(tmp_path / "pipe")
    for path, most, why in (("file", 3, "has 4 bytes, expected at most 3"), ("pipe", 9, "pipe"), (".", 9, "a folder")):
        with pytest.raises(OSError, match=why):
            read_regular(tmp_path / path, most)


def test_a_write_in_pieces_is_whole(tmp_path, monkeypatch):
    """The system may take less than it is given."""
    monkeypatch.setattr(os, "write", lambda descriptor, data, write=os.write: write(descriptor, data[:3]))
    atomic_write(tmp_path / "file", "0123456789")
    assert (tmp_path / "file").read_text() == "0123456789"


def test_write_makes_the_folders(tmp_path):
    write(tmp_path / "a" / "b" / "file", "text")
    assert (tmp_path / "a" / "b" / "file").read_text() == "text"
    with pytest.raises(InputError, match="cannot write"):
        write(tmp_path / "a" / "b" / "file" / "below", "text")


def test_two_files_of_a_command_are_different_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_different(None, Path("a.json"), None, Path("b.json"), tmp_path / "c.json")
    with pytest.raises(InputError, match=r"^a\.json is named twice: every file of a command needs its own name$"):
        check_different(Path("a.json"), None, tmp_path / "." / "a.json")


def test_check_writable(tmp_path):
    check_writable(tmp_path / "file")
    for path in (tmp_path, tmp_path / "missing" / "file"):
        with pytest.raises(InputError, match="expected a file name in an existing, writable folder"):
            check_writable(path)
    assert list(tmp_path.iterdir()) == []


def test_read_json_is_bounded(tmp_path):
    (tmp_path / "deep.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match=r"deep.json is damaged: expected JSON"):
        read_json(tmp_path / "deep.json")
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(InputError, match=r"cannot read .*pipe.json: this is a pipe or a device"):
        read_json(tmp_path / "pipe.json")


def test_read_json_says_what_is_wrong(tmp_path):
    (tmp_path / "good.json").write_text('{"a": 1}')
    assert read_json(tmp_path / "good.json") == {"a": 1}
    with pytest.raises(InputError, match=r"cannot read .*missing.json: No such file"):
        read_json(tmp_path / "missing.json")
    (tmp_path / "half.json").write_text('{"a": ')
    with pytest.raises(InputError, match=r"half.json is damaged: expected JSON"):
        read_json(tmp_path / "half.json")


def test_the_new_name_reaches_the_disk_too(tmp_path, monkeypatch):
    """The folder is flushed after the file has taken its place: a checkpoint survives a power failure."""
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(stat.S_ISDIR(os.fstat(descriptor).st_mode)))
    atomic_write(tmp_path / "file", "new")
    assert flushed == [False, True]
