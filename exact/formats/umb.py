"""UMB, the unified Markov binary format (github.com/pmc-tools/umb), which PRISM and Storm read and write.

A tar file, perhaps compressed, with `index.json` first and binary arrays: `state-to-choices.bin` and so on.  Read are
MDPs in discrete time with probabilities and rewards of the types double and rational; an atomic proposition is a word
of a state's label. Valuations and other annotations are skipped.
"""

import io
import json
import lzma
import tarfile
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from exact.common.errors import InputError
from exact.common.files import atomic_write, check_regular, reason
from exact.formats.explicit import Explicit, Given, assemble, only_in_remark, rows, state_words
from exact.formats.text import REMARK, check_remark, remark, rounding_note
from exact.mdp import MDP
from exact.small_fractions import fraction

UMB_MAX_BYTES = 1 << 30
"""Largest accepted size of the tar file, without compression."""
INFLATED_MAX_BYTES = 48 << 20
"""A compressed file may unpack to so much whatever its own size."""
INFLATION = 20
"""Beyond INFLATED_MAX_BYTES a compressed file may unpack to so many times its own size."""
MAX_MEMBERS = 4096
DOUBLE = {"type": "double", "size": 64}


def read(path: Path, given: Given) -> tuple[MDP, list[str]]:
    """The MDP of a .umb file."""
    files = _files(path)
    if "index.json" not in files:
        raise InputError("has no index.json")
    index = json.loads(files["index.json"])
    system = _object(_object(index, "index.json").get("transition-system"), "transition-system")
    S, C, B, A = _sizes(system)
    rounded: list[int] = [0]
    p = _numbers(files, "branch-to-probability.bin", B, system.get("branch-probability-type"), rounded)
    of_state = _csr(files, "state-to-choices.bin", S, C)  # S <= C <= B, and B numbers are there
    of_choice = _csr(files, "choice-to-branches.bin", C, B)
    choice = np.repeat(np.arange(C), np.diff(of_choice))
    target = _whole(files, "branch-to-target.bin", B, "<u8", S)
    state = np.repeat(np.arange(S), np.diff(of_state))
    reward, per_branch, notes = _rewards(files, index, given, (S, C, B), state, rounded)
    label, labels, names = _actions(files, C, A)
    words = _propositions(files, index, S)
    start = np.flatnonzero(_bits(files, "state-is-initial.bin", S)).tolist()
    model = Explicit(S, state, label, labels, reward, choice, target, p, per_branch, words=words, start=start)
    said = _said(index)
    said = {"actions": names} | said
    mdp, more = assemble(model, said, given, path.stem)
    return mdp, notes + more + rounding_note(rounded[0])


def _files(path: Path) -> dict[str, bytes]:
    """The members of the archive by name. Nothing is reserved that the file does not hold."""
    check_regular(path)
    if path.stat().st_size > UMB_MAX_BYTES:
        raise InputError(f"is larger than {UMB_MAX_BYTES >> 20} MiB")
    data = path.read_bytes()
    limit = min(UMB_MAX_BYTES, max(INFLATED_MAX_BYTES, INFLATION * len(data)))
    try:
        if data[:2] == b"\x1f\x8b":
            data = zlib.decompressobj(31).decompress(data, limit + 1)
        elif data[:6] == b"\xfd7zXZ\x00":
            data = lzma.LZMADecompressor(memlimit=4 * INFLATED_MAX_BYTES).decompress(data, limit + 1)
        if len(data) > limit:
            raise InputError(f"unpacks to more than {limit >> 20} MiB")
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            return _members(archive)
    except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OverflowError) as error:
        raise InputError(f"is no tar file, plain or compressed by gzip or xz: {reason(error)}") from None


def _members(archive: tarfile.TarFile) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    total = 0
    for member in archive:
        if member.isdir():
            continue
        total += member.size
        if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse() or member.size < 0:
            raise InputError(f"holds {member.name[:60]!r}, which is no plain file")
        if total > UMB_MAX_BYTES or len(files) >= MAX_MEMBERS:
            raise InputError("holds too much")
        stream = archive.extractfile(member)
        content = stream.read() if stream is not None else b""
        if len(content) != member.size:
            raise InputError(f"{member.name[:60]}: {member.size} bytes are declared, {len(content)} are there")
        files[member.name.removeprefix("./").lstrip("/")] = content
    return files


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{what} must be a JSON object")
    return value


def _sizes(system: dict[str, Any]) -> tuple[int, int, int, int]:
    """The numbers of states, choices, branches and actions of an MDP."""
    keys = ("#states", "#choices", "#branches", "#choice-actions", "#players", "#observations")
    for key in keys:
        if type(system.get(key, 0)) is not int or not 0 <= system.get(key, 0) <= UMB_MAX_BYTES:
            raise InputError(f"index.json: {key} must be a whole number of a size that the file can hold")
    if system.get("time") != "discrete" or system.get("#players") != 1 or system.get("#observations", 0):
        kind = (
            f"time {system.get('time')!r}, {system.get('#players')} players, {system.get('#observations')} observations"
        )
        raise InputError(f"index.json: expected an MDP (discrete time, 1 player, no observations), found {kind[:100]}")
    S, C, B, A = (int(system.get(key, 0)) for key in keys[:4])
    if not 0 < S <= C <= B:
        raise InputError(f"has {S} states, {C} choices and {B} branches; every state needs a choice, a choice a branch")
    return S, C, B, A


def _exact(files: dict[str, bytes], name: str, size: int) -> bytes:
    """A file that must have so many bytes."""
    if name not in files:
        raise InputError(f"has no {name}")
    if len(files[name]) != size:
        raise InputError(f"{name}: expected {size} bytes, found {len(files[name])}")
    return files[name]


def _csr(files: dict[str, bytes], name: str, n: int, end: int) -> Any:
    """The n + 1 borders of n intervals that make up 0 .. end-1; one each if the file is absent."""
    if name not in files and n == end:
        return np.arange(n + 1)
    borders = np.frombuffer(_exact(files, name, 8 * (n + 1)), dtype="<u8")
    if borders[0] != 0 or borders[-1] != end or (borders[1:] < borders[:-1]).any():
        raise InputError(f"{name}: expected numbers that rise from 0 to {end}")
    return borders.astype(np.int64)


def _whole(files: dict[str, bytes], name: str, n: int, dtype: str, below: int) -> Any:
    """n whole numbers in 0 .. below-1; zeros if the file is absent."""
    if name not in files:
        return np.zeros(n, dtype=np.int64)
    found = np.frombuffer(_exact(files, name, n * np.dtype(dtype).itemsize), dtype=dtype)
    wrong = np.flatnonzero(found >= below)
    if wrong.size:
        raise InputError(f"{name}: entry {wrong[0]} is {found[wrong[0]]}, expected less than {below}")
    return found.astype(np.int64)


def _bits(files: dict[str, bytes], name: str, n: int) -> Any:
    """n bits; zeros if the file is absent."""
    if name not in files:
        return np.zeros(n, dtype=bool)
    content = _exact(files, name, (n + 63) // 64 * 8)
    return np.unpackbits(np.frombuffer(content, dtype=np.uint8), bitorder="little")[:n].astype(bool)


def _numbers(files: dict[str, bytes], name: str, n: int, kind: Any, rounded: list[int]) -> Any:
    """n numbers of the type double or rational."""
    kind = _object(kind, f"the type of {name}")
    if kind.get("type") == "double":
        return np.frombuffer(_exact(files, name, 8 * n), dtype="<f8").astype(np.float64)
    size = kind.get("size", 128)
    if kind.get("type") != "rational" or type(size) is not int or size <= 0 or size % 128:
        raise InputError(f"{name}: expected the type double or rational, found {str(kind)[:60]}")
    content, half = _exact(files, name, size // 8 * n), size // 16
    values = np.zeros(n)
    for i in range(n):
        at = 2 * half * i
        top = int.from_bytes(content[at : at + half], "little", signed=True)
        bottom = int.from_bytes(content[at + half : at + 2 * half], "little")
        if bottom == 0:
            raise InputError(f"{name}: entry {i} has the denominator 0")
        try:
            values[i] = top / bottom
        except OverflowError:
            raise InputError(f"{name}: entry {i} is too large for a float64") from None
        meant = fraction(float(values[i]))
        rounded[0] += meant.numerator * bottom != top * meant.denominator
    return values


def _rewards(
    files: dict[str, bytes], index: Any, given: Given, sizes: tuple[int, int, int], state: Any, rounded: list[int]
) -> tuple[Any, Any, list[str]]:
    """The reward of every choice, that of every branch or None, and notes."""
    annotations = _object(index.get("annotations", {}), "annotations")
    known = _object(annotations.get("rewards", {}), "rewards")
    names = {str(_object(known[key], "a reward").get("alias", key)): key for key in known}
    names = {key: key for key in known} | names
    if given.rewards is not None and given.rewards not in names:
        raise InputError(f"has no rewards {given.rewards[:40]!r}, expected one of {', '.join(names)[:200]}")
    if not known:
        return np.zeros(sizes[1]), None, ["the file has no rewards: all are zero"]
    if given.rewards is None and len(known) > 1:
        raise InputError(f"has several rewards, choose one (FILE:rewards=NAME): {', '.join(known)[:200]}")
    key = names[given.rewards] if given.rewards is not None else next(iter(known))
    if "probability-type" in known[key]:
        raise InputError(f"the reward {key[:40]!r} is a distribution, which is not read")
    found = {}
    for entity, n in zip(("states", "choices", "branches"), sizes, strict=True):
        name = f"annotations/rewards/{key}/{entity}/values.bin"
        if name in files:
            found[entity] = _numbers(files, name, n, known[key].get("type"), rounded)
    if not found:
        raise InputError(f"has no values of the reward {key[:40]!r}")
    reward = found.get("choices", np.zeros(sizes[1]))
    if "states" in found:
        reward = reward + found["states"][state]
    return reward, found.get("branches"), []


def _strings(files: dict[str, bytes], folder: str, n: int) -> list[str]:
    """n texts; none if they are absent."""
    if folder + "string-mapping.bin" not in files:
        return []
    content = files.get(folder + "strings.bin", b"")
    borders = _csr(files, folder + "string-mapping.bin", n, len(content)).tolist()
    return [content[i:j].decode() for i, j in pairwise(borders)]


def _actions(files: dict[str, bytes], C: int, A: int) -> tuple[Any, list[str], list[str]]:
    """The action of every choice, -1 for none; the numbers of the actions as texts; their labels if there are any."""
    if A == 0:
        return np.full(C, -1), [], []
    if max(C, 1 << 16) < A:
        raise InputError(f"has {A} actions, more than choices")
    label = _whole(files, "actions/choices/values.bin", C, "<u4", A)
    names = _strings(files, "actions/choices/", A)
    if names and not names[0] and (label > 0).all():  # PRISM's action 0 stands for "no label"
        label, names, A = label - 1, names[1:], A - 1
    return label, [str(a) for a in range(A)], names


def _propositions(files: dict[str, bytes], index: Any, S: int) -> dict[int, list[str]]:
    """The atomic propositions of every state."""
    words: dict[int, list[str]] = {}
    known = _object(_object(index.get("annotations", {}), "annotations").get("aps", {}), "aps")
    for key, one in known.items():
        name = str(_object(one, "an atomic proposition").get("alias", key))
        for s in np.flatnonzero(_bits(files, f"annotations/aps/{key}/states/values.bin", S)).tolist():
            words.setdefault(s, []).append(name)
    return words


def _said(index: Any) -> dict[str, Any]:
    """What the format has no place for, from the parameters of the tool that wrote the file."""
    data = _object(index.get("file-data", {}), "file-data")
    if data.get("tool") != "stro" or not isinstance(data.get("parameters"), dict):
        return {}
    return check_remark(data["parameters"])


def write(mdp: MDP, path: Path, fractions: bool) -> list[str]:
    """Write a .umb file, compressed by gzip; what UMB has no place for stands in `file-data`."""
    files: dict[str, bytes] = {}
    of_state, of_choice, action, reward, target, p = [0], [0], [], [], [], []
    for choices in rows(mdp):
        of_state.append(of_state[-1] + len(choices))
        for a, r, pairs in choices:
            action.append(a)
            reward.append(r)
            target += [t for t, _ in pairs]
            p += [value for _, value in pairs]
            of_choice.append(len(p))
    S, A = mdp.rewards.shape
    for name, values, dtype in (
        ("state-to-choices", of_state, "<u8"),
        ("choice-to-branches", of_choice, "<u8"),
        ("branch-to-target", target, "<u8"),
        ("actions/choices/values", action, "<u4"),
    ):
        files[f"{name}.bin"] = np.array(values, dtype=dtype).tobytes()
    files["branch-to-probability.bin"], p_type = _packed(p, fractions)
    files["annotations/rewards/reward/choices/values.bin"], r_type = _packed(reward, fractions)
    files["state-is-initial.bin"] = _bitset(mdp.initial > 0)
    if mdp.actions:
        files |= _texts("actions/choices/", mdp.actions)
    counts = {"#states": S, "#initial-states": int((mdp.initial > 0).sum()), "#choices": len(action)}
    counts |= {"#choice-actions": A, "#branches": len(p), "#branch-actions": 0, "#observations": 0}
    reward_type = {"alias": "reward", "applies-to": ["choices"], "type": r_type}
    index: dict[str, Any] = {
        "format-version": 1,
        "format-revision": 0,
        "model-data": {"name": mdp.name},
        "file-data": {"tool": "stro", "parameters": json.loads(remark(mdp).removeprefix(REMARK))},
        "transition-system": {"time": "discrete", "#players": 1} | counts | {"branch-probability-type": p_type},
        "annotations": {"rewards": {"reward": reward_type}},
    }
    _write_labels(mdp, index, files)
    content = {"index.json": json.dumps(index, indent=1).encode()} | files
    atomic_write(path, _archive(content))
    return only_in_remark(mdp, actions=False)


def _write_labels(mdp: MDP, index: dict[str, Any], files: dict[str, bytes]) -> None:
    """The words of the states' labels as atomic propositions."""
    words = state_words(mdp)
    names = list(dict.fromkeys(word for found in words for word in found))
    if not names or len(names) * mdp.n_states > UMB_MAX_BYTES or len(names) > MAX_MEMBERS // 2:
        return
    kind = {"applies-to": ["states"], "type": {"type": "bool", "size": 1}}
    index["annotations"]["aps"] = {f"ap{i}": {"alias": name} | kind for i, name in enumerate(names)}
    for i, name in enumerate(names):
        has = np.array([name in found for found in words])
        files[f"annotations/aps/ap{i}/states/values.bin"] = _bitset(has)


def _packed(values: list[float], fractions: bool) -> tuple[bytes, dict[str, Any]]:
    """The numbers as doubles, or as fractions of the size that they need; and their type."""
    if not fractions:
        return np.array(values, dtype="<f8").tobytes(), DOUBLE
    exact = [fraction(x) for x in values]
    bits = max((max(x.numerator.bit_length() + 1, x.denominator.bit_length()) for x in exact), default=1)
    half = (bits + 63) // 64 * 8
    parts = (x.numerator.to_bytes(half, "little", signed=True) + x.denominator.to_bytes(half, "little") for x in exact)
    return b"".join(parts), {"type": "rational", "size": 16 * half}


def _bitset(bits: Any) -> bytes:
    packed = np.packbits(np.asarray(bits, dtype=bool), bitorder="little").tobytes()
    return packed.ljust((len(bits) + 63) // 64 * 8, b"\0")


def _texts(folder: str, texts: tuple[str, ...]) -> dict[str, bytes]:
    encoded = [text.encode() for text in texts]
    borders = np.cumsum([0, *map(len, encoded)]).astype("<u8").tobytes()
    return {folder + "string-mapping.bin": borders, folder + "strings.bin": b"".join(encoded)}


def _archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    compressor = zlib.compressobj(wbits=31)
    return compressor.compress(buffer.getvalue()) + compressor.flush()
