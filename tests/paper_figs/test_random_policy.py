"""The returns of random actions."""

import numpy as np

from paper_figs import random_policy


def test_random_policy_is_reproduced_by_its_seed():
    first, again, other = (
        random_policy.random_return("CartPole-v1", 20, np.random.SeedSequence(seed)) for seed in (0, 0, 1)
    )
    assert first == again != other
    assert 10 < first < 40


def test_bad_settings_are_refused(refused):
    assert "expected --episodes >= 1" in refused(random_policy.main, "--episodes", "0")
