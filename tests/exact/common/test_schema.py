"""What comes from outside is checked: types, literals, shapes, sizes."""

import dataclasses
from typing import Literal

import pytest

from exact.common.errors import InputError
from exact.common.schema import Absent, Each, Finite, Json, Open, Rows, Whole, parse, read


@dataclasses.dataclass(frozen=True)
class Inner:
    kind: Literal["large", "small"]
    widths: tuple[int, ...] = (1,)
    end: float | None = None

    def __post_init__(self):
        if self.end is not None and self.end < 0:
            raise InputError("end must be >= 0")


@dataclasses.dataclass(frozen=True)
class Outer:
    count: int
    inner: Inner
    pairs: tuple[tuple[int, str], ...] = ()
    rate: float = 1.0
    fast: bool = False


GOOD = {"count": 3, "inner": {"kind": "large", "widths": [4, 5]}, "pairs": [[1, "a"]], "rate": 2}


def test_a_dataclass_is_read_from_json():
    assert read(GOOD, Outer, "file") == Outer(3, Inner("large", (4, 5)), ((1, "a"),), 2)
    assert read({"kind": "small", "end": None}, Inner, "file") == Inner("small")
    assert read({"kind": "small", "end": float("inf")}, Inner, "file").end == float("inf")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": True}, "file.count: expected an integer, got True"),
        ({"count": 3.0}, "file.count: expected an integer, got 3.0"),
        ({"count": "3"}, "file.count: expected an integer, got '3'"),
        ({"count": 10**30}, "file.count: expected an integer, got an integer of 100 bits"),
        ({"count": None}, "file.count: expected an integer, got None"),
        ({"rate": float("nan")}, "file.rate: expected a number, got nan"),
        ({"rate": False}, "file.rate: expected a number, got False"),
        ({"rate": 10**5000}, "file.rate: expected a number, got an integer of 16610 bits"),
        ({"fast": 1}, "file.fast: expected true or false, got 1"),
        ({"pairs": 7}, "file.pairs: expected a list, got 7"),
        ({"pairs": [[1]]}, "file.pairs[0]: expected a list of 2, got a list of length 1"),
        ({"pairs": [[1, 2]]}, "file.pairs[0][1]: expected a string, got 2"),
        ({"inner": []}, "file.inner: expected a dictionary, got a list of length 0"),
        ({"inner": {"kind": "x"}}, "file.inner.kind: expected one of large, small, got 'x'"),
        ({"inner": {}}, "file.inner has no field 'kind'"),
        ({"inner": {"kind": "large", "colour": 1}}, "file.inner has an unknown field 'colour'"),
        ({"inner": {"kind": "large", "end": "far"}}, "file.inner.end: expected a number or nothing, got 'far'"),
        ({"inner": {"kind": "large", "end": -1.0}}, "end must be >= 0"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    with pytest.raises(InputError) as raised:
        read(GOOD | change, Outer, "file")
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (Whole(1, 5), 5, 6),
        (Whole(), 2**63 - 1, 2**63),
        (Whole(), 0, -1),
        (Finite(), 1.5, float("inf")),
        (Finite(0), 0, -0.1),
        (Finite(), 1, 10**400),
        (Rows(int, 2), [1, 2], [1, 2, 3]),
        (Rows(int), [1], (1,)),
        (Each((int, str)), [1, "a"], [1, "a", 2]),
        (Open({"a": int}), {"a": 1, "more": object()}, {"more": 1}),
        ({"a": int, "b": Absent(int)}, {"a": 1}, {"b": 1}),
        ({"a": int, "b": Absent(int)}, {"a": 1, "b": 2}, {"a": 1, "b": "x"}),
        (Json({"a": int}), '{"a": 1}', '{"a": "x"}'),
        (Json(int), "1", 1),
        (list[int], [1], ["x"]),
    ],
)
def test_kinds(kind, good, bad):
    assert read(good, kind, "here") == good
    with pytest.raises(InputError, match="here"):
        read(bad, kind, "here")


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "1" * 5000, b"\xff\xfe"])
def test_text_that_is_no_json_is_one_line(text):
    with pytest.raises(InputError, match="here is damaged: expected JSON"):
        parse(text, "here")
