"""What the explicit formats share: every state has a list of choices, and a choice may have a label.

An MDP has one set of actions for all states.  If the choices of every state have different labels, the labels are the
actions, and a state without a label's choice does not have this action.  Else the k-th choice is action k.  Labels that
are whole numbers are the numbers of actions without labels.
"""

import re
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from exact.arrays import MAX_PAIRS, expected_rewards
from exact.common.errors import InputError
from exact.mdp import MDP, dense_if_small

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""What every tool accepts as a label."""
RESERVED = ("init", "deadlock")
"""Labels of PRISM and Storm that are no labels here."""


@dataclass(frozen=True)
class Given:
    """What the user says about a file that does not say it."""

    discount: float | None = None
    """gamma."""
    initial: str | None = None
    """rho0: "uniform", the index of a state, or S numbers with commas."""
    rewards: str | None = None
    """Name of the reward structure, if the file has several."""


@dataclass(eq=False)
class Explicit:
    """An MDP as a list of choices. C choices, T transitions."""

    n_states: int
    state: Integers
    """State of every choice, shape (C,), rising."""
    label: Integers
    """Index of its label in `labels`, -1 for none; shape (C,)."""
    labels: list[str]
    reward: Floats
    """Shape (C,)."""
    choice: Integers
    """Choice of every transition, shape (T,)."""
    target: Integers
    """Its next state, shape (T,)."""
    probability: Floats
    """Shape (T,)."""
    transition_reward: Floats | None = None
    """Shape (T,); None: 0."""
    words: dict[int, list[str]] = field(default_factory=dict)
    """Labels of states, by state."""
    start: list[int] = field(default_factory=list)
    """States marked as initial."""


def assemble(model: Explicit, said: dict[str, Any], given: Given, stem: str) -> tuple[MDP, list[str]]:
    """The MDP of a list of choices, and notes about what it does not keep.

    Args:
        model: what the file says.
        said: the file's remark.
        given: what the user says; it wins.
        stem: name of the MDP if there is none.
    """
    S, C, discount = model.n_states, len(model.state), the_discount(said, given)
    if not 0 < S <= C:
        raise InputError(f"has {S} states and {C} choices; every state needs at least one (a deadlock, a self-loop)")
    missing = np.flatnonzero(np.bincount(model.state, minlength=S) == 0)
    if missing.size:
        raise InputError(f"state {missing[0]} has no choice; give a deadlock a self-loop")
    column, actions, notes = _columns(model, said.get("actions", []))
    A = max(int(column.max()) + 1, len(actions), said.get("n_actions", 0))
    if S * A > MAX_PAIRS:
        raise InputError(f"has {S} states and {A} actions, expected at most {MAX_PAIRS} pairs")
    pair = model.state * A + column
    if repeated(pair):
        raise InputError("a state has two choices for one action")
    entries = (model.probability, (pair[model.choice], model.target))
    kernel = sparse.coo_array(entries, shape=(S * A, S)).tocsr()
    rewards, available = np.zeros(S * A), np.zeros(S * A, dtype=bool)
    rewards[pair], available[pair] = model.reward, True
    if model.transition_reward is not None:
        rewards += expected_rewards(pair[model.choice], model.probability, model.transition_reward, S * A)
    states = said.get("states") or _state_labels(model)
    mdp = MDP(
        dense_if_small(sparse.csr_array(kernel), A),
        rewards.reshape(S, A),
        initial_distribution(S, model.start, said, given),
        discount,
        said.get("name", stem),
        available.reshape(S, A),
        tuple(states),
        tuple(actions),
    )
    return mdp, notes


def the_discount(said: dict[str, Any], given: Given) -> float:
    """gamma: what the user says, or the file."""
    if given.discount is not None:
        return given.discount
    if "discount" in said:
        return float(said["discount"])
    raise InputError("the file has no discount; give one: FILE:gamma=0.95, or --discount of exact.convert")


def initial_distribution(S: int, start: list[int], said: dict[str, Any], given: Given) -> Any:
    """rho0: what the user says, or the file's remark, or uniform over the initial states, or over all."""
    text = given.initial
    if text is None and "initial" in said:
        return said["initial"]
    chosen = range(S) if text == "uniform" or not start else start
    if text is not None and text != "uniform":
        parts = re.split("[,;]", text)
        try:
            if len(parts) > 1:
                return [float(part) for part in parts]
            chosen = [int(text)]
        except ValueError:
            chosen = []
        if not chosen or not 0 <= chosen[0] < S:
            raise InputError(f"initial must be 'uniform', a state in 0..{S - 1}, or S numbers, got {text[:40]!r}")
    rho0 = np.zeros(S)
    rho0[np.asarray(chosen)] = 1 / len(chosen)
    return rho0


def _columns(model: Explicit, names: list[Any]) -> tuple[Integers, Any, list[str]]:
    """The action of every choice, shape (C,), the labels of the actions, and notes."""
    order = np.arange(len(model.state)) - np.searchsorted(model.state, model.state)
    used = [model.labels[i] for i in np.flatnonzero(np.bincount(model.label + 1)[1:])]
    if not used:
        return order, names, []
    keys = model.state * len(model.labels) + model.label
    if (model.label < 0).any() or repeated(keys):
        note = "some choices have no label, or two of a state have the same: actions are numbered, not labelled"
        return order, [], [note]
    if all(re.fullmatch("0|[1-9][0-9]{0,6}", label) for label in used):
        number = np.array([int(text) if text.isdigit() else 0 for text in model.labels])
        return number[model.label], names, []
    if set(used) <= set(map(str, names)):
        position = {label: i for i, label in enumerate(names)}
    elif names:
        raise InputError("the labels of the choices are not those of the remark")
    else:
        names = _ordered(model)
        position = {label: i for i, label in enumerate(names)}
    column = np.array([position.get(label, 0) for label in model.labels])
    return column[model.label], names, []


def repeated(numbers: Integers) -> bool:
    """Whether a number occurs twice."""
    rising = np.sort(numbers)
    return bool((rising[1:] == rising[:-1]).any())


def _ordered(model: Explicit) -> list[str]:
    """The labels in an order in which those of every state rise; in order of appearance if there is none."""
    first: dict[str, None] = {}
    graph: dict[str, dict[str, None]] = {}
    previous = None
    for s, i in zip(model.state.tolist(), model.label.tolist(), strict=True):
        label = model.labels[i]
        first[label] = None
        before = graph.setdefault(label, {})
        if previous is not None and previous[0] == s:
            before[previous[1]] = None
        previous = s, label
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError:
        return list(first)


def _state_labels(model: Explicit) -> list[str]:
    """The words of every state, joined; none at all if no state has any."""
    words = {s: [w for w in found if w not in RESERVED] for s, found in model.words.items()}
    if not any(words.values()):
        return []
    return [" ".join(words.get(s, [])) for s in range(model.n_states)]


def choice_labels(mdp: MDP) -> list[str]:
    """The texts that stand for the actions in a file: their labels, if these are different words, else numbers."""
    labels = mdp.actions
    fits = labels and len(set(labels)) == len(labels) and all(re.fullmatch(r"[^\s\[\]\":#]+", x) for x in labels)
    numbers = any(x.isdigit() for x in labels)
    return list(labels) if fits and not numbers else [str(a) for a in range(mdp.n_actions)]


def state_words(mdp: MDP) -> list[list[str]]:
    """The words of every state's label that every tool accepts as labels."""
    if not mdp.states:
        return [[] for _ in range(mdp.n_states)]
    return [
        [w for w in dict.fromkeys(label.split()) if WORD.fullmatch(w) and w not in RESERVED] for label in mdp.states
    ]


def rows(mdp: MDP) -> Any:
    """For every state, its choices: (action, reward, [(next state, probability), ...]) of every available action."""
    kernel, A = sparse.csr_array(mdp.kernel), mdp.n_actions
    kernel.sort_indices()
    for s in range(mdp.n_states):
        choices = []
        for a in range(A):
            if mdp.available is None or mdp.available[s, a]:
                i, j = kernel.indptr[s * A + a], kernel.indptr[s * A + a + 1]
                pairs = zip(kernel.indices[i:j].tolist(), kernel.data[i:j].tolist(), strict=True)
                choices.append((a, float(mdp.rewards[s, a]), [(t, p) for t, p in pairs if p != 0]))
        yield choices


def only_in_remark(mdp: MDP, actions: bool = True) -> list[str]:
    """The note about what other tools will not see."""
    hidden = ["the discount"]
    positive = mdp.initial[mdp.initial > 0]
    hidden += ["rho0"] if not np.allclose(positive, 1 / len(positive), rtol=1e-15, atol=0) else []
    hidden += (
        ["the labels of the actions"] if actions and mdp.actions and list(mdp.actions) != choice_labels(mdp) else []
    )
    if [" ".join(words) for words in state_words(mdp)] != list(mdp.states or [""] * mdp.n_states):
        hidden.append("the labels of the states")
    return [f"{', '.join(hidden)}: in a comment that other tools do not read"]
