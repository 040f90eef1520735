"""Atari under Baselines' protocol: pixels, lives, forced FIRE, replay, films, and what a user sees of bad input."""

import gymnasium as gym
import numpy as np
import pytest

from deep.sampling import atari
from deep.sampling.atari import AtariGame, AtariGames, game_of
from deep.sampling.making import Maker
from exact.common.errors import InputError


def reset(games, *seeds):
    return games.reset(seed=list(seeds), options={"reset_mask": np.ones(len(seeds), np.bool_)})


def random_actions(n, count, seed=0):
    return np.random.default_rng(seed).integers(count, size=n)


class FixedNoops:
    """Stands for a generator where AtariPreprocessing draws the number of no-ops."""

    def __init__(self, noops):
        self.noops = noops

    def integers(self, *_):
        return self.noops


@pytest.mark.parametrize("game", ["Pong", "Breakout", "MsPacman"])
def test_pixels_are_those_of_gymnasiums_wrappers(game):
    games = AtariGames(game_of(f"ALE/{game}-v5"), 1, 0.0, 1)
    seen, info = reset(games, 5 << 1)
    raw = gym.make(f"ALE/{game}-v5", frameskip=1, repeat_action_probability=0.0, disable_env_checker=True)
    raw.unwrapped._np_random = FixedNoops(int(info["episode_frame_number"][0]))
    reference = gym.wrappers.FrameStackObservation(
        gym.wrappers.AtariPreprocessing(raw, noop_max=30, frame_skip=4), 4, padding_type="zero"
    )
    expected, _ = reference.reset()
    np.testing.assert_array_equal(seen[0], expected)
    for action in random_actions(150, games.single_action_space.n):
        executed = games.fire if games.fresh[0] and games.fire is not None else action
        seen, rewards, terminated, _, _ = games.step(np.array([action]))
        expected, reward, over, _, _ = reference.step(int(executed))
        assert (rewards[0], terminated[0]) == (reward, over)
        if over:
            break
        np.testing.assert_array_equal(seen[0], expected)
    reference.close()


def test_up_to_thirty_noops_start_a_game():
    games = AtariGames("pong", 16, 0.0, 1)
    noops = np.concatenate([reset(games, *range(k, k + 64, 4))[1]["episode_frame_number"] for k in range(0, 256, 64)])
    assert noops.min() == 0
    assert noops.max() == 30


def lose_a_life(games, steps=600):
    """Play until a life is lost; returns (lives at each step, outcome of the losing step)."""
    for t in range(steps):
        outcome = games.step(np.full(games.envs.num_envs, t % 2 * 2))
        if outcome[4]["life_lost"][0]:
            return outcome
    raise AssertionError("no life was lost")


def test_a_lost_life_is_said_once_ends_no_game_and_fire_starts_the_next():
    games = AtariGames("breakout", 1, 0.0, 1)
    _, info = reset(games, 0)
    assert info["lives"][0] == 5
    assert games.fresh[0]
    _, _, terminated, truncated, info = lose_a_life(games)
    assert info["lives"][0] == 4
    assert not terminated[0]
    assert not truncated[0]
    # Without FIRE no ball would come into play; with it the next life is lost as well, whatever the actions were.
    assert not games.step(np.array([0]))[4]["life_lost"][0]
    assert lose_a_life(games)[4]["lives"][0] == 3


def test_a_game_ends_with_its_last_life():
    games = AtariGames("breakout", 1, 0.0, 1)
    reset(games, 0)
    lost = 0
    for _ in range(3000):
        _, _, terminated, _, info = games.step(np.array([0]))
        lost += int(info["life_lost"][0])
        if terminated[0]:
            break
    assert terminated[0]
    assert info["lives"][0] == 0
    assert lost == 4


@pytest.mark.parametrize("sticky", [0.0, 0.25])
def test_the_seed_alone_determines_a_game_whatever_was_played_before(sticky):
    one, other = AtariGames("ms_pacman", 2, sticky, 1), AtariGames("ms_pacman", 1, sticky, 1)
    reset(one, 1, 2)
    for action in random_actions(37, 9):
        one.step(np.array([action, action]))
    a, _ = one.reset(seed=[0, 77], options={"reset_mask": np.array([False, True])})
    b, _ = reset(other, 77)
    np.testing.assert_array_equal(a[1], b[0])
    for action in random_actions(80, 9, seed=1):
        a, ra, *_ = one.step(np.array([0, action]))
        b, rb, *_ = other.step(np.array([action]))
        np.testing.assert_array_equal(a[1], b[0])
        assert ra[1] == rb[0]
    c, _ = reset(other, 78)
    assert (b[0] != c[0]).any()


def test_sticky_actions_change_the_game():
    plain, sticky = AtariGames("breakout", 1, 0.0, 1), AtariGames("breakout", 1, 0.5, 1)
    reset(plain, 3), reset(sticky, 3)
    actions = random_actions(60, 4)
    assert any((plain.step(np.array([a]))[0] != sticky.step(np.array([a]))[0]).any() for a in actions)


@pytest.mark.parametrize("sticky", [0.0, 0.25])
def test_the_film_is_of_the_game_that_is_played(sticky):
    game, unseen = AtariGame("ms_pacman", sticky), AtariGame("ms_pacman", sticky)
    game.reset(seed=4)
    unseen.reset(seed=4)
    assert game.noops > 0
    rewards = []
    for action in random_actions(200, 9):
        frame = game.render()
        rewards.append(game.step(int(action))[1])
        assert unseen.step(int(action))[1] == rewards[-1]
    assert frame.shape == (210, 160, 3)
    # The emulator behind the film earns the same rewards at the same time, which it would not a few frames early.
    screen = atari._start_screen("ms_pacman", sticky, 4 >> 1, game.noops)
    actions = [screen.getMinimalActionSet()[action] for action in game.played]
    assert [sum(screen.act(action) for _ in range(4)) for action in actions] == rewards
    assert sum(rewards) > 0
    np.testing.assert_array_equal(game.render(), screen.getScreenRGB())


@pytest.mark.parametrize(
    ("env_id", "game"),
    [
        ("ALE/Pong-v5", "pong"),
        ("PongNoFrameskip-v4", "pong"),
        ("Pong-v4", "pong"),
        ("ALE/MsPacman", "ms_pacman"),
        ("ale_py:ALE/Pong-v5", "pong"),
        ("ale_py:ALE/Pong", "pong"),
        ("Hopper-v4", None),
        ("CartPole-v1", None),
        ("tests.deep.catch:Catch-v0", None),
    ],
)
def test_games_are_known_by_their_gymnasium_ids(env_id, game):
    assert game_of(env_id) == game


@pytest.mark.parametrize("env_id", ["ALE/Pogn-v5", "PongNoFrameskip-v9"])
def test_an_unknown_game_is_refused_with_suggestions(env_id):
    with pytest.raises(InputError, match=r"did you mean .*Pong") as error:
        Maker(env_id)()
    assert "\n" not in str(error.value)


def test_a_missing_rom_is_refused_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("ALE_ROMS_DIR", str(tmp_path))
    with pytest.raises(InputError, match="no ROM of the Atari game 'pong'") as error:
        Maker("ALE/Pong-v5")()
    assert "\n" not in str(error.value)
