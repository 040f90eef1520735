"""MDPs in files: .npz and .json, written and read back without loss, and the formats of other tools (`exact.formats`).

Both own formats have the same fields (S states, A actions, gamma the discount, rho0 the initial distribution):

    format       "stro-mdp-1"
    name         one line of text; the file's stem if the field is absent
    discount     gamma, a number in [0, 1)
    initial      rho0(s), S numbers that sum to one
    rewards      r(s,a), S x A numbers
    transitions  P(t|s,a), S x A x S numbers: dense;   or, sparse,
    data, indices, indptr    the (S*A) x S kernel in compressed sparse row form, row s*A + a for (s, a)
    available    S x A truth values: which actions a state has; absent: all
    states, actions    S and A labels; absent: none

In an .npz file each field is one array: float64, but indices and indptr are signed integers, and format and name are
strings without dimensions, available truth values, states and actions strings.  `np.load(file)["rewards"]` reads one.
A .json file is one object; matrices are lists of lists, and a number has the shortest digits that give the same float64
back.

Nothing in a file is trusted.  A size that the file declares is compared with the bytes that are there before memory is
reserved, pickled objects are refused, the arrays of a sparse matrix are checked before SciPy follows them, and the MDP
type checks the numbers.
"""

import io
import json
import math
import sys
import warnings
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from exact.arrays import checked
from exact.common.errors import InputError
from exact.common.files import atomic_write, check_regular, reason
from exact.formats import cassandra, drn, prism, umb
from exact.formats.explicit import Given, initial_distribution
from exact.mdp import MDP

FORMAT = "stro-mdp-1"
OWN = (".npz", ".json")
"""The endings of the project's own formats."""
OTHERS = {".tra": prism, ".drn": drn, ".umb": umb, ".mdp": cassandra, ".pomdp": cassandra}
"""The modules of the other formats, by ending."""
SUFFIXES = (*OWN, *OTHERS)
"""The endings of the files that are read and written."""
NPZ_MAX_BYTES = 4 << 30
"""Largest accepted size of the arrays of an .npz file, each number counted as the eight bytes of a float64: several
times an MDP of 1e6 states, 10 actions and 5 successors."""
INFLATED_MAX_BYTES = 256 << 20
"""A compressed file may ask for so much memory whatever its own size; a dense table of mostly zeros does."""
INFLATION = 20
"""Beyond INFLATED_MAX_BYTES a compressed file may ask for so many times its own size. Numbers compress less."""
JSON_MAX_BYTES = 64 << 20
"""Largest accepted .json file. What it holds may take twenty times as much memory once it is read."""
TEXT_MAX_LENGTH = 1000
"""Largest number of characters of a text field in a file."""
NAME_MAX_LENGTH = 100
"""Largest number of characters in a name."""
DENSE_FIELDS = {"format", "discount", "initial", "rewards", "transitions"}
SPARSE_FIELDS = {"format", "discount", "initial", "rewards", "data", "indices", "indptr"}
OPTIONAL_FIELDS = {"name", "available", "states", "actions"}
KINDS = {"format": "U", "name": "U", "indices": "i", "indptr": "i", "available": "b", "states": "UO", "actions": "UO"}
"""NumPy's kind of the fields that do not hold plain numbers, which are "f" or "i". "O": texts of JSON, as they are."""
DIMENSIONS = {"rewards": 2, "initial": 1, "transitions": 3, "data": 1, "indices": 1, "indptr": 1} | {
    "available": 2,
    "states": 1,
    "actions": 1,
}
"""Number of dimensions of the fields that have any."""
NAMES_OF_KINDS = {"U": "text", "UO": "texts", "b": "true and false", "i": "whole numbers", "fi": "numbers"}
TYPES_OF_JSON: dict[str, set[type]] = {"b": {bool}, "i": {int}, "fi": {int, float}}
"""What may stand in a JSON list of a field of this kind."""
NOTHING = Given()

Fields = dict[str, NDArray[Any]]


def save_mdp(mdp: MDP, path: "str | Path", fractions: bool = False) -> list[str]:
    """Write `mdp` to `path`, whole or not at all. The ending, one of SUFFIXES, chooses the format.

    Args:
        mdp: the MDP.
        path: of the file; .tra means .lab and .trew beside it, too.
        fractions: whether .tra, .drn and .umb hold numbers as the fractions that they mean. A float is read back from
            them as it was, either way.

    Returns:
        Notes, one line each: what the format has no place for.

    Raises:
        InputError: another ending, a name that is not one short line, the format cannot hold the MDP, or the path
            cannot be written.
        FaultError: the disk is full or broken.
    """
    suffix = _suffix(path)
    name = _check_name(mdp.name)
    if suffix in OTHERS:
        notes: list[str] = OTHERS[suffix].write(mdp, Path(path), fractions)
        return notes
    if fractions:
        raise InputError(f"{path}: {suffix} holds floats; fractions are for .tra, .drn and .umb")
    fields: dict[str, Any] = {"format": FORMAT, "name": name, "discount": mdp.discount}
    fields |= {"initial": mdp.initial, "rewards": mdp.rewards}
    if sparse.issparse(mdp.transitions):
        fields |= {part: getattr(mdp.transitions, part) for part in ("data", "indices", "indptr")}
    else:
        fields["transitions"] = mdp.transitions
    fields |= {"available": mdp.available} if mdp.available is not None else {}
    fields |= {what: np.array(getattr(mdp, what)) for what in ("states", "actions") if getattr(mdp, what)}
    if suffix == ".npz":
        buffer = io.BytesIO()
        np.savez(buffer, **fields)
        atomic_write(path, buffer.getbuffer())
    else:
        plain = {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in fields.items()}
        atomic_write(path, json.dumps(plain) + "\n")
    return []


def load_mdp(path: "str | Path", given: Given = NOTHING) -> MDP:
    """Read an MDP from a file. The ending, one of SUFFIXES, chooses the format.

    Args:
        path: of the file.
        given: what the file does not say, or says otherwise: discount, rho0, and which of several rewards.

    Raises:
        InputError: the file cannot be read, or is not such a file. The message names the file and the field or the line
            at fault.
    """
    return read_mdp(path, given)[0]


def read_mdp(path: "str | Path", given: Given = NOTHING) -> tuple[MDP, list[str]]:
    """`load_mdp`, with notes about what the file or the MDP type does not hold, one line each."""
    suffix = _suffix(path)
    try:
        check_regular(path)
        if suffix in OTHERS:
            found: tuple[MDP, list[str]] = OTHERS[suffix].read(Path(path), given)
            _check_name(found[0].name)
            return found
        fields = _read_npz(Path(path)) if suffix == ".npz" else _read_json(Path(path))
        _check_fields(fields)
        return say(_mdp(fields, Path(path).stem), given), []
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: cannot be read: {reason(error)}") from None
    except (RuntimeError, OverflowError, MemoryError, TypeError) as error:  # nested too deeply, encrypted, odd types
        what = f"not a file of the format {FORMAT!r}" if suffix in OWN else "cannot be read"
        raise InputError(f"{path}: {what}: {reason(error)}") from None


def say(mdp: MDP, given: Given) -> MDP:
    """The MDP with what the user says of it."""
    if given.rewards is not None:
        raise InputError("the MDP has one reward; the option rewards has no meaning")
    if given.discount is not None:
        mdp = replace(mdp, discount=given.discount)
    if given.initial is not None:
        mdp = replace(mdp, initial=initial_distribution(mdp.n_states, [], {}, given))
    return mdp


def _check_name(name: str) -> str:
    if len(name) > NAME_MAX_LENGTH or not name.isprintable():
        raise InputError(f"field 'name' must be one line of at most {NAME_MAX_LENGTH} printable characters")
    return name


def _mdp(fields: Fields, stem: str) -> MDP:
    name = _check_name(str(fields["name"]) if "name" in fields else stem)
    rewards, initial, discount = fields["rewards"], fields["initial"], float(fields["discount"])
    labels = [tuple(fields[what].tolist()) if what in fields else () for what in ("states", "actions")]
    more: Any = (name, fields.get("available"), *labels)
    if "transitions" in fields:
        return MDP(fields["transitions"], rewards, initial, discount, *more)
    S, A = rewards.shape
    parts = tuple(fields[part] for part in ("data", "indices", "indptr"))
    try:
        kernel = checked(sparse.csr_array(parts, shape=(S * A, S)))
    except ValueError as error:
        raise InputError(
            f"fields 'data', 'indices', 'indptr' are no {S * A} x {S} sparse matrix: {reason(error)}"
        ) from None
    return MDP(kernel, rewards, initial, discount, *more)


def _check_fields(fields: Fields) -> None:
    """Check which fields there are, their types and their dimensions. The MDP type checks the rest."""
    expected = DENSE_FIELDS if "transitions" in fields else SPARSE_FIELDS
    if str(fields.get("format", "")) != FORMAT:
        raise InputError(f"field 'format' must be {FORMAT!r}")
    for field in sorted(expected - set(fields)):
        instead = " (or 'transitions')" if field in SPARSE_FIELDS - DENSE_FIELDS else ""
        raise InputError(f"field {field!r}{instead} is missing")
    for field in sorted(set(fields) - expected - OPTIONAL_FIELDS):
        known = ", ".join([*sorted(expected), *sorted(OPTIONAL_FIELDS)])
        raise InputError(f"field {field!r} is not known, expected {known}")
    for field, array in fields.items():
        kinds = KINDS.get(field, "fi")
        if array.dtype.kind not in kinds:
            raise InputError(f"field {field!r} must hold {NAMES_OF_KINDS[kinds]}, found the type {array.dtype.name}")
        if array.ndim != DIMENSIONS.get(field, 0):
            raise InputError(
                f"field {field!r} must have {DIMENSIONS.get(field, 0)} dimensions, found the shape {array.shape}"
            )


def _read_json(path: Path) -> Fields:
    if path.stat().st_size > JSON_MAX_BYTES:
        raise InputError(f"is larger than {JSON_MAX_BYTES >> 20} MiB; use .npz for a large MDP")

    def refuse(constant: str) -> None:
        raise InputError(f"contains {constant}, expected finite numbers")

    content = json.loads(path.read_bytes(), parse_constant=refuse)
    if not isinstance(content, dict):
        raise InputError("must hold one JSON object")
    fields = {}
    for field, value in content.items():
        if field in ("states", "actions") and isinstance(value, list):
            fields[field] = np.array([None, *value], dtype=object)[1:]  # None: a list of lists stays a list
            continue
        kinds = KINDS.get(field, "fi")
        if isinstance(value, list):
            stranger = _stranger(value, TYPES_OF_JSON[kinds]) if kinds in TYPES_OF_JSON else "list"
            if stranger is not None:
                raise InputError(f"field {field!r} must hold {NAMES_OF_KINDS[kinds]}, found the type {stranger}")
        if isinstance(value, str) and len(value) > TEXT_MAX_LENGTH:
            raise InputError(f"field {field!r} has more than {TEXT_MAX_LENGTH} characters")
        try:
            fields[field] = np.array(value)
        except ValueError:
            raise InputError(f"field {field!r} is not a rectangular table") from None
    return fields


def _stranger(value: list[Any], known: set[type], levels: int = 3) -> str | None:
    """A type in nested lists that is not known, or None. One long text among short ones would make a huge array."""
    kinds = set(map(type, value))
    if levels > 1 and list in kinds:
        kinds.discard(list)
        inner = (_stranger(item, known, levels - 1) for item in value if isinstance(item, list))
        return next((kind for kind in inner if kind is not None), None) or next(
            (kind.__name__ for kind in kinds - known), None
        )
    return next((kind.__name__ for kind in kinds - known), None)


def _read_npz(path: Path) -> Fields:
    fields = {}
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) > (most := len(SPARSE_FIELDS | OPTIONAL_FIELDS)):
            raise InputError(f"holds {len(members)} arrays, expected at most {most}")
        for member in members:
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise InputError(f"member {member.filename!r} is compressed in a way that NumPy does not write")
        limit = min(NPZ_MAX_BYTES, max(INFLATED_MAX_BYTES, INFLATION * path.stat().st_size))
        if sum(_memory(archive, member) for member in members) > limit:
            raise InputError(f"unpacks to more than {limit >> 20} MiB")
        for member in members:
            field = member.filename.removesuffix(".npy")
            try:
                fields[field] = _read_member(archive, member)
            except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
                raise InputError(f"field {field!r} cannot be read: {reason(error)}") from None
    return fields


def _memory(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    """Bytes that a member takes once its numbers are float64. What cannot be told is left to `_read_member`."""
    try:
        with archive.open(member) as stream:
            shape, dtype = _read_header(stream)
        real = 0 <= dtype.itemsize * math.prod(shape) <= member.file_size
        return max(member.file_size, 8 * math.prod(shape)) if real else member.file_size
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error):
        return member.file_size


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    """One array of the archive. Its declared shape is compared with the member's size before memory is reserved."""
    with archive.open(member) as stream:
        shape, dtype = _read_header(stream)
        declared = stream.tell() + dtype.itemsize * math.prod(shape)
    if dtype.kind == "U" and dtype.itemsize > 4 * TEXT_MAX_LENGTH:
        raise ValueError(f"it has more than {TEXT_MAX_LENGTH} characters")
    if dtype.hasobject:
        raise ValueError("it holds pickled objects, which are not read")
    if declared != member.file_size:
        raise ValueError(f"its header declares {declared} bytes, the file has {member.file_size}")
    with archive.open(member) as stream:
        array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
    if dtype.kind == "U" and (array.ravel().view(np.dtype("u4").newbyteorder(dtype.byteorder)) > sys.maxunicode).any():
        raise ValueError("it holds numbers that are no characters")
    return array


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type that an .npy stream declares. Afterwards the stream stands at the data."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # NumPy warns when it repairs a header of Python 2
            shape, _, dtype = read(stream)
    except Exception as error:  # NumPy lets the errors of Python's tokenizer through, whatever they are
        raise ValueError(f"its header is damaged ({reason(error)})") from None
    return shape, dtype


def _suffix(path: "str | Path") -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path}: an MDP file must end in one of {', '.join(SUFFIXES)}")
    return suffix
