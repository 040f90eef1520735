"""MDPs drawn by hand: a map is the grid world that it shows, and what is no MDP is one line."""

import numpy as np
import pytest

from exact.algorithm import solve
from exact.baselines import policy_iteration
from exact.common.errors import InputError
from exact.mdps.drawn import LARGEST_SIDE, Pay, grid_world, two_states

CORRIDOR = ("S.#", ".HG", "...")


PAY = Pay()


def drawn(rows=CORRIDOR, pay=PAY, slip=0.0, discount=0.9):
    return grid_world(rows, pay, slip, discount, "own")


def test_a_map_by_hand():
    mdp, grid = drawn()
    assert grid.cells == [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]
    assert mdp.n_states == 8  # a wall is no state
    assert mdp.initial.tolist() == [1, 0, 0, 0, 0, 0, 0, 0]
    up, right, down = range(3)
    assert mdp.transitions[0, right, 1] == 1
    assert mdp.transitions[1, right, 1] == 1  # the wall stops the move
    assert mdp.transitions[0, up, 0] == 1  # so does the border
    assert (mdp.rewards[1, right], mdp.rewards[1, down], mdp.rewards[7, up]) == (-0.1, -1, 1)
    for end in (3, 4):
        assert (mdp.transitions[end, :, end] == 1).all()
        assert (mdp.rewards[end] == 0).all()


def test_the_optimum_is_the_shortest_way():
    mdp, _ = drawn()
    best = solve(mdp, policy_iteration, settings=None).final.eta
    steps = 5  # down, down, right, right, up
    assert best == pytest.approx(sum(-0.1 * 0.9**t for t in range(steps - 1)) + 0.9 ** (steps - 1))


def test_a_move_slips_to_its_sides():
    mdp, _ = drawn(slip=0.2)
    assert mdp.transitions[6, 0].round(12).tolist() == [0, 0, 0, 0.8, 0, 0.1, 0, 0.1]  # up from the middle below
    assert mdp.rewards[6, 0] == pytest.approx(0.8 * -1 + 0.2 * -0.1)
    np.testing.assert_allclose(mdp.transitions.sum(axis=2), 1, atol=1e-15)


def test_without_a_start_every_state_is_one():
    mdp, _ = drawn(("..", "#G"))
    assert mdp.initial.tolist() == [1 / 3] * 3


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ({"rows": ("S.", "..")}, "own: the map has no goal; draw at least one"),
        ({"rows": ("GH", "##")}, "own: the map has no cell to walk on"),
        ({"rows": ("G.", ".")}, r"own: a map needs rows of one length, got \[2, 1\]"),
        ({"rows": ()}, "own: a map needs rows of one length"),
        ({"rows": ("G" * (LARGEST_SIDE + 1),)}, "own: a map has at most 8 rows and columns, got 1 x 9"),
        ({"rows": ("G.x",)}, "own: a cell must be one of . # G H S, got 'x'"),
        ({"slip": 1.5}, r"own: the probability to slip must lie in \[0, 1\], got 1.5"),
        ({"slip": None}, "own: the probability to slip must be a finite number, got nothing"),
        ({"pay": Pay(goal=float("inf"))}, "own: the reward of a goal must be a finite number, got inf"),
        ({"discount": 1.0}, r"own: discount must lie in \[0, 1\), got 1.0"),
    ],
)
def test_a_map_that_is_none_is_one_line(what, message):
    with pytest.raises(InputError, match=message) as raised:
        drawn(**what)
    assert "\n" not in str(raised.value)


def table(p=0.5, q=0.5, reward=1.0, start=0.5):
    return two_states([p, q, 0, 1, 0, 1, 1, 0], [reward, 0, 0, 2], [start, 0.5], 0.9, "own")


def test_a_table_of_two_states():
    mdp = table()
    assert mdp.transitions[0, 0].tolist() == [0.5, 0.5]
    assert mdp.rewards.tolist() == [[1, 0], [0, 2]]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ({"p": 0.6}, "own: transition probabilities of state 0, action 0 sum to 1.1, expected 1"),
        ({"p": -0.5, "q": 1.5}, "own: negative transition probability in state 0, action 0"),
        ({"q": None}, "own: a number of state 0, action 0 must be a finite number, got nothing"),
        ({"reward": None}, "own: a number of state 0, action 0 must be a finite number, got nothing"),
        ({"start": 0.7}, "own: initial distribution sums to 1.2, expected 1"),
        ({"start": None}, "own: a number of the start must be a finite number, got nothing"),
    ],
)
def test_a_table_that_is_no_mdp_is_one_line(what, message):
    with pytest.raises(InputError, match=message):
        table(**what)
