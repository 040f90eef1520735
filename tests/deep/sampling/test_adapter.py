"""What environments return: every space, copies, conversions without loss, and one line for what cannot be used."""

from functools import partial

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from deep.model.actors import CategoricalActor, GaussianActor
from deep.sampling.adapter import Adapter
from deep.sampling.environments import ActionMap, inspect
from deep.sampling.normalise import Normaliser, RunningMoments, unchanged
from deep.sampling.rollout import EpisodeRunner, rollout
from deep.sampling.vector import VectorRunner, rollouts
from exact.common.errors import FaultError, InputError
from tests.deep.odd import Counting, InPlace, InPlaceImage, Masked, Offset, Returning, Sampling
from tests.deep.sampling.actors import actor_of, plain


def roll(spec, n):
    return rollout(EpisodeRunner(spec, 0, 0.9), actor_of(spec), plain(spec), n)


def test_an_array_that_the_environment_changes_later_is_copied():
    got = roll(inspect(InPlace), 7)
    np.testing.assert_array_equal(got.observations[:, 0], [0, 1, 2, 3, 4, 0, 1])
    np.testing.assert_array_equal(got.successors[:, 0], [5, 2])


def test_an_image_that_the_environment_changes_later_is_copied():
    runner = VectorRunner(inspect(InPlaceImage), [1, 2])

    class Uniform:
        outputs = 2

        def __call__(self, x):
            return np.zeros((len(x), 2))

    for got in rollouts(runner, CategoricalActor(Uniform()), unchanged, 7, False):
        np.testing.assert_array_equal(got.observations[:, 0, 0, 0], [0, 1, 2, 3, 4, 0, 1])
        np.testing.assert_array_equal(got.successors[:, 0, 0, 0], [5, 2])


BOX = spaces.Box(-2, 3, (2, 3), np.float64)
OBSERVATIONS = [
    BOX,
    spaces.Box(-1, 1, (), np.float32),
    spaces.Box(-1, 1, (4,), np.float16),
    spaces.Box(-500, 500, (3,), np.int64),
    spaces.Box(0, 255, (3, 3), np.uint8),
    spaces.Box(0, 1, (2, 2, 2), np.float32),
    spaces.Discrete(4, start=2),
    spaces.MultiDiscrete([2, 3], start=[5, -1]),
    spaces.MultiDiscrete([[2, 3], [4, 1]]),
    spaces.MultiBinary((2, 2)),
    spaces.Dict({"b": spaces.Discrete(3), "a": BOX, "c": spaces.Dict({"d": spaces.MultiBinary(2)})}),
    spaces.Tuple((spaces.Discrete(3), BOX)),
]
ACTIONS = [
    spaces.Box(-1, 1, (2,), np.float32),
    spaces.Box(-0.1, 0.3, (2, 2), np.float64),
    spaces.Box(np.array([0, -np.inf, 1, -np.inf]), np.array([np.inf, 2, 1, np.inf]), dtype=np.float64),
    spaces.Box(0, 7, (3,), np.int32),
    spaces.Box(0, 255, (2,), np.uint8),
    spaces.Box(np.iinfo(np.int32).min, np.iinfo(np.int32).max, (2,), np.int32),
    spaces.Box(-3.4e38, 3.4e38, (2,), np.float32),
    spaces.Box(np.float32(0.1), np.float32(0.7), (), np.float32),
    spaces.Discrete(4, start=2),
    spaces.MultiDiscrete([2, 3], start=[5, -1]),
    spaces.MultiDiscrete([[2, 3], [4, 1]]),
    spaces.MultiDiscrete([5]),
    spaces.MultiBinary((2, 2)),
]


@pytest.mark.parametrize("space", OBSERVATIONS, ids=str)
def test_observations_of_every_space_are_flattened_as_gymnasium_does(space):
    spec = inspect(partial(Sampling, space, spaces.Discrete(2)))
    env = Adapter(spec)
    seen = [env.reset(1), *(env.step(np.int64(1))[0] for _ in range(3))]
    assert {one.dtype for one in seen} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(seen[-1], spaces.flatten(space, env.env.last).astype(np.float32))
    assert seen[0].shape == spec.observation_shape


@pytest.mark.parametrize("space", ACTIONS, ids=str)
def test_actions_are_in_every_space(space):
    spec = inspect(partial(Sampling, BOX, space))
    runner = EpisodeRunner(spec, 0, 0.9)
    actor = actor_of(spec)
    if not spec.discrete:
        actor = GaussianActor(actor.mean, np.full(spec.actions, 3, np.float32))
    got = rollout(runner, actor, plain(spec), 40)  # Sampling checks that its space contains them
    assert got.actions.shape == (40, *spec.action_shape)
    assert len({action.tobytes() for action in got.actions}) > 1
    twin = EpisodeRunner(spec, 0, 0.9)
    assert runner.state()[1].shape == (runner.length, *spec.action_shape)
    np.testing.assert_array_equal(twin.spec.action_shape, spec.action_shape)


def test_half_bounded_actions_are_clipped_at_the_finite_side_and_integers_rounded():
    half = ActionMap(inspect(partial(Sampling, BOX, ACTIONS[2])))
    np.testing.assert_array_equal(half(np.full(4, -5, np.float32)), [0, -5, 1, -5])
    np.testing.assert_array_equal(half(np.full(4, 5, np.float32)), [5, 2, 1, 5])
    integer = ActionMap(inspect(partial(Sampling, BOX, spaces.Box(0, 7, (4,), np.int32))))
    np.testing.assert_array_equal(integer(np.array([-2, 0.1, 0.2, 1], np.float32)), [0, 4, 4, 7])


@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_a_large_offset_leaves_the_digits(dtype):
    spec = inspect(partial(Offset, dtype))
    got = roll(spec, 20)
    moments = RunningMoments.of(got.observations)
    np.testing.assert_allclose(moments.mean - 1.7e9, [2, -2])
    inputs = Normaliser.of(moments, 10.0)(got.observations)
    assert inputs.dtype == np.float32
    np.testing.assert_allclose(inputs[:5, 0] * moments.std[0], [-2, -1, 0, 1, 2], rtol=1e-5)


@pytest.mark.parametrize("env", ["HalfCheetah-v4", "Humanoid-v4", "HumanoidStandup-v4", "Ant-v4", "CartPole-v1"])
def test_usual_observations_are_kept_in_float32(env):
    assert inspect(env).kept is np.float32


def test_integers_of_64_bits_train_as_those_of_16_do():
    a, b = (roll(inspect(partial(Sampling, spaces.Box(-9, 9, (2,), t), spaces.Discrete(2))), 4) for t in ("i8", "i2"))
    assert a.observations.dtype == b.observations.dtype == np.float32


FLOATS = np.zeros(2, np.float32)
CONVERTED = [
    ("reward", np.float32(2), 2.0),
    ("reward", np.array([2]), 2.0),
    ("reward", np.array(2.0), 2.0),
    ("reward", 2, 2.0),
    ("reward", True, 1.0),
]


@pytest.mark.parametrize(("at", "value", "wanted"), CONVERTED)
def test_what_is_harmless_is_converted(at, value, wanted):
    got = roll(inspect(partial(Returning, at, value)), 5)
    assert got.rewards[2] == wanted


@pytest.mark.parametrize("value", [True, np.True_, 1, np.array([True])])
def test_flags_may_be_numpys_or_integers(value):
    np.testing.assert_array_equal(roll(inspect(partial(Returning, "terminated", value)), 4).terminated, [0, 0, 1, 0])


def test_lists_and_other_types_of_numbers_are_observations():
    for value in ([3, 3], np.array([3, 3]), np.array([3, 3], np.float16), np.array([3.0, 3.0])):
        np.testing.assert_array_equal(
            roll(inspect(partial(Returning, "observation", value)), 4).observations[3], [3, 3]
        )


def test_finite_numbers_whose_sum_overflows_are_finite():
    values = (np.array([3e38, 3e38], np.float32), np.full(2, 6e4, np.float16), np.array([1e20, -1e20], np.float32))
    for value in values:
        got = roll(inspect(partial(Returning, "observation", value)), 4)
        np.testing.assert_array_equal(got.observations[3], value)


BROKEN = [
    ("observation", np.float32(0.5), r"has shape \(\); its space has \(2,\) \(episode 1, step 3\)"),
    ("observation", np.zeros(1, np.float32), r"has shape \(1,\); its space has \(2,\)"),
    ("observation", np.zeros(3, np.float32), r"has shape \(3,\); its space has \(2,\)"),
    ("observation", ["a", "b"], "no array of numbers"),
    ("observation", None, "no array of numbers"),
    ("observation", [[1], [1, 2]], "no array of numbers"),
    ("observation", np.array([0, np.nan], np.float32), "observation is .*nan.*not finite"),
    ("observation", np.array([0, 1e300]), r"1.e\+300.*not finite in float32"),
    ("observation", np.array([0, np.inf]), "inf.*which is not finite \\("),
    ("reset", np.array([np.nan, 0], np.float32), "not finite .at the reset of episode 1"),
    ("reward", "1.0", "the reward is '1.0'; expected a number"),
    ("reward", None, "the reward is None; expected a number"),
    ("reward", np.zeros(2), "the reward is array.*expected a number"),
    ("reward", np.nan, "the reward is nan .episode 1, step 3"),
    ("reward", np.float64(np.inf), "the reward is inf"),
    ("reward", 1e200, r"the reward is 1e\+200"),
    ("terminated", None, "terminated is None; expected True or False"),
    ("terminated", "no", "terminated is 'no'"),
    ("step", (FLOATS, 1.0, False, {}), "step returned 4 values .*gymnasium's step.action. returns"),
    ("step", None, "step returned None; gymnasium's step"),
]


@pytest.mark.parametrize(("at", "value", "message"), BROKEN)
def test_what_cannot_be_used_is_said_in_one_line(at, value, message):
    with pytest.raises(FaultError, match=message) as error:
        roll(inspect(partial(Returning, at, value)), 6)
    assert str(error.value).startswith("environment 'tests.deep.odd:")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [FLOATS, (FLOATS,), (FLOATS, None), None])
def test_a_reset_without_info_is_refused(value):
    with pytest.raises(InputError, match=r"reset returned .*gymnasium's reset"):
        inspect(partial(Returning, "start", value))


def test_a_number_that_is_infinite_to_the_networks_is_refused_behind_a_large_offset():
    """Such observations are kept in float64 until their mean is subtracted."""
    seen = Adapter(inspect("tests.deep.odd:make", {"kind": "offset"}))
    assert seen.spec.wide
    with pytest.raises(FaultError, match=r"not finite in float32"):
        seen.observed(np.full(seen.spec.observation_shape, 1e300), {})


def test_a_number_outside_the_integer_type_of_its_space_is_refused():
    seen = Adapter(inspect(partial(Sampling, spaces.Box(0, 100, (2,), np.uint8), spaces.Discrete(2))))
    for value in ([0, 300], [-1, 0], [0.0, 256.0]):
        with pytest.raises(FaultError, match=r"has numbers from .* to .*; its space has uint8"):
            seen.observed(np.array(value), {})
    assert seen.observed(np.array([0, 200]), {})[1] == 200  # in its type; deep.check notes that it leaves the bounds


def test_an_old_step_inside_a_wrapper_is_explained():
    limited = inspect(
        partial(Returning, "step", (FLOATS, 1.0, False, {})), None, partial(gym.wrappers.TimeLimit, max_episode_steps=9)
    )
    with pytest.raises(FaultError, match=r"raised ValueError: .*unpack.*gymnasium's step.action. returns"):
        roll(limited, 6)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.full((1, 4, 4), 0.5, np.float32), "image has type float32; its space has uint8"),
        (np.full((1, 4, 4), 300), "has numbers from 300 to 300; its space has uint8"),
        (np.zeros((4, 4), np.uint8), r"has shape \(4, 4\); its space has \(1, 4, 4\)"),
    ],
)
def test_an_image_of_another_type_or_shape_is_refused(value, message):
    spec = inspect(InPlaceImage)
    with pytest.raises(FaultError, match=message):
        Adapter(spec).observed(value, {})
    assert Adapter(spec).observed(np.full((1, 4, 4), 9), {}).dtype == np.uint8


@pytest.mark.parametrize("action", [spaces.Discrete(4, start=3), spaces.MultiDiscrete([3, 4])])
def test_masked_actions_are_never_taken(action):
    spec = inspect(partial(Masked, action))
    assert spec.mask == spec.actions
    got = roll(spec, 60)  # Masked asserts that its mask is kept
    assert set(np.unique(got.observations[:, -spec.mask :])) == {0.0, 1.0}
    with pytest.raises(FaultError, match="a forbidden action"):
        rollout(EpisodeRunner(spec, 0, 0.9), Anything(spec), plain(spec), 60)


class Anything:
    """Takes any action, allowed or not."""

    def __init__(self, spec):
        self.heads = spec.heads

    def draw_noise(self, rng, n):
        return rng.random((n, len(self.heads)))

    def act(self, observation, noise):
        action = (noise * self.heads).astype(np.int64)
        return action if len(self.heads) > 1 else action[0]


def test_a_mask_that_is_missing_or_allows_nothing_is_said():
    spec = inspect(partial(Masked, lose_at=3))
    with pytest.raises(FaultError, match=r"info has no action_mask, as it had before .episode 1, step 3"):
        roll(spec, 6)
    env = Adapter(spec)
    for mask, message in (
        (np.zeros(4), "allows no action"),
        (np.ones(3), "3 numbers; expected 4"),
        ("x", "zeros and ones"),
    ):
        with pytest.raises(FaultError, match=message):
            env.observed(FLOATS, {"action_mask": mask})
    assert env.observed(FLOATS, {"action_mask": np.zeros(4)}, over=True)[2:].all()


def test_counting_is_what_the_others_deviate_from():
    assert roll(inspect(Counting), 6).episodes == [(4, 5.0, 5)]
