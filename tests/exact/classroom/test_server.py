"""Who may talk to the live app, without starting it: tests/torture/app.py talks to a real one."""

import asyncio

import pytest

from exact.classroom.server import check_named, given, guarded
from exact.common.errors import InputError

PORT = 2718
OWN = (b"host", b"127.0.0.1:2718")


def answer(*headers, kind="http"):
    """What is sent back for a request with these headers; [] if the application was reached."""
    sent = []

    async def app(scope, receive, send):
        sent.append("reached")

    async def receive():
        return {"type": f"{kind}.connect"}

    async def send(message):
        sent.append(message.get("status", message.get("code")))

    asyncio.run(guarded(app, PORT)({"type": kind, "headers": headers}, receive, send))
    return sent[0]


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_own_requests_reach_the_app(kind):
    assert answer(OWN, kind=kind) == "reached"
    assert answer((b"Host", b"LOCALHOST:2718"), (b"origin", b"http://127.0.0.1:2718"), kind=kind) == "reached"


@pytest.mark.parametrize(
    "headers",
    [
        (),
        ((b"host", b"evil.example:2718"),),
        ((b"host", b"127.0.0.1"),),
        (OWN, (b"host", b"evil.example:2718")),
        (OWN, (b"origin", b"http://evil.example")),
        (OWN, (b"origin", b"null")),
        (OWN, (b"origin", b"http://127.0.0.1:2718"), (b"origin", b"http://evil.example")),
        (OWN, (b"origin", b"https://127.0.0.1:2718")),
    ],
)
def test_foreign_requests_do_not(headers):
    """DNS rebinding: a page of another name read the app, and had it import a module."""
    assert answer(*headers) == 403
    assert answer(*headers, kind="websocket") == 1008


def test_the_start_of_the_server_passes():
    assert answer(kind="lifespan") == "reached"


def test_no_module_is_imported():
    assert check_named("gym:FrozenLake-v1") == "gym:FrozenLake-v1"
    for name in ("gym:os:Y-v0", " gym:this:X-v0 ", "gym::"):
        with pytest.raises(InputError, match="the live app imports no module"):
            check_named(name)
    assert given() == []
