"""A few of every part of the suite; `make torture` does it thousands of times."""

import random
import signal

import pytest

from tests.torture import disk, files, kills, signals


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
