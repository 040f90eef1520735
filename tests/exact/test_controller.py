"""The ratio test, the acceptance rule and the radius rule: the paper's truth table, and what is refused."""

import dataclasses
import math
import sys

import pytest

from exact.common.errors import InputError
from exact.controller import ControllerSettings, ControllerState, Outcome, decide, ratio

DETERMINISTIC = ControllerSettings(beta0=0.1, beta1=0.5, gamma1=2.0, gamma2=0.8, gamma3=0.6)
STOCHASTIC = ControllerSettings(
    beta0=-0.5, beta1=0.0, gamma1=2.0, gamma2=0.8, gamma3=0.6, radius_min=0.01, radius_max=0.1, max_rejections=4
)


@pytest.mark.parametrize(
    ("r", "outcome", "factor"),
    [
        (math.inf, Outcome.ACCEPT, 2.0),
        (1.0, Outcome.ACCEPT, 2.0),
        (0.5, Outcome.ACCEPT, 2.0),
        (math.nextafter(0.5, 0), Outcome.ACCEPT, 0.8),
        (0.1, Outcome.ACCEPT, 0.8),
        (math.nextafter(0.1, 0), Outcome.REJECT, 0.6),
        (-3.0, Outcome.REJECT, 0.6),
        (-math.inf, Outcome.REJECT, 0.6),
    ],
)
def test_deterministic_rule(r, outcome, factor):
    """Eqs. (3.3) and (3.4); both thresholds belong to the better side."""
    found, state = decide(DETERMINISTIC, ControllerState(0.25, rejections=2), r)
    assert found is outcome
    assert state == ControllerState(factor * 0.25, rejections=3 if outcome is Outcome.REJECT else 0)


@pytest.mark.parametrize(
    ("r", "rejections", "outcome", "radius", "rejections_after"),
    [
        (0.0, 0, Outcome.ACCEPT, 0.08, 0),
        (0.0, 4, Outcome.ACCEPT, 0.08, 0),
        (-0.1, 3, Outcome.ACCEPT, 0.032, 0),
        (-0.5, 0, Outcome.ACCEPT, 0.032, 0),
        (-0.6, 0, Outcome.REJECT, 0.024, 1),
        (-0.6, 3, Outcome.REJECT, 0.024, 4),
        (-0.6, 4, Outcome.FORCE, 0.024, 0),
        (-math.inf, 7, Outcome.FORCE, 0.024, 0),
    ],
)
def test_stochastic_rule(r, rejections, outcome, radius, rejections_after):
    """Eqs. (4.15) and (4.16): after four rejections in a row the fifth failing trial is forced."""
    found, state = decide(STOCHASTIC, ControllerState(0.04, rejections), r)
    assert found is outcome
    assert state.radius == pytest.approx(radius, rel=1e-15)
    assert state.rejections == rejections_after


@pytest.mark.parametrize(("start", "r", "end"), [(0.09, 1.0, 0.1), (0.011, -0.1, 0.01), (0.011, -9.0, 0.01)])
def test_radius_stays_between_its_limits(start, r, end):
    assert decide(STOCHASTIC, ControllerState(start), r)[1].radius == end


def test_deciding_changes_nothing():
    state = ControllerState(0.04, 1)
    assert decide(STOCHASTIC, state, -9.0) == decide(STOCHASTIC, state, -9.0)
    assert state == ControllerState(0.04, 1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        state.radius = 1.0


def test_never_forced_without_a_limit():
    assert decide(DETERMINISTIC, ControllerState(1.0, rejections=10**6), -1.0)[0] is Outcome.REJECT


@pytest.mark.parametrize(
    ("actual", "predicted", "noise", "expected"),
    [
        (1.0, 2.0, 0.0, 0.5),
        (1.0, 2.0, 2.0, 0.25),
        (-1.0, 2.0, 0.0, -0.5),
        (-1.0, -0.5, 1.0, -2.0),
        (1.0, 0.0, 0.0, -math.inf),
        (1.0, -1.0, 0.5, -math.inf),
    ],
)
def test_ratio(actual, predicted, noise, expected):
    """Eqs. (3.2) and (4.14); a model without a promise is not agreed with."""
    assert ratio(actual, predicted, noise) == expected


@pytest.mark.parametrize("terms", [(math.nan, 1, 0), (1, math.inf, 0), (1, 1, math.nan), (-math.inf, 1, 0)])
def test_ratio_of_no_numbers_is_refused(terms):
    with pytest.raises(InputError, match="non-finite ratio terms"):
        ratio(*terms)


def test_negative_noise_and_nan_ratio_are_refused():
    with pytest.raises(InputError, match=r"noise must be >= 0, got -1\.0"):
        ratio(1.0, 1.0, -1.0)
    with pytest.raises(InputError, match="the ratio is NaN"):
        decide(DETERMINISTIC, ControllerState(1.0), math.nan)


@pytest.mark.parametrize(
    ("constants", "message"),
    [
        ({"beta0": 0.5, "beta1": 0.5}, r"need beta0 < beta1, got beta0=0.5, beta1=0.5"),
        ({"beta0": 0.6}, "need beta0 < beta1"),
        ({"gamma1": 1.0}, "need 0 < gamma3 < gamma2 <= 1 < gamma1"),
        ({"gamma2": 1.1}, "need 0 < gamma3 < gamma2 <= 1 < gamma1"),
        ({"gamma2": 0.6}, "need 0 < gamma3 < gamma2 <= 1 < gamma1"),
        ({"gamma3": 0.8}, "need 0 < gamma3 < gamma2 <= 1 < gamma1"),
        ({"gamma3": 0.0}, "need 0 < gamma3 < gamma2 <= 1 < gamma1"),
        ({"radius_min": -1e-9}, "need 0 <= radius_min <= radius_max"),
        ({"radius_min": 2.0, "radius_max": 1.0}, "need 0 <= radius_min <= radius_max"),
        ({"radius_max": math.nan}, "need 0 <= radius_min <= radius_max"),
        ({"max_rejections": -1}, "max_rejections must be >= 0 or None, got -1"),
        *(({name: math.nan}, f"{name} must be a finite number, got nan") for name in ("beta0", "beta1", "radius_min")),
        *(({name: math.inf}, f"{name} must be a finite number") for name in ("beta1", "gamma1", "gamma2", "gamma3")),
        ({"beta0": -math.inf}, "beta0 must be a finite number"),
    ],
    ids=str,
)
def test_constants_out_of_order_are_refused(constants, message):
    with pytest.raises(InputError, match=message):
        ControllerSettings(**constants)


@pytest.mark.parametrize(
    "constants",
    [{"gamma2": 1.0}, {"radius_min": 1.0, "radius_max": 1.0}, {"max_rejections": 0}, {"beta0": -1.0, "beta1": 0.0}],
    ids=str,
)
def test_limits_that_are_allowed(constants):
    ControllerSettings(**constants)


@pytest.mark.parametrize("radius", [0.0, -1.0, math.nan, math.inf])
def test_bad_radius_is_refused(radius):
    with pytest.raises(InputError, match="the radius must be a positive finite number"):
        ControllerState(radius)


def test_negative_count_of_rejections_is_refused():
    with pytest.raises(InputError, match="rejections must be >= 0, got -1"):
        ControllerState(1.0, -1)


def test_the_radius_stays_a_positive_finite_number():
    state = ControllerState(1e300)
    wide = ControllerSettings(gamma1=1e300, gamma3=1e-300)
    assert decide(wide, state, 1.0)[1].radius == sys.float_info.max
    assert decide(wide, ControllerState(1e-300), 0.0)[1].radius > 0
