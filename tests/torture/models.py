"""Model files that were damaged or made to do harm: every one is an MDP or one line, in bounded memory and time.

`run(scale)` tries scale times a thousand mutated files, as many with wrong numbers, and the hostile ones once. A reader
holds if it returns an MDP or raises InputError with one line that begins with the path; if it takes less than SECONDS;
and if the memory that it adds stays below MEMORY.
"""

import gzip
import io
import json
import lzma
import random
import resource
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from exact.common.errors import InputError
from exact.mdp import MDP
from exact.mdps.files import FORMAT, OTHERS, load_mdp, save_mdp
from exact.mdps.library import load
from tests.exact.formats.examples import tar

SECONDS = 30.0
"""Processor time, so that other work on the machine does not count. Far more than any file of this suite takes."""
MEMORY = 1 << 30
"""Bytes. The largest file that is accepted holds a quarter of it."""
Row = tuple[str, int, int]
"""What was tried, how many, how many held."""
WHOLE = (0, 1, 7, -1, -2, -9, 2**31 - 1, 2**31, -(2**31), 2**63 - 1, -(2**63))
"""What a position in a sparse matrix may say, and should not."""
REAL = (0.0, -0.0, 5e-324, -1.0, 2.0, 1e308, float("inf"), float("nan"))
"""What a number in a file may be."""


def holds(path: Path, read: Callable[[Path], object] = load_mdp) -> bool:
    """Whether a file is read or refused as it should be."""
    start, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        read(path)
        fine = True
    except InputError as error:
        fine = str(error).startswith(str(path)) and "\n" not in str(error)
    except Exception:
        fine = False
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    return fine and time.process_time() - start < SECONDS and grown < MEMORY


def originals(folder: Path) -> list[Path]:
    """Good files, one for every format and representation."""
    forest = load("forest")
    thin = MDP(sparse.csr_array(forest.kernel), forest.rewards, forest.initial, forest.discount, "thin")
    paths = []
    for mdp in (forest, thin):
        for suffix in (".npz", ".json"):
            paths.append(folder / f"{mdp.name}{suffix}")
            save_mdp(mdp, paths[-1])
    packed = folder / "packed.npz"
    fields: dict[str, Any] = {
        "discount": 0.9,
        "initial": forest.initial,
        "rewards": forest.rewards,
        "transitions": forest.transitions,
    }
    np.savez_compressed(packed, format=FORMAT, **fields)
    return [*paths, packed, *others(folder)]


def others(folder: Path) -> list[Path]:
    """Good files of the other formats, of an MDP with labels and a mask; .umb also without compression."""
    shop, mask = load("inventory"), np.add.outer(np.arange(4), np.arange(4)) <= 3
    labels = (("empty", "low", "high", "full"), ("wait", "one", "two", "three"))
    mdp = MDP(shop.transitions, shop.rewards, shop.initial, shop.discount, "shop", mask, *labels)
    paths = [folder / f"shop{suffix}" for suffix in OTHERS]
    for path in paths:
        save_mdp(mdp, path)
    return [*paths, _write(folder / "plain.umb", gzip.decompress((folder / "shop.umb").read_bytes()))]


def mutate(content: bytes, rng: random.Random) -> bytes:
    """A few bytes changed, a piece cut out, doubled or put elsewhere, or the end cut off."""
    data = bytearray(content)
    kind = rng.randrange(6)
    if kind < 3:
        for _ in range(rng.choice((1, 1, 2, 5))):
            data[rng.randrange(len(data))] = rng.choice((rng.randrange(256), 0, 12, 14, 255, ord("-"), ord("9")))
        return bytes(data)
    a, b = sorted(rng.randrange(len(data)) for _ in range(2))
    if kind == 3:
        return bytes(data[:a])
    piece = data[a : min(b, a + 64)]
    return bytes(data[:a] + data[a + len(piece) :]) if kind == 4 else bytes(data[:b] + piece + data[b:])


def mutated(folder: Path, count: int, seed: int) -> Row:
    """Mutations of the good files."""
    rng, sources = random.Random(seed), originals(folder)
    contents = [(path.suffix, path.read_bytes()) for path in sources]
    beside = [(suffix, (folder / f"shop{suffix}").read_bytes()) for suffix in (".tra", ".lab", ".trew")]
    held = 0
    for _ in range(count):
        suffix, content = rng.choice(contents)
        target = folder / f"mutated{suffix}"
        if suffix == ".tra":  # one of the three files that belong together
            for other, whole in beside:
                target.with_suffix(other).write_bytes(whole)
            suffix, content = rng.choice(beside)
        target.with_suffix(suffix).write_bytes(mutate(content, rng))
        held += holds(target)
    return "model files, mutated", count, held


def wrong_numbers(folder: Path, count: int, seed: int) -> Row:
    """Whole files with a few wrong numbers. Few of the mutated ones have any: the checksums of .npz refuse most."""
    rng, held = random.Random(seed), 0
    forest = load("forest")
    kernel = sparse.csr_array(forest.kernel)
    fields: dict[str, Any] = {"data": kernel.data, "initial": forest.initial, "rewards": forest.rewards}
    fields |= {"indices": kernel.indices.astype(np.int64), "indptr": kernel.indptr.astype(np.int64)}
    for _ in range(count):
        wrong: dict[str, Any] = {key: value.copy() for key, value in fields.items()}
        for _ in range(rng.choice((1, 1, 2, 3))):
            array = wrong[rng.choice(("data", "initial", "rewards", "indices", "indptr", "indptr", "indptr"))]
            array.flat[rng.randrange(array.size)] = rng.choice(WHOLE if array.dtype.kind == "i" else REAL)
        wrong |= {"format": FORMAT, "discount": 0.9}
        path = folder / rng.choice(("wrong.npz", "wrong.json"))
        if path.suffix == ".npz":
            np.savez(path, **wrong)
        else:
            plain = {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in wrong.items()}
            path.write_text(json.dumps(plain))
        held += holds(path)
    return "model files with wrong numbers", count, held


def npz(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    """An .npz file of raw members."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


def header(descr: str, shape: tuple[int, ...]) -> bytes:
    """The beginning of an .npy member."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": descr, "fortran_order": False, "shape": shape})
    return stream.getvalue()


def bombs(folder: Path) -> Iterator[Path]:
    """Small files that ask for much memory, or for a decompressor that NumPy never uses."""
    yield npz(folder / "zeros.npz", {"transitions": header("|i1", (1 << 26,)) + bytes(1 << 26)})
    yield npz(folder / "bytes.npz", {"rewards": header("|i1", (1 << 25, 2)) + bytes(1 << 26)})
    for name, method in (("lzma", zipfile.ZIP_LZMA), ("bzip2", zipfile.ZIP_BZIP2)):
        path = npz(folder / f"{name}.npz", {"rewards": header("<f8", (3, 2)) + bytes(48)}, method)
        yield path
        damaged = bytearray(path.read_bytes())
        damaged[60:64] = b"\xff\xff\xff\xff"
        yield _write(folder / f"{name}-damaged.npz", bytes(damaged))
    yield npz(folder / "text.npz", {"name": header("<U3000000", ()) + bytes(12_000_000)})
    fine: dict[str, Any] = {"format": FORMAT, "transitions": [[[1]]], "discount": 0, "initial": [1], "rewards": [[0]]}
    np.savez(folder / "letter.npz", states=np.array([2**32 - 1], dtype=np.uint32).view("U1"), **fine)
    yield folder / "letter.npz"
    yield npz(folder / "many.npz", {f"a{i}": b"" for i in range(5000)})
    long = ["x" * 50_000, *[""] * 8_000]
    yield _write(folder / "texts.json", json.dumps({"format": FORMAT, "rewards": long}).encode())
    yield _write(folder / "nested.json", b'{"rewards": ' + b"[" * 200_000)
    yield _write(folder / "lists.json", b'{"rewards": [' + b"[]," * 1_000_000 + b"[]]}")
    yield _write(folder / "digits.json", b'{"discount": 1' + b"0" * 100_000 + b"}")
    yield from text_bombs(folder)
    yield from archive_bombs(folder)


def text_bombs(folder: Path) -> Iterator[Path]:
    """Small text files that ask for large tables, much work, or large numbers."""
    yield _write(folder / "states.tra", b"999999999999 999999999999 1\n0 0 0 1\n")
    labels = "".join(f"{i} 0 {i} 1 a{i}\n" for i in range(6000))
    yield _write(folder / "actions.tra", f"6000 6000 6000\n{labels}".encode())
    yield _write(folder / "numbered.tra", b"2 2 2\n0 0 0 1 9999999\n1 0 1 1 0\n")
    yield _write(folder / "exponent.tra", b"1 1 1\n0 0 0 1e-999999999\n")
    yield _write(folder / "digits.tra", b"1 1 1\n0 0 0 1/" + b"9" * 1_000_000)
    yield _write(folder / "long.tra", b"x" * 5_000_000)
    yield _write(folder / "states.drn", b"@type: MDP\n@nr_states\n99999999999\n@model\nstate 0\n")
    nested = b"// stro-mdp-1 " + b"[" * 200_000
    yield _write(folder / "nested.drn", nested + b"\n@type: MDP\n@nr_states\n1\n@model\n")
    yield _write(folder / "states.mdp", b"states: 999999999\nactions: 999999999\nT: * : * : * 1\n")
    everywhere = b"T: * : * : * 1\n" * 20_000
    yield _write(folder / "work.mdp", b"discount: 0.5\nstates: 1400\nactions: 2\n" + everywhere)
    yield _write(folder / "colons.pomdp", b":" * 3_000_000)


def archive_bombs(folder: Path) -> Iterator[Path]:
    """Small .umb files that unpack to much, or declare much."""
    zeros = bytes(1 << 20)
    compressor = zlib.compressobj(wbits=31)
    yield _write(folder / "zeros.umb", b"".join(compressor.compress(zeros) for _ in range(80)) + compressor.flush())
    yield _write(folder / "zeros-xz.umb", lzma.compress(bytes(80 << 20), preset=0))
    huge = tarfile.TarInfo("index.json")
    huge.size = 1 << 40
    yield _write(folder / "declared.umb", huge.tobuf(tarfile.GNU_FORMAT))
    for i, key in enumerate(("#states", "#choices", "#branches", "#choice-actions")):
        sizes = {"#states": 1, "#choices": 1, "#branches": 1, "#choice-actions": 1} | {key: 150_000_000}
        index = {"transition-system": {"time": "discrete", "#players": 1} | sizes}
        yield _write(folder / f"declares{i}.umb", tar({"index.json": json.dumps(index).encode()}))
    n = 1_000_000
    many: dict[str, object] = {"time": "discrete", "#players": 1}
    many |= {"#states": n, "#choices": n, "#branches": n, "branch-probability-type": {"type": "double"}}
    content = json.dumps({"transition-system": many}).encode()
    yield _write(folder / "many.umb", gzip.compress(tar({"index.json": content}), 1))
    data = {"tool": "stro", "parameters": {"discount": 0.9}}
    content = json.dumps({"transition-system": many, "file-data": data}).encode()
    full = tar({"index.json": content, "branch-to-probability.bin": bytes(8 * n)})
    yield _write(folder / "full.umb", gzip.compress(full, 1))
    yield _write(folder / "nested.umb", tar({"index.json": b"[" * 200_000}))
    link = tarfile.TarInfo("index.json")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    yield _write(folder / "link.umb", link.tobuf() + bytes(1024))


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def hostile(folder: Path) -> Row:
    """The bombs, and what is no file at all."""
    paths = list(bombs(folder))
    return "model files that ask for memory", len(paths), sum(holds(path) for path in paths)


WORDS = (
    *("gym::", "gym:.x:Y-v0", "gym:", "gym: ", "gym:a:b:c", "gym:\0", "gym:../x:Y-v0", "gym:no_such_module:Y-v0"),
    *("garnet:", "garnet:S=1e9,A=1,b=1,gamma=0,seed=0", "garnet:S=999999999,A=9,b=9,gamma=0,seed=0", "\0.json"),
    *("x" * 5000 + ".json", "", " ", "[/red]", r"$\foo$", "/dev/zero", "/dev/null.json", "gym:CartPole-v1", "\x1b[31m"),
)
"""What a command line may say after --mdp, and should not."""


def words() -> Row:
    """Words after --mdp."""
    held = 0
    for word in WORDS:
        try:
            load(word)
        except InputError as error:
            held += "\n" not in str(error)
        except Exception:
            continue
    return "hostile words after --mdp", len(WORDS), held


def run(scale: float) -> list[Row]:
    """Everything, with 1000 * scale mutated files and as many with wrong numbers."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count = max(1, round(1000 * scale))
        return [mutated(folder, count, seed=0), wrong_numbers(folder, count, seed=0), hostile(folder), words()]
