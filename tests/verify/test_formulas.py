"""The formulas of the statements at numbers worked out by hand: a wrong constant, factor or minimum is noticed."""

import numpy as np
import pytest

import verify.tabular.optimum
from exact.algorithm import Iteration, iterate
from exact.controller import ControllerSettings
from exact.gaussian import bounds
from exact.gaussian.measures import Measures
from exact.mdps.library import load
from tests.verify.cases import STAY
from verify import lemma32, lemma34, lemma36, theorem35, theorem38, trapezoid
from verify.core.command import FalsifierOptions, Options
from verify.tabular.optimum import optimum
from verify.tabular.runs import rational_mdp
from verify.tabular.trial import TrialPoint, exact_trial


def cash_in_trial(delta=0.1) -> tuple[Iteration, TrialPoint]:
    """rho = (5, 5), A* = B = 5, m = (1, 0), p0 = .5, gamma = .9, r = 1/(1 + 1.8 delta), gain = delta, regret = .5."""
    mdp = load("cash-in")
    it = next(iterate(mdp, start=STAY, delta0=delta))
    return it, exact_trial(rational_mdp(mdp), it)


def claimed(claims):
    return {(c.statement.name, c.statement.form): float(c.claimed) for c in claims}


def test_the_rates_of_theorem_35():
    _, t = cash_in_trial()
    best = optimum(load("cash-in"), rational_mdp(load("cash-in")))
    found = claimed(theorem35.claims(t, best, ControllerSettings(beta0=0.2, beta1=0.5)))
    r = 1 / 1.18
    assert found["Theorem 3.5, accepted steps", "printed"] == pytest.approx(0.2 * 0.1 * 0.1 * 5)
    assert found["linear rate", "new"] == pytest.approx(0.2 * 0.1 * 0.5 * (0.1 * 0.1) * 0.5)
    assert found["linear rate", "sharper"] == pytest.approx(r * (0.1 / 5) * 0.1 * (5 / 1) * 0.5)
    _, far = cash_in_trial(400.0)  # both minima are one
    found = claimed(theorem35.claims(far, best, ControllerSettings(beta0=0.05, beta1=0.5)))
    assert found["linear rate", "new"] == pytest.approx(0.05 * 0.1 * 0.5 * 0.5)
    assert found["linear rate", "sharper"] == pytest.approx(0.1 * 0.1 * 5 * 0.5)


def test_the_bounds_of_lemmas_32_33_34():
    _, t = cash_in_trial()
    best = optimum(load("cash-in"), rational_mdp(load("cash-in")))
    found = claimed(lemma34.claims(t))
    assert found["Lemma 3.3", "printed"] == pytest.approx(0.1 * 0.1 * 5)
    assert found["Lemma 3.3", "sharper"] == pytest.approx(0.1 / 5 * 5)
    assert found["Lemma 3.3, its mixture is feasible", "printed"] == pytest.approx(0.1 * 0.1 * 5)
    assert found["Lemma 3.4, its bound of TV", "printed"] == pytest.approx(0.1 / 5)
    assert found["prior ratio", "new"] == pytest.approx(1 - 0.9 * 0.1 / (0.1 * 5))
    assert found["prior ratio by the radius", "new"] == pytest.approx(1 - 0.9 * 0.1 / (0.1 * 0.5))
    assert found["span ratio", "new"] == pytest.approx(1 - 0.9 * 0.1 * 0.02 / (0.1 * 0.1))
    assert found["least ratio", "new"] == pytest.approx(0.05)
    both = {c.statement: (float(c.actual), float(c.claimed)) for c in lemma32.claims(t, best)}
    assert both[lemma32.UPPER] == pytest.approx((5 / 0.05, 0.5))
    assert both[lemma32.LOWER] == pytest.approx((0.5, 0.05 * 5))
    assert both[lemma32.UPPER_SHARPER] == pytest.approx((1 / 0.1, 0.5))
    assert both[lemma32.LOWER_SHARPER] == pytest.approx((0.5, 0.5 * 1))


def test_the_optimum_is_certified_whatever_floats_say(monkeypatch):
    mdp = load("cash-in")

    class Wrong:
        policy = STAY

    monkeypatch.setattr(verify.tabular.optimum, "solve", lambda *_, **__: Wrong)
    found = optimum.__wrapped__(mdp, rational_mdp(mdp))
    assert float(found.eta) == 0.5


def measures(**changes) -> Measures:
    """Numbers with which no two terms of a bound agree by accident."""
    numbers = {
        "at_maximiser": True, "sigma": 2.0, "delta": 0.08, "gamma": 0.5, "p0": 0.25, "rho_min": 0.5, "rho_max": 4.0,
        "g": 3.0, "g_natural": 5.0, "h": 1.5, "h_natural": 7.0, "bend_natural": 11.0, "gain": 1.0, "dual": 1.0,
        "change": 0.5, "attained": 1.0, "A_max": 1.25, "D": 0.3,
    }  # fmt: skip
    return Measures(**{**numbers, **changes})


def test_the_bounds_of_lemma_36():
    m = measures()
    assert bounds.gain_lemma36(m) == pytest.approx(9 * min(1 / 3, 2 * 0.08**0.5 / 6))
    assert bounds.gain_repaired(m) == pytest.approx(9 * min(1 / 3, 2 * (0.16 / 4) ** 0.5 / 6))
    assert bounds.gain_lemma36(measures(h=1000.0)) == pytest.approx(9 / 2000)
    assert bounds.gain_repaired(measures(h=1000.0)) == pytest.approx(9 / 2000)
    t = min(25 / 11, 0.16**0.5 / 5)
    assert bounds.gain_natural(m) == pytest.approx(25 * t - 11 * t**2 / 2)
    steep = measures(bend_natural=1e4)
    assert bounds.gain_natural(steep) == pytest.approx(25**2 / 2e4)
    assert bounds.gain_limit(m) == pytest.approx(0.16**0.5 * 5 + 0.08 * 7)


def test_the_bounds_of_lemma_37():
    m = measures()
    steep = max(3 / (2 * 0.08**0.5), 1.5)
    assert bounds.loss_lemma37(m) == pytest.approx(8 * 1.25 * 0.5 * 0.08**2 * steep / (0.25**2 * 0.25 * 9))
    repaired = max(1.5, 3 / (2 * (2 * 0.5 * 0.08) ** 0.5))
    assert bounds.loss_repaired(m) == pytest.approx(4 * 1.25 * 0.5 * 0.08 * repaired / (0.25 * 0.25 * 9))
    assert bounds.loss_repaired(measures(h=50.0)) == pytest.approx(4 * 1.25 * 0.5 * 0.08 * 50 / (0.25 * 0.25 * 9))
    assert bounds.loss_posterior(m) == pytest.approx(0.5 * 0.3 / (0.5 * 0.5))
    assert bounds.loss_prior(m) == pytest.approx(0.5 * (0.08 / (2 * 0.125)) ** 0.5 / 0.5)
    assert theorem38.increase(m, 0.9) == pytest.approx(0.9 * bounds.gain_repaired(m))


def test_the_bounds_of_the_trapezoid():
    """From action 0 to action 1 in state 0 of cash-in, halved: alpha = 1/2 h, R = 1, gamma = .9."""
    checks = trapezoid.check(Options(mdp=("cash-in",), instances=1))
    by_step = [checks[i : i + 3] for i in range(0, len(checks), 3)]
    assert len(by_step) == 9
    first, last = (float(three[0].actual) for three in (by_step[0], by_step[-1]))
    assert first / last == pytest.approx(16.0**16)
    alpha = (first * 1e-3 / (2 * 0.9)) ** 0.5
    assert by_step[0][1].actual == pytest.approx(2 * 0.81 * alpha**3 / 1e-4)
    assert by_step[0][2].actual == pytest.approx(8 * 0.729 * alpha**4 / 1e-5)
    start, to = (np.array(pi, dtype=float) for pi in _directions())
    assert alpha == pytest.approx(abs(to - start).sum(axis=1).max() / 2)


def _directions():
    mdp, run = load("cash-in"), trapezoid.plan(Options(mdp=("cash-in",), instances=1))[0]
    _, pi, d = next(trapezoid.steps(run, mdp))
    return pi, pi + d


def test_the_gaussian_falsifier_searches():
    checks = lemma36.check(FalsifierOptions(instances=0, search=2))
    assert any(c.instance.startswith("falsifier of Lemma 3.6") for c in checks)
    assert not any("falsifier" in c.instance for c in lemma36.check(FalsifierOptions(instances=0, search=0)))
