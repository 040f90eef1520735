"""Values that come from outside (JSON, checkpoints) are checked before anything is done with them.

`read(value, kind, where)` returns the value as the kind says, or raises InputError with one line: where it is wrong,
what was expected, what is there.  A kind is

    bool, int, float, str, None       a number is never a bool; an int may stand for a float; NaN is no float
    Literal[...], X | Y, list[X]      as in type hints
    dict[str, Any]                    as it is
    tuple[X, ...], tuple[X, Y]        from a list, as JSON has it, or a tuple
    a dataclass                       from a dictionary of its fields; its own checks are made as well
    {"name": kind, ...}               a dictionary with these keys and no others
    an object with `read(value, where)`

so that a configuration is described by the dataclasses that it has anyway.
"""

import dataclasses
import json
import math
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, Union, get_args, get_origin, get_type_hints

from exact.common.errors import InputError
from exact.common.files import read_json

LARGEST = 1 << 63
"""Integers lie below this in size, unless `Whole` says otherwise."""
SHOWN = 60
"""Characters of a wrong value that a message shows."""


class Kind(Protocol):
    """A kind of value that type hints do not describe."""

    def read(self, value: Any, where: str) -> Any:
        """The value; raises InputError if it is not of this kind."""
        ...


@dataclasses.dataclass(frozen=True)
class Whole:
    """An integer in [low, high]."""

    low: int = 0
    high: int = LARGEST - 1

    def read(self, value: Any, where: str) -> int:
        """The integer."""
        if type(value) is not int or not self.low <= value <= self.high:
            top = f"at most {self.high}" if self.high < LARGEST - 1 else "at most 2^63 - 1"
            raise wrong(where, f"an integer of at least {self.low} and {top}", value)
        return value


@dataclasses.dataclass(frozen=True)
class Finite:
    """A finite number of at least `low`."""

    low: float = -math.inf

    def read(self, value: Any, where: str) -> float:
        """The number."""
        if not _number(value) or not math.isfinite(value) or value < self.low:
            raise wrong(
                where, "a finite number" + (f" of at least {self.low:g}" if self.low > -math.inf else ""), value
            )
        number: float = value
        return number


@dataclasses.dataclass(frozen=True)
class Rows:
    """A list of one kind with at most `most` items."""

    kind: Any
    most: int = LARGEST

    def read(self, value: Any, where: str) -> list[Any]:
        """The list."""
        if type(value) is not list or len(value) > self.most:
            raise wrong(where, f"a list of at most {self.most}" if self.most < LARGEST else "a list", value)
        return [read(item, self.kind, f"{where}[{i}]") for i, item in enumerate(value)]


@dataclasses.dataclass(frozen=True)
class Each:
    """A list of these kinds, in this order."""

    kinds: tuple[Any, ...]

    def read(self, value: Any, where: str) -> list[Any]:
        """The list."""
        if type(value) is not list or len(value) != len(self.kinds):
            raise wrong(where, f"a list of {len(self.kinds)}", value)
        return list(_tuple(value, self.kinds, where))


@dataclasses.dataclass(frozen=True)
class Open:
    """A dictionary that has these keys; other keys are kept as they are."""

    kinds: Mapping[str, Any]

    def read(self, value: Any, where: str) -> dict[str, Any]:
        """The dictionary."""
        if not isinstance(value, dict):
            raise wrong(where, "a dictionary", value)
        found = dict(value)
        for name, kind in self.kinds.items():
            if name not in value:
                raise InputError(f"{where} has no field {name!r}")
            found[name] = read(value[name], kind, f"{where}.{name}")
        return found


@dataclasses.dataclass(frozen=True)
class Absent:
    """Of a key that may be missing from a dictionary: files of an earlier version do not have it."""

    kind: Any

    def read(self, value: Any, where: str) -> Any:
        """The value that is there."""
        return read(value, self.kind, where)


@dataclasses.dataclass(frozen=True)
class Json:
    """A string that holds JSON of a kind."""

    kind: Any

    def read(self, value: Any, where: str) -> str:
        """The string."""
        if type(value) is not str:
            raise wrong(where, "a string", value)
        read(parse(value, where), self.kind, where)
        return value


def parse(text: "str | bytes", where: str) -> Any:
    """The value of a JSON text. Raises InputError."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        why = "nested too deep" if isinstance(error, RecursionError) else error
        raise InputError(f"{where} is damaged: expected JSON ({why})") from error


def read_file(path: Path, kinds: Mapping[str, Any]) -> dict[str, Any]:
    """The dictionary in a JSON file, which has these keys and maybe others. Raises InputError."""
    return Open(kinds).read(read_json(path), str(path))


def wrong(where: str, expected: str, value: Any) -> InputError:
    """The error for a value that is not what was expected."""
    return InputError(f"{where}: expected {expected}, got {shown(value)}")


def shown(value: Any) -> str:
    """A value in a few characters."""
    if type(value) in (bool, float, type(None)) or (type(value) is int and abs(value) < LARGEST):
        return repr(value)
    if type(value) is str:
        return repr(value[:SHOWN])
    if type(value) is int:
        return f"an integer of {value.bit_length()} bits"
    size = f" of length {len(value)}" if isinstance(value, list | tuple | dict) else ""
    return f"a {type(value).__name__}{size}"


def read(value: Any, kind: Any, where: str) -> Any:
    """The value as the kind says, see the module's docstring.

    Args:
        value: anything.
        kind: what it should be.
        where: what the message calls the value.

    Raises:
        InputError: it is something else.
    """
    if kind in PLAIN:
        return _plain(value, kind, where)
    if isinstance(kind, dict):
        return _dictionary(value, kind, where)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _dataclass(value, kind, where)
    origin = get_origin(kind)
    if origin is dict:
        return _free(value, where)
    if origin is Literal:
        if not any(type(value) is type(choice) and value == choice for choice in get_args(kind)):
            raise wrong(where, f"one of {', '.join(map(str, get_args(kind)))}", value)
        return value
    if origin in (Union, types.UnionType):
        return _union(value, get_args(kind), where)
    if origin is tuple:
        return _tuple(value, get_args(kind), where)
    if origin is list:
        return Rows(get_args(kind)[0]).read(value, where)
    return kind.read(value, where)


PLAIN = (bool, int, float, str, type(None), None)


def _plain(value: Any, kind: Any, where: str) -> Any:
    if kind is bool and type(value) is not bool:
        raise wrong(where, "true or false", value)
    if kind is int and (type(value) is not int or abs(value) >= LARGEST):
        raise wrong(where, "an integer", value)
    if kind is float and (not _number(value) or math.isnan(value)):
        raise wrong(where, "a number", value)
    if kind is str and type(value) is not str:
        raise wrong(where, "a string", value)
    if kind in (None, type(None)) and value is not None:
        raise wrong(where, "nothing", value)
    return value


def _number(value: Any) -> bool:
    return type(value) is float or (type(value) is int and abs(value) < LARGEST)


def _union(value: Any, kinds: tuple[Any, ...], where: str) -> Any:
    """The first kind that fits."""
    reasons = []
    for kind in kinds:
        try:
            return read(value, kind, where)
        except InputError as error:
            reasons.append(str(error).partition("expected ")[2].partition(", got ")[0])
    raise wrong(where, " or ".join(reasons), value)


def _tuple(value: Any, kinds: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    if type(value) not in (list, tuple):
        raise wrong(where, "a list", value)
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(value) != len(kinds):
        raise wrong(where, f"a list of {len(kinds)}", value)
    return tuple(read(item, kind, f"{where}[{i}]") for i, (item, kind) in enumerate(zip(value, kinds, strict=True)))


def _free(value: Any, where: str) -> dict[str, Any]:
    """A dictionary with any JSON values."""
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise wrong(where, "a dictionary", value)
    return value


def _dictionary(value: Any, kinds: dict[str, Any], where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise wrong(where, "a dictionary", value)
    for name in value:
        if name not in kinds:
            raise InputError(f"{where} has an unknown field {shown(name)}")
    there = {name: kind for name, kind in kinds.items() if name in value or not isinstance(kind, Absent)}
    return Open(there).read(value, where)


def _dataclass(value: Any, kind: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise wrong(where, "a dictionary", value)
    hints = get_type_hints(kind)
    known = {field.name: hints[field.name] for field in dataclasses.fields(kind)}
    nothing = dataclasses.MISSING
    needed = {f.name for f in dataclasses.fields(kind) if f.default is nothing and f.default_factory is nothing}
    kinds = {name: hint if name in needed else Absent(hint) for name, hint in known.items()}
    return kind(**_dictionary(value, kinds, where))
