"""MDPs that are drawn by hand: a map of a grid world, and a table of two states."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from exact.common.errors import InputError
from exact.mdp import MDP
from exact.mdps.grids import COMPASS, FREE, GOAL, MOVES, PIT, START, WALL, Grid

Entry = float | None
"""A number of a form; None while the form is empty there."""
LETTERS = FREE + WALL + GOAL + PIT + START
"""What a cell of a map can be."""
LARGEST_SIDE = 8
"""Largest number of rows, and of columns, of a map. A larger one cannot be drawn in a side bar."""


@dataclass(frozen=True)
class Pay:
    """What a move pays in a drawn grid world, by the cell that it leads to."""

    step: Entry = -0.1
    """Into a free cell or a start, and for a move that a wall or the border stops."""
    goal: Entry = 1.0
    """Into a goal, which ends the episode."""
    pit: Entry = -1.0
    """Into a pit, which ends the episode."""


def grid_world(rows: Sequence[str], pay: Pay, slip: Entry, discount: float, name: str) -> tuple[MDP, Grid]:
    """The grid world of a map, and its layout.

    Actions up, right, down, left. A wall and the border stop a move. In a goal or a pit every action stays and pays
    nothing. Walls are no states. An episode begins in one of the starts; without one, in any state.

    Args:
        rows: at most LARGEST_SIDE strings of one length, at most LARGEST_SIDE, of LETTERS.
        pay: what a move pays.
        slip: probability that a move goes to one of its two sides instead, each with half of it; in [0, 1].
        discount: gamma, in [0, 1).
        name: the name of the MDP.

    Raises:
        InputError: the map has no goal, no free cell or start, rows of unequal length, an unknown letter, or it is too
            large; a number is missing, not finite or out of its range.
    """
    grid = Grid(_check_map(tuple(rows), name), COMPASS)
    off = _number(slip, f"{name}: the probability to slip")
    if not 0 <= off <= 1:
        raise InputError(f"{name}: the probability to slip must lie in [0, 1], got {off:g}")
    step, goal, pit = (
        _number(x, f"{name}: the reward of a {what}")
        for x, what in ((pay.step, "step"), (pay.goal, "goal"), (pay.pit, "pit"))
    )
    pays = {FREE: step, START: step, GOAL: goal, PIT: pit}
    letters = [grid.letters[row][column] for row, column in grid.cells]
    S, A = len(letters), len(grid.arrows)
    P, rewards = np.zeros((S, A, S)), np.zeros((S, A))
    for s, letter in enumerate(letters):
        if letter in (GOAL, PIT):
            P[s, :, s] = 1
            continue
        for a in range(A):
            for turn, p in ((0, 1 - off), (1, off / 2), (-1, off / 2)):
                t, stopped = _moved(grid, s, grid.arrows[(a + turn) % A])
                P[s, a, t] += p
                rewards[s, a] += p * (step if stopped else pays[letters[t]])
    starts = np.array([letter == START for letter in letters], dtype=np.float64)
    initial = starts / starts.sum() if starts.any() else np.full(S, 1 / S)
    return MDP(P, rewards, initial, discount, name), grid


def two_states(
    transitions: Sequence[Entry], rewards: Sequence[Entry], initial: Sequence[Entry], discount: float, name: str
) -> MDP:
    """The MDP of a form with two states and two actions.

    Args:
        transitions: P(t|s,a), eight numbers in the order 4s + 2a + t.
        rewards: r(s,a), four numbers in the order 2s + a.
        initial: rho0(s), two numbers.
        discount: gamma, in [0, 1).
        name: the name of the MDP.

    Raises:
        InputError: a number is missing, or the numbers are no MDP. The message names the state and the action.
    """
    pairs = [f"{name}: a number of state {s}, action {a}" for s in (0, 1) for a in (0, 1)]
    P = np.reshape([_number(p, pairs[i // 2]) for i, p in enumerate(transitions)], (2, 2, 2))
    r = np.reshape([_number(x, pairs[i]) for i, x in enumerate(rewards)], (2, 2))
    start = np.array([_number(p, f"{name}: a number of the start") for p in initial])
    return MDP(P, r, start, discount, name)


def _check_map(rows: tuple[str, ...], name: str) -> tuple[str, ...]:
    if not rows or not rows[0] or len({len(row) for row in rows}) > 1:
        raise InputError(f"{name}: a map needs rows of one length, got {[len(row) for row in rows]}")
    if max(len(rows), len(rows[0])) > LARGEST_SIDE:
        raise InputError(f"{name}: a map has at most {LARGEST_SIDE} rows and columns, got {len(rows)} x {len(rows[0])}")
    letters = "".join(rows)
    if unknown := set(letters) - set(LETTERS):
        raise InputError(f"{name}: a cell must be one of {' '.join(LETTERS)}, got {min(unknown)!r}")
    if GOAL not in letters:
        raise InputError(f"{name}: the map has no goal; draw at least one")
    if not set(letters) & {FREE, START}:
        raise InputError(f"{name}: the map has no cell to walk on; draw a free cell or a start")
    return rows


def _moved(grid: Grid, s: int, arrow: str) -> tuple[int, bool]:
    """The state that a move leads to, and whether it was stopped."""
    row, column = (x + by for x, by in zip(grid.cells[s], MOVES[arrow], strict=True))
    target = (row, column)
    return (grid.cells.index(target), False) if target in grid.cells else (s, True)


def _number(x: Entry, what: str) -> float:
    if x is None or not np.isfinite(x):
        raise InputError(f"{what} must be a finite number, got {'nothing' if x is None else x}")
    return float(x)
