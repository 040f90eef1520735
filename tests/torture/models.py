"""Model files that were damaged or made to do harm: every one is an MDP or one line, in bounded memory and time.

`run(scale)` tries scale times a thousand mutated files, and the hostile ones once. A reader holds if it returns an MDP
or raises InputError with one line that begins with the path; if it takes less than SECONDS; and if the memory that it
adds stays below MEMORY.
"""

import io
import json
import random
import resource
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from scipy import sparse

from exact.common.errors import InputError
from exact.mdp import MDP
from exact.mdps.files import FORMAT, load_mdp, save_mdp
from exact.mdps.library import load

SECONDS = 30.0
"""Far more than any file of this suite takes, on a machine that does other things, too."""
MEMORY = 1 << 30
"""Bytes. The largest file that is accepted holds a quarter of it."""
Row = tuple[str, int, int]
"""What was tried, how many, how many held."""


def holds(path: Path, read: Callable[[Path], object] = load_mdp) -> bool:
    """Whether a file is read or refused as it should be."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        read(path)
        fine = True
    except InputError as error:
        fine = str(error).startswith(str(path)) and "\n" not in str(error)
    except Exception:
        fine = False
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    return fine and time.perf_counter() - start < SECONDS and grown < MEMORY


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
    fields = {"discount": 0.9, "initial": forest.initial, "rewards": forest.rewards, "transitions": forest.transitions}
    np.savez_compressed(packed, format=FORMAT, **fields)
    return [*paths, packed]


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
    held = 0
    for _ in range(count):
        suffix, content = rng.choice(contents)
        target = folder / f"mutated{suffix}"
        target.write_bytes(mutate(content, rng))
        held += holds(target)
    return "model files, mutated", count, held


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
    yield npz(folder / "many.npz", {f"a{i}": b"" for i in range(5000)})
    long = ["x" * 50_000, *[""] * 8_000]
    yield _write(folder / "texts.json", json.dumps({"format": FORMAT, "rewards": long}).encode())
    yield _write(folder / "nested.json", b'{"rewards": ' + b"[" * 200_000)
    yield _write(folder / "lists.json", b'{"rewards": [' + b"[]," * 1_000_000 + b"[]]}")
    yield _write(folder / "digits.json", b'{"discount": 1' + b"0" * 100_000 + b"}")


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
    """Everything, with 1000 * scale mutated files."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return [mutated(folder, max(1, round(1000 * scale)), seed=0), hostile(folder), words()]
