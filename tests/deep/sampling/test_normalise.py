import numpy as np

from deep.sampling.normalise import Normaliser, RunningMoments


def test_merged_moments_are_those_of_all_data():
    data = np.random.default_rng(0).normal(3.0, 2.0, (50, 2))
    moments = RunningMoments.empty((2,))
    for part in np.split(data, [1, 7, 30]):
        moments = moments.merge(RunningMoments.of(part))
    np.testing.assert_allclose(moments.mean, data.mean(0))
    np.testing.assert_allclose(moments.std, data.std(0), rtol=1e-7)
    assert moments.count == 50


def test_one_observation_is_normalised_like_a_batch_bit_for_bit():
    x = np.random.default_rng(1).normal(size=(40, 17)).astype(np.float32)
    normalise = Normaliser.of(RunningMoments.of(x), 1.5)
    np.testing.assert_array_equal(np.stack([normalise(row) for row in x]), normalise(x))
    assert np.abs(normalise(x)).max() == 1.5


def test_no_data_is_the_identity_and_a_constant_gives_zero():
    x = np.full((3, 1), 4.0, np.float32)
    np.testing.assert_array_equal(Normaliser.of(RunningMoments.empty((1,)), 10)(x), x)
    np.testing.assert_array_equal(Normaliser.of(RunningMoments.of(x), 10)(x), np.zeros_like(x))
