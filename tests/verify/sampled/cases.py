"""What the tests of the sampled algorithm share: batches of many replications, and means compared with exact values."""

import numpy as np

from verify.sampled.estimators import summarise
from verify.sampled.sampler import draw_noise, sample, tabulate

GARNET = "garnet:S=6,A=3,b=2,gamma=0.9,seed=3"
STANDARD_ERRORS = 4.5
"""Width of statistical tests: with fixed seeds they fail or pass for good, and a wrong formula is much farther off."""


def many(policy, R):
    return np.repeat(policy[None], R, axis=0)


def batch_of(mdp, policy, N, R, seed, lam=0.95, V=None, exact_A=None):
    samples = sample(tabulate(mdp), many(policy, R), draw_noise(mdp, N, R, np.random.default_rng(seed)))
    V = np.zeros((R, mdp.n_states)) if V is None else np.repeat(V[None], R, axis=0)
    return summarise(mdp, samples, V, lam, None if exact_A is None else many(exact_A, R))


def assert_mean(values, expected, bias=0.0):
    """The mean over replications agrees with `expected` to STANDARD_ERRORS, up to a known bias."""
    error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    assert np.all(np.abs(values.mean(axis=0) - expected) <= STANDARD_ERRORS * error + bias)
