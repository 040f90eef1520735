"""An actor without a network to speak of, and observations as they are."""

import numpy as np

from deep.model.actors import GaussianActor, MlpActor
from deep.sampling.normalise import Normaliser, RunningMoments

TERMINATING, TRUNCATING = "tests.deep.scripted:Terminating-v0", "tests.deep.scripted:Truncating-v0"
PLAIN = Normaliser.of(RunningMoments.empty((2,)), np.inf)


def linear(inputs, outputs):
    """A Gaussian actor with zero mean and unit standard deviation."""
    layer = (np.zeros((inputs, outputs), np.float32), np.zeros(outputs, np.float32))
    return GaussianActor(MlpActor((layer,)), np.ones(outputs, np.float32))


ACTOR = linear(2, 1)
