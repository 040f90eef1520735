"""The live app: its address, its page, and that it ends with the command."""

import html
import json
import os
import re
import socket
import subprocess
import sys
import time

import pytest

from exact.classroom.__main__ import main
from exact.classroom.lesson import STORY, TEXTBOOK
from exact.classroom.live import app
from exact.classroom.scene import scene
from exact.mdps.library import load

SETTINGS = TEXTBOOK


def test_the_live_app_shows_the_page_of_its_sliders() -> None:
    _, cells = app.run()
    shown = html.unescape(cells["shown"].text)
    name = STORY[0]
    data = re.search(r'id="data">(.*?)</script>', shown, flags=re.DOTALL)
    assert data is not None
    assert json.loads(data[1])["scenes"] == [scene(load(name), SETTINGS)]


def test_the_live_app_is_served_on_the_loopback_address(monkeypatch: pytest.MonkeyPatch) -> None:
    class BecameAnotherError(Exception):
        """The process has become another program."""

    def execv(program: str, command: list[str]) -> None:
        raise BecameAnotherError(command)

    monkeypatch.setattr(os, "execv", execv)
    with pytest.raises(BecameAnotherError) as gone:
        main(["--live", "--mdp", "cash-in", "--port", "2719"])
    command = gone.value.args[0]
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command[command.index("--port") + 1] == "2719"
    assert command[-2:] == ["--mdp", "cash-in"]


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("end", [subprocess.Popen.terminate, subprocess.Popen.kill])
def test_the_server_ends_with_the_command(end) -> None:
    """Regression: whoever terminated the command left its server running."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "exact.classroom", "--live", "--mdp", "cash-in", "--port", str(port)]
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert wait_until(lambda: answers(port), 60)
        end(started)
        started.wait(timeout=30)
        assert wait_until(lambda: not answers(port), 10)
    finally:
        started.kill()
        started.wait()
