"""Lines of progress where the output is no terminal."""

import io
import threading
import time
from dataclasses import dataclass

import pytest

from exact.common import cli, progress
from exact.common.parallel import parallel_map
from exact.common.progress import Ticker, counter


@dataclass(frozen=True)
class Nothing:
    """The options of a command that has none."""


@pytest.fixture
def fast(monkeypatch):
    monkeypatch.setattr(progress, "SECONDS", 0.001)


class Stream(io.StringIO):
    """A stream that says when something was written."""

    def __init__(self, terminal=False):
        super().__init__()
        self.spoken, self.terminal = threading.Event(), terminal

    def write(self, text):
        self.spoken.set()
        return super().write(text)

    def isatty(self):
        return self.terminal


def test_it_speaks_while_one_step_takes_long_and_falls_silent_at_the_end(fast):
    stream = Stream()
    with Ticker(lambda: "here", stream) as ticker:
        assert stream.spoken.wait(60)
    assert set(stream.getvalue().splitlines()) == {"here"}
    assert not ticker.thread.is_alive()


@pytest.mark.parametrize(("terminal", "silent"), [(True, False), (False, True)])
def test_on_a_terminal_or_when_asked_to_it_is_silent(fast, terminal, silent):
    ticker = Ticker(lambda: "here", Stream(terminal), silent)
    assert ticker.thread is None
    with ticker:
        pass


def test_of_two_the_inner_one_speaks_and_a_silent_one_keeps_both_silent(fast):
    outer, inner = Stream(), Stream()
    with Ticker(lambda: "outer", outer):
        assert outer.spoken.wait(60)
        with Ticker(lambda: "inner", inner) as ticker:
            assert ticker.thread is None
            assert inner.spoken.wait(60)
            written = len(outer.getvalue())
            inner.spoken.clear()
            assert inner.spoken.wait(60)
            assert len(outer.getvalue()) == written
        with Ticker(lambda: "silent", Stream(), silent=True):
            before = outer.getvalue().count("outer")
            time.sleep(0.1)
            assert outer.getvalue().count("outer") <= before + 1  # one may have been under way
        outer.spoken.clear()
        assert outer.spoken.wait(60)
    assert set(inner.getvalue().splitlines()) == {"inner"}


def test_every_command_says_now_and_then_that_it_is_at_work(fast, capsys):
    def work(_):
        while "test.command: at work for 0 s" not in capsys.readouterr().err:
            pass
        return cli.DONE

    assert cli.main(Nothing, "test.command", work, []) == cli.DONE


def test_a_closed_stream_ends_it(fast):
    stream = Stream()
    stream.close()
    with Ticker(lambda: "here", stream) as ticker:
        ticker.thread.join(60)
        assert not ticker.thread.is_alive()


def test_the_counter_says_how_many_are_done():
    ticker, tell = counter("squares", 20)
    tell(3)
    assert ticker.state() == "squares: 3 of 20, 0 s"


def wait(_):
    assert SPOKEN.wait(60)


SPOKEN = threading.Event()


def test_work_in_parallel_says_how_far_it_is(fast, monkeypatch):
    stream = Stream()
    stream.spoken = SPOKEN
    monkeypatch.setattr("sys.stderr", stream)
    parallel_map(wait, [0], "local", 1, "waiting")
    assert "waiting: 0 of 1, 0 s" in stream.getvalue()
