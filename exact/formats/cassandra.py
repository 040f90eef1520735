"""Cassandra's text format for MDPs, the part of pomdp-solve's .POMDP files that has no observations.

    discount: 0.95        values: reward | cost        states: 3 | a b c        actions: 2 | left right
    start: 0.5 0.5 0 | uniform | STATE | include: ... | exclude: ...
    T: action : state : next P        T: action : state  S numbers        T: action  S*S numbers | identity | uniform
    R: action : state : next R        R: action : state  S numbers        R: action  S*S numbers

A `*` stands for all actions or states; what comes later wins.  # begins a comment.
"""

import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from exact.arrays import expected_rewards
from exact.common.errors import InputError
from exact.common.files import atomic_write
from exact.formats.explicit import Given, initial_distribution, rows, the_discount
from exact.formats.text import Lines, number_text, read_remark, remark
from exact.mdp import MDP

KEYWORDS = ("discount", "values", "states", "actions", "observations", "start", "T", "O", "R")
TOKEN = re.compile(r"[^\s:]+|:")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
MAX_ENTRIES = 4_000_000
"""Largest accepted A*S*S; the format's tables are dense."""
MAX_WORK = 400_000_000
"""Largest number of entries that all lines together set; a `*` sets many."""


class _Tokens:
    """The words and colons of a file, with two words of foresight."""

    def __init__(self, path: Path) -> None:
        self.lines = Lines(path)
        self.said: dict[str, Any] = {}
        self.source = self._all()
        self.ahead: deque[tuple[str, int]] = deque()

    def _all(self) -> Iterator[tuple[str, int]]:
        for text in self.lines:
            code, mark, comment = text.partition("#")
            if mark:
                self.said |= read_remark(comment.strip())
            for token in TOKEN.findall(code):
                yield token, self.lines.line

    def peek(self, n: int = 0) -> str:
        """The n-th word from here, "" at the end."""
        while len(self.ahead) <= n:
            self.ahead.append(next(self.source, ("", self.lines.line)))
        return self.ahead[n][0]

    def take(self) -> str:
        """The next word."""
        self.peek()
        word, self.line = self.ahead.popleft()
        return word

    def fail(self, expected: str, found: object) -> NoReturn:
        """The error at the word taken last."""
        self.lines.line = self.line
        self.lines.fail(expected, found)

    def colon(self) -> None:
        """Take a colon."""
        word = self.take()
        if word != ":":
            self.fail("':'", word)

    def at_keyword(self) -> bool:
        """Whether a new entry, or the end, comes next."""
        word = self.peek()
        return not word or (word in KEYWORDS and (self.peek(1) == ":" or word == "start"))

    def number(self, what: str) -> float:
        """Take a number."""
        word = self.take()
        self.lines.line = self.line
        return self.lines.number(word, what)

    def words(self) -> Iterator[str]:
        """Take all words up to the next entry."""
        while not self.at_keyword():
            yield self.take()


class _Reader:
    """What has been read so far."""

    def __init__(self, tokens: _Tokens) -> None:
        self.t = tokens
        self.sizes: dict[str, int] = {}
        self.names: dict[str, list[str]] = {"states": [], "actions": []}
        self.position: dict[str, dict[str, int]] = {"states": {}, "actions": {}}
        self.sign, self.work = 1.0, 0
        self.discount: float | None = None
        self.start: Any = None
        self.P = self.R = np.zeros((0, 0, 0))

    def entry(self) -> None:
        """One entry."""
        t = self.t
        key = t.take()
        if key in ("observations", "O"):
            t.fail("an MDP: observations make a POMDP, which is not read", key)
        if key not in KEYWORDS:
            t.fail(f"one of {', '.join(KEYWORDS)}", key)
        if key == "start" and t.peek() in ("include", "exclude"):
            self.some(t.take() == "include")
            return
        t.colon()
        if key == "discount":
            self.discount = t.number("a discount")
        elif key == "values":
            word = t.take()
            if word not in ("reward", "cost"):
                t.fail("reward or cost", word)
            self.sign = 1.0 if word == "reward" else -1.0
        elif key in ("states", "actions"):
            self.declare(key)
        elif key == "start":
            self.begin()
        else:
            self.table(key)

    def declare(self, key: str) -> None:
        """The states or the actions, as a number or as names."""
        words = list(self.t.words())
        if key in self.sizes or self.P.size or not words:
            self.t.fail(f"the {key} once, before T and R", key)
        if len(words) == 1 and words[0].isdigit():
            self.sizes[key] = self.t.lines.whole(words[0], f"the number of {key}")
        else:
            self.sizes[key], self.names[key] = len(words), words
            self.position[key] = {name: i for i, name in enumerate(words)}
            if len(self.position[key]) < len(words):
                self.t.fail(f"different names of {key}", "the same twice")

    def tables(self) -> None:
        """Make the tables once the sizes are known."""
        if self.P.size:
            return
        S, A = self.sizes.get("states", 0), self.sizes.get("actions", 0)
        if not 0 < A * S * S <= MAX_ENTRIES:
            raise InputError(
                f"declares {S} states and {A} actions before T, R or start; expected some, with at most "
                f"{MAX_ENTRIES} entries A*S*S (use .umb, .drn or .npz for a large MDP)"
            )
        self.P, self.R = np.zeros((A, S, S)), np.zeros((A, S, S))

    def index(self, key: str, word: str) -> Any:
        """A slice of all, or an index."""
        if word == "*":
            return slice(None)
        if word in self.position[key]:
            i = self.position[key][word]
            return slice(i, i + 1)
        self.t.lines.line = self.t.line
        i = self.t.lines.whole(word, f"one of the {key}", self.sizes[key])
        return slice(i, i + 1)

    def begin(self) -> None:
        """`start:` with a state, `uniform`, or S numbers."""
        self.tables()
        S, words = self.sizes["states"], list(self.t.words())
        self.start = np.zeros(S)
        if words == ["uniform"]:
            self.start[:] = 1 / S
        elif len(words) == 1 and (S > 1 or words[0] in self.position["states"]):
            self.start[self.index("states", words[0])] = 1
        elif len(words) == S:
            self.start[:] = [self.t.lines.number(word, "a probability") for word in words]
        else:
            self.t.fail(f"a state, 'uniform' or {S} numbers", " ".join(words[:9]))

    def some(self, include: bool) -> None:
        """`start include:` or `start exclude:` with states."""
        self.t.colon()
        self.tables()
        chosen = np.zeros(self.sizes["states"], dtype=bool)
        for word in self.t.words():
            chosen[self.index("states", word)] = True
        chosen = chosen if include else ~chosen
        if not chosen.any():
            self.t.fail("at least one state to start from", "none")
        self.start = chosen / chosen.sum()

    def table(self, key: str) -> None:
        """An entry of T or R."""
        t = self.t
        self.tables()
        table = self.P if key == "T" else self.R
        S, what = self.sizes["states"], "a probability" if key == "T" else "a reward"
        place: list[Any] = [self.index("actions", t.take())]
        while t.peek() == ":" and len(place) < (3 if key == "T" else 4):
            t.take()
            word = t.take()
            if len(place) == 3 and word != "*":
                t.fail("a reward without an observation", word)
            place.append(self.index("states", word) if len(place) < 3 else slice(None))
        target = table[tuple(place[:3])]
        self.work += target.size
        if self.work > MAX_WORK:
            t.fail(f"at most {MAX_WORK} entries set by all lines", "more")
        if len(place) < 3 and t.peek() == "uniform" and key == "T":
            t.take()
            target[...] = 1 / S
        elif len(place) == 1 and t.peek() == "identity" and key == "T":
            t.take()
            target[...] = np.eye(S)
        elif len(place) >= 3:
            target[...] = t.number(what)
        else:
            numbers = [t.number(what) for _ in range(S if len(place) == 2 else S * S)]
            target[...] = numbers if len(place) == 2 else np.reshape(numbers, (S, S))


def read(path: Path, given: Given) -> tuple[MDP, list[str]]:
    """The MDP of a file in Cassandra's format."""
    if given.rewards is not None:
        raise InputError("the format has one reward; the option rewards has no meaning")
    tokens = _Tokens(path)
    reader = _Reader(tokens)
    while tokens.peek():
        reader.entry()
    reader.tables()
    A, S, _ = reader.P.shape
    said = ({"discount": reader.discount} if reader.discount is not None else {}) | tokens.said
    table = np.ascontiguousarray(reader.P.transpose(1, 0, 2))
    row, target = np.nonzero(table.reshape(S * A, S))
    rewards = reader.R.transpose(1, 0, 2).reshape(S * A, S)[row, target]
    r = expected_rewards(row, table.reshape(S * A, S)[row, target], reader.sign * rewards, S * A)
    if reader.start is not None and given.initial is None and "initial" not in said:
        said["initial"] = reader.start
    mask = np.array(said["available"], dtype=object) != 0 if "available" in said else None
    mdp = MDP(
        table,
        r.reshape(S, A),
        initial_distribution(S, [], said, given),
        the_discount(said, given),
        said.get("name", path.stem),
        mask,
        said.get("states", reader.names["states"]),
        said.get("actions", reader.names["actions"]),
    )
    return mdp, tokens.lines.notes()


def write(mdp: MDP, path: Path, fractions: bool) -> list[str]:
    """Write Cassandra's format. Unavailable pairs are copies there; a comment holds the mask."""
    if fractions:
        raise InputError("Cassandra's format has no fractions; leave out --fractions")
    if mdp.n_actions * mdp.n_states**2 > MAX_ENTRIES:
        raise InputError(f"{mdp.name} has more than {MAX_ENTRIES} entries A*S*S, which this format is not for")
    states, actions = (_names(labels) for labels in (mdp.states, mdp.actions))
    out = [f"# {remark(mdp, mask=True)}", f"discount: {mdp.discount!r}", "values: reward"]
    out += [f"states: {' '.join(states) or mdp.n_states}", f"actions: {' '.join(actions) or mdp.n_actions}"]
    out.append("start: " + " ".join(map(repr, mdp.initial.tolist())))
    whole = MDP(mdp.transitions, mdp.rewards, mdp.initial, mdp.discount, mdp.name)
    for s, choices in enumerate(rows(whole)):
        for a, reward, pairs in choices:
            head = f"{actions[a] if actions else a} : {states[s] if states else s}"
            out += [f"T: {head} : {states[t] if states else t} {number_text(p, False)}" for t, p in pairs]
            out.append(f"R: {head} : * {number_text(reward, False)}")
    atomic_write(path, "\n".join(out) + "\n")
    kept = {"states": states, "actions": actions}
    lost = [what for what, names in kept.items() if getattr(mdp, what) and not names]
    notes = [f"the labels of the {' and '.join(lost)}: in a comment that other tools do not read"] if lost else []
    if mdp.available is not None:
        notes.append("unavailable actions: as copies of available ones; a comment holds the mask")
    return notes


def _names(labels: tuple[str, ...]) -> list[str]:
    """The labels, if they are different names of the format; else none, and numbers are written."""
    fits = len(set(labels)) == len(labels) and all(NAME.fullmatch(x) and x not in KEYWORDS for x in labels)
    reserved = {"uniform", "identity", "include", "exclude", "reset"}
    return list(labels) if fits and not reserved & set(labels) else []
