"""A function over many items in several processes: order, errors."""

from concurrent.futures import Future
from itertools import cycle

import pytest

from exact.common.errors import FaultError
from exact.common.executors import Inline, Workers
from exact.common.parallel import Pace, as_they_come, parallel_map


def square(x):
    return x * x


def invert(x):
    return 1 / x


@pytest.mark.parametrize("jobs", [1, 2, 50])
def test_results_come_in_the_order_of_the_items(jobs):
    assert parallel_map(square, range(9), "local", jobs, "squares") == [x * x for x in range(9)]
    assert parallel_map(square, [], "local", jobs, "nothing") == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_the_work_raises_is_raised(jobs):
    with pytest.raises(ZeroDivisionError):
        parallel_map(invert, [1, 0, 2], "local", jobs, "inverses")


class ForgettingExecutor(Inline):
    """Takes its first result for an error, as Dask's does when the worker that holds it dies in the wrong moment."""

    forgot = False

    def submit(self, fn, /, *args, **kwargs):
        future = super().submit(fn, *args, **kwargs)
        if not self.forgot:
            self.forgot, result, future = True, future.result(), Future()
            try:
                _, _, _ = result
            except TypeError as error:
                future.set_exception(error)
        return future


def test_a_result_that_was_lost_after_it_came_is_computed_again():
    """Regression: the command ended with "cannot unpack non-iterable int object"."""
    pool = Workers(ForgettingExecutor(), lambda: 1, 1.0)
    assert sorted(as_they_come(pool, square, range(4))) == [(x, x * x) for x in range(4)]


class DeadExecutor(Inline):
    """Nothing that it is given ever ends."""

    def submit(self, fn, /, *args, **kwargs):
        return Future()


def test_workers_that_are_gone_are_not_waited_for():
    pool = Workers(DeadExecutor(), lambda: 1, 1.0, gone=lambda: True)
    with pytest.raises(FaultError, match=r"no worker is left; the last had 7; 8$"):
        list(as_they_come(pool, square, [7, 8], idle_seconds=0.01))


def sizes(counts, items, seconds, batch_seconds=1.0):
    """Sizes of the batches that items of so many seconds are cut into, while the workers number `counts`."""
    pace = Pace([range(items)], Workers(Inline(), lambda: next(counts), batch_seconds))
    found = []
    for batch in pace:
        found.append(len(batch))
        pace.learn(len(batch), seconds * len(batch))
    return found


def test_many_items_go_out_in_batches_of_at_least_a_second_and_the_last_ones_singly():
    found = sizes(cycle([2]), 20_000, 1 / 128)
    assert found[0] == 1
    assert set(found[1:100]) == {128}
    assert found[-1] == 1
    assert sum(found) == 20_000


def test_few_items_go_out_singly_for_some_take_a_hundred_times_longer():
    assert sizes(cycle([2]), 8, 1 / 64, 0.1) == [1] * 8


def test_many_workers_get_longer_batches_so_that_one_scheduler_can_serve_them():
    found = sizes(cycle([1000]), 100_000_000, 1 / 128)
    assert found[1] == 50 * 128  # 50 seconds: 20 batches a second from all of them
    assert min(found[1:-1]) == 5 * 128


def test_no_item_is_lost_when_workers_come_and_go():
    assert sum(sizes(cycle([1, 50, 3]), 10_000, 0.01)) == 10_000
