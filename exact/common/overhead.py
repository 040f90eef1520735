"""What an executor costs per task, measured with tasks that sleep.

    python -m exact.common.overhead --executor dask:simulated --workers 10 100 1000 --seconds 1 10

`dask:simulated` is a Dask cluster on this machine whose workers are threads, a hundred to a process.  Sleeping tasks
need no processor, so a small machine can show where the scheduler of a thousand workers has its limit.  Figures of it
are in docs/scale.md.
"""

import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any

from exact.common import cli
from exact.common.errors import InputError
from exact.common.executors import check_executor, workers
from exact.common.parallel import as_they_come
from exact.common.tables import Table

THREADS = 100
"""Of one process of the simulated cluster."""


@dataclass(frozen=True)
class Options:
    """Measure what an executor costs per task, with tasks that sleep."""

    executor: str = "dask:simulated"
    """As for all commands; or dask:simulated, a cluster of threads on this machine."""
    workers: tuple[int, ...] = (10, 100, 1000)
    """Numbers of workers to try. Of dask:ADDRESS the cluster's own number counts."""
    seconds: tuple[float, ...] = (0.0, 1.0, 10.0)
    """How long a task sleeps."""
    rounds: int = 3
    """Tasks for every worker."""

    def __post_init__(self) -> None:
        if min(*self.workers, self.rounds) < 1:
            raise InputError("--workers and --rounds must be at least 1")
        if min(self.seconds) < 0:
            raise InputError(f"--seconds must be at least 0, got {min(self.seconds)}")
        check_executor(self.executor)


def simulated(count: int) -> AbstractContextManager[Any]:
    """A Dask cluster of so many threads."""
    try:
        from distributed import LocalCluster
    except ImportError:
        raise InputError("dask:simulated needs the package distributed, which is not installed") from None
    cluster: AbstractContextManager[Any] = LocalCluster(
        n_workers=-(-count // THREADS),
        threads_per_worker=min(count, THREADS),
        memory_limit=None,
        dashboard_address=":0",
        silence_logs=50,
    )
    return cluster


def measure(executor: str, count: int, seconds: float, rounds: int) -> tuple[int, float, float]:
    """Number of workers, seconds that all tasks took, and seconds of processor time in this process."""
    with ExitStack() as stack:
        if executor == "dask:simulated":
            executor = f"dask:{stack.enter_context(simulated(count)).scheduler_address}"
        pool = stack.enter_context(workers(executor, count, threads=True))
        count = pool.count()
        list(as_they_come(pool, time.sleep, [0.0] * count))  # all workers have started and imported what they need
        began, cpu = time.perf_counter(), time.process_time()
        list(as_they_come(pool, time.sleep, [seconds] * rounds * count))
        return count, time.perf_counter() - began, time.process_time() - cpu


def work(options: Options) -> int:
    """Measure and print a table, a line as it comes."""
    rows = []
    for asked in options.workers:
        for seconds in options.seconds:
            count, took, cpu = measure(options.executor, asked, seconds, options.rounds)
            tasks = options.rounds * count
            busy = f"{tasks * seconds / count / took:.0%}"
            rows.append(
                (str(count), f"{seconds:g}", str(tasks), f"{tasks / took:.0f}", busy, f"{1e3 * cpu / tasks:.1f}")
            )
            print(", ".join(rows[-1]), file=sys.stderr, flush=True)
    headings = ("workers", "seconds", "tasks", "tasks/s", "busy", "ms of this process per task")
    Table("sleeping tasks", headings, tuple(rows), (), (None,) * len(rows), frozenset(range(6))).show()
    return cli.DONE


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return cli.main(Options, "exact.common.overhead", work, argv)


if __name__ == "__main__":
    sys.exit(main())
