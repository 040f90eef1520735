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


def test_an_action_mask_at_the_end_stays_zeros_and_ones():
    rng = np.random.default_rng(2)
    seen = np.concatenate([rng.normal(5, 2, (60, 2)), rng.random((60, 3)) < 0.7, np.ones((60, 1))], 1).astype(
        np.float32
    )
    moments = RunningMoments.empty((6,))
    for part in np.split(seen, 3):
        moments = moments.merge(RunningMoments.of(part).identity(4))
    got = Normaliser.of(moments, 10.0)(seen)
    np.testing.assert_array_equal(got[:, 2:], seen[:, 2:])
    np.testing.assert_allclose(got[:, :2].mean(0), 0, atol=1e-6)
    assert RunningMoments.of(seen).identity(0).mean[2] != 0
