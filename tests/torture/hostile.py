"""Files, names and requests made to do harm: nothing is run, nothing is overwritten, and memory stays bounded."""

import hashlib
import io
import json
import os
import pickle
import random
import re
import resource
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from deep import evaluate, export, plot, training
from deep.run.checkpoint import LATEST, MAGIC, PREVIOUS, VERSION, DamagedError, read
from exact import solving
from exact.classroom import __main__ as classroom
from exact.mdps.files import save_mdp
from exact.mdps.library import load
from tests.torture import app, models
from tests.torture.files import unfinished
from tests.torture.kills import reference
from tests.torture.report import Row
from tests.torture.runs import Process, command

PART = "hostile"
MEMORY = 1 << 30
"""Bytes by which reading a crafted file may raise the memory of the process."""
NAMES = (
    "[/red]",
    "[link=x]y",
    r"$\foo$",
    "$x",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "{x} %s",
)
Main = Callable[[list[str]], int]
"""The entry of a command."""


class Payload:
    """Unpickled, it makes a file: code that a checkpoint carries."""

    def __init__(self, call: Callable[..., object], *arguments: object):
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call, self.arguments


def sealed(payload: bytes) -> bytes:
    """A checkpoint file with any payload and its right checksum."""
    header = {"version": VERSION, "bytes": len(payload), "sha256": hashlib.sha256(payload).hexdigest()}
    return MAGIC + json.dumps(header).encode() + b"\n" + payload


def saved(state: Any) -> bytes:
    """A payload as torch writes it."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def archive(members: dict[str, bytes], kind: int) -> bytes:
    """A zip file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def bomb(kind: int, size: int, beside: bool) -> bytes:
    """A zip file of zeros, which unpacks to `size` MiB: the pickle itself, or beside a good one."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as file:
        if beside:
            file.writestr("archive/data.pkl", pickle.dumps({}))
        with file.open("archive/data/0" if beside else "archive/data.pkl", "w", force_zip64=True) as member:
            for _ in range(size):
                member.write(bytes(1 << 20))
    return buffer.getvalue()


def payloads(witness: Path) -> list[tuple[str, Callable[[], bytes]]]:
    """Crafted payloads, made when they are called for; those with code would make the file `witness`."""
    codes = {
        "open": Payload(open, str(witness), "w"),
        "system": Payload(os.system, f"touch {witness}"),
        "exec": Payload(exec, f"open({str(witness)!r}, 'w')"),
        "eval": Payload(eval, f"open({str(witness)!r}, 'w')"),
    }
    found: list[tuple[str, Callable[[], bytes]]] = []
    for name, code in codes.items():
        for place in (code, {"learner": code}, {"learner": {"theta": code}}, [code]):
            found.append((f"code ({name})", partial(saved, place)))
        found.append((f"a bare pickle ({name})", partial(pickle.dumps, code)))
        found.append((f"an old torch file ({name})", partial(_legacy, code)))
    data = {"archive/data.pkl": pickle.dumps(codes["open"]), "archive/version": b"3\n"}
    found.append(("an archive by hand", partial(archive, data, zipfile.ZIP_STORED)))
    for kind, size in ((zipfile.ZIP_DEFLATED, 3 << 10), (zipfile.ZIP_BZIP2, 64), (zipfile.ZIP_LZMA, 64)):
        found += [(f"a bomb of {size} MiB", partial(bomb, kind, size, beside)) for beside in (False, True)]
    found.append(("a tensor of 4 TiB in four bytes", lambda: saved({"x": torch.zeros(1).expand(1 << 40)})))
    found.append(("lists in lists", lambda: saved(_nested(200))))
    found.append(("no archive", lambda: os.urandom(1000)))
    return found


def _legacy(code: Payload) -> bytes:
    buffer = io.BytesIO()
    torch.save(code, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def _nested(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


def checkpoints(kind: str, scratch: Path, every: int = 1) -> Row:
    """Crafted checkpoints with a right checksum: read, and resumed."""
    scratch.mkdir(parents=True, exist_ok=True)
    source, witness = unfinished(kind, scratch), scratch / "executed"
    row = Row(PART, "a crafted checkpoint with a right checksum (code, bombs); nothing runs, memory bounded, one line")
    for n, (name, make) in enumerate(payloads(witness)[::every]):
        payload = make()
        out = scratch / f"crafted-{n}"
        shutil.copytree(source, out)
        for file in (LATEST, PREVIOUS):
            (out / "checkpoints" / file).write_bytes(sealed(payload))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            read(out / "checkpoints" / LATEST)
        except DamagedError:
            pass
        except Exception as error:
            row.count(f"{name}: {type(error).__name__}: {error}")
            continue
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
        ended = Process(partial(training.main, command(kind, out)), scratch / "crafted.err").wait()
        complaint = ended.complaint(2)
        if witness.exists():
            complaint = "code was run"
        if grown > MEMORY:
            complaint = f"{grown / 1e9:.1f} GB"
        row.count(complaint and f"{name}: {complaint}")
        shutil.rmtree(out)
    return row


def strangers(kind: str, scratch: Path) -> Row:
    """A run directory that names a module: nothing imports it unless it is named again."""
    row = Row(PART, "a stranger's run directory, used by every command; its module is not imported, one line")
    scratch.mkdir(parents=True, exist_ok=True)
    source, witness = unfinished(kind, scratch), scratch / "imported"
    (scratch / "strangers_module.py").write_text(f"open({str(witness)!r}, 'w')")
    out = scratch / "strangers"
    for field, name in (
        ("env", "strangers_module:Env-v0"),
        ("env", "strangers_module:make"),
        ("wrapper", "strangers_module:wrap"),
    ):
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(source, out)
        config = json.loads((out / "config.json").read_text()) | {"env": "CartPole-v1"} | {field: name}
        (out / "config.json").write_text(json.dumps(config))
        works: list[tuple[Main, list[str]]] = [
            (training.main, ["--resume", str(out)]),
            (training.main, ["--continue-from", str(out), "--steps", "64", "--out", str(scratch / "more")]),
            (evaluate.main, [str(out), "--episodes", "1"]),
            (export.main, [str(out), "--format", "json", "--out", str(scratch / "policy.json")]),
        ]
        for main, words in works:
            complaint = Process(partial(_beside, scratch, main, words), scratch / "stranger.err").wait().complaint(2)
            row.count("the module was imported" if witness.exists() else complaint and f"{words}: {complaint}")
    return row


def _beside(folder: Path, main: Main, words: list[str]) -> int:
    """Call a command where the modules in a folder can be imported."""
    sys.path.insert(0, str(folder))
    return main(words)


def links(kind: str, scratch: Path) -> Row:
    """A run directory in which a link or a pipe stands where a file is written."""
    row = Row(PART, "a link or a pipe in a run directory; what it names stays as it was, one line or none")
    scratch.mkdir(parents=True, exist_ok=True)
    source, precious = unfinished(kind, scratch), scratch / "precious"
    precious.write_text("precious")
    for name in ("lock", "metrics.jsonl", "config.json", "result.json", f"checkpoints/{LATEST}", "checkpoints/next.pt"):
        for kind_of_file in ("link", "pipe"):
            out = scratch / "linked"
            shutil.rmtree(out, ignore_errors=True)
            shutil.copytree(source, out)
            (out / name).unlink(missing_ok=True)
            (out / name).symlink_to(precious) if kind_of_file == "link" else os.mkfifo(out / name)
            words = ["--resume", str(out), *command(kind, out)[2:]]
            ended = Process(partial(training.main, words), scratch / "linked.err").wait()
            altered = "the file it names was altered" if precious.read_text() != "precious" else None
            row.count(altered or ended.complaint(0, 2, 3))
    return row


def markup(scratch: Path, names: Sequence[str] = NAMES) -> Row:
    """Names with markup, in tables, figures and pages."""
    row = Row(PART, "a name with markup in tables, figures and pages; it stays text, status 0")
    scratch.mkdir(parents=True, exist_ok=True)
    for n, name in enumerate(names):
        mdp, target = load("cash-in"), scratch / f"{n}.json"
        save_mdp(mdp, target)
        target.write_text(json.dumps(json.loads(target.read_text()) | {"name": name}))
        page, figure, run = scratch / f"{n}.html", scratch / f"{n}.png", scratch / f"run{n}"
        _false_run(run, name)
        works: list[tuple[Main, list[str]]] = [
            (solving.main, ["--mdp", str(target), "--figure", str(figure)]),
            (classroom.main, ["--mdp", str(target), "--out", str(page)]),
            (plot.main, [str(run), "--out", str(scratch / f"curve{n}.html")]),
            (plot.main, [str(run), "--out", str(scratch / f"curve{n}.png")]),
        ]
        for main, words in works:
            complaint = Process(partial(main, words), scratch / "names.err").wait().complaint(0)
            row.count(complaint and f"{words} of {name!r}: {complaint}")
        pages = [path.read_text() for path in scratch.glob("*.html")]
        injected = any(re.search(r"<script>alert|<img src=x", text) for text in pages)
        row.count("markup was injected" if injected else None)
    return row


def _false_run(folder: Path, name: str) -> None:
    """A run directory whose environment has this name."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"env": name, "seed": 0, "preset": "default"}))
    lines = [{"iteration": i, "steps": 100 * i, "return100": float(i), "episodes": []} for i in range(1, 5)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def run(scratch: Path, scale: float, rng: random.Random) -> Iterator[Row]:
    """All rows of this part; `scale` 1 is a million mutated model files."""
    reference("pixels", scratch)
    yield checkpoints("pixels", scratch)
    yield strangers("pixels", scratch)
    yield links("pixels", scratch)
    yield markup(scratch / "names")
    for what, tried, held in [*app.run(scale), *models.run(1000 * scale)]:
        yield Row(PART, what, tried, held, [] if held == tried else [f"{tried - held} did not hold"])
