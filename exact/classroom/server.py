"""The server of the live app: on the loopback address, for this machine's user and no foreign page.

A page of another site that the user has open can send requests to 127.0.0.1, too; with a name of its own that it lets
resolve to 127.0.0.1 (DNS rebinding) it could even read the answers.  So three things are checked, each alone enough:

    Host      the request names 127.0.0.1 or localhost, with the port; a rebound name is another one
    Origin    a page that sends the request comes from there, too; browsers always say so, pages cannot change it
    token     only who knows the address that the command prints gets in; marimo checks this one

marimo is loaded when the server starts, not before.
"""

import importlib.util
import os
import secrets
import signal
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from importlib import resources
from typing import Any

from exact.common.errors import FaultError, InputError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
"""An ASGI application."""

LOOPBACK = "127.0.0.1"
POLICY_VIOLATION = 1008
"""Code with which a WebSocket is refused (RFC 6455)."""
LOOK_SECONDS = 0.5
"""How often the server looks whether the process that started it is still there."""
CLOSING_SECONDS = 2
"""How long the server waits for open pages when it ends."""
_given: list[str] = []


def given() -> list[str]:
    """The MDPs of the command line; the app's process is the command's."""
    return list(_given)


def check_named(name: str) -> str:
    """Return a name of an MDP that the app may load.

    Raises:
        InputError: it would import a module. A page must not make this machine run code.
    """
    if name.strip().startswith("gym:") and ":" in name.strip().removeprefix("gym:"):
        raise InputError(f"{name!r}: the live app imports no module; use python -m exact.solve for it")
    return name


def serve(mdps: Sequence[str], port: int) -> None:
    """Serve the live app until this process is told to end, or the one that started it has ended.

    Raises:
        InputError: marimo is not installed, port lies outside 1..65535, or an MDP would import a module.
        FaultError: the port is taken.
    """
    for needed in ("marimo", "anywidget", "uvicorn"):
        if importlib.util.find_spec(needed) is None:
            raise InputError(f"the live app needs {needed}: install stro[classroom]")
    if not 1 <= port <= 65535:
        raise InputError(f"port must lie in 1..65535, got {port}")
    _given[:] = [check_named(name) for name in mdps]
    import uvicorn

    token = secrets.token_urlsafe(24)
    with resources.as_file(resources.files("exact.classroom")) as folder:
        app = guarded(live_app(str(folder / "live.py"), token), port)
        settings = uvicorn.Config(
            app, host=LOOPBACK, port=port, log_level="error", timeout_graceful_shutdown=CLOSING_SECONDS
        )
        server = uvicorn.Server(settings)
        threading.Thread(target=end_with_parent, daemon=True).start()
        print(f"the live app is at http://{LOOPBACK}:{port}/?access_token={token}", flush=True)
        try:
            server.run()
        except KeyboardInterrupt:  # die by the signal: the threads of open pages would keep the process
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.raise_signal(signal.SIGINT)
        except SystemExit as error:
            if error.code:
                raise FaultError(f"the live app cannot be served at port {port}") from None


def end_with_parent() -> None:
    """Terminate this process when the one that started it has ended; a thread of its own.

    A wrapper that is killed cannot tell the processes that it has started. Under nohup nothing happens: there the user
    wants the server to go on.
    """
    if not hasattr(signal, "SIGHUP") or signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def live_app(file: str, token: str) -> App:
    """The marimo app of a file, for who has the token."""
    import marimo

    app: App = marimo.create_asgi_app(quiet=True, token=token).with_app(path="/", root=file).build()
    return app


def guarded(app: App, port: int) -> App:
    """The same application, which refuses requests of foreign pages.

    Args:
        app: an ASGI application.
        port: the port that it is served at.
    """
    hosts = {f"{name}:{port}".encode() for name in (LOOPBACK, "localhost")}
    origins = {b"http://" + host for host in hosts}

    async def guard(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            headers = [(name.lower(), value) for name, value in scope["headers"]]
            host = [value for name, value in headers if name == b"host"]
            origin = [value for name, value in headers if name == b"origin"]
            if len(host) != 1 or host[0].lower() not in hosts or not {value.lower() for value in origin} <= origins:
                await refuse(scope["type"], receive, send)
                return
        await app(scope, receive, send)

    return guard


async def refuse(kind: str, receive: Receive, send: Send) -> None:
    """Answer a foreign request: 403, or a closed WebSocket."""
    if kind == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        return
    await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"refused: not a request of this machine's user\n"})
