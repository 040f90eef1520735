"""Storm's .drn, its "direct encoding" of explicit models, as `DirectEncodingParser.cpp` of Storm reads it."""

import re
from array import array
from pathlib import Path
from typing import Any

import numpy as np

from exact.common.errors import InputError
from exact.common.files import atomic_write
from exact.formats.explicit import Explicit, Given, assemble, choice_labels, only_in_remark, rows, state_words
from exact.formats.text import Lines, number_text, read_remark, remark
from exact.mdp import MDP

NO_LABEL = "__NOLABEL__"
"""Storm's word for an action without a label."""
LABELS = re.compile(r'"([^"]+)"(?=\s|$|")|([^\s"]+)(?=\s|$)')
"""A label of a state, in quotation marks or not."""


def read(path: Path, given: Given) -> tuple[MDP, list[str]]:
    """The MDP of a .drn file."""
    lines = Lines(path)
    stream, said = iter(lines), dict[str, Any]()
    header: dict[str, str] = {}
    for text in stream:
        if text.startswith("//"):
            said |= read_remark(text.removeprefix("//").strip())
        elif text == "@model":
            break
        elif text.startswith(("@type:", "@value_type:")):
            key, _, value = text.partition(":")
            header[key] = value.strip()
        elif text.startswith("@"):
            header[text] = next(stream, "")
        elif text:
            lines.fail("a line that begins with @", text)
    else:
        raise InputError("has no @model")
    S = _check(header, lines)
    names = header.get("@reward_models", "").split()
    model, said = _body(stream, lines, said, S, _chosen(names, given))
    mdp, notes = assemble(model, said, given, path.stem)
    declared = header.get("@nr_choices")
    if declared is not None and declared != str(len(model.state)):
        raise InputError(f"has {len(model.state)} choices, @nr_choices says {declared[:20]!r}")
    return mdp, notes + lines.notes() + ([] if names else ["the file has no rewards: all are zero"])


def _check(header: dict[str, str], lines: Lines) -> int:
    """Check the header; returns the number of states."""
    if header.get("@type", "").upper() != "MDP":
        raise InputError(f"expected '@type: MDP', found {header.get('@type', 'no type')[:20]!r}")
    if header.get("@value_type", "double") not in ("double", "rational"):
        raise InputError(f"expected numbers of the type double or rational, found {header['@value_type'][:20]!r}")
    if header.get("@parameters") or "@placeholders" in header:
        raise InputError("has parameters or placeholders, which are not read: instantiate the model first")
    if "@nr_states" not in header:
        raise InputError("has no @nr_states")
    return lines.whole(header["@nr_states"], "the number of states")


def _chosen(names: list[str], given: Given) -> int:
    """Index of the reward model."""
    if given.rewards is not None:
        if given.rewards not in names:
            raise InputError(f"has no rewards {given.rewards[:40]!r}, expected one of {', '.join(names)[:200]}")
        return names.index(given.rewards)
    if len(names) > 1:
        raise InputError(f"has several rewards, choose one (FILE:rewards=NAME): {', '.join(names)[:200]}")
    return 0


def _body(stream: Any, lines: Lines, said: dict[str, Any], S: int, model: int) -> tuple[Explicit, dict[str, Any]]:
    """What stands after @model."""
    state, label, choice, target = array("q"), array("q"), array("q"), array("q")
    reward, p = array("d"), array("d")
    labels: dict[str, int] = {}
    words: dict[int, list[str]] = {}
    start: list[int] = []
    s, of_state = -1, 0.0
    for text in stream:
        if text.startswith("//"):
            said = said | read_remark(text.removeprefix("//").strip())
        elif text.startswith("state "):
            s += 1
            number, of_state, rest = _head(text.removeprefix("state "), lines, model)
            if lines.whole(number, "a state", S) != s:
                lines.fail(f"state {s}", text)
            found = [one or other for one, other in LABELS.findall(rest)]
            if "init" in found:
                start.append(s)
            if found:
                words[s] = found
        elif text.startswith("action ") and s >= 0:
            name, of_choice, _ = _head(text.removeprefix("action "), lines, model)
            state.append(s)
            label.append(-1 if name == NO_LABEL else labels.setdefault(name, len(labels)))
            reward.append(of_state + of_choice)
        elif text:
            number, colon, value = text.partition(":")
            if not colon or not state or state[-1] != s:
                lines.fail("'state', 'action', or 'STATE : PROBABILITY' below an action", text)
            choice.append(len(state) - 1)
            target.append(lines.whole(number.strip(), "the next state", S))
            p.append(lines.number(value.strip(), "a probability"))
    if s + 1 != S:
        raise InputError(f"has {s + 1} states, @nr_states says {S}")
    integers = (np.array(x, dtype=np.int64) for x in (state, label, choice, target))
    of, labelled, row, to = integers
    found_model = Explicit(
        S, of, labelled, list(labels), np.array(reward), row, to, np.array(p), words=words, start=start
    )
    return found_model, said


def _head(text: str, lines: Lines, model: int) -> tuple[str, float, str]:
    """Name, reward and rest of a line such as `0 [1.5, 0] label label`."""
    name, _, rest = text.strip().partition(" ")
    rest, value = rest.strip(), 0.0
    if rest.startswith("["):
        inside, bracket, rest = rest[1:].partition("]")
        values = inside.split(",")
        if not bracket or model >= len(values):
            lines.fail("rewards such as [1, 0]", text)
        value = lines.number(values[model].strip(), "a reward")
    return name, value, rest


def write(mdp: MDP, path: Path, fractions: bool) -> list[str]:
    """Write a .drn file; discount, rho0 and labels that Storm has no place for stand in a comment."""
    labels, n = choice_labels(mdp), mdp.rewards.size if mdp.available is None else int(mdp.available.sum())
    kind = "rational" if fractions else "double"
    out = [f"// {remark(mdp)}", "@type: MDP", f"@value_type: {kind}", "@parameters", "", "@reward_models", "reward"]
    out += ["@nr_states", str(mdp.n_states), "@nr_choices", str(n), "@model"]
    for s, (choices, words) in enumerate(zip(rows(mdp), state_words(mdp), strict=True)):
        out.append(" ".join([f"state {s}", *(["init"] if mdp.initial[s] > 0 else []), *words]))
        for a, reward, pairs in choices:
            out.append(f"\taction {labels[a]} [{number_text(reward, fractions)}]")
            out += [f"\t\t{t} : {number_text(p, fractions)}" for t, p in pairs]
    atomic_write(path, "\n".join(out) + "\n")
    return only_in_remark(mdp)
