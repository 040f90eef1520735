"""An actor without a network to speak of, and observations as they are."""

import numpy as np

from deep.model.actors import CategoricalActor, GaussianActor, MlpActor
from deep.sampling.normalise import Normaliser, RunningMoments

TERMINATING, TRUNCATING = "tests.deep.scripted:Terminating-v0", "tests.deep.scripted:Truncating-v0"
PLAIN = Normaliser.of(RunningMoments.empty((2,)), np.inf)


def linear(inputs, outputs):
    """A Gaussian actor with zero mean and unit standard deviation."""
    layer = (np.zeros((inputs, outputs), np.float32), np.zeros(outputs, np.float32))
    return GaussianActor(MlpActor((layer,)), np.ones(outputs, np.float32))


def actor_of(spec):
    """A policy for any action space; categorical ones are uniform."""
    gaussian = linear(spec.observation_shape[0] - spec.mask, spec.actions)
    return CategoricalActor(gaussian.mean, spec.heads, spec.mask) if spec.discrete else gaussian


def plain(spec):
    """No normalisation, for observations of any size."""
    return Normaliser.of(RunningMoments.empty(spec.observation_shape), np.inf)


ACTOR = linear(2, 1)
