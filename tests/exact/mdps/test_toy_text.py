"""Gymnasium's tables against what the simulators do, and the corrections."""

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.toy_text.cliffwalking import CliffWalkingEnv
from gymnasium.envs.toy_text.frozen_lake import FrozenLakeEnv
from gymnasium.envs.toy_text.taxi import TaxiEnv

from exact.common.errors import InputError
from exact.mdps.toy_text import from_gymnasium

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
        ({"environment": "CartPole-v1"}, "CartPole-v1: the environment has no transition table P"),
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


def test_a_large_table_stays_sparse():
    lake = from_gymnasium(FrozenLakeEnv(desc=["S" * 40] * 39 + ["F" * 39 + "G"]))
    assert lake.transitions.shape == (6400, 1600)


def test_gymnasiums_warnings_do_not_leak(recwarn):
    """Regression: a raw line of gymnasium's logger stood above the error."""
    with pytest.raises(InputError, match="Taxi-v4"):
        from_gymnasium("Taxi-v3")
    assert not recwarn.list
