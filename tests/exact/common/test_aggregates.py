"""Statistics against closed forms and full enumeration."""

from itertools import product

import numpy as np
import pytest

from exact.common.aggregates import common_grid, interval, iqm, summarise


def test_iqm_is_the_mean_of_the_middle_half():
    assert iqm(np.array([100.0, 1.0, 2.0, 3.0, -50.0, 4.0, 5.0, 6.0])) == (2 + 3 + 4 + 5) / 4
    assert iqm(np.array([1.0, 2.0]), np.array([3.0, 400.0])) == 2.5


def test_the_interval_is_that_of_all_resamples():
    runs = np.array([1.0, 2.0, 4.0, 8.0])
    every = [np.sort(resample)[1:3].mean() for resample in product(runs, repeat=4)]
    low, high = interval([runs], np.random.default_rng(0))
    assert (low, high) == tuple(np.percentile(every, [2.5, 97.5]))


def test_strata_are_resampled_separately():
    # Two tasks without spread: resampling runs of both together would mix their levels, separately it cannot.
    low, high = interval([np.full(4, 0.0), np.full(4, 1.0)], np.random.default_rng(0))
    assert low == high == 0.5


def test_the_interval_of_a_curve_is_that_of_each_point():
    values = np.random.default_rng(1).normal(size=(5, 3))
    low, high = interval([values], np.random.default_rng(0))
    for point in range(3):
        ends = interval([values[:, point]], np.random.default_rng(0))
        assert (low[point], high[point]) == pytest.approx(ends, abs=0.05)


def test_the_seed_reproduces_the_interval_and_another_changes_it():
    runs = [3.0, 1.0, 4.0, 1.5, 9.0]
    first, again, other = (summarise(runs, np.random.default_rng(seed)).interval for seed in (0, 0, 1))
    assert first == again
    wide = [np.random.default_rng(5).normal(size=30)]
    assert interval(wide, np.random.default_rng(0)) != interval(wide, np.random.default_rng(1))
    assert other is not None


def test_one_run_has_neither_spread_nor_interval():
    summary = summarise([7.0], np.random.default_rng(0))
    assert (summary.count, summary.mean, summary.std, summary.iqm, summary.interval) == (1, 7.0, None, 7.0, None)


def test_equal_runs_have_a_degenerate_interval():
    summary = summarise([1000.0] * 5, np.random.default_rng(0))
    assert (summary.std, summary.interval) == (0.0, (1000.0, 1000.0))


def test_curves_are_compared_only_where_every_run_has_a_value():
    steps, values = common_grid([[(0, 0.0), (100, 100.0)], [(20, 0.0), (60, 40.0)]])
    assert (steps[0], steps[-1]) == (20, 60)
    np.testing.assert_allclose(values[0], steps)
    np.testing.assert_allclose(values[1], steps - 20)
