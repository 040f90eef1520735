"""The enclosures in ball arithmetic: they contain the truth, narrow with the effort, and refuse false premises."""

import dataclasses
import math

import numpy as np
import pytest
from flint import arb, ctx

from exact.gaussian.instances import two_state
from exact.gaussian.measures import measure
from exact.gaussian.model import GaussianPolicy, action_value, evaluate
from exact.gaussian.steps import mean_step
from tests.verify.gaussian.cases import EFFORT
from verify.gaussian.balls import (
    Effort,
    NotCertifiedError,
    enclose,
    gradient_norm,
    maximiser_balls,
    measure_balls,
    peak,
    used_budget,
)
from verify.gaussian.runs import random_case


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("delta", [1e-5, 1e-2, 1.0])
def test_balls_contain_the_float_measures(seed, delta):
    instance, _ = random_case(seed)
    current = evaluate(instance.mdp, instance.policy)
    step = mean_step(instance.mdp, current, delta)
    floats, balls = measure(instance, delta, step), measure_balls(instance, delta, step, EFFORT)
    for field in dataclasses.fields(floats)[1:]:
        value, ball = getattr(floats, field.name), getattr(balls, field.name)
        grid = (
            1e-3 if field.name in {"h", "h_natural", "bend_natural", "A_max", "dual"} else 1e-9
        )  # grid maxima lie below the true ones
        assert abs(value - float(ball.mid())) <= float(ball.rad()) + grid * (1e-3 + abs(value)), field.name


def test_balls_narrow_with_the_effort():
    instance, _ = random_case(0)
    step = mean_step(instance.mdp, evaluate(instance.mdp, instance.policy), 0.1)
    rough, fine = (measure_balls(instance, 0.1, step, Effort(64, cells)) for cells in (16, 128))
    for name in ("h", "A_max", "gain"):
        assert getattr(fine, name).rad() < getattr(rough, name).rad() / 20


def test_peak_encloses_a_maximum_between_its_sampling_points():
    coefficients = np.array([arb(0), arb(0), arb(1)], dtype=object)  # sin a, largest at pi/2
    for cells in (3, 4, 5, 64):
        ball = peak(coefficients, 0.0, 0, arb(1), arb(1), cells)
        assert ball.contains(arb(1))
    assert peak(coefficients, 0.0, 0, arb(0), arb(0.5), 64).contains(arb(0.5).sin())  # at the end of the interval


def test_peak_allows_for_curvature_where_the_slope_vanishes():
    coefficients = np.array([arb(2), arb(-1), arb(0)], dtype=object)  # 2 - cos a, flat at the only sampling point, 0
    assert peak(coefficients, 0.0, 0, arb(0), arb(1), 1).contains(2 - arb(1).cos())


def test_the_exact_maximiser_is_enclosed_and_beats_its_neighbours():
    instance, _ = random_case(1)
    current = evaluate(instance.mdp, instance.policy)
    step = mean_step(instance.mdp, current, 1e-3)
    exact = maximiser_balls(instance, step, Effort(128, 64))
    assert exact.at_maximiser
    assert float(exact.delta.rad()) < 1e-25
    assert float(exact.delta.mid()) == pytest.approx(1e-3, rel=1e-9)
    assert float(exact.attained.mid()) == pytest.approx(step.gain, rel=1e-9)
    price, x = step.price, step.policy.mu - instance.policy.mu
    slopes = action_value(instance.mdp, current.V, step.policy.mu[:, None], instance.policy.sigma, 1)[:, 0]
    np.testing.assert_allclose(slopes, price * x / instance.policy.sigma**2, rtol=1e-8)


def test_premises_that_do_not_hold_are_refused():
    case = two_state()
    step = mean_step(case.mdp, evaluate(case.mdp, case.policy), 1e-2)
    with pytest.raises(NotCertifiedError, match="not provably within the radius"):
        measure_balls(case, 0.99e-2, step, EFFORT)
    free = mean_step(case.mdp, evaluate(case.mdp, case.policy), 10.0)
    assert free.price == 0
    with pytest.raises(NotCertifiedError, match="does not bind"):
        maximiser_balls(case, free, EFFORT)
    elsewhere = dataclasses.replace(step, policy=GaussianPolicy(step.policy.mu + 1e-3, 1.0))
    with pytest.raises(NotCertifiedError, match="does not contract"):
        maximiser_balls(case, elsewhere, EFFORT)
    valley = dataclasses.replace(free, price=1e-9)
    with pytest.raises(NotCertifiedError, match="not provably concave"):
        maximiser_balls(case, dataclasses.replace(valley, policy=_stationary(case, 1e-9)), EFFORT)


def _stationary(case, price):
    """The stationary point of the Lagrangian at a tiny price, next to the peak of sin a at pi/2."""
    x = math.pi / 2
    for _ in range(50):
        x -= (math.exp(-0.5) * math.cos(x) - price * x) / (-math.exp(-0.5) * math.sin(x) - price)
    return GaussianPolicy(np.array([x, 0.0]), 1.0)


def test_values_of_the_enclosure_are_those_of_the_counterexample():
    with ctx.workprec(64):
        balls = enclose(two_state(), np.array([arb(0), arb(0)], dtype=object))
        assert all(ball.contains(1) for ball in balls.rho)
        assert all(ball.contains(0) for ball in balls.V)
    assert gradient_norm(two_state(), EFFORT).overlaps(arb(-0.5).exp())


def test_the_budget_of_another_sigma_by_hand():
    """Two states, rho = (1, 1): KL(N(0, 1) || N(1/2, 4)) + KL(N(0, 1) || N(0, 4)), and 1/8 for the means alone."""
    instance = two_state()
    wider = used_budget(instance, GaussianPolicy(np.array([0.5, 0.0]), 2.0), EFFORT)
    assert float(wider.mid()) == pytest.approx(0.25 / 8 + 2 * (math.log(2) + 1 / 8 - 1 / 2))
    assert float(used_budget(instance, GaussianPolicy(np.array([0.5, 0.0]), 1.0), EFFORT).mid()) == pytest.approx(1 / 8)
