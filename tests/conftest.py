"""What all tests share."""

import os

import pytest

from exact.common import progress

# Tests run side by side, a process per core: threads that wait for each other on cores that others hold are many times
# slower than one. Child processes inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def _silent_tickers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a command prints does not depend on how fast the machine is. Tests of the ticker set it themselves."""
    monkeypatch.setattr(progress, "SECONDS", 1e6)
