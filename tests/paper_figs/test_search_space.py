"""The points of the search: every one leaves what the paper prints, and the best one is the preset."""

from dataclasses import replace

import pytest

from deep.presets import preset
from exact.common.errors import InputError
from paper_figs.search_space import HORIZONS, NAMED, SPACE, propose, settle

PRINTED = {
    "sampling.N": 2048,
    "radius.initial": 0.05,
    "radius.numerator": "returns",
    "radius.final_fraction": 1.0,
    "policy.final_log_std": None,
    "inner.joint_log_std": False,
    "critic.batches": 1,
}


def test_a_point_is_a_function_of_its_number():
    assert propose(0, 3, None, 0.4) == propose(0, 3, None, 0.4)
    assert propose(0, 3, None, 0.4) != propose(0, 4, None, 0.4)
    assert propose(0, 3, None, 0.4) != propose(1, 3, None, 0.4)
    assert propose(0, 3, "window", 0.0) == NAMED["window"]


def test_every_choice_and_every_named_point_leaves_what_the_paper_prints():
    paper = preset("paper-first", "Hopper-v4")
    for point in (*NAMED.values(), *HORIZONS.values(), *(choice for choices in SPACE.values() for choice in choices)):
        config = settle(paper, point)
        for name, value in PRINTED.items():
            section, leaf = name.split(".")
            assert getattr(getattr(config, section), leaf) == value
        controller = config.controller
        assert controller.beta0 < 0 == controller.beta1
        assert (controller.gamma1, controller.gamma2, controller.gamma3) == (2, 0.8, 0.6)
        assert (controller.radius_min, controller.radius_max, controller.max_rejections) == (0.01, 0.1, 4)
        assert config.radius.scale in ("gradient", "unscaled-gradient")


def test_a_name_that_is_no_setting_is_refused():
    with pytest.raises(InputError, match="beta3"):
        settle(preset("paper-first", "Hopper-v4"), {"controller.beta3": 1.0})


def test_the_best_point_is_the_paper_preset():
    """--preset paper is what the search found."""
    found = settle(preset("paper-first", "Hopper-v4"), NAMED["accepting"])
    assert replace(found, preset="paper") == preset("paper", "Hopper-v4")
