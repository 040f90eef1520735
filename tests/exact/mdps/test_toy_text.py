"""Gymnasium's tables against what the simulators do, and the corrections."""

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.toy_text.cliffwalking import CliffWalkingEnv
from gymnasium.envs.toy_text.frozen_lake import FrozenLakeEnv
from gymnasium.envs.toy_text.taxi import TaxiEnv
from scipy import sparse

from exact.common.errors import InputError
from exact.mdp import dense_if_small
from exact.mdps.small_fractions import nearest_fractions
from exact.mdps.toy_text import GRIDS, from_gymnasium

ENVIRONMENTS = [FrozenLakeEnv, lambda: CliffWalkingEnv(is_slippery=True), CliffWalkingEnv, TaxiEnv]
IDS = ["frozenlake", "cliffwalking-slippery", "cliffwalking", "taxi"]


def absorbing(mdp):
    """The states that no action leaves."""
    own = mdp.transitions[np.arange(mdp.n_states), :, np.arange(mdp.n_states)]
    return np.flatnonzero((own == 1).all(axis=1))


@pytest.mark.parametrize("make", ENVIRONMENTS, ids=IDS)
def test_simulator_agrees_with_table(make):
    """Simulated transitions have positive probability; where only one can happen it pays r(s, a)."""
    env = make()
    mdp = from_gymnasium(env)
    rng = np.random.default_rng(0)
    s, _ = env.reset(seed=0)
    for _ in range(2000):
        action = int(rng.integers(mdp.n_actions))
        t, reward, terminated, _, _ = env.step(action)
        p = mdp.transitions[s, action, t]
        assert p > 0
        if len(env.P[s][action]) == 1:
            assert mdp.rewards[s, action] == reward
        if terminated:
            assert t in absorbing(mdp)
            assert not mdp.rewards[t].any()
        s = env.reset()[0] if terminated else t


@pytest.mark.parametrize("make", ENVIRONMENTS, ids=IDS)
def test_expected_rewards_and_duplicates(make):
    """Away from the terminal states P and r are the table's sums, duplicates added."""
    env = make()
    mdp = from_gymnasium(env)
    for s in set(range(mdp.n_states)) - set(absorbing(mdp)):
        for action in range(mdp.n_actions):
            row = np.zeros(mdp.n_states)
            for p, t, _, _ in env.P[s][action]:
                row[t] += p
            np.testing.assert_allclose(mdp.transitions[s, action], row, atol=1e-15)
            expected = sum(p * r for p, _, r, _ in env.P[s][action])
            assert mdp.rewards[s, action] == pytest.approx(expected, abs=1e-12)


def test_terminal_states_are_absorbing():
    assert len(absorbing(from_gymnasium(TaxiEnv()))) == 4  # the passenger is where it wanted to go, the taxi too
    np.testing.assert_array_equal(absorbing(from_gymnasium(CliffWalkingEnv())), [47])
    lake = from_gymnasium(FrozenLakeEnv())
    np.testing.assert_array_equal(absorbing(lake), [5, 7, 11, 12, 15])
    assert not lake.rewards[absorbing(lake)].any()


def test_initial_distribution_is_mixed():
    env = FrozenLakeEnv()
    np.testing.assert_array_equal(from_gymnasium(env, mix=0).initial, np.eye(16)[0])
    np.testing.assert_array_equal(from_gymnasium(env, mix=1).initial, 1 / 16)
    np.testing.assert_array_equal(from_gymnasium(env).initial, [0.90625] + [0.00625] * 15)


def test_id_and_environment_agree():
    from_id, from_env = from_gymnasium("FrozenLake8x8-v1"), from_gymnasium(gymnasium.make("FrozenLake8x8-v1"))
    assert from_id.name == from_env.name == "FrozenLake8x8-v1"
    np.testing.assert_array_equal(from_id.transitions, from_env.transitions)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"environment": "FrozenLeak-v1"}, "gymnasium cannot make the environment 'FrozenLeak-v1'"),
        ({"environment": "nosuchmodule:Lake-v1"}, "gymnasium cannot make the environment 'nosuchmodule:Lake-v1'"),
        ({"environment": "CartPole-v1"}, "CartPole-v1: the environment exposes no transition table"),
        ({"environment": "FrozenLake-v1", "mix": 1.5}, r"mix must lie in \[0, 1\], got 1.5"),
        ({"environment": "FrozenLake-v1", "discount": 1}, r"discount must lie in \[0, 1\)"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(InputError, match=message) as caught:
        from_gymnasium(**arguments)
    assert "\n" not in str(caught.value)


def test_bad_tables_are_named():
    env = FrozenLakeEnv()
    env.P[3][1] = [(1.0, 16, 0, False)]
    with pytest.raises(InputError, match=r"next state lies outside 0\.\.15"):
        from_gymnasium(env)
    del env.P[3][1]
    with pytest.raises(InputError, match="state 3 has 3 actions, expected 4"):
        from_gymnasium(env)


def test_nearest_fractions():
    third = 1 / 3
    np.testing.assert_array_equal(nearest_fractions(np.array([0.1 + 0.2, third + third, -102 / 3])), [0.3, 2 / 3, -34])
    np.testing.assert_array_equal(nearest_fractions(np.array([[np.pi], [2**-0.5]])), [[np.pi], [2**-0.5]])


def test_large_tables_stay_sparse():
    assert isinstance(dense_if_small(sparse.eye_array(1000, format="csr"), 1), np.ndarray)
    assert sparse.issparse(dense_if_small(sparse.eye_array(1001, format="csr"), 1))
    wide = sparse.csr_array((30_000, 1000))
    assert sparse.issparse(dense_if_small(wide, 30))
    lake = from_gymnasium(FrozenLakeEnv(desc=["S" * 40] * 39 + ["F" * 39 + "G"]))
    assert lake.transitions.shape == (6400, 1600)


def test_grids_are_the_environments_maps():
    for name, env in (("frozenlake-4x4", FrozenLakeEnv()), ("frozenlake-8x8", FrozenLakeEnv(map_name="8x8"))):
        assert GRIDS[name].shape == env.desc.shape
        assert "".join(GRIDS[name].letters) == env.desc.tobytes().decode()
    assert GRIDS["cliffwalking"].shape == (4, 12)


@pytest.mark.parametrize("name", GRIDS)
def test_arrows_are_the_actions(name):
    """In a deterministic version an arrow moves to the neighbour it points at."""
    env = CliffWalkingEnv() if name == "cliffwalking" else FrozenLakeEnv(desc=GRIDS[name].letters, is_slippery=False)
    mdp = from_gymnasium(env)
    columns = GRIDS[name].shape[1]
    inside = columns + 2  # second row, third column
    step = {"←": -1, "→": 1, "↑": -columns, "↓": columns}
    for action, arrow in enumerate(GRIDS[name].arrows):
        assert mdp.transitions[inside, action, inside + step[arrow]] == 1
