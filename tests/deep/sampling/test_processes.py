"""Worker processes: they do what one process does, and a fault in one is said in one line."""

import os
import re
import signal
import subprocess
import sys
from multiprocessing import spawn

import gymnasium as gym
import numpy as np
import psutil
import pytest

from deep.sampling.environments import inspect
from deep.sampling.processes import Sampler
from deep.sampling.rollout import EpisodeRunner, rollout
from deep.sampling.worker import first_words
from exact.common.errors import FaultError, InputError
from tests import HANG_SECONDS
from tests.deep.odd import make
from tests.deep.sampling.actors import ACTOR, PLAIN, TERMINATING, actor_of, plain


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
        ("NanReward", "worker 0: environment .*NanReward-v0'.*reward is nan .episode 1, step 40"),
        ("InfObservation", "observation is array.*inf.*not finite .episode 1, step 40"),
        ("Raising", "raised RuntimeError: the arm fell off"),
        ("Dying", r"worker 0 died \(exit code 7\)"),
    ],
)
def test_faults_say_what_and_where(sampler, env_id, message):
    workers = sampler(f"tests.deep.scripted:{env_id}-v0", [1])
    workers.request(ACTOR, PLAIN, 64)
    with pytest.raises(FaultError, match=message):
        workers.collect()


def ask(workers, spec, n=24):
    workers.request(actor_of(spec), plain(spec), n)
    return workers.collect()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("broken pipe", "worker 0: environment .*raised BrokenPipeError: the robot's socket .episode 1, step 3"),
        ("nan start", "worker 0: environment .*not finite .at the reset of episode 1"),
        ("old step", r"worker 0: environment .*gymnasium's step.action. returns"),
    ],
)
def test_an_environments_own_faults_are_not_taken_for_the_learners_end(kind, message):
    def play():
        made.append(Sampler(spec, [1], 0.9))
        ask(made[0], spec)

    spec, made = inspect(make, {"kind": kind}), []
    with pytest.raises(FaultError, match=message):
        play()
    for workers in made:
        workers.close()


def test_a_worker_may_start_processes_and_closes_its_environment(tmp_path):
    spec, path = inspect(make, {"kind": "parent"}), tmp_path / "closed"
    workers = Sampler(spec, [1], 0.9)
    assert len(ask(workers, spec)[0].rewards) == 24
    workers.close()
    closing = inspect(make, {"kind": "closing", "path": str(path)})
    assert path.read_text() == "closed\n"  # that of `inspect`
    Sampler(closing, [1, 2], 0.9).close()
    assert path.read_text() == "closed\n" * 3


def test_what_only_the_learners_process_registered_is_explained():
    gym.register("OnlyHere-v0", entry_point="tests.deep.odd:Counting")
    with pytest.raises(InputError, match=r"workers do not know what the learner's process registered: .*module:Env-v0"):
        Sampler(inspect("OnlyHere-v0"), [1], 0.9)
    del gym.registry["OnlyHere-v0"]


SCRIPT = """
import gymnasium as gym
from deep.sampling.environments import inspect
from deep.sampling.processes import Sampler
from tests.deep.odd import Counting
class Mine(Counting): pass
def train():
    Sampler(inspect(lambda: Mine()), [1], 0.9).close()
    print("trained")
"""


@pytest.mark.parametrize("way", [["-"], ["-c", SCRIPT + "train()"]], ids=["piped", "-c"])
def test_a_script_that_is_no_file_trains(way):
    """Workers cannot import it; what it defines reaches them all the same."""
    done = subprocess.run([sys.executable, *way], input=SCRIPT + "train()", capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "trained\n", "")


@pytest.mark.parametrize(
    ("last", "status", "message"),
    [('if __name__ == "__main__": train()', 0, "trained"), ("train()", 1, 'InputError: .*if __name__ == "__main__"')],
)
def test_a_script_without_a_guard_is_told_what_to_write(tmp_path, last, status, message):
    (tmp_path / "script.py").write_text(SCRIPT + last)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, tmp_path / "script.py"], capture_output=True, text=True, timeout=120, env=environment
    )
    assert (done.returncode, bool(re.search(message, done.stdout + done.stderr))) == (status, True)
    assert done.stderr.count("Traceback") == status  # the script's own, and none of the worker's


def test_a_script_that_fails_in_the_workers_is_pointed_at(tmp_path):
    (tmp_path / "script.py").write_text('assert __name__ == "__main__"' + SCRIPT + 'if __name__ == "__main__": train()')
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, tmp_path / "script.py"], capture_output=True, text=True, timeout=120, env=environment
    )
    assert "AssertionError" in done.stderr
    assert "died (exit code 1) while it started; workers import the script that trains" in done.stderr.splitlines()[-1]


def test_a_learner_that_forgets_to_close_its_workers_ends_all_the_same():
    script = SCRIPT + "w = Sampler(inspect(Mine), [1], 0.9)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_killed_worker_is_an_error_and_not_a_hang(sampler):
    def ask():
        workers.request(ACTOR, PLAIN, 24)
        workers.collect()

    workers = sampler(TERMINATING)
    os.kill(workers.workers[1].pid, signal.SIGKILL)
    with pytest.raises(FaultError, match=r"worker 1 died \(exit code -9\)"):
        ask()


def test_a_stopped_worker_is_waited_for_as_long_as_its_pace_allows(sampler):
    workers = sampler(TERMINATING)
    workers.request(ACTOR, PLAIN, 24)
    workers.collect()
    workers.patience.least = 1.0
    os.kill(workers.workers[1].pid, signal.SIGSTOP)
    workers.request(ACTOR, PLAIN, 24)
    with pytest.raises(
        FaultError, match=r"^worker 1: environment .*Terminating-v0': stopped or hanging: .*after [12] s"
    ):
        workers.collect()


def test_a_hanging_environment_is_named_with_episode_and_step():
    spec = inspect(make, {"kind": "hanging"})
    workers = Sampler(spec, [1], 0.9)
    workers.patience.least = 1.0
    with pytest.raises(FaultError, match=r"worker 0: environment .*hanging: step 3 of episode 1 has not ended after"):
        ask(workers, spec)
    workers.close()


@pytest.mark.parametrize(
    ("at", "message"),
    [
        ("reset", r"^worker 0: environment .*raised SystemExit: no licence .at the reset of episode 2"),
        ("step", r"^worker 0: environment .*raised SystemExit: .*episode 1, step 4"),
    ],
)
def test_an_environment_that_calls_sys_exit_has_failed(at, message):
    spec = inspect(make, {"kind": "quitting", "at": at})
    workers = Sampler(spec, [1], 0.9)
    with pytest.raises(FaultError, match=message):
        ask(workers, spec)
    workers.close()


def gone(pids, seconds=30):
    """Whether all of these processes end in time."""
    there = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    return not psutil.wait_procs(there, timeout=seconds)[1]


@pytest.mark.parametrize("end", ["closed", "killed", "left alone"])
def test_what_an_environment_started_ends_with_its_worker(tmp_path, end):
    """Left alone: the worker reads the end of its connection, and the learner dies before it can do anything."""
    path = tmp_path / "children"
    spec = inspect(make, {"kind": "leaving", "path": str(path)})
    workers = Sampler(spec, [1], 0.9)
    ask(workers, spec)
    if end == "killed":
        os.kill(workers.workers[0].pid, signal.SIGKILL)
        with pytest.raises(FaultError, match=r"worker 0 died \(exit code -9\); the system kills processes when memory"):
            ask(workers, spec)
    if end == "left alone":
        workers.connections[0].close()
    else:
        workers.close()
    made = [tuple(map(int, line.split())) for line in path.read_text().splitlines()]
    os.kill(next(child for parent, child in made[1:] if parent == os.getpid()), signal.SIGKILL)  # that of `inspect`
    assert gone([child for parent, child in made if parent != os.getpid()])
    if end == "left alone":
        workers.workers[0].join(HANG_SECONDS)
        assert workers.workers[0].exitcode == 0
        workers.close()


ALONE = """
import os, sys
from deep.sampling.environments import inspect
from deep.sampling.processes import Sampler
from tests.deep.odd import make
from tests.deep.sampling.actors import actor_of, plain
spec = inspect(make, {"kind": sys.argv[1]})
workers = Sampler(spec, [1, 2], 0.9)
print(*(one.pid for one in workers.workers), flush=True)
workers.request(actor_of(spec), plain(spec), 24)
sys.stdin.read()
"""


@pytest.mark.parametrize(("kind", "stop"), [("plain", False), ("hanging", False), ("plain", True)])
def test_workers_end_with_a_learner_that_was_killed_and_say_nothing(kind, stop):
    learner = subprocess.Popen(
        [sys.executable, "-c", ALONE, kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    pids = [int(word) for word in learner.stdout.readline().split()]
    if stop:
        os.kill(pids[0], signal.SIGSTOP)
    learner.kill()
    assert learner.communicate(timeout=120)[1] == ""
    assert gone(pids)


def started_without_a_learner():
    """What a worker says whose learner was killed before it had written what the worker begins with."""
    reading, writing = os.pipe()
    words = spawn.get_command_line(pipe_handle=reading, tracker_fd=reading)
    os.close(writing)
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, pass_fds=[reading])
    os.close(reading)
    return done.returncode, done.stderr


def test_a_worker_whose_learner_is_killed_while_it_starts_it_says_nothing():
    assert "EOFError" in started_without_a_learner()[1]
    with first_words():
        assert started_without_a_learner() == (1, "")
