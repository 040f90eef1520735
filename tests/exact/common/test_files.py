"""Files written whole or not at all."""

import io
import os
import stat

import pytest

from exact.common.errors import FaultError, InputError
from exact.common.files import atomic_write, check_writable, read_json, write


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


def test_atomic_write_follows_links_and_keeps_pipes(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    atomic_write(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    atomic_write(tmp_path / "pipe", "through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()


def test_write_makes_the_folders(tmp_path):
    write(tmp_path / "a" / "b" / "file", "text")
    assert (tmp_path / "a" / "b" / "file").read_text() == "text"
    with pytest.raises(InputError, match="cannot write"):
        write(tmp_path / "a" / "b" / "file" / "below", "text")


def test_check_writable(tmp_path):
    check_writable(tmp_path / "file")
    for path in (tmp_path, tmp_path / "missing" / "file"):
        with pytest.raises(InputError, match="expected a file name in an existing, writable folder"):
            check_writable(path)
    assert list(tmp_path.iterdir()) == []


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
