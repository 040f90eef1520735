"""Damaged files: noticed, one line, and never a traceback."""

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from deep.run.checkpoint import LATEST, MAGIC, PREVIOUS, DamagedError, read
from deep.run.directory import read_config
from exact.common.errors import FaultError, InputError
from tests.torture.kills import reference
from tests.torture.report import Row
from tests.torture.runs import difference, start
from tests.torture.shim import Shim, fail

PART = "files"


def unfinished(kind: str, scratch: Path) -> Path:
    """A run directory with both checkpoints that did not reach its end: its last fsync failed."""
    out = scratch / f"{kind}-unfinished"
    if not out.exists():
        calls = 6  # each save has four: the metrics, the file, the folder twice
        start(kind, out, lambda: Shim(out, 4 * calls, fail(5), names=("fsync",))).wait()
    return out


def noticed(path: Path, data: bytes) -> str | None:
    """Whether a damaged checkpoint is refused; what happened instead."""
    path.write_bytes(data)
    try:
        read(path)
    except DamagedError:
        return None
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "not noticed"


def bytes_of_a_checkpoint(whole: Path, scratch: Path, step: int) -> Iterator[Row]:
    """Every byte flipped, and every length."""
    data, path = (whole / "checkpoints" / LATEST).read_bytes(), scratch / "damaged.pt"
    scratch.mkdir(exist_ok=True)
    header = data.index(b"\n", len(MAGIC)) + 1
    row = Row(PART, "a checkpoint with one byte flipped; noticed")
    for i in (*range(header), *range(header, len(data), step)):
        complaint = noticed(path, data[:i] + bytes([data[i] ^ 0xFF]) + data[i + 1 :])
        row.count(complaint and f"byte {i}: {complaint}")
    yield row
    row = Row(PART, "a checkpoint cut short; noticed")
    for i in (*range(header), *range(header, len(data), step)):
        complaint = noticed(path, data[:i])
        row.count(complaint and f"length {i}: {complaint}")
    yield row


def resumed(
    kind: str, source: Path, whole: Path, out: Path, damage: Callable[[Path], None], may_end: bool
) -> str | None:
    """Damage a copy of an unfinished run and resume it: refused in one line, or the uninterrupted run."""
    shutil.copytree(source, out)
    damage(out)
    ended = start(kind, out).wait()
    complaint = ended.complaint(0, 2) if may_end else ended.complaint(2)
    if complaint is None and ended.status == 0:
        complaint = difference(out, whole)
    shutil.rmtree(out)
    return complaint


def flip(name: str, at: float) -> Callable[[Path], None]:
    """Damage that changes one byte of a file, at this part of its length, to another printable one."""

    def damage(out: Path) -> None:
        data = bytearray((out / name).read_bytes())
        i = min(int(at * len(data)), len(data) - 1)
        data[i] = 0x31 if data[i] != 0x31 else 0x32
        (out / name).write_bytes(data)

    return damage


def damaged_runs(kind: str, scratch: Path, number: int, rng: random.Random) -> Iterator[Row]:
    """Files of an unfinished run damaged in the middle."""
    whole, source = reference(kind, scratch)[0], unfinished(kind, scratch)
    cases = {
        "metrics.jsonl with one byte changed; refused, or resumed to the uninterrupted run": ["metrics.jsonl"],
        "the newest checkpoint damaged; the one before continues to the uninterrupted run": [f"checkpoints/{LATEST}"],
        "both checkpoints damaged; refused": [f"checkpoints/{LATEST}", f"checkpoints/{PREVIOUS}"],
        "config.json with one byte changed; refused, or resumed to the uninterrupted run": ["config.json"],
    }
    for what, names in cases.items():
        row = Row(PART, f"{kind}: {what}")
        for n in range(number):
            at = rng.random()

            def damage(out: Path, names: list[str] = names, at: float = at) -> None:
                for name in names:
                    flip(name, at)(out)

            out = scratch / f"{kind}-damaged-{n}"
            complaint = resumed(kind, source, whole, out, damage, len(names) == 1)
            row.count(complaint and f"at {at:.4f}: {complaint}")
        yield row


def lost_files(kind: str, scratch: Path) -> Row:
    """Files that are gone."""
    whole, source = reference(kind, scratch)[0], unfinished(kind, scratch)
    row = Row(PART, f"{kind}: metrics, checkpoints, or one of them gone; refused, or resumed to the uninterrupted run")
    for n, names in enumerate(
        (["metrics.jsonl"], [f"checkpoints/{LATEST}"], [f"checkpoints/{LATEST}", f"checkpoints/{PREVIOUS}"])
    ):

        def damage(out: Path, names: list[str] = names) -> None:
            for name in names:
                (out / name).unlink()

        row.count(resumed(kind, source, whole, scratch / f"{kind}-lost-{n}", damage, n == 1))
    return row


WRONG = (None, True, -1, 10**30, 1e400, float("nan"), "x", "", [], [[]], {}, {"x": 1}, [1e9] * 3, "[" * 50)
"""What takes the place of a value."""


def wrong_settings(whole: Path, scratch: Path) -> Row:
    """Every field of config.json with every wrong value: accepted or refused, in one line, at once."""
    row = Row(PART, "config.json with a value of another type or size; a configuration or one line")
    saved = json.loads((whole / "config.json").read_text())
    folder = scratch / "settings"
    folder.mkdir(parents=True, exist_ok=True)
    fields = [(name, None) for name in saved]
    fields += [(name, inner) for name, part in saved.items() if isinstance(part, dict) for inner in part]
    for name, inner in fields:
        for value in WRONG:
            changed = json.loads(json.dumps(saved))
            if inner is None:
                changed[name] = value
            else:
                changed[name][inner] = value
            (folder / "config.json").write_text(json.dumps(changed))
            try:
                read_config(folder)
            except (InputError, FaultError):
                complaint = None
            except Exception as error:
                complaint = f"{name}.{inner} = {value!r}: {type(error).__name__}: {error}"
            else:
                complaint = None
            row.count(complaint)
    return row


def run(scratch: Path, scale: float, rng: random.Random) -> Iterator[Row]:
    """All rows of this part."""
    whole, _ = reference("discrete", scratch)
    yield from bytes_of_a_checkpoint(whole, scratch, max(1, round(1 / scale)))
    yield wrong_settings(whole, scratch)
    for kind in ("pixels", "discrete"):
        yield from damaged_runs(kind, scratch, max(1, int(25 * scale)), rng)
        yield lost_files(kind, scratch)
