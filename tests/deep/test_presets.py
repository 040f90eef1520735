"""What the presets say, and which one an environment gets."""

import math

import pytest

import deep
from deep.presets import DEFAULT_FLAT, TASKS, preset
from deep.sampling.environments import inspect
from exact.common.errors import InputError


def test_the_papers_settings_for_flat_observations():
    paper = preset("paper", "Hopper-v4")
    assert (paper.sampling.N, paper.radius.initial, paper.radius.scale) == (2048, 0.05, "gradient")
    controller = paper.controller
    assert (controller.gamma1, controller.gamma2, controller.gamma3, controller.beta1) == (2.0, 0.8, 0.6, 0.0)
    assert (controller.radius_min, controller.radius_max, controller.max_rejections) == (0.01, 0.1, 4)
    assert paper.policy.log_std_range(1.0)[1] == math.inf
    assert paper.sampling.discount == 0.99  # a task's own discount is the default preset's


def test_the_papers_settings_for_pixels():
    paper = preset("paper", "ALE/Pong-v5")
    assert (paper.sampling.N, paper.radius.initial) == (2048, 0.01)
    assert (paper.controller.radius_min, paper.controller.radius_max) == (0.005, 0.5)
    assert paper.policy.convolutions == paper.critic.convolutions == ((32, 8, 4), (64, 4, 2), (64, 3, 1))
    assert (paper.env, paper.preset, paper.steps) == ("ALE/Pong-v5", "paper", 10_000_000)


@pytest.mark.parametrize("task", TASKS)
def test_a_task_has_its_own_discount_in_the_default_preset(task):
    sampling = preset("default", f"{task}-v5").sampling
    assert {name: getattr(sampling, name) for name in TASKS[task]} == TASKS[task]


def test_any_other_task_has_the_common_settings():
    config = deep.preset("default", inspect("CartPole-v1"))
    assert (config.env, config.sampling, config.policy) == ("CartPole-v1", DEFAULT_FLAT.sampling, DEFAULT_FLAT.policy)


@pytest.mark.parametrize(
    ("name", "env", "message"), [("best", "CartPole-v1", "no preset"), ("paper", "Hoper", "Hopper")]
)
def test_an_unknown_name_is_refused(name, env, message):
    with pytest.raises(InputError, match=message):
        preset(name, env)
