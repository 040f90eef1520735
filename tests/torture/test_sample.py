"""A few of every part of the suite; `make torture` does it thousands of times."""

import random
import signal

import pytest

from tests.torture import disk, files, hostile, kills, signals, soak, workers


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    folder = tmp_path_factory.mktemp("torture")
    kills.reference("pixels", folder)
    return folder


def held(row):
    assert row.tried > 0
    assert row.failures == []


def test_kills_at_random_moments(scratch):
    for row in kills.at_random("pixels", scratch, 6, random.Random(0)):
        held(row)


def test_kills_at_system_calls(scratch):
    held(kills.at_every_call("pixels", scratch, 30))


def test_failing_disks(scratch):
    for row in disk.failing_calls("pixels", scratch, 20):
        held(row)


def test_damaged_files(scratch):
    whole, _ = kills.reference("pixels", scratch)
    for row in files.bytes_of_a_checkpoint(whole, scratch, 997):
        held(row)
    for row in files.damaged_runs("pixels", scratch, 1, random.Random(1)):
        held(row)
    held(files.lost_files("pixels", scratch))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals(scratch, number):
    held(signals.signalled("pixels", scratch, number, False, 1, random.Random(2)))


def test_workers_that_die_or_stop(scratch):
    held(workers.signalled("flat", scratch, signal.SIGKILL, 1, random.Random(3)))
    held(workers.stopped("flat", scratch, 1, False, random.Random(4)))
    held(workers.out_of_memory(scratch, 1))


def test_nobody_is_left_when_the_main_process_dies(scratch):
    for row in workers.deaths(scratch / "deaths", 1, random.Random(5)):
        held(row)


def test_hostile_files_and_names(scratch):
    held(hostile.checkpoints("pixels", scratch, 7))
    held(hostile.strangers("pixels", scratch))
    held(hostile.links("pixels", scratch))
    held(hostile.markup(scratch / "names", ["".join(hostile.NAMES)]))


def test_a_short_soak(tmp_path):
    row = soak.training(tmp_path / "run", 8_192)
    assert row.tried == 1
    assert "status" not in "".join(row.failures)  # so short a run has not filled its caches


def test_memory_that_grows_is_noticed():
    assert soak.flat([100] * 50) is None
    assert soak.flat([10**6 * (100 + i) for i in range(50)]) == "memory grew from 119 to 149 MB"
