"""Disks that fail: one line, nothing lost, and the run that is resumed is the uninterrupted one."""

import errno
import os
import random
from collections.abc import Iterator
from pathlib import Path

from tests.torture.kills import count_calls, reference
from tests.torture.report import Row
from tests.torture.runs import difference, finish, start
from tests.torture.shim import Shim, fail

PART = "disk"
CALLS = ("write", "fsync", "replace")
ERRORS = (errno.ENOSPC, errno.EIO, errno.EDQUOT)


def failing_calls(kind: str, scratch: Path, every: int = 1) -> Iterator[Row]:
    """One call fails: each write, fsync and rename of a whole run in turn."""
    whole, _ = reference(kind, scratch)
    for name in CALLS:
        names = (name,)
        (scratch / f"count-{name}").mkdir(exist_ok=True)
        calls = count_calls(kind, scratch / f"count-{name}", names)
        for code in ERRORS:
            row = Row(PART, f"{kind}: {errno.errorcode[code]} at the k-th {name}; one line, resumed the same")
            for k in range(0, calls, every):
                out = scratch / f"{kind}-{name}-{k}-{code}"
                shim = lambda k=k, out=out, code=code, names=names: Shim(out, k, fail(code), names=names)  # noqa: E731
                ended = start(kind, out, shim).wait()
                complaint = ended.complaint(3) or finish(kind, out) or difference(out, whole)
                row.count(complaint and f"{name} {k} of {calls}: {complaint}")
            yield row


def foreign_folders(kind: str, scratch: Path) -> Row:
    """A run directory that cannot be used, or is used already."""
    row = Row(PART, "a folder that is a file, holds other files, is gone, or has another trainer; one line")
    scratch.mkdir(parents=True, exist_ok=True)
    (scratch / "is-a-file").write_text("precious")
    (scratch / "foreign").mkdir(parents=True)
    (scratch / "foreign" / "notes").write_text("precious")
    for name in ("is-a-file", "foreign", "is-a-file/below"):
        row.count(start(kind, scratch / name).wait().complaint(2))
    out = scratch / "gone"

    def vanish() -> None:
        def act(name, function, *arguments, **named):  # type: ignore[no-untyped-def]
            os.rename(out, scratch / "moved")
            return function(*arguments, **named)

        Shim(out, 60, act)

    row.count(start(kind, out, vanish).wait().complaint(3))
    first = start(kind, scratch / "twice")
    while first.running() and not (scratch / "twice" / "config.json").exists():
        pass
    second = start(kind, scratch / "twice").wait()
    row.count(first.wait().complaint(0) or second.complaint(0, 2))
    return row


def run(scratch: Path, scale: float, rng: random.Random) -> Iterator[Row]:
    """All rows of this part."""
    yield from failing_calls("pixels", scratch, max(1, round(1 / scale)))
    yield foreign_folders("pixels", scratch / "folders")
