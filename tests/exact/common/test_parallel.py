"""A function over many items in several processes: order, errors."""

import pytest

from exact.common.parallel import parallel_map


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
