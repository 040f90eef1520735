"""A function over many items in several processes."""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def parallel_map(work: Callable[[Item], Result], items: Sequence[Item], jobs: int, title: str) -> Iterator[Result]:
    """work(item) for every item, in the order of the items, under a progress bar on standard error.

    Where that is no terminal, a line says every few seconds how many are done.

    Args:
        work: a function that can be pickled, of the module level.
        items: what it is applied to; these are pickled, too.
        jobs: number of processes, >= 1. One job works in this process.
        title: what the progress bar says.

    Raises:
        Exception: whatever `work` raises.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from exact.common.progress import counter

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    jobs = min(jobs, len(items))
    # The pool comes first: processes must not be forked while the progress bar's thread runs.
    pool = multiprocessing.Pool(jobs) if jobs > 1 else None
    try:
        results: Iterable[Result] = map(work, items) if pool is None else pool.imap(work, items)
        ticker, tell = counter(title, len(items))
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress, ticker:
            for n, result in enumerate(progress.track(results, total=len(items), description=title)):
                tell(n)
                yield result
    finally:
        if pool is not None:
            pool.terminate()
