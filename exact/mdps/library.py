"""Named MDPs, and `load`, which finds an MDP by name, specification or file.

The initial distribution is uniform unless a docstring says otherwise, so min(rho0) > 0 as the bounds of Zhao, Li and
Wen (arXiv 1911.11640) need it.  If the set of actions depends on the state in the source, the missing actions are
copies of an existing one.

Exact arithmetic can read the data: every number of a named MDP, and of a Garnet MDP of up to 65,536 states, is the
float64 nearest to a fraction with a denominator of at most small_fractions.DENOMINATOR_LIMIT.
Fraction(x).limit_denominator(DENOMINATOR_LIMIT) gives this fraction back, and read so all distributions sum to exactly
one.
"""

import difflib
import re
from collections.abc import Callable
from dataclasses import asdict, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np

from exact.common.errors import InputError
from exact.formats.explicit import Given
from exact.mdp import MDP, Array
from exact.mdps import toy_text
from exact.mdps.files import SUFFIXES, read_mdp, say
from exact.mdps.garnet import GARNET_FORM, garnet_from_text
from exact.mdps.grids import GRIDS, MOVES
from exact.mdps.toy_text import from_gymnasium


def _mdp(name: str, transitions: object, rewards: object, discount: float) -> MDP:
    """An MDP with uniform initial distribution from tables of shape (S, A, S) and (S, A); fractions are allowed."""
    P, r = np.asarray(transitions, dtype=np.float64), np.asarray(rewards, dtype=np.float64)
    return MDP(P, r, np.full(len(r), 1 / len(r)), discount, name)


def cash_in() -> MDP:
    """Cash-in: how loose Lemma 3.4 is.

    State 0: action 0 stays with reward 0; action 1 pays 1 and leads to state 1, which absorbs with reward 0.
    gamma = 0.9. At the policy pi_k = action 0 the visitation is rho = (5, 5), the policy advantage is A* = 5, and the
    exact maximiser of (3.6) has the ratio r(delta) = 1 / (1 + 1.8 delta) for delta <= 5. Source: this project, made
    for Lemma 3.4 of Zhao, Li and Wen (arXiv 1911.11640).
    """
    return _mdp("cash-in", [[[1, 0], [0, 1]], [[0, 1], [0, 1]]], [[0, 1], [0, 0]], 0.9)


def unvisited() -> MDP:
    """Lemma 3.2 fails without rho0 > 0: the start distribution is (1, 0), so **min(rho0) = 0**.

    State 0: action 0 loops, action 1 leads to state 1, both with reward 0. State 1 loops with reward -1 (action 0) or
    +1 (action 1). gamma = 0.9. The policy pi_k = action 0 never visits state 1: A* = 0 and eta = 0, but the optimum is
    9. Source: this project, made for Lemma 3.2 of Zhao, Li and Wen (arXiv 1911.11640).
    """
    P = np.array([[[1, 0], [0, 1]], [[0, 1], [0, 1]]], dtype=np.float64)
    return MDP(P, np.array([[0.0, 0.0], [-1.0, 1.0]]), np.array([1.0, 0.0]), 0.9, "unvisited")


def puterman_two_state() -> MDP:
    """Puterman, Markov Decision Processes (1994), section 3.1: two states, the second absorbing; gamma = 0.95.

    State 0: action 0 pays 5 and stays with probability 1/2, action 1 pays 10 and leaves. State 1 pays -1 for ever.
    The optimum is action 0 with V = (-60/7, -20).
    """
    return _mdp("puterman-two-state", [[[0.5, 0.5], [0, 1]], [[0, 1], [0, 1]]], [[5, 10], [-1, -1]], 0.95)


_DADASHI: dict[str, tuple[float, list[float], list[float]]] = {
    "dadashi-2a": (0.9, [0.06, 0.38, -0.13, 0.64], [0.01, 0.92, 0.08, 0.70]),
    "dadashi-2b": (0.9, [0.88, -0.02, -0.98, 0.42], [0.96, 0.19, 0.43, 0.72]),
    "dadashi-2c": (0.9, [-0.93, -0.49, 0.63, 0.78, 0.14, 0.41], [0.52, 0.5, 0.99, 0.85, 0.11, 0.1]),
    "dadashi-2d": (0.9, [-0.45, -0.1, 0.5, 0.5], [0.7, 0.99, 0.2, 0.99]),
    "dadashi-3": (0.8, [-0.1, -1, 0.1, 0.4, 1.5, 0.1], [0.9, 0.2, 0.7, 0.05, 0.25, 0.3]),
}
"""By name: discount, r(s,a) and P(0|s,a), both in the order s*A + a."""


def dadashi(name: str) -> MDP:
    """Two-state MDPs of Dadashi et al., The Value Function Polytope in Reinforcement Learning (ICML 2019), appendix A.

    dadashi-2a to -2d belong to figure 2 (a) to (d), dadashi-3 to the left half of figures 3 to 6. The right half of
    these, and section 5 there, use dadashi-2d.

    Args:
        name: one of these five names.
    """
    discount, rewards, to_zero = _DADASHI[name]
    P = [[p, float(1 - Fraction(str(p)))] for p in to_zero]
    return _mdp(name, np.reshape(P, (2, -1, 2)), np.reshape(rewards, (2, -1)), discount)


def forest(n_ages: int = 3) -> MDP:
    """Forest management of the MDP Toolbox (Chades et al., Ecography 2014; `example.forest`); gamma = 0.9.

    States are ages 0 .. n_ages-1. Action 0 waits: the forest grows older, or burns with probability 0.1 and starts
    again; waiting pays 4 in the oldest state. Action 1 cuts: the forest starts again; cutting pays 0 in the youngest
    state, 2 in the oldest, 1 in between.
    """
    P = np.zeros((n_ages, 2, n_ages))
    for age in range(n_ages):
        P[age, 0, min(age + 1, n_ages - 1)] = 0.9
        P[age, 0, 0] = 0.1
        P[age, 1, 0] = 1
    rewards = np.zeros((n_ages, 2))
    rewards[1:-1, 1] = 1
    rewards[-1] = 4, 2
    return _mdp("forest", P, rewards, 0.9)


def chain(n_states: int = 5) -> MDP:
    """The chain of Strens, A Bayesian Framework for Reinforcement Learning (ICML 2000); gamma = 0.95.

    Action 0 moves one state on; in the last state it stays and pays 10. Action 1 returns to state 0 and pays 2. With
    probability 0.2 the other action happens. It is optimal to go on, which earns 3.677 a step in the long run.
    """
    P = np.zeros((n_states, 2, n_states))
    rewards = np.zeros((n_states, 2))
    for s in range(n_states):
        pay = 10 if s == n_states - 1 else 0
        for action, on in ((0, Fraction(4, 5)), (1, Fraction(1, 5))):
            P[s, action, min(s + 1, n_states - 1)] = on
            P[s, action, 0] += float(1 - on)
            rewards[s, action] = on * pay + (1 - on) * 2
    return _mdp("chain", P, rewards, 0.95)


def gridworld_5x5() -> MDP:
    """Sutton and Barto, Reinforcement Learning (2nd edition, 2018), example 3.5; gamma = 0.9 as there.

    Actions up, right, down, left. A move out of the grid costs 1 and does nothing. In cell A every action pays 10 and
    leads to a; in B it pays 5 and leads to b. Figures 3.2 and 3.5 there print V of the uniform policy and the optimum.
    """
    letters = "".join(GRIDS["gridworld-5x5"].letters)
    P, rewards = _grid_moves("gridworld-5x5")
    rewards[P[np.arange(25), :, np.arange(25)] == 1] = -1
    for cell, reward in (("A", 10), ("B", 5)):
        P[letters.index(cell)] = np.eye(25)[letters.index(cell.lower())]
        rewards[letters.index(cell)] = reward
    return _mdp("gridworld-5x5", P, rewards, 0.9)


def gridworld_4x4() -> MDP:
    """Sutton and Barto, Reinforcement Learning (2nd edition, 2018), example 4.1, with gamma = 0.95 for their 1.

    Actions up, right, down, left. Every step costs 1 until a terminal corner is reached; a move out of the grid does
    nothing. With gamma = 1, V of the uniform policy is 0, -14, -20, -22 along the first row (figure 4.1 there).
    """
    P, rewards = _grid_moves("gridworld-4x4")
    terminal = [0, 15]
    rewards[:] = -1
    rewards[terminal] = 0
    P[terminal] = np.eye(16)[terminal, None, :]
    return _mdp("gridworld-4x4", P, rewards, 0.95)


def _grid_moves(name: str) -> tuple[Array, Array]:
    """Deterministic moves that stop at the border of a grid, shape (S, 4, S), and zero rewards, shape (S, 4)."""
    rows, columns = GRIDS[name].shape
    steps = [MOVES[arrow] for arrow in GRIDS[name].arrows]
    P = np.zeros((rows * columns, 4, rows * columns))
    for s in range(rows * columns):
        row, column = divmod(s, columns)
        for action, (down, right) in enumerate(steps):
            to_row = min(max(row + down, 0), rows - 1)
            to_column = min(max(column + right, 0), columns - 1)
            P[s, action, to_row * columns + to_column] = 1
    return P, np.zeros((rows * columns, 4))


def inventory() -> MDP:
    """Puterman, Markov Decision Processes (1994), section 3.2: a shop with room for three units; gamma = 0.9.

    State s is the stock; action a is the order, at most 3 - s of which is delivered. The demand is 0, 1, 2 with
    probability 1/4, 1/2, 1/4, and lost if it is not met. A sale pays 8, an order of a > 0 units costs 4 + 2a, and to
    hold u units costs u.
    """
    capacity = 3
    demand = {0: Fraction(1, 4), 1: Fraction(1, 2), 2: Fraction(1, 4)}
    P = np.zeros((capacity + 1, capacity + 1, capacity + 1))
    rewards = np.zeros((capacity + 1, capacity + 1))
    for s in range(capacity + 1):
        for action in range(capacity + 1):
            order = min(action, capacity - s)
            stock = s + order
            for wanted, p in demand.items():
                P[s, action, max(stock - wanted, 0)] += float(p)
            sold = sum(p * min(wanted, stock) for wanted, p in demand.items())
            rewards[s, action] = 8 * sold - (4 + 2 * order if order else 0) - stock
    return _mdp("inventory", P, rewards, 0.9)


def queue(n_states: int = 20) -> MDP:
    """A queue with controlled service rate after de Farias and Van Roy (Operations Research 51, 2003), section 6.1.

    State x is the queue's length, 0 .. n_states-1 (50,000 states there). In one step, action k = 0 .. 3 serves a job
    with probability q = 0.2 (k+1), or a job arrives with probability 0.2, never both; a job that finds no room is lost.
    A step costs x + 60 q^3. gamma = 0.98.
    """
    arrival = Fraction(1, 5)
    P = np.zeros((n_states, 4, n_states))
    rewards = np.zeros((n_states, 4))
    for x in range(n_states):
        for action in range(4):
            service = Fraction(action + 1, 5)
            up = arrival if x < n_states - 1 else Fraction(0)
            down = service if x > 0 else Fraction(0)
            for to, p in ((x + 1, up), (x - 1, down), (x, 1 - up - down)):
                if p:
                    P[x, action, to] = p
            rewards[x, action] = -(x + 60 * service**3)
    return _mdp("queue", P, rewards, 0.98)


NAMED: dict[str, Callable[[], MDP]] = {
    "cash-in": cash_in,
    "unvisited": unvisited,
    "puterman-two-state": puterman_two_state,
    **{name: partial(dadashi, name) for name in _DADASHI},
    "forest": forest,
    "chain": chain,
    "gridworld-4x4": gridworld_4x4,
    "gridworld-5x5": gridworld_5x5,
    "inventory": inventory,
    "queue": queue,
    **{name: partial(toy_text.named, name) for name in toy_text.NAMED},
}
"""The library: the function that makes the MDP, by name."""
SETTINGS = re.compile(rf"(?:{'|'.join(f'(?<={re.escape(suffix)})' for suffix in SUFFIXES)}):", re.IGNORECASE)
"""Where the settings of a file begin."""


def load(name_or_path: "str | Path | MDP") -> MDP:
    """The MDP that a command line names. An MDP is returned as it is.

    Args:
        name_or_path: a name of the library (NAMED), a random MDP such as "garnet:S=20,A=4,b=3,gamma=0.9,seed=7", a
            gymnasium environment with a table P such as "gym:CliffWalkingSlippery-v1", or a file that
            `exact.mdps.files` reads. What the file does not say may follow:
            "model.drn:gamma=0.95,initial=uniform,rewards=NAME".

    Raises:
        InputError: there is no such MDP (the message has the nearest names), or it is not valid.
    """
    return load_with_notes(name_or_path, Given())[0]


def load_with_notes(name_or_path: "str | Path | MDP", given: Given) -> tuple[MDP, list[str]]:
    """`load`, with what the user says of the MDP, and notes about what a file or the MDP type does not hold."""
    if isinstance(name_or_path, Path):
        return read_mdp(name_or_path, given)
    if not isinstance(name_or_path, (str, MDP)):
        raise InputError(f"expected an MDP, its name or its file, got {type(name_or_path).__name__}")
    if not isinstance(name_or_path, MDP):
        path, named = _file_and_given(name_or_path)
        if Path(path).suffix[1:2].isalpha() or "/" in path:  # a file; no name of the library looks so
            return read_mdp(path, replace(named, **{k: v for k, v in asdict(given).items() if v is not None}))
        name_or_path = _named(name_or_path)
    return say(name_or_path, given), []


def _named(name_or_path: str) -> MDP:
    if name_or_path in NAMED:
        return NAMED[name_or_path]()
    if name_or_path.startswith("garnet:"):
        return garnet_from_text(name_or_path)
    if name_or_path.startswith("gym:"):
        return from_gymnasium(name_or_path.removeprefix("gym:"))
    near = difflib.get_close_matches(name_or_path.lower(), NAMED, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"the library has {', '.join(NAMED)}"
    others = f"{GARNET_FORM}, gym:ENVIRONMENT, a file ({', '.join(SUFFIXES)})"
    raise InputError(f"unknown MDP {name_or_path!r}: {hint} (also accepted: {others})")


def _file_and_given(text: str) -> tuple[str, Given]:
    """The path, and what follows it in "PATH:gamma=0.95,initial=uniform,rewards=NAME"."""
    found = SETTINGS.search(text)
    if found is None:
        return text, Given()
    path, items = text[: found.start()], text[found.end() :].split(",")
    values = dict(item.partition("=")[::2] for item in items)
    try:
        if len(values) < len(items) or not values.keys() <= {"gamma", "initial", "rewards"}:
            raise ValueError
        gamma = float(values["gamma"]) if "gamma" in values else None
    except ValueError:
        raise InputError(f"{text!r}: expected FILE:gamma=NUMBER,initial=uniform or a state,rewards=NAME") from None
    return path, Given(gamma, values.get("initial"), values.get("rewards"))
