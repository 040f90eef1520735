"""Worker processes: they do what one process does, and a fault in one is said in one line."""

import os
import signal

import numpy as np
import pytest

from deep.sampling.environments import inspect
from deep.sampling.processes import Sampler
from deep.sampling.rollout import EpisodeRunner, rollout
from exact.common.errors import FaultError
from tests.deep.sampling.actors import ACTOR, PLAIN, TERMINATING


@pytest.fixture
def sampler():
    made = []

    def make(env_id, seeds=(1, 2)):
        made.append(Sampler(inspect(env_id), list(seeds), 0.9))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_workers_answer_in_order_and_do_what_one_process_does(sampler):
    workers = sampler(TERMINATING)
    workers.request(ACTOR, PLAIN, 24)
    got = workers.collect()
    for seed, one in zip((1, 2), got, strict=True):
        alone = rollout(EpisodeRunner(inspect(TERMINATING), seed, 0.9), ACTOR, PLAIN, 12)
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
