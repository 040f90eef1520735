"""Requests that a foreign page, or a stranger on this machine, might send to the live app.

`run(scale)` starts the app once and sends every request once, whatever the scale. A hostile request holds if nothing
of the app comes back; an honest one, if the app does.
"""

import http.client
import os
import re
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from exact.classroom.server import check_named
from exact.common.errors import InputError
from tests import HANG_SECONDS

Row = tuple[str, int, int]
"""What was tried, how many, how many held."""
FOREIGN_HOSTS = ("evil.example", "evil.example:{port}", "127.0.0.1", "localhost:1", "127.0.0.1.evil.example:{port}", "")
FOREIGN_ORIGINS = (
    *("http://evil.example", "http://evil.example:{port}", "null", "https://127.0.0.1:{port}", "http://127.0.0.1"),
    *("http://127.0.0.1:{port}@evil.example", "http://localhost:{port}.evil.example", "file://", ""),
)
MODULES = ("gym:os:Y-v0", "gym:antigravity:X-v1", " gym:this:Y-v0", "gym::", "gym:.x:Y-v0", "gym:a.b:c:d")


def free_port() -> int:
    """A port that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def served() -> Iterator[tuple[int, str]]:
    """The live app in a process of its own: its port and its token."""
    port = free_port()
    command = [sys.executable, "-m", "exact.classroom", "--live", "--mdp", "cash-in", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ)
    try:
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], HANG_SECONDS)[0], "the app did not start"
        said = process.stdout.readline().decode()
        found = re.fullmatch(rf"the live app is at http://127\.0\.0\.1:{port}/\?access_token=(\S+)\n", said)
        assert found, said
        end = time.monotonic() + HANG_SECONDS
        while time.monotonic() < end and not answers(port):
            time.sleep(0.1)
        yield port, found[1]
    finally:
        process.kill()
        process.communicate()


def answers(port: int) -> bool:
    """Whether something listens at the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def request(port: int, path: str, headers: dict[str, str], method: str = "GET") -> tuple[int, str]:
    """Status and body of the answer to one request; "Host" is the caller's."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HANG_SECONDS)
    try:
        connection.putrequest(method, path, skip_host=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


def admitted(port: int, key: str, headers: dict[str, str]) -> bool:
    """Whether the token opens the app: marimo answers it with a cookie, and the cookie with the page."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HANG_SECONDS)
    try:
        connection.request("GET", f"/?{key}", headers=headers)
        cookie = connection.getresponse().getheader("set-cookie") or ""
    finally:
        connection.close()
    return request(port, "/", headers | {"Cookie": cookie.partition(";")[0]})[0] == 200


def websocket(port: int, query: str, headers: dict[str, str]) -> int:
    """Status of the answer to a WebSocket's handshake; 101 if it is open."""
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HANG_SECONDS)
    try:
        connection.putrequest("GET", f"/ws?{query}", skip_host=True)
        for name, value in {**headers, **upgrade}.items():
            connection.putheader(name, value)
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


def run(scale: float) -> list[Row]:
    """Every request; the scale changes nothing."""
    with served() as (port, token):
        own = {"Host": f"127.0.0.1:{port}"}
        key = f"access_token={token}"
        foreign = [{"Host": host.format(port=port)} for host in FOREIGN_HOSTS]
        crossed = [own | {"Origin": origin.format(port=port)} for origin in FOREIGN_ORIGINS]
        paths = ("/", f"/?{key}", f"/api/status?{key}", f"/auth/login?{key}", f"/assets/x?{key}")
        hostile = [
            request(port, path, headers, method)[0] == 403
            for headers in (*foreign, *crossed)
            for path in paths
            for method in ("GET", "POST")
        ]
        sockets = [websocket(port, f"session_id=a&{key}", headers) == 403 for headers in (*foreign, *crossed)]
        strangers = [
            request(port, path, own)[0] != 200
            for path in ("/", "/?access_token=", "/?access_token=x", f"/?access_token={token[:-1]}")
        ] + [websocket(port, "session_id=b", own) != 101]
        honest = [
            admitted(port, key, headers)
            for headers in (own, {"Host": f"localhost:{port}"}, own | {"Origin": f"http://localhost:{port}"})
        ] + [websocket(port, f"session_id=c&{key}", own | {"Origin": f"http://127.0.0.1:{port}"}) == 101]
    rows = [
        *(("live app: foreign Host or Origin", hostile), ("live app: foreign WebSockets", sockets)),
        *(("live app: no token, or a wrong one", strangers), ("live app: honest requests", honest)),
        ("live app: modules to import", [refused(name) for name in MODULES]),
    ]
    return [(what, len(held), sum(held)) for what, held in rows]


def refused(name: str) -> bool:
    """Whether the app refuses to load an MDP of that name."""
    try:
        check_named(name)
    except InputError:
        return True
    return False
