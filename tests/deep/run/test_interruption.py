"""Signals that stop a training command."""

import os
import signal
from pathlib import Path

import pytest

from deep.run.interruption import SIGNALS, Interruption, ended_by_signals


def end(number):
    with ended_by_signals():
        os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_outside_of_the_training_a_signal_ends_the_command_as_ctrl_c_does(number):
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt):
        end(number)
    assert signal.getsignal(number) is before


def test_a_signal_that_is_ignored_stays_ignored(monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_by_signals(), Interruption(Path("run"), "CartPole-v1", None) as interruption:
            os.kill(os.getpid(), signal.SIGHUP)
        assert interruption.asked is None
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_stops_after_the_iteration_and_the_second_at_once(number, capsys):
    with Interruption(Path("run"), "module:Env-v0", "module:wrap") as interruption:
        assert interruption.observe({})
        os.kill(os.getpid(), number)
        assert not interruption.observe({})
        with pytest.raises(KeyboardInterrupt, match="--resume run --env module:Env-v0 --wrapper module:wrap"):
            os.kill(os.getpid(), number)
    assert capsys.readouterr().err.startswith("note: the run stops after this iteration")
