"""How long a worker is waited for."""

import pytest

from deep.sampling.patience import FACTOR, POLL, Patience


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("deep.sampling.patience.time.monotonic", lambda: now[0])
    return now


def looks(patience, clock, seconds):
    """Look once a second, for so long."""
    late = []
    for _ in range(int(seconds / POLL)):
        clock[0] += POLL
        late = patience.look([0, 1])
    return late


def test_the_limit_grows_with_the_pace(clock):
    progress = [[0, 1, 0], [0, 1, 0]]
    patience = Patience(progress, 60.0)
    patience.begin()
    assert looks(patience, clock, 59) == []
    assert looks(patience, clock, 3) == [0, 1]
    progress[0][0] = progress[1][0] = 1  # both come back
    assert looks(patience, clock, 1) == []
    assert patience.limit == FACTOR * 62
    assert looks(patience, clock, FACTOR * 62 - 1) == []
    assert looks(patience, clock, 3) == [0, 1]
    patience.begin()
    assert looks(patience, clock, 60) == []


def test_a_slow_start_says_nothing_of_the_pace(clock):
    progress = [[0, 0, 0], [0, 0, 0]]
    patience = Patience(progress, 60.0)
    patience.begin()
    looks(patience, clock, 50)
    progress[:] = [[0, 1, 0]] * 2
    assert looks(patience, clock, 1) == []
    assert patience.limit == 60.0


def test_time_in_which_the_learner_itself_was_stopped_does_not_count(clock):
    patience = Patience([[0, 0, 0]] * 2, 60.0)
    patience.begin()
    clock[0] += 10_000
    assert patience.look([0, 1]) == []
    assert patience.quiet == [2 * POLL] * 2


@pytest.mark.parametrize(
    ("progress", "what"),
    [([0, 0, 0], "its start has"), ([7, 3, 7], "the reset of episode 3 has"), ([9, 3, 7], "step 2 of episode 3 has")],
)
def test_what_is_waited_for_is_said(clock, progress, what):
    patience = Patience([progress], 60.0)
    patience.begin()
    assert f"{what} not ended after 0 s, the slowest before took 0 s; --patience" in patience.describe(0)
