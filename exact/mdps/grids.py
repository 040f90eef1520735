"""How the states of the library's grid worlds lie on the page."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Grid:
    """State s lies in row s // columns and column s % columns."""

    letters: tuple[str, ...]
    """One string for every row, one letter for every cell."""
    arrows: str
    """One arrow for every action, in the order of the actions."""

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return len(self.letters), len(self.letters[0])


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
