"""What is known of an environment, and which ones are refused."""

from functools import partial

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from deep.sampling.environments import ActionMap, inspect, spec_of
from deep.sampling.making import Maker
from exact.common.errors import InputError
from tests.deep.odd import Masked, Sampling
from tests.deep.sampling.actors import TERMINATING


@pytest.mark.parametrize(
    ("env_id", "wanted"), [(TERMINATING, [-2, -2, 1, 2.5, 4, 4]), ("HalfCheetah-v4", [-1, -1, 0, 0.5, 1, 1])]
)
def test_actions_are_scaled_to_the_bounds_and_clipped(env_id, wanted):
    spec = inspect(env_id)
    given = np.array([-5, -1, 0, 0.5, 1, 5], np.float32)
    assert [float(ActionMap(spec)(np.full(spec.actions, a))[0]) for a in given] == wanted
    assert ActionMap(spec).plain  # no cast and no second clip in every step


def test_discrete_actions_start_where_the_space_does():
    space = gym.spaces.Discrete(3, start=-1)
    maker = Maker("CartPole-v1")
    env = maker()
    env.unwrapped.action_space = space
    assert [ActionMap(spec_of(env, maker))(a) for a in range(3)] == [-1, 0, 1]
    env.close()


@pytest.mark.parametrize(
    ("env_id", "message"),
    [
        ("Hoper-v4", "did you mean Hopper"),
        ("NoSuchThing", "expected a registered id"),
        ("no_such_module:X-v0", "cannot make environment"),
        (partial(Sampling, spaces.Text(4), spaces.Discrete(2)), r"observation space .*wrappers.TransformObservation"),
        (partial(Sampling, spaces.Sequence(spaces.Discrete(2)), spaces.Discrete(2)), "TransformObservation"),
        (partial(Sampling, spaces.Dict({"a": spaces.Text(4)}), spaces.Discrete(2)), "TransformObservation"),
        (partial(Sampling, spaces.Box(0, 1, (0,)), spaces.Discrete(2)), "TransformObservation"),
        (partial(Sampling, spaces.Box(0, 1, (1,)), spaces.Tuple((spaces.Discrete(2),))), r"wrappers.TransformAction"),
        (partial(Sampling, spaces.Box(0, 255, (8, 8, 3), np.uint8), spaces.Box(0, 1, (1,))), "DiscretizeAction"),
        (partial(Masked, screen=True), "masks are not supported with images; .*FlattenObservation"),
    ],
)
def test_unusable_environments_are_refused_in_one_line(env_id, message):
    with pytest.raises(InputError, match=message) as error:
        inspect(env_id)
    assert "\n" not in str(error.value)
