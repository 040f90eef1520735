"""A small MDP and two of its policies, for the tests of the sampled algorithm."""

import numpy as np
import pytest

from exact.mdps.library import load
from tests.verify.sampled.cases import GARNET


@pytest.fixture(scope="module")
def mdp():
    return load(GARNET)


@pytest.fixture(scope="module")
def pair(mdp):
    """Two neighbouring random policies."""
    rng = np.random.default_rng(5)
    first, other = rng.dirichlet(np.ones(3), (2, 6))
    return first, 0.8 * first + 0.2 * other
