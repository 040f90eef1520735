"""The live app: its address, its page, and that it ends with the command."""

import html
import json
import re
import socket
import subprocess
import sys
import time

from exact.classroom.lesson import STORY, TEXTBOOK
from exact.classroom.live import app
from exact.classroom.scene import scene
from exact.mdps.library import load
from tests import HANG_SECONDS

SETTINGS = TEXTBOOK


def test_the_live_app_shows_the_page_of_its_sliders() -> None:
    _, cells = app.run()
    shown = html.unescape(cells["shown"].text)
    name = STORY[0]
    data = re.search(r'id="data">(.*?)</script>', shown, flags=re.DOTALL)
    assert data is not None
    assert json.loads(data[1])["scenes"] == [scene(load(name), SETTINGS)]


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


def test_the_server_ends_with_the_command() -> None:
    """Regression: whoever terminated the command left its server running."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "exact.classroom", "--live", "--mdp", "cash-in", "--port", str(port)]
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert wait_until(lambda: answers(port), HANG_SECONDS)
        started.terminate()
        started.wait(timeout=HANG_SECONDS)
        assert wait_until(lambda: not answers(port), 10)
    finally:
        started.kill()
        started.wait()
