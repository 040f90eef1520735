"""Rollouts of one environment: bookkeeping, reproducibility, exact replay."""

import json

import numpy as np
import pytest

from deep.model.actors import CategoricalActor
from deep.sampling.environments import inspect
from deep.sampling.normalise import Normaliser, RunningMoments
from deep.sampling.rollout import EpisodeRunner, ended_episodes, ended_returns, rollout
from paper_figs.paper import read_table
from tests.deep.odd import make
from tests.deep.sampling.actors import ACTOR, PLAIN, TERMINATING, TRUNCATING, actor_of, linear, plain


def test_counts_boundaries_and_returns_of_terminating_episodes():
    runner = EpisodeRunner(inspect(TERMINATING), 0, 0.5)
    first, second = rollout(runner, ACTOR, PLAIN, 7), rollout(runner, ACTOR, PLAIN, 4)
    np.testing.assert_array_equal(first.observations[:, 0], [0, 1, 2, 3, 4, 0, 1])
    np.testing.assert_array_equal(first.rewards, [1, 2, 3, 4, 5, 1, 2])
    np.testing.assert_array_equal(first.terminated, [False] * 4 + [True] + [False] * 2)
    np.testing.assert_array_equal(first.ends, [4, 6])
    np.testing.assert_array_equal(first.successors[:, 0], [5, 2])
    np.testing.assert_allclose(first.discounted, [1, 2.5, 4.25, 6.125, 8.0625, 1, 2.5])
    assert first.episodes == [(4, 15.0, 5)]
    np.testing.assert_array_equal(second.observations[:, 0], [2, 3, 4, 0])
    assert second.episodes == [(2, 15.0, 5)]


def test_truncation_is_an_end_without_termination():
    got = rollout(EpisodeRunner(inspect(TRUNCATING), 0, 0.9), ACTOR, PLAIN, 7)
    assert not got.terminated.any()
    np.testing.assert_array_equal(got.ends, [4, 6])
    assert got.successors[0, 0] == 5
    assert got.episodes == [(4, 15.0, 5)]


def test_episodes_differ_and_the_seed_reproduces_them():
    one, again, other = (
        rollout(EpisodeRunner(inspect(TERMINATING), seed, 0.9), ACTOR, PLAIN, 12) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one.observations, again.observations)
    np.testing.assert_array_equal(one.actions, again.actions)
    assert (one.actions != other.actions).any()
    assert len(set(one.observations[[0, 5, 10], 1])) == 3


@pytest.mark.parametrize("env_id", [TERMINATING, "HalfCheetah-v4", "Humanoid-v4", "CartPole-v1"])
def test_a_running_episode_is_restored_bit_for_bit(env_id):
    runner = EpisodeRunner(inspect(env_id), 3, 0.9)
    size, discrete = runner.spec.observation_shape[0], runner.spec.discrete
    actor, plain = linear(size, runner.spec.actions), Normaliser.of(RunningMoments.empty((size,)), np.inf)
    if discrete:
        actor = CategoricalActor(actor.mean)
    rollout(runner, actor, plain, 33)
    state = runner.state()
    twin = EpisodeRunner(inspect(env_id), 99, 0.9)
    twin.seeds = runner.seeds
    twin.restore(state)
    a, b = (rollout(one, actor, plain, 20) for one in (runner, twin))
    for name in ("observations", "actions", "rewards", "discounted", "successors"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert a.episodes == b.episodes


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("task", [task.env.removesuffix("-v4") for task in read_table(1).tasks])
def test_the_papers_tasks_can_be_sampled_in_both_versions(task, version):
    runner = EpisodeRunner(inspect(f"{task}-v{version}"), 0, 0.99)
    size = runner.spec.observation_shape[0]
    actor = linear(size, runner.spec.actions)
    got = rollout(runner, actor, Normaliser.of(RunningMoments.empty((size,)), np.inf), 20)
    assert got.observations.shape == (20, size)
    assert np.isfinite(got.rewards).all()


def test_episodes_of_all_environments_are_in_the_order_of_their_ends():
    runners = [EpisodeRunner(inspect(TERMINATING), seed, 0.9) for seed in (0, 1)]
    rollout(runners[0], ACTOR, PLAIN, 2)
    ended = ended_episodes([rollout(runner, ACTOR, PLAIN, 10) for runner in runners])
    assert [t for t, _, _ in ended] == [2, 4, 7, 9]
    assert {(total, length) for _, total, length in ended} == {(15.0, 5)}


def test_a_fresh_runner_begins_every_rollout_with_a_new_episode():
    spec = inspect(TERMINATING)
    carried, fresh = EpisodeRunner(spec, 0, 0.5), EpisodeRunner(spec, 0, 0.5, fresh=True)
    first, same = rollout(carried, ACTOR, PLAIN, 7), rollout(fresh, ACTOR, PLAIN, 7)
    np.testing.assert_array_equal(first.observations, same.observations)
    episode = fresh.episode
    later, fresh_later = rollout(carried, ACTOR, PLAIN, 7), rollout(fresh, ACTOR, PLAIN, 7)
    assert len(first.ends) > len(first.episodes)
    assert later.episodes[0][0] != later.episodes[0][2] - 1
    assert fresh_later.episodes[0][0] == fresh_later.episodes[0][2] - 1
    assert fresh.episode == episode + 1 + len(fresh_later.episodes)


def test_discounted_returns_count_the_first_reward_fully():
    got = rollout(EpisodeRunner(inspect(TERMINATING), 0, 0.5), ACTOR, PLAIN, 12)
    start, wanted = 0, []
    for t, total, length in got.episodes:
        rewards = got.rewards[start : t + 1]
        assert (len(rewards), rewards.sum()) == (length, pytest.approx(total))
        wanted.append((0.5 ** np.arange(length) * rewards).sum())
        start = t + 1
    assert ended_returns([got], discounted=True) == pytest.approx(wanted)
    assert ended_returns([got], discounted=False) == [total for _, total, _ in got.episodes]


@pytest.mark.parametrize("kind", ["global", "resets", "first"])
def test_an_episode_that_its_seed_does_not_determine_is_not_called_restored(kind):
    """In a run's first episode a new environment object restores `resets` and `first`."""
    spec = inspect(make, {"kind": kind})
    for played, exact in ((3, kind != "global"), (13, False)):
        runner = EpisodeRunner(spec, 0, 0.9)
        rollout(runner, actor_of(spec), plain(spec), played)
        twin = EpisodeRunner(spec, 0, 0.9)
        assert twin.restore(runner.state()) is exact
        assert (twin.episode, twin.length, twin.steps) == (runner.episode + (not exact), 3 if exact else 0, played)
        assert twin.rng.bit_generator.state == runner.rng.bit_generator.state


def test_a_run_of_an_older_version_is_restored_without_a_digest():
    runner, twin = (EpisodeRunner(inspect(TERMINATING), 0, 0.9) for _ in range(2))
    rollout(runner, ACTOR, PLAIN, 3)
    text, actions = runner.state()
    older = {name: value for name, value in json.loads(text).items() if name in ("rng", "episode", "steps")}
    assert twin.restore((json.dumps(older), actions))
    np.testing.assert_array_equal(twin.observation, runner.observation)


def test_a_very_long_episode_is_not_kept_for_replay(monkeypatch):
    monkeypatch.setattr("deep.sampling.rollout.REPLAY_LIMIT", 20)
    spec = inspect(make, {"kind": "endless"})
    runner, twin = EpisodeRunner(spec, 0, 0.9), EpisodeRunner(spec, 0, 0.9)
    got = rollout(runner, actor_of(spec), plain(spec), 30)
    assert (len(runner.taken), runner.length, got.episodes) == (20, 30, [])
    assert not twin.restore(runner.state())
    assert (twin.episode, twin.length) == (1, 0)
