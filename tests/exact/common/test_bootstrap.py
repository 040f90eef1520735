"""The stratified bootstrap."""

import numpy as np
import pytest

from exact.common.bootstrap import stratified_interval


def mean(*strata, axis):
    return np.mean([stratum.mean(axis=axis) for stratum in strata], axis=0)


def interval(strata, seed=0, **options):
    return stratified_interval(strata, mean, np.random.default_rng(seed), resamples=4000, **options)


def test_it_is_the_normal_interval_where_that_holds():
    sample = np.random.default_rng(1).normal(size=400)
    low, high = interval([sample])
    error = sample.std() / 20
    assert low == pytest.approx(sample.mean() - 1.96 * error, abs=0.15 * error)
    assert high == pytest.approx(sample.mean() + 1.96 * error, abs=0.15 * error)


def test_strata_are_drawn_separately():
    """Two strata that do not vary, however far apart, leave nothing uncertain."""
    low, high = interval([np.full(5, 0.0), np.full(3, 100.0)])
    assert (low, high) == (50, 50)


def test_every_entry_of_the_trailing_shape_has_an_interval():
    sample = np.random.default_rng(2).normal(size=(30, 4)) * np.array([1, 2, 3, 4])
    low, high = interval([sample])
    assert low.shape == high.shape == (4,)
    assert (np.diff(high - low) > 0).all()


def test_a_higher_confidence_is_wider_and_the_seed_repeats_it():
    sample = np.random.default_rng(3).normal(size=20)
    narrow, wide = interval([sample], confidence=0.8), interval([sample], confidence=0.99)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]
    assert interval([sample], seed=5) == interval([sample], seed=5) != interval([sample], seed=6)
