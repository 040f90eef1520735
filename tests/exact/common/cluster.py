"""A Dask cluster for tests, and tasks for it: other processes import them from here."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from exact.common import source
from exact.common.executors import LIVES


@contextlib.contextmanager
def dask_cluster(count, **further):
    """A scheduler in this process, and workers in processes of their own; its address for --executor."""
    import dask
    from distributed import LocalCluster

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": LIVES - 1} | further),
        LocalCluster(
            n_workers=count, threads_per_worker=1, memory_limit=None, dashboard_address=":0", silence_logs=50
        ) as cluster,
    ):
        yield f"dask:{cluster.scheduler_address}"


@contextlib.contextmanager
def scheduler():
    """A process with a scheduler that can be killed, and with a worker in a process of its own; its --executor."""
    script = """if True:
        import time
        from distributed import LocalCluster
        if __name__ == "__main__":
            cluster = LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0", silence_logs=50)
            print(cluster.scheduler_address, flush=True)
            time.sleep(600)
    """
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        yield process, f"dask:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.communicate()


def square(x):
    return x * x


def invert(x):
    return 1 / x


def squares(first, items):
    """A batch."""
    return [x * x for x in items]


def nap(seconds):
    time.sleep(seconds)
    return os.getpid()


def kill_once(marker):
    """Kills the worker that takes it, unless the file is there: another worker has died already."""
    path = Path(marker)
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def kill_nanny_once(marker):
    """Kills the process that watches this worker; the worker then leaves by itself."""
    if not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)
    return os.getpid()


def stop_once(marker):
    """Hangs the worker that takes it first, and notes it: its process is stopped, as if the machine were gone."""
    if not Path(marker).exists():
        Path(marker).write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGSTOP)
    return os.getpid()


def kill_if_seven(x):
    if x == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return x


_real_version, _real_source = source.version, source.source_version


def change_version(of, to):
    """Makes this worker one with another version of numpy or of the project; None: with the real one again."""
    source.versions.cache_clear()
    source.version = lambda package: to if to and package == of else _real_version(package)
    source.source_version = lambda packages: to if to and of == "source" else _real_source(packages)


def threads():
    """A factory for --executor."""
    return ThreadPoolExecutor(2)


def number():
    """A factory that makes no executor."""
    return 5
