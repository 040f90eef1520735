"""Executors with real processes: the same results from all, and what happens when processes die, hang or differ."""

import contextlib
import importlib
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from distributed import Client

from exact.common import executors
from exact.common.errors import FaultError, InputError
from exact.common.executors import check_executor, workers
from exact.common.parallel import Lazy, as_they_come, in_batches, parallel_map
from tests import HANG_SECONDS
from tests.exact.common import cluster as tasks
from tests.exact.common.cluster import dask_cluster, scheduler

HERE = "tests.exact.common.cluster"


@pytest.fixture(scope="module")
def cluster():
    with dask_cluster(2) as address:
        yield address


@pytest.mark.parametrize("executor", ["local", "cluster", f"{HERE}:threads"])
def test_results_are_those_of_a_loop_in_the_order_of_the_items(executor, request):
    executor = request.getfixturevalue("cluster") if executor == "cluster" else executor
    assert parallel_map(tasks.square, range(9), executor, 2, "squares") == [x * x for x in range(9)]
    with pytest.raises(ZeroDivisionError):
        parallel_map(tasks.invert, [1, 0], executor, 2, "inverses")
    with workers(executor, 2) as pool:
        found = dict(
            in_batches(pool, tasks.squares, Lazy(tasks.square, range(100)), [range(5), range(50, 100)], "many")
        )
    parts = sorted(found, key=lambda part: part.start)
    assert [i for part in parts for i in part] == [*range(5), *range(50, 100)]
    assert [x for part in parts for x in found[part]] == [i**4 for part in parts for i in part]


def test_the_task_of_a_killed_worker_goes_to_another(cluster, tmp_path):
    assert len(parallel_map(tasks.kill_once, [str(tmp_path / "killed")] * 3, cluster, 1, "killed")) == 3
    assert (tmp_path / "killed").exists()


def test_the_task_of_a_killed_nanny_goes_to_another(tmp_path):
    """Workers as `dask worker` starts them: each has a process that watches it, its nanny."""
    with dask_cluster(0) as address, contextlib.ExitStack() as stack:
        words = [
            "-m",
            "distributed.cli.dask_worker",
            address.removeprefix("dask:"),
            "--nthreads",
            "1",
            "--no-dashboard",
        ]
        for _ in range(2):
            nanny = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            stack.callback(nanny.wait)
            stack.callback(nanny.terminate)
        assert len(parallel_map(tasks.kill_nanny_once, [str(tmp_path / "killed")] * 3, address, 1, "killed")) == 3
    assert (tmp_path / "killed").exists()


def test_the_task_of_a_hanging_worker_goes_to_another(tmp_path):
    """A worker that sends no sign of life is given up after worker-ttl: five minutes, if nobody asks for less."""
    marker = tmp_path / "stopped"
    with dask_cluster(2, **{"distributed.scheduler.worker-ttl": "4s"}) as address:
        found = parallel_map(tasks.stop_once, [str(marker)], address, 1, "stopped")
        stopped = int(marker.read_text())
        assert found != [stopped]
        with contextlib.suppress(ProcessLookupError):
            os.kill(stopped, signal.SIGCONT)


def test_a_task_that_kills_every_worker_is_given_up_and_named_and_the_others_are_done():
    with dask_cluster(2) as address, workers(address, 1) as pool:
        found = []
        coming = as_they_come(pool, tasks.kill_if_seven, range(12), lambda x: f"number {x}")
        with pytest.raises(FaultError, match=r"given up, for every worker that had it died: .*\bnumber 7\b") as fault:
            found.extend(task for task, _ in coming)
    given_up = {int(number) for number in re.findall(r"number (\d+)", str(fault.value))}  # 7 and what waited behind it
    assert 7 in given_up
    assert sorted({*found, *given_up}) == list(range(12))


def test_a_cluster_that_lost_its_workers_for_good_is_seen_to_be_gone(monkeypatch):
    """Regression: Dask does not restart a worker that dies while it is started, and the command waited for ever."""
    monkeypatch.setattr(executors, "GONE_SECONDS", 0.2)
    monkeypatch.setattr(executors, "LOOK_SECONDS", 0.1)
    with dask_cluster(1) as address, Client(address.removeprefix("dask:"), set_as_default=False) as client:
        _, gone = executors._watch(client)
        assert not gone()
        client.retire_workers(client.nthreads().keys())
        end = time.monotonic() + HANG_SECONDS
        while not gone():
            assert time.monotonic() < end
            time.sleep(0.1)


def test_a_local_worker_that_dies_is_a_fault_in_one_line():
    with pytest.raises(FaultError, match="a worker process died"):
        parallel_map(tasks.kill_if_seven, range(8), "local", 2, "numbers")


@pytest.mark.parametrize("of", ["numpy", "source"])
def test_a_worker_of_another_version_is_refused_by_name(cluster, of):
    """Of a package, or of the project."""
    with Client(cluster.removeprefix("dask:"), set_as_default=False) as client:
        client.wait_for_workers(2)  # one that a test above killed is being replaced
        client.run(tasks.change_version, of, "1.0")
        try:
            with pytest.raises(InputError, match=rf"the worker on .* \(process \d+\) has {of} 1\.0 instead of "):
                parallel_map(tasks.square, range(2), cluster, 1, "squares")
        finally:
            client.run(tasks.change_version, of, None)


@pytest.fixture
def unknown(tmp_path, monkeypatch):
    """A function of a module that only this process finds."""
    (tmp_path / "only_here.py").write_text("def work(x):\n    return x\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("only_here").work
    del sys.modules["only_here"]


def test_a_scheduler_without_the_module_is_refused_in_one_line(unknown):
    with scheduler() as (_, address), pytest.raises(InputError, match="the scheduler cannot read a task"):
        parallel_map(unknown, [1], address, 1, "numbers")


def test_a_scheduler_that_is_gone_is_a_fault_in_one_line():
    """In a process of its own, which dies while its workers work."""
    with scheduler() as (process, address), workers(address, 1) as pool:
        coming = as_they_come(pool, tasks.nap, [0.0, float(HANG_SECONDS)])
        next(coming)
        process.kill()
        with pytest.raises(FaultError, match="the scheduler is gone"):
            next(coming)


@pytest.mark.parametrize(
    ("executor", "message"),
    [
        ("dask:tcp://127.0.0.1:9", "no Dask scheduler answers at this address"),
        ("dask:nonsense", "no Dask scheduler answers at this address"),
        ("dask:foo://x:1", "no Dask scheduler answers at this address"),
        ("dask:tls://127.0.0.1:9", "no Dask scheduler answers at this address"),
        ("dask:/nonexistent/scheduler.json", "there is no such scheduler file"),
        ("dask:other.json", "expected a scheduler file, with the field address"),
        ("no_such_module:factory", "no_such_module"),
        (f"{HERE}:no_such_factory", "no_such_factory"),
        (f"{HERE}:number", "expected a concurrent.futures.Executor, got int"),
    ],
)
def test_no_executor_is_one_clear_error(executor, message, monkeypatch, tmp_path):
    """Regression: a client that was left behind printed a traceback when the command ended."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.json").write_text("{}")
    monkeypatch.setattr(executors, "CONNECT_SECONDS", 0.5)
    before = set(Client._instances)
    with pytest.raises(InputError, match=message), workers(executor, 1):
        pass
    assert set(Client._instances) == before


@pytest.mark.parametrize("executor", ["", "dask", "dask:", "locale", "module:"])
def test_a_word_that_names_no_executor(executor):
    with pytest.raises(InputError, match=r"expected local, dask:ADDRESS, dask:local or module:factory"):
        check_executor(executor)


def test_local_workers_leave_with_the_command():
    """kill -9 of the command leaves no process behind."""
    script = f"""if True:
        from exact.common.executors import workers
        from tests.exact.common.cluster import nap
        with workers("local", 2) as pool:
            print(*{{pool.executor.submit(nap, 0.2).result() for _ in range(4)}}, flush=True)
            pool.executor.submit(nap, {HANG_SECONDS}).result()
    """
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    children = [int(word) for word in process.stdout.readline().split()]
    process.kill()
    process.communicate()
    deadline = time.monotonic() + HANG_SECONDS
    for child in children:
        while is_alive(child):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert children


def is_alive(pid):
    """Whether the process runs; one that only waits to be collected by its parent does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
