"""Text formats: lines that are counted, numbers that are checked, and the remark that holds what a format lacks."""

import json
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn

from exact.common.errors import InputError
from exact.common.files import check_regular
from exact.common.tables import counted
from exact.mdp import MDP
from exact.small_fractions import fraction

TEXT_MAX_BYTES = 64 << 20
"""Largest accepted text file."""
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
RATIO = re.compile(r"([+-]?\d+)/(\d+)")
REMARK = "stro-mdp-1 "
"""A comment that begins so goes on with a JSON object: what the format itself has no place for."""
LONGEST_SHOWN = 40
"""So many characters of a wrong text are shown."""


class Lines:
    """The lines of a text file without the blanks at their ends; `line` is the number of the current one, from 1."""

    def __init__(self, path: Path, sibling: bool = False) -> None:
        """Open nothing yet; `sibling` says that messages have to name the file."""
        self.path, self.line, self.sibling = path, 0, sibling
        self.rounded = 0
        """How many fractions were read that float64 does not hold."""

    def __iter__(self) -> Iterator[str]:
        check_regular(self.path)
        if self.path.stat().st_size > TEXT_MAX_BYTES:
            raise InputError(f"is larger than {TEXT_MAX_BYTES >> 20} MiB; use .npz or .umb for a large MDP")
        with open(self.path, encoding="utf-8", newline="\n") as stream:
            for text in stream:
                self.line += 1
                yield text.strip()

    def fail(self, expected: str, found: object) -> NoReturn:
        """Raise the error of this line."""
        shown = repr(str(found)[:LONGEST_SHOWN]) if str(found) else "nothing"
        where = f"{self.path.name}, line" if self.sibling else "line"
        raise InputError(f"{where} {self.line}: expected {expected}, found {shown}") from None

    def number(self, text: str, what: str) -> float:
        """A decimal, or a fraction such as 1/3, as the nearest float64."""
        if NUMBER.fullmatch(text):
            value = float(text)
            if abs(value) != float("inf"):
                return value
        elif ratio := RATIO.fullmatch(text):
            try:
                exact = Fraction(int(ratio[1]), int(ratio[2]))
                value = float(exact)
            except (ValueError, ZeroDivisionError, OverflowError):
                self.fail(what, text)
            self.rounded += fraction(value) != exact
            return value
        return self.fail(f"{what}, a finite number", text)

    def whole(self, text: str, what: str, below: int | None = None) -> int:
        """A whole number >= 0, less than `below`."""
        if not (text.isascii() and text.isdigit() and len(text) < 19):
            self.fail(f"{what}, a whole number", text)
        value = int(text)
        if below is not None and value >= below:
            self.fail(f"{what} in 0..{below - 1}", text)
        return value

    def notes(self) -> list[str]:
        """What the reader could not keep."""
        return rounding_note(self.rounded)


def rounding_note(count: int) -> list[str]:
    """The note about so many fractions that float64 does not hold, if there are any."""
    return [f"float64 does not hold {counted(count, 'fraction')}: rounded"] if count else []


def number_text(x: float, fractions: bool) -> str:
    """The shortest digits that give the float back, or the fraction that it means."""
    return str(fraction(x)) if fractions else repr(float(x))


def remark(mdp: MDP, mask: bool = False) -> str:
    """One line of JSON about an MDP: what a format has no place for, and the mask if it is asked for."""
    fields: dict[str, Any] = {"name": mdp.name, "discount": mdp.discount, "initial": mdp.initial.tolist()}
    fields |= {key: list(getattr(mdp, key)) for key in ("states", "actions") if getattr(mdp, key)}
    if mdp.available is not None:
        fields["n_actions"] = mdp.n_actions  # one that no state has would be lost
    if mask and mdp.available is not None:
        fields["available"] = mdp.available.astype(int).tolist()
    return REMARK + json.dumps(fields)


def read_remark(comment: str) -> dict[str, Any]:
    """The fields of a comment that is a remark; none if it is another comment.

    Raises:
        InputError: it begins as a remark and goes on otherwise.
    """
    if not comment.startswith(REMARK):
        return {}
    try:
        found = json.loads(comment.removeprefix(REMARK))
    except (ValueError, RecursionError):
        found = None
    return check_remark(found)


def check_remark(found: Any) -> dict[str, Any]:
    """The fields of a remark, if their types are right; the MDP type checks the rest."""
    kinds: dict[str, Any] = {"name": str, "discount": (int, float), "initial": list, "states": list, "actions": list}
    kinds |= {"n_actions": int, "available": list}
    fits = isinstance(found, dict) and all(isinstance(found[key], kinds[key]) for key in kinds.keys() & found.keys())
    if not fits:
        raise InputError(f"the remark {REMARK.strip()!r} must be a JSON object with name, discount, initial, ...")
    return {key: found[key] for key in kinds if key in found}
