"""PRISM's explicit files: NAME.tra, and beside it NAME.lab, NAME.srew and NAME.trew, as PRISM's manual has them.

.tra     "S C T", then "state choice next probability [action]"
.lab     0="init" 1="deadlock" 2="goal", then "state: label label"
.srew    "S n", then "state reward": what every action of a state earns
.trew    "S C n", then "state choice next reward"; also found as .rew or .rewt
"""

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

LABEL = re.compile(r'(\d+)="([^"]+)"')
TRANSITION_REWARDS = (".trew", ".rewt", ".rew")
"""Endings of the file of transition rewards; the first one there is read."""
STATE_REWARDS = (".srew", ".rews")


def read(path: Path, given: Given) -> tuple[MDP, list[str]]:
    """The MDP of a .tra file and of the files beside it."""
    if given.rewards is not None:
        raise InputError("a .tra file has the rewards of the files beside it; the option rewards has no meaning")
    lines = Lines(path)
    S, C, columns, labels = _transitions(lines)
    s, k, t, p, label = columns
    key = s * C + k
    keys, first, choice = np.unique(key, return_index=True, return_inverse=True)
    if len(keys) != C:
        raise InputError(f"has {len(keys)} choices, its first line says {C}")
    if (label != label[first][choice]).any():
        raise InputError("the transitions of a choice have different actions")
    notes, said = lines.notes(), dict[str, Any]()
    per_state, found_states = np.zeros(S), _sibling(path, STATE_REWARDS)
    if found_states is not None:
        per_state = _state_rewards(Lines(found_states, sibling=True), S)
    per_transition, found = None, _sibling(path, TRANSITION_REWARDS)
    if found is not None:
        per_transition, said = _transition_rewards(Lines(found, sibling=True), (S, C), (keys, choice, t))
    if found is None and found_states is None:
        notes.append("no file of rewards beside it: all are zero")
    words, start = _labels(path.with_suffix(".lab"), S)
    state = keys // C
    model = Explicit(
        S, state, label[first], labels, per_state[state], choice, t, p, per_transition, words=words, start=start
    )
    mdp, more = assemble(model, said, given, path.stem)
    return mdp, notes + more


def _header(lines: Lines, stream: Any, what: str) -> tuple[list[int], dict[str, Any]]:
    """The whole numbers of the first line that is no comment, and the remark among the comments."""
    said: dict[str, Any] = {}
    for text in stream:
        if text.startswith("#"):
            said |= read_remark(text.removeprefix("#").strip())
        elif text:
            words = text.split()
            if len(words) != len(what.split()):
                lines.fail(f"the line {what!r} of an MDP", text)
            return [lines.whole(word, what) for word in words], said
    return lines.fail(f"the line {what!r} of an MDP", "")


def _transitions(lines: Lines) -> tuple[int, int, Any, list[str]]:
    """S, C, the columns state, choice, next state, probability and label, and the labels."""
    stream = iter(lines)
    (S, C, T), _ = _header(lines, stream, "states choices transitions")
    if S * C >= 1 << 62:
        raise InputError(f"declares {S} states and {C} choices, which no file can hold")
    integers = [array("q") for _ in range(4)]
    p, labels = array("d"), dict[str, int]()
    for text in stream:
        words = text.split(None, 4)
        if not words or words[0] == "#":
            continue
        if len(words) < 4:
            lines.fail("'state choice next probability [action]'", text)
        integers[0].append(lines.whole(words[0], "a state", S))
        integers[1].append(lines.whole(words[1], "a choice", C))
        integers[2].append(lines.whole(words[2], "the next state", S))
        p.append(lines.number(words[3], "a probability"))
        integers[3].append(labels.setdefault(words[4], len(labels)) if len(words) > 4 else -1)
    if len(p) != T:
        raise InputError(f"has {len(p)} transitions, its first line says {T}")
    s, k, t, label = (np.array(x, dtype=np.int64) for x in integers)
    return S, C, (s, k, t, np.array(p), label), list(labels)


def _state_rewards(lines: Lines, S: int) -> Any:
    stream = iter(lines)
    (declared, n), _ = _header(lines, stream, "states rewards")
    if declared != S:
        lines.fail(f"{S} states as in the .tra file", declared)
    rewards, count = np.zeros(S), 0
    for text in stream:
        words = text.split()
        if len(words) != 2:
            if not words or words[0] == "#":
                continue
            lines.fail("'state reward'", text)
        rewards[lines.whole(words[0], "a state", S)] = lines.number(words[1], "a reward")
        count += 1
    if count != n:
        lines.fail(f"{n} rewards", count)
    return rewards


def _transition_rewards(lines: Lines, sizes: tuple[int, int], known: Any) -> tuple[Any, dict[str, Any]]:
    """The reward of every transition of the .tra file, in its order, and the remark.

    Args:
        lines: the file.
        sizes: S and C.
        known: state * C + number of every choice, rising; and choice and next state of every transition.
    """
    (S, C), (keys, choice, target) = sizes, known
    stream = iter(lines)
    declared, said = _header(lines, stream, "states choices rewards")
    if tuple(declared[:2]) != sizes:
        lines.fail(f"{S} states and {C} choices as in the .tra file", " ".join(map(str, declared)))
    places, to, values = array("q"), array("q"), array("d")
    for text in stream:
        words = text.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 4:
            lines.fail("'state choice next reward'", text)
        places.append(lines.whole(words[0], "a state", S) * C + lines.whole(words[1], "a choice", C))
        to.append(lines.whole(words[2], "the next state", S))
        values.append(lines.number(words[3], "a reward"))
    if len(values) != declared[2]:
        lines.fail(f"{declared[2]} rewards", len(values))
    wanted = np.minimum(np.searchsorted(keys, places), len(keys) - 1)
    order = np.argsort(choice * S + target, kind="stable")
    pairs, asked = (choice * S + target)[order], wanted * S + np.array(to, dtype=np.int64)
    left, right = np.searchsorted(pairs, asked), np.searchsorted(pairs, asked, side="right")
    if (keys[wanted] != np.array(places, dtype=np.int64)).any() or (left == right).any():
        raise InputError(f"{lines.path.name} has a reward for a transition that the .tra file does not have")
    rewards = np.zeros(len(choice))
    for i, j, value in zip(left.tolist(), right.tolist(), values, strict=True):
        rewards[order[i:j]] = value
    return rewards, said


def _labels(path: Path, S: int) -> tuple[dict[int, list[str]], list[int]]:
    """The labels by state, and the initial states. No file: none."""
    if not path.is_file():
        return {}, []
    lines = Lines(path, sibling=True)
    stream = iter(lines)
    first = next((text for text in stream if text and not text.startswith("#")), "")
    names = {int(i): name for i, name in LABEL.findall(first) if len(i) < 10}
    if not names:
        lines.fail('labels such as 0="init" 1="deadlock"', first)
    words: dict[int, list[str]] = {}
    for text in stream:
        if not text or text.startswith("#"):
            continue
        number, _, rest = text.partition(":")
        s = lines.whole(number.strip(), "a state", S)
        for word in rest.split():
            i = lines.whole(word, "the number of a label")
            if i not in names:
                lines.fail("a label of the first line", word)
            words.setdefault(s, []).append(names[i])
    return words, [s for s, found in words.items() if "init" in found]


def _sibling(path: Path, suffixes: tuple[str, ...]) -> Path | None:
    return next((file for file in map(path.with_suffix, suffixes) if file.is_file()), None)


def write(mdp: MDP, path: Path, fractions: bool) -> list[str]:
    """Write .tra, .lab and .trew. What PRISM has no place for stands in a comment of the last."""
    states = _sibling(path, STATE_REWARDS)
    if states is not None:
        raise InputError(f"{path}: {states.name} beside it would be read as rewards of this MDP: take another name")
    labels, tra, trew, words = choice_labels(mdp), list[str](), list[str](), state_words(mdp)
    n_choices = 0
    for s, choices in enumerate(rows(mdp)):
        n_choices += len(choices)
        for k, (a, reward, pairs) in enumerate(choices):
            tra += [f"{s} {k} {t} {number_text(p, fractions)} {labels[a]}" for t, p in pairs]
            if reward != 0 or str(reward) == "-0.0":
                trew += [f"{s} {k} {t} {number_text(reward, fractions)}" for t, _ in pairs]
    names = ["init", "deadlock", *dict.fromkeys(word for found in words for word in found)]
    position = {name: i for i, name in enumerate(names)}
    lab = [" ".join(f'{i}="{name}"' for i, name in enumerate(names))]
    for s, found in enumerate(words):
        numbers = ([0] if mdp.initial[s] > 0 else []) + [position[word] for word in found]
        if numbers:
            lab.append(f"{s}: {' '.join(map(str, numbers))}")
    trew = [f"# {remark(mdp)}", '# Reward structure "reward"', f"{mdp.n_states} {n_choices} {len(trew)}", *trew]
    atomic_write(path.with_suffix(".lab"), "\n".join(lab) + "\n")
    atomic_write(path.with_suffix(".trew"), "\n".join(trew) + "\n")
    atomic_write(path, "\n".join([f"{mdp.n_states} {n_choices} {len(tra)}", *tra]) + "\n")
    return only_in_remark(mdp)
