"""The bounds of Lemmas 3.6 and 3.7: the numbers of the counterexamples, and which bound implies which."""

import math

import pytest
from flint import arb

from exact.gaussian import bounds
from exact.gaussian.instances import one_state, two_state
from exact.gaussian.measures import larger, measure_step


def test_lemma36_claims_more_than_can_be_gained():
    """docs/theory.md, section 9."""
    m = measure_step(one_state(), 1e-3)
    assert round(bounds.gain_lemma36(m), 5) == 0.19180
    assert round(m.gain, 5) == 0.12130
    assert bounds.gain_repaired(m) <= bounds.gain_natural(m) <= m.gain <= bounds.gain_limit(m)


def test_lemma37_claims_a_ratio_that_is_too_large():
    """docs/theory.md, section 9."""
    m = measure_step(two_state(), 1e-4)
    assert round(m.r, 6) == 0.997860
    assert round(1 - bounds.loss_lemma37(m), 6) == 0.999894
    assert 1 - m.r <= bounds.loss_posterior(m) <= bounds.loss_prior(m) <= bounds.loss_repaired(m)


@pytest.mark.parametrize("delta", [1e-5, 1e-3, 0.1])
def test_losses_of_two_state_in_closed_form(delta):
    """rho = (1, 1), g = (exp(-1/2), 0), p0 = 1/2, Abar = 1, and only state 0 moves, by sqrt(2 delta)."""
    m = measure_step(two_state(), delta)
    assert bounds.loss_prior(m) == pytest.approx(0.5 * math.sqrt(delta / (2 * 0.5**3)))
    assert bounds.loss_posterior(m) == pytest.approx(math.erf(math.sqrt(2 * delta) / math.sqrt(8)), rel=1e-6)


def test_larger_is_rigorous_for_balls():
    both = larger(arb(1, 0.5), arb(1.2, 0.1))
    assert both.contains(1.1)
    assert both.contains(1.5)
    assert larger(1.0, 2.0) == 2.0
