import os
import signal

import gymnasium as gym
import numpy as np
import pytest

from deep.model.actors import CategoricalActor, GaussianActor, MlpActor
from deep.sampling.environments import ActionMap, make_env, spec_of
from deep.sampling.normalise import Normaliser, RunningMoments
from deep.sampling.processes import EpisodeRunner, Sampler, rollout
from exact.common.errors import FaultError, InputError
from paper_figs.paper import read_table

TERMINATING, TRUNCATING = "tests.deep.scripted:Terminating-v0", "tests.deep.scripted:Truncating-v0"
PLAIN = Normaliser.of(RunningMoments.empty((2,)), np.inf)


def linear(inputs, outputs):
    """A Gaussian actor with zero mean and unit standard deviation."""
    layer = (np.zeros((inputs, outputs), np.float32), np.zeros(outputs, np.float32))
    return GaussianActor(MlpActor((layer,)), np.ones(outputs, np.float32))


ACTOR = linear(2, 1)


def test_counts_boundaries_and_returns_of_terminating_episodes():
    runner = EpisodeRunner(TERMINATING, 0, 0.5)
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
    got = rollout(EpisodeRunner(TRUNCATING, 0, 0.9), ACTOR, PLAIN, 7)
    assert not got.terminated.any()
    np.testing.assert_array_equal(got.ends, [4, 6])
    assert got.successors[0, 0] == 5
    assert got.episodes == [(4, 15.0, 5)]


def test_episodes_differ_and_the_seed_reproduces_them():
    one, again, other = (rollout(EpisodeRunner(TERMINATING, seed, 0.9), ACTOR, PLAIN, 12) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.observations, again.observations)
    np.testing.assert_array_equal(one.actions, again.actions)
    assert (one.actions != other.actions).any()
    assert len(set(one.observations[[0, 5, 10], 1])) == 3


@pytest.mark.parametrize("env_id", [TERMINATING, "HalfCheetah-v4", "Humanoid-v4", "CartPole-v1"])
def test_a_running_episode_is_restored_bit_for_bit(env_id):
    runner = EpisodeRunner(env_id, 3, 0.9)
    size, discrete = runner.spec.observation_shape[0], runner.spec.discrete
    actor, plain = linear(size, runner.spec.actions), Normaliser.of(RunningMoments.empty((size,)), np.inf)
    if discrete:
        actor = CategoricalActor(actor.mean)
    rollout(runner, actor, plain, 33)
    state = runner.state()
    twin = EpisodeRunner(env_id, 99, 0.9)
    twin.seeds = runner.seeds
    twin.restore(state)
    a, b = (rollout(one, actor, plain, 20) for one in (runner, twin))
    for name in ("observations", "actions", "rewards", "discounted", "successors"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert a.episodes == b.episodes


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("task", [task.env.removesuffix("-v4") for task in read_table(1).tasks])
def test_the_papers_tasks_can_be_sampled_in_both_versions(task, version):
    runner = EpisodeRunner(f"{task}-v{version}", 0, 0.99)
    size = runner.spec.observation_shape[0]
    actor = linear(size, runner.spec.actions)
    got = rollout(runner, actor, Normaliser.of(RunningMoments.empty((size,)), np.inf), 20)
    assert got.observations.shape == (20, size)
    assert np.isfinite(got.rewards).all()


@pytest.mark.parametrize(
    ("env_id", "wanted"), [(TERMINATING, [-2, -2, 1, 2.5, 4, 4]), ("HalfCheetah-v4", [-1, -1, 0, 0.5, 1, 1])]
)
def test_actions_are_scaled_to_the_bounds_and_clipped(env_id, wanted):
    env = make_env(env_id)
    spec = spec_of(env, env_id)
    given = np.array([-5, -1, 0, 0.5, 1, 5], np.float32)
    assert [float(ActionMap(spec)(np.full(spec.actions, a))[0]) for a in given] == wanted
    env.close()


def test_discrete_actions_start_where_the_space_does():
    space = gym.spaces.Discrete(3, start=-1)
    env = make_env("CartPole-v1")
    env.unwrapped.action_space = space
    assert [ActionMap(spec_of(env, "x"))(a) for a in range(3)] == [-1, 0, 1]
    env.close()


@pytest.fixture
def sampler():
    made = []

    def make(env_id, seeds=(1, 2)):
        made.append(Sampler(env_id, list(seeds), 0.9))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_workers_answer_in_order_and_do_what_one_process_does(sampler):
    workers = sampler(TERMINATING)
    workers.request(ACTOR, PLAIN, 24)
    got = workers.collect()
    for seed, one in zip((1, 2), got, strict=True):
        alone = rollout(EpisodeRunner(TERMINATING, seed, 0.9), ACTOR, PLAIN, 12)
        np.testing.assert_array_equal(one.observations, alone.observations)
        np.testing.assert_array_equal(one.actions, alone.actions)
    workers.restore(workers.states())
    workers.request(ACTOR, PLAIN, 24)
    assert [len(one.rewards) for one in workers.collect()] == [12, 12]


@pytest.mark.parametrize(
    ("env_id", "message"),
    [
        ("NanReward", "worker 0: environment .*NanReward-v0'.*reward is nan at step 40 of the worker"),
        ("InfObservation", r"observation is \[.*inf\] at step 40 of the worker"),
        ("Raising", "raised RuntimeError: the arm fell off"),
        ("Dying", r"worker 0 died \(exit code 7\)"),
    ],
)
def test_faults_say_what_and_where(sampler, env_id, message):
    workers = sampler(f"tests.deep.scripted:{env_id}-v0", [1])
    workers.request(ACTOR, PLAIN, 64)
    with pytest.raises(FaultError, match=message):
        workers.collect()


def test_a_killed_worker_is_an_error_and_not_a_hang(sampler):
    def ask():
        workers.request(ACTOR, PLAIN, 24)
        workers.collect()

    workers = sampler(TERMINATING)
    os.kill(workers.workers[1].pid, signal.SIGKILL)
    with pytest.raises(FaultError, match=r"worker 1 died \(exit code -9\)"):
        ask()


@pytest.mark.parametrize(
    ("env_id", "message"),
    [
        ("Hoper-v4", "did you mean Hopper"),
        ("NoSuchThing", "expected a registered id"),
        ("no_such_module:X-v0", "cannot make environment"),
        ("FrozenLake-v1", "observation space .* expected a flat Box"),
        ("CarRacing-v3", "cannot make|expected a flat Box"),
    ],
)
def test_unusable_environments_are_refused_in_one_line(env_id, message):
    with pytest.raises(InputError, match=message) as error:
        spec_of(make_env(env_id), env_id)
    assert "\n" not in str(error.value)
