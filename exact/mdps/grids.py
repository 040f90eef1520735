"""How the states of a grid world lie on the page."""

from dataclasses import dataclass
from functools import cached_property

FREE, WALL, GOAL, PIT, START = ".#GHS"
"""Letters of the cells of a drawn map; the last three are those of gymnasium's FrozenLake."""


@dataclass(frozen=True)
class Grid:
    """The states are the cells that are no walls, row by row."""

    letters: tuple[str, ...]
    """One string for every row, one letter for every cell."""
    arrows: str
    """One arrow for every action, in the order of the actions."""

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return len(self.letters), len(self.letters[0])

    @cached_property
    def cells(self) -> list[tuple[int, int]]:
        """(row, column) of every state."""
        return [(i, j) for i, row in enumerate(self.letters) for j, letter in enumerate(row) if letter != WALL]


LAKE = "←↓→↑"
"""The actions of FrozenLake in gymnasium."""
COMPASS = "↑→↓←"
"""The actions of the other grids."""
MOVES = {"↑": (-1, 0), "→": (0, 1), "↓": (1, 0), "←": (0, -1)}
"""The (row, column) that an arrow moves by."""

GRIDS: dict[str, Grid] = {
    "frozenlake-4x4": Grid(("SFFF", "FHFH", "FFFH", "HFFG"), LAKE),
    "frozenlake-8x8": Grid(
        (
            *("SFFFFFFF", "FFFFFFFF", "FFFHFFFF", "FFFFFHFF"),
            *("FFFHFFFF", "FHHFFFHF", "FHFFHFHF", "FFFHFFFG"),
        ),
        LAKE,
    ),
    "cliffwalking": Grid((*["." * 12] * 3, "SCCCCCCCCCCG"), COMPASS),
    "gridworld-5x5": Grid((".A.B.", ".....", "...b.", ".....", ".a..."), COMPASS),
    "gridworld-4x4": Grid(("T...", "....", "....", "...T"), COMPASS),
}
"""Layouts by the name of the MDP. S start, F frozen, H hole, G goal, C cliff, T terminal, '.' free. In gridworld-5x5
the cells A and B lead to a and b."""
