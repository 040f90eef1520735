import math
from dataclasses import replace

import pytest

from deep.config import PolicySettings, preset
from exact.errors import InputError


def test_ceiling_of_log_std_falls_linearly_in_the_standard_deviation():
    settings = PolicySettings(initial_log_std=math.log(0.5), final_log_std=math.log(0.1))
    ceilings = [settings.log_std_range(progress)[1] for progress in (0.0, 0.5, 1.0)]
    assert ceilings == pytest.approx([math.log(0.5), math.log(0.3), math.log(0.1)])
    assert settings.log_std_range(0.5)[0] == settings.log_std_floor


def test_no_ceiling_in_the_paper_preset():
    assert preset("paper", "Hopper-v4").policy.log_std_range(1.0)[1] == math.inf


@pytest.mark.parametrize("final", [-4.0, 0.0, math.nan])
def test_ceiling_outside_its_range_is_refused(final):
    with pytest.raises(InputError, match="final_log_std"):
        replace(PolicySettings(initial_log_std=-0.5, log_std_floor=-3.5), final_log_std=final)
