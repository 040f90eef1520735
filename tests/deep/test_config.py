import math
from dataclasses import replace

import pytest

from deep.config import Config, PolicySettings, RadiusSettings, SamplingSettings
from deep.presets import DEFAULT_FLAT, PAPER_FLAT
from exact.common.errors import InputError


def test_ceiling_of_log_std_falls_linearly_in_the_standard_deviation():
    settings = replace(DEFAULT_FLAT.policy, initial_log_std=math.log(0.5), final_log_std=math.log(0.1))
    ceilings = [settings.log_std_range(progress)[1] for progress in (0.0, 0.5, 1.0)]
    assert ceilings == pytest.approx([math.log(0.5), math.log(0.3), math.log(0.1)])
    assert settings.log_std_range(0.5)[0] == settings.log_std_floor


@pytest.mark.parametrize("final", [-4.0, 0.0, math.nan])
def test_ceiling_outside_its_range_is_refused(final):
    with pytest.raises(InputError, match="final_log_std"):
        replace(DEFAULT_FLAT.policy, initial_log_std=-0.5, final_log_std=final)


def test_the_horizon_grows_late_and_to_its_multiple():
    settings = replace(DEFAULT_FLAT.sampling, discount=0.995, horizon_growth=5.0)
    horizons = [1 / (1 - settings.discount_at(progress)) for progress in (0.0, 0.5, 1.0)]
    assert horizons == pytest.approx([200, 200 * 5**0.125, 1000])
    assert replace(DEFAULT_FLAT.sampling, discount=0.97).discount_at(0.7) == 0.97


def test_a_shrinking_horizon_is_refused():
    with pytest.raises(InputError, match="horizon_growth must be >= 1"):
        replace(DEFAULT_FLAT.sampling, horizon_growth=0.5)


def test_a_run_that_would_end_with_its_first_batch_is_refused():
    assert replace(PAPER_FLAT, steps=2049).steps == 2049
    with pytest.raises(InputError, match="steps must be more than the first batch has, got steps=2048"):
        replace(PAPER_FLAT, steps=2048)


@pytest.mark.parametrize("settings", [Config, PolicySettings, SamplingSettings])
def test_a_default_is_no_preset(settings):
    with pytest.raises(TypeError, match="required keyword-only arguments"):
        settings()


@pytest.mark.parametrize("field", [{"window": 40}, {"discounted": True}, {"gain_units": "return"}])
def test_what_eta_hat_is_over_belongs_to_the_ratio_of_returns(field):
    assert RadiusSettings(initial=0.1, scale="gradient", numerator="returns", **field)
    with pytest.raises(InputError, match="numerator returns"):
        RadiusSettings(initial=0.1, scale="gradient", numerator="reverse", **field)
