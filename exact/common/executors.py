"""What `--executor` names: processes of this machine, a Dask cluster, or any other `concurrent.futures.Executor`.

    local            processes of this machine; with --jobs 1 this process itself
    dask:ADDRESS     the workers of a running Dask scheduler: host:port, or its scheduler file (a path ending in .json)
    dask:local       a Dask cluster of processes on this machine, to try it
    module:factory   any Executor: what factory() of that module returns

Scheduling is the executor's business. It also decides what happens to the task of a worker that died: Dask gives it to
another worker.
"""

import asyncio
import contextlib
import importlib
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exact.common.errors import InputError
from exact.common.files import read_json

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 5.0
"""How long a Dask scheduler may take to answer."""
LOOK_SECONDS = 2.0
"""How often the number of a cluster's workers is asked for."""
GONE_SECONDS = 30.0
"""A cluster of our own that has had no worker for so long does not get any more. Dask does not restart a worker that
dies while it is started."""
LIVES = 3
"""Under dask:local a task is given up after so many workers died of it. Another cluster's scheduler has a setting."""
LOCAL_BATCH_SECONDS, REMOTE_BATCH_SECONDS = 0.1, 1.0
"""A batch of short items should take this long at least: then the executor's overhead is small against it."""


@dataclass(frozen=True)
class Workers:
    """An open executor, and what is known about it."""

    executor: Executor
    count: Callable[[], int]
    """How many tasks it works on at a time."""
    batch_seconds: float
    """How long a batch of short items should take at least."""
    alone: bool = True
    """Whether a worker with several threads must work on one task at a time."""
    killed: tuple[type[Exception], ...] = ()
    """Errors of a task if every worker that had it died."""
    gone: Callable[[], bool] = lambda: False
    """Whether it has no workers any more and will not get any."""


class Inline(Executor):
    """Works in this process, when a task is submitted."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call it now; the future is done."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def check_executor(executor: str) -> None:
    """Check the form of --executor. A command does it before any work.

    Raises:
        InputError: it is none of the four.
    """
    kind, _, rest = executor.partition(":")
    if executor != "local" and not (kind and rest):
        raise InputError(f"--executor: expected local, dask:ADDRESS, dask:local or module:factory, got {executor!r}")


_open: dict[tuple[str, int, bool], Workers] = {}


@contextlib.contextmanager
def workers(executor: str, jobs: int, *, threads: bool = False) -> Iterator[Workers]:
    """Open what `--executor` names, and close it. An inner `with` of the same arguments takes what an outer one opened.

    Args:
        executor: see above.
        jobs: local, dask:local: number of processes. module:factory: how many tasks its executor gets at a time.
            dask:ADDRESS: not used, for the scheduler knows how many workers there are.
        threads: the tasks only wait for processes of their own. So threads serve locally, and several tasks may share
            a worker.

    Raises:
        InputError: there is no such executor, or nothing answers at the address.
    """
    key = executor, jobs, threads
    if key in _open:
        yield _open[key]
        return
    check_executor(executor)
    with _opened(executor, jobs, threads) as found:
        _open[key] = found
        try:
            yield found
        finally:
            del _open[key]


def _opened(executor: str, jobs: int, threads: bool) -> contextlib.AbstractContextManager[Workers]:
    kind, _, rest = executor.partition(":")
    if kind == "dask":
        return _dask(rest, jobs, threads)
    if executor != "local":
        return _made(executor, jobs, threads)
    if threads:
        return _threads(jobs)
    return _processes(jobs) if jobs > 1 else contextlib.nullcontext(Workers(Inline(), lambda: 1, LOCAL_BATCH_SECONDS))


@contextlib.contextmanager
def _threads(jobs: int) -> Iterator[Workers]:
    with ThreadPoolExecutor(jobs) as executor:
        yield Workers(executor, lambda: jobs, LOCAL_BATCH_SECONDS, alone=False)


@contextlib.contextmanager
def _processes(jobs: int) -> Iterator[Workers]:
    before = multiprocessing.active_children()
    pool = ProcessPoolExecutor(jobs, initializer=_belong)
    pool.submit(int).result()  # the processes start now: they must not be forked while a progress bar's thread runs
    processes = [process for process in multiprocessing.active_children() if process not in before]
    try:
        yield Workers(pool, lambda: jobs, LOCAL_BATCH_SECONDS)
    except BaseException:
        for process in processes:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _belong() -> None:
    """In a worker process: leave without a word when the terminal says so, and when the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


@contextlib.contextmanager
def _dask(address: str, jobs: int, threads: bool) -> Iterator[Workers]:
    try:
        import dask
        from distributed import KilledWorker, LocalCluster
    except ImportError:
        raise InputError("--executor dask: needs the package distributed, which is not installed") from None
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters comes back as an error
    with contextlib.ExitStack() as stack:
        own = address == "local"
        if own:
            stack.enter_context(dask.config.set({"distributed.scheduler.allowed-failures": LIVES - 1}))
            cluster = LocalCluster(
                n_workers=jobs,
                threads_per_worker=1,
                memory_limit=None,
                dashboard_address=":0",
                silence_logs=logging.CRITICAL,
            )
            address = stack.enter_context(cluster).scheduler_address
        client = _client(address)
        stack.callback(client.close, timeout=1)
        count, gone = _watch(client)
        yield Workers(
            client.get_executor(pure=False),
            count,
            REMOTE_BATCH_SECONDS,
            not threads,
            (KilledWorker,),
            gone if own else lambda: False,
        )


def _client(address: str) -> "Client":
    """A connection to a Dask scheduler. Raises InputError if nothing answers.

    A `Client` that found nobody leaves a traceback when Python ends. So the address is tried without one first.
    """
    from distributed import Client
    from distributed.comm import connect

    async def knock(at: str) -> None:
        comm = await connect(at, timeout=CONNECT_SECONDS)
        await comm.close()

    where = _scheduler_of(Path(address)) if address.endswith(".json") else address
    try:
        with ThreadPoolExecutor(1) as thread:  # a notebook's own thread has a loop that runs
            thread.submit(asyncio.run, knock(where)).result()
        return Client(where, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError):  # TypeError: tls:// without keys
        raise InputError(f"--executor dask:{address}: no Dask scheduler answers at this address") from None


def _scheduler_of(file: Path) -> str:
    """The address in a scheduler file."""
    if not file.exists():
        raise InputError(f"--executor dask:{file}: there is no such scheduler file")
    found = read_json(file)
    if not isinstance(found, dict) or not isinstance(found.get("address"), str):
        raise InputError(f"--executor dask:{file}: expected a scheduler file, with the field address")
    return str(found["address"])


def _watch(client: "Client") -> tuple[Callable[[], int], Callable[[], bool]]:
    """The number of a cluster's threads (at least 1), and whether there has been none for long.

    The scheduler is asked now and then: workers come and go.
    """
    asked, known, seen = -LOOK_SECONDS, 1, time.monotonic()

    def count() -> int:
        nonlocal asked, known, seen
        if time.monotonic() - asked >= LOOK_SECONDS:
            with contextlib.suppress(OSError):
                known = sum(client.nthreads().values())
            asked = time.monotonic()
            seen = asked if known else seen
        return max(1, known)

    def gone() -> bool:
        count()
        return not known and time.monotonic() - seen >= GONE_SECONDS

    return count, gone


@contextlib.contextmanager
def _made(executor: str, jobs: int, threads: bool) -> Iterator[Workers]:
    module, _, name = executor.partition(":")
    try:
        made = getattr(importlib.import_module(module), name)()
    except (ImportError, AttributeError) as error:
        raise InputError(f"--executor {executor}: {error}") from None
    if not isinstance(made, Executor):
        raise InputError(f"--executor {executor}: expected a concurrent.futures.Executor, got {type(made).__name__}")
    with made:
        yield Workers(made, lambda: jobs, REMOTE_BATCH_SECONDS, not threads)
