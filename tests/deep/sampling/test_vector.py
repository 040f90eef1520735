"""Sampling from environments side by side: bookkeeping, lives, clipped and raw rewards, exact replay, faults."""

import numpy as np
import pytest

from deep.model.actors import CategoricalActor
from deep.sampling.environments import inspect
from deep.sampling.normalise import unchanged
from deep.sampling.vector import VectorRunner, VectorSampler, rollouts
from exact.common.errors import FaultError
from tests.deep.catch import Catch
from tests.deep.odd import make

CATCH, PONG, BREAKOUT = "tests.deep.catch:Catch-v0", "ALE/Pong-v5", "ALE/Breakout-v5"


class Uniform:
    """Logits of the uniform policy for a batch of images."""

    def __init__(self, outputs):
        self.outputs = outputs

    def __call__(self, x):
        return np.zeros((len(x), self.outputs))


def draw(runner, n, reward_sign=False):
    return rollouts(runner, CategoricalActor(Uniform(runner.spec.actions)), unchanged, n, reward_sign)


def test_ends_successors_and_returns_are_those_of_the_episodes():
    runner = VectorRunner(inspect(CATCH), [1, 2])
    for got in draw(runner, 100):
        assert got.observations.dtype == np.uint8
        np.testing.assert_array_equal(got.ends, [44, 89, 99])
        np.testing.assert_array_equal(np.flatnonzero(got.terminated), [44, 89])
        assert [(t, length) for t, _, length in got.episodes] == [(44, 45), (89, 45)]
        totals = [got.rewards[:45].sum(), got.rewards[45:90].sum()]
        assert [total for _, total, _ in got.episodes] == totals
        # A successor is what the environment showed before its reset; the next observation is the new episode's.
        assert got.observations[45][0, 0].max() == got.observations[0][0, 0].max() == 255
        assert (got.successors[2] != got.observations[99]).any()
    later = draw(runner, 40)[0]
    np.testing.assert_array_equal(got.successors[2].shape, later.observations[0].shape)
    assert [(t, length) for t, _, length in later.episodes] == [(34, 45)]


def test_the_next_rollout_starts_where_the_last_one_ended():
    runner = VectorRunner(inspect(CATCH), [1, 2])
    first, second = draw(runner, 30), draw(runner, 30)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.successors[-1], b.observations[0])


def test_rewards_are_clipped_for_learning_and_raw_in_returns():
    got = draw(VectorRunner(inspect("tests.deep.catch:BigCatch-v0"), range(4)), 90, reward_sign=True)
    assert {reward for one in got for reward in one.rewards.tolist()} == {-1.0, 0.0, 1.0}
    for one in got:
        assert [total for _, total, _ in one.episodes] == [10 * one.rewards[:45].sum(), 10 * one.rewards[45:].sum()]


def test_a_lost_life_ends_a_trajectory_but_no_game():
    runner = VectorRunner(inspect(BREAKOUT), [3, 4])
    got = draw(runner, 700, reward_sign=True)
    for e, one in enumerate(got):
        cuts, games = np.flatnonzero(one.terminated), [t for t, _, _ in one.episodes]
        assert set(games) <= set(cuts.tolist()) <= set(one.ends.tolist())
        assert sum(t <= games[0] for t in cuts) == 5  # four lives lost, then the game
        assert one.episodes[0][2] == games[0] + 1
        alive = next(t for t in cuts if t not in games)
        # The game goes on: the observation after a lost life is the successor of the one before.
        np.testing.assert_array_equal(one.observations[alive + 1], one.successors[list(one.ends).index(alive)])
        assert runner.episode[e] == len(games)


def test_the_seed_reproduces_the_samples_and_another_changes_them():
    one, again, other = (draw(VectorRunner(inspect(BREAKOUT), seeds), 40) for seeds in ([1, 2], [1, 2], [3, 2]))
    np.testing.assert_array_equal(one[0].observations, again[0].observations)
    np.testing.assert_array_equal(one[0].actions, again[0].actions)
    assert (one[0].actions != other[0].actions).any()
    np.testing.assert_array_equal(one[1].actions, other[1].actions)


@pytest.mark.parametrize(("env_id", "sticky", "n"), [(CATCH, 0, 70), (BREAKOUT, 0, 250), (BREAKOUT, 0.25, 250)])
def test_running_games_are_restored_bit_for_bit(env_id, sticky, n):
    runner = VectorRunner(inspect(env_id), [5, 6, 7], sticky)
    draw(runner, n)
    assert len({len(taken) for taken in runner.taken}) > 1 or env_id == CATCH  # games of several lengths are running
    twin = VectorRunner(inspect(env_id), [5, 6, 7], sticky)
    draw(twin, 11)
    twin.restore(runner.states())
    for a, b in zip(draw(runner, 60), draw(twin, 60), strict=True):
        for name in ("observations", "actions", "rewards", "terminated", "ends", "successors"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        assert a.episodes == b.episodes
    assert runner.steps == twin.steps


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Nan", "NanCatch-v0', number 0: the reward is nan .episode 1, step 20"),
        ("Raising", "raised RuntimeError: the paddle broke"),
    ],
)
def test_faults_say_what_and_where(name, message):
    sampler = VectorSampler(inspect(f"tests.deep.catch:{name}Catch-v0"), [1, 2], 0.0, False)
    sampler.request(CategoricalActor(Uniform(3)), unchanged, 64)
    with pytest.raises(FaultError, match=message):
        sampler.collect()
    sampler.close()


def fails(_, **arguments):
    raise RuntimeError("no screen")


def test_a_first_reset_that_fails_is_a_fault(monkeypatch):
    spec = inspect("tests.deep.catch:Catch-v0")
    monkeypatch.setattr(Catch, "reset", fails)
    with pytest.raises(FaultError, match=r"environment .*number 0 raised RuntimeError: no screen .at the reset of"):
        VectorSampler(spec, [1, 2], 0.0, False)


@pytest.mark.parametrize(("at", "when"), [("reset", "at the reset of episode 2"), ("step", "episode 1, step 4")])
def test_an_environment_that_calls_sys_exit_has_failed(at, when):
    spec = inspect(make, {"kind": "quitting", "at": at, "screen": True})
    sampler = VectorSampler(spec, [1], 0.0, False)
    sampler.request(CategoricalActor(Uniform(2)), unchanged, 64)
    with pytest.raises(FaultError, match=rf"number 0 raised SystemExit: .*{when}"):
        sampler.collect()


def test_what_close_raises_is_a_note(monkeypatch, capsys):
    monkeypatch.setattr(Catch, "close", fails)
    VectorSampler(inspect("tests.deep.catch:Catch-v0"), [1], 0.0, False).close()
    notes = capsys.readouterr().err.splitlines()
    assert notes == ["note: environment 'tests.deep.catch:Catch-v0' raised RuntimeError in close(): no screen"] * 2
