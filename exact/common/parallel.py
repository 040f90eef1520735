"""A function over many items, wherever the workers of `exact.common.executors` are.

`as_they_come` takes tasks from an iterator and gives the results as they come. `parallel_map` makes one task of every
item and keeps their order. `in_batches` serves many short items.

What is computed depends neither on the executor nor on the number of workers. Here is what every executor needs: not
more tasks at a time than the workers can take, a refusal of workers that run another version of the project, and errors
in one line.
"""

import contextlib
import math
import os
import platform
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Future
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar, overload

from exact.common.errors import FaultError, InputError
from exact.common.executors import Workers, workers
from exact.common.progress import counter
from exact.common.source import versions

Item = TypeVar("Item")
Task = TypeVar("Task")
Result = TypeVar("Result")

AHEAD = 2
"""Tasks handed out for every worker: the next one is there when it has finished one."""
RATE, HIGHEST_RATE = 20.0, 200.0
"""Batches a second that should come back from all workers together, and how many may towards the end. So the more
workers there are, the longer are the batches."""
FORGET = 0.7
"""Weight of the past in the seconds that an item takes."""
SHARES = 4
"""Towards the end the batches become short, so that all workers end together: so many are left for every worker."""


@dataclass(frozen=True)
class _Answer(Generic[Result]):
    """What a task computed.

    When the worker that holds a result dies in the wrong moment, Dask's executor takes the result for an error and
    tries to unpack it. With results of a type of our own this cannot be mistaken, and the task is done again.
    """

    value: Result


def as_they_come(
    pool: Workers,
    work: Callable[[Task], Result],
    tasks: Iterable[Task],
    name: Callable[[Task], str] = str,
    *,
    idle: Callable[[], None] = lambda: None,
    idle_seconds: float = 0.5,
) -> Iterator[tuple[Task, Result]]:
    """(task, work(task)) for every task, in the order in which they end.

    Args:
        pool: who works.
        work: a function that can be pickled, of the module level.
        tasks: read when a worker will soon be free, not before. So they may depend on the results so far.
        name: what an error calls a task.
        idle: called every `idle_seconds` while nothing ends.
        idle_seconds: see `idle`.

    Raises:
        InputError: a worker runs another version of the project or of a package, or the scheduler lacks it.
        FaultError: the workers are gone; or, after all other tasks, every worker that had some tasks died. One of these
            killed it; others may only have waited for the same worker.
        Exception: whatever `work` raises.
    """
    done: SimpleQueue[Future[_Answer[Result]]] = SimpleQueue()
    given: dict[Future[_Answer[Result]], Task] = {}
    waiting, lost, packages = iter(tasks), list[str](), packages_of(work)
    call = partial(_call, versions(*packages), packages, pool.alone, work)
    try:
        while True:
            for task in islice(waiting, max(0, AHEAD * pool.count() - len(given))):
                future = pool.executor.submit(call, task)
                given[future] = task
                future.add_done_callback(done.put)
            if not given:
                break
            if (ended := _next(done, idle, idle_seconds)) is None:
                if pool.gone():
                    raise FaultError(f"no worker is left; the last had {'; '.join(map(name, given.values()))}")
                continue
            task = given.pop(ended)
            try:
                answer = _answer(ended, name(task))
            except pool.killed:
                lost.append(name(task))
                continue
            if answer is None:
                waiting = chain([task], waiting)
                continue
            yield task, answer.value
    finally:
        for future in given:
            future.cancel()
    if lost:
        raise FaultError(f"given up, for every worker that had it died: {'; '.join(lost)}")


def _answer(future: "Future[_Answer[Result]]", task: str) -> "_Answer[Result] | None":
    """What a finished task computed; None if it was lost and must be computed again. Raises as `as_they_come`."""
    try:
        return future.result()
    except CancelledError:
        raise FaultError("the scheduler is gone; start it, and the same command again") from None
    except BrokenExecutor:
        raise FaultError(f"a worker process died (killed, or out of memory), perhaps of {task}") from None
    except TypeError as error:
        if f"non-iterable {_Answer.__name__} object" not in str(error):
            raise
        return None
    except RuntimeError as error:
        if "deserialization of the task graph" not in str(error):  # Dask's words
            raise
        raise InputError("the scheduler cannot read a task; expected the same installation there") from None


def _next(done: "SimpleQueue[Future[Any]]", idle: Callable[[], None], seconds: float) -> "Future[Any] | None":
    """The next future that is done; None, after a call of `idle`, if none was for some seconds."""
    try:
        return done.get(timeout=seconds)
    except Empty:
        idle()
        return None


def packages_of(work: Callable[..., Any]) -> tuple[str, ...]:
    """The packages whose source a function depends on: its own, and `exact`."""
    while isinstance(work, partial):
        work = work.func
    return tuple(sorted({"exact", work.__module__.partition(".")[0]}))


_one_at_a_time = threading.Lock()
"""Ball arithmetic has one precision for a whole process."""


def _call(
    expected: dict[str, str], packages: tuple[str, ...], alone: bool, work: Callable[[Task], Result], task: Task
) -> "_Answer[Result]":
    """In a worker: refuse if this is another version, else work."""
    found = versions(*packages)
    wrong = [f"{name} {found[name]} instead of {wanted}" for name, wanted in expected.items() if found[name] != wanted]
    if wrong:
        raise InputError(f"the worker on {platform.node()} (process {os.getpid()}) has {', '.join(wrong)}")
    with _one_at_a_time if alone else contextlib.nullcontext():
        return _Answer(work(task))


@contextlib.contextmanager
def _progress(title: str, total: int, done: int = 0) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error; gives the function that moves it on.

    Where that is no terminal, a line says every few seconds how many are done.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    ticker, tell = counter(title, total)
    tell(done)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress, ticker:
        bar = progress.add_task(title, total=total, completed=done)

        def advance(count: int) -> None:
            nonlocal done
            done += count
            progress.advance(bar, count)
            tell(done)

        yield advance


def parallel_map(
    work: Callable[[Item], Result], items: Sequence[Item], executor: str, jobs: int, title: str
) -> list[Result]:
    """work(item) for every item, in the order of the items, under a progress bar on standard error.

    Args:
        work: a function that can be pickled, of the module level.
        items: what it is applied to; these are pickled, too. Each is a task.
        executor: as for `workers`.
        jobs: as for `workers`.
        title: what the progress bar says.

    Raises:
        InputError: as `workers` and `as_they_come`.
        FaultError: as `as_they_come`.
        Exception: whatever `work` raises.
    """
    found: dict[int, Result] = {}
    with workers(executor, jobs) as pool, _progress(title, len(items)) as advance:
        for (i, _), result in as_they_come(pool, partial(_numbered, work), enumerate(items), lambda task: str(task[1])):
            found[i] = result
            advance(1)
    return [found[i] for i in range(len(items))]


def _numbered(work: Callable[[Item], Result], task: tuple[int, Item]) -> Result:
    return work(task[1])


@dataclass(frozen=True)
class Lazy(Sequence[Item], Generic[Item]):
    """A sequence whose items are made when asked for. A million of them take neither memory nor time to send."""

    make: Callable[[int], Item]
    """Makes the item of a number; a function that can be pickled."""
    numbers: range

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, i: int) -> Item: ...
    @overload
    def __getitem__(self, i: slice) -> "Lazy[Item]": ...
    def __getitem__(self, i: int | slice) -> "Item | Lazy[Item]":
        return Lazy(self.make, self.numbers[i]) if isinstance(i, slice) else self.make(self.numbers[i])


Batch = tuple[int, Sequence[Item]]
"""The number of the first item, and the items."""


def in_batches(
    pool: Workers,
    work: Callable[[int, Sequence[Item]], Result],
    items: Sequence[Item],
    todo: Sequence[range],
    title: str,
) -> Iterator[tuple[range, Result]]:
    """(range, work(first, items of the range)) for ranges that cover `todo`, in any order, under a progress bar.

    How many items make a batch is learned from the batches that came back. So it differs from one call to the next,
    and what is made of the results must not depend on it.

    Args:
        pool: who works.
        work: takes the number of the first item and the items; a function that can be pickled, of the module level.
        items: all of them. A `Lazy` sequence is not sent.
        todo: which of them are to be worked on.
        title: what the progress bar says.

    Raises:
        InputError, FaultError, Exception: as `as_they_come`.
    """
    pace = Pace(todo, pool)
    batches = ((part.start, items[part.start : part.stop]) for part in pace)
    with _progress(title, len(items), len(items) - pace.left) as advance:
        for (first, batch), (result, seconds) in as_they_come(pool, partial(_timed, work), batches, _batch_name):
            pace.learn(len(batch), seconds)
            advance(len(batch))
            yield range(first, first + len(batch)), result


def _timed(work: Callable[[int, Sequence[Item]], Result], batch: Batch[Item]) -> tuple[Result, float]:
    began = time.perf_counter()
    return work(*batch), time.perf_counter() - began


def _batch_name(batch: Batch[Item]) -> str:
    first, items = batch
    return (
        str(items[0]) if len(items) == 1 else f"items {first} to {first + len(items) - 1}: {items[0]} ... {items[-1]}"
    )


class Pace(Iterator[range]):
    """Cuts ranges into batches that take at least the pool's `batch_seconds`, as far as there is so much to do.

    Few items, or the last ones, go out singly: some may take a hundred times longer than others.
    """

    def __init__(self, todo: Sequence[range], pool: Workers) -> None:
        self.todo, self.pool = [part for part in reversed(todo) if part], pool
        self.left = sum(map(len, self.todo))
        self.items, self.seconds = 0.0, 0.0

    def learn(self, items: int, seconds: float) -> None:
        """Take into account how long a batch took."""
        self.items, self.seconds = FORGET * self.items + items, FORGET * self.seconds + seconds

    def __next__(self) -> range:
        if not self.todo:
            raise StopIteration
        part, size = self.todo.pop(), self._size()
        batch, rest = part[:size], part[size:]
        if rest:
            self.todo.append(rest)
        self.left -= len(batch)
        return batch

    def _size(self) -> int:
        if not self.items:
            return 1
        count, per_item = self.pool.count(), max(self.seconds / self.items, 1e-9)
        wanted = math.ceil(max(self.pool.batch_seconds, count / RATE) / per_item)
        return min(wanted, max(1, int(count / HIGHEST_RATE / per_item), self.left // (SHARES * count)))
