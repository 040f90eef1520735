"""Environments by id, by name and by callable, with arguments and a wrapper, and what cannot be made."""

import functools
import pickle
import threading

import gymnasium as gym
import pytest

from deep.sampling.environments import inspect
from deep.sampling.making import Maker, name_of
from exact.common.errors import InputError
from tests.deep.scripted import Scripted

BY_NAME, BY_ID = "tests.deep.scripted:Scripted", "tests.deep.scripted:Terminating-v0"


def short(**settings):
    return Scripted(length=3, **settings)


def length(env):
    """Steps of an episode."""
    env.reset(seed=0)
    for t in range(1, 100):
        if any(env.step(env.action_space.sample())[2:4]):
            return t
    raise AssertionError("no end")


@pytest.mark.parametrize(
    ("env", "kwargs", "steps"),
    [
        (BY_ID, {}, 5),
        (BY_ID, {"length": 7}, 7),
        (BY_NAME, {"length": 7}, 7),
        (short, {"end": "truncated"}, 3),
        (functools.partial(Scripted, 4), {}, 4),
        (lambda: Scripted(2), {}, 2),
    ],
)
def test_an_environment_is_an_id_a_name_or_a_callable_with_arguments(env, kwargs, steps):
    for maker in (Maker(env, kwargs), pickle.loads(pickle.dumps(Maker(env, kwargs)))):
        assert length(maker()) == steps


@pytest.mark.parametrize("wrapper", ["tests.deep.sampling.test_making:cut", lambda env: gym.wrappers.TimeLimit(env, 2)])
def test_a_wrapper_is_put_around_it(wrapper):
    assert length(pickle.loads(pickle.dumps(Maker(BY_ID, {}, wrapper)))()) == 2


def cut(env):
    return gym.wrappers.TimeLimit(env, 2)


def test_names_are_recorded_so_that_they_find_what_they_name():
    assert name_of(Scripted) == "tests.deep.scripted:Scripted"
    assert Maker(name_of(short))().length == 3
    assert name_of(lambda env: env).endswith("locals.lambda")


@pytest.mark.parametrize(
    ("given", "recorded"), [("CartPole", "CartPole-v1"), ("CartPole-v0", "CartPole-v0"), (BY_ID, BY_ID)]
)
def test_an_id_without_its_version_is_recorded_with_it(given, recorded):
    assert inspect(given).env_id == recorded


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((BY_NAME, {"thing": object()}), "expected JSON values"),
        ((BY_NAME, {"colour": 1}), "cannot make .*TypeError: .*colour"),
        (("tests.deep.scripted:Absent",), "unknown environment"),
        ((dict,), "made dict; expected a gymnasium.Env"),
        ((BY_ID, {}, "tests.deep.scripted:absent"), "wrapper .*expected module:name"),
        (("ALE/Pong-v5", {"mode": 1}), "takes no env_kwargs"),
    ],
)
def test_what_cannot_be_made_is_said_in_one_line(arguments, message):
    with pytest.raises(InputError, match=message) as error:
        Maker(*arguments)()
    assert "\n" not in str(error.value)


def test_what_cannot_be_pickled_is_said_in_one_line():
    lock = threading.Lock()
    with pytest.raises(InputError, match="cannot be sent to the workers"):
        pickle.dumps(Maker(lambda: lock))


def test_mujocos_deprecation_is_not_shown_and_its_other_warnings_are(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    env = Maker("HalfCheetah-v4")()
    env.reset(seed=0)
    assert capfd.readouterr() == ("", "")
    env.unwrapped.data.qvel[:] = 1e20
    env.step(env.action_space.sample())
    assert capfd.readouterr().err.startswith("MuJoCo: ")
    assert list(tmp_path.iterdir()) == []
    env.close()
