"""What all tests share."""

import os
import signal

import pytest

from exact.common import progress

# Tests run side by side, a process per core: threads that wait for each other on cores that others hold are many times
# slower than one. Child processes inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A suite that was started with nohup, or in the background of a script, inherits ignored signals, and the commands that
# it starts inherit them, too. The tests of interruptions send these signals.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _silent_tickers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a command prints does not depend on how fast the machine is. Tests of the ticker set it themselves."""
    monkeypatch.setattr(progress, "SECONDS", 1e6)
