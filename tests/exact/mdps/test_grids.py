"""The layouts of the grid worlds against the MDPs and gymnasium's environments."""

import numpy as np
import pytest
from gymnasium.envs.toy_text.cliffwalking import CliffWalkingEnv
from gymnasium.envs.toy_text.frozen_lake import FrozenLakeEnv

from exact.mdps.grids import GRIDS
from exact.mdps.library import load
from exact.mdps.toy_text import from_gymnasium


@pytest.mark.parametrize("name", GRIDS)
def test_grids_fit(name):
    rows, columns = GRIDS[name].shape
    assert all(len(row) == columns for row in GRIDS[name].letters)
    assert load(name).rewards.shape == (rows * columns, len(GRIDS[name].arrows))


def test_a_corner_moves_along_two_arrows():
    corner = load("gridworld-5x5").transitions[4]  # right upper corner: up and right stay
    np.testing.assert_array_equal(corner.argmax(axis=1), [4, 4, 9, 3])


def test_grids_are_the_environments_maps():
    for name, env in (("frozenlake-4x4", FrozenLakeEnv()), ("frozenlake-8x8", FrozenLakeEnv(map_name="8x8"))):
        assert GRIDS[name].shape == env.desc.shape
        assert "".join(GRIDS[name].letters) == env.desc.tobytes().decode()
    assert GRIDS["cliffwalking"].shape == (4, 12)


@pytest.mark.parametrize("name", ["frozenlake-4x4", "frozenlake-8x8", "cliffwalking"])
def test_arrows_are_the_actions(name):
    """In a deterministic version an arrow moves to the neighbour it points at."""
    env = CliffWalkingEnv() if name == "cliffwalking" else FrozenLakeEnv(desc=GRIDS[name].letters, is_slippery=False)
    mdp = from_gymnasium(env)
    columns = GRIDS[name].shape[1]
    inside = columns + 2  # second row, third column
    step = {"←": -1, "→": 1, "↑": -columns, "↓": columns}
    for action, arrow in enumerate(GRIDS[name].arrows):
        assert mdp.transitions[inside, action, inside + step[arrow]] == 1
