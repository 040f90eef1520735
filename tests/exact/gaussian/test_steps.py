"""The mean step and the sigma step: global maxima, certificates, extreme cases."""

import dataclasses
import math

import numpy as np
import pytest

from exact.common.errors import InputError
from exact.gaussian.instances import Instance, Trigonometric, one_state, two_state
from exact.gaussian.model import GaussianPolicy, action_value, evaluate, gradient, policy_advantage, surrogate
from exact.gaussian.steps import _fit, curvature, mean_step, sigma_step
from tests.exact.gaussian.cases import instances


def test_one_state_mean_step_is_the_whole_budget():
    case = one_state()
    ev = evaluate(case.mdp, case.policy)
    step = mean_step(case.mdp, ev, 1e-3)
    assert ev.rho[0] == pytest.approx(20)
    assert step.policy.mu[0] == pytest.approx(math.sqrt(2 * 1e-3 / 20), rel=1e-10)
    assert round(step.gain, 5) == 0.12130  # theory.md, "Gaussian policies"


def test_two_state_ratio_is_the_closed_form():
    case = two_state()
    ev = evaluate(case.mdp, case.policy)
    np.testing.assert_allclose(ev.rho, [1, 1], rtol=1e-14)
    step = mean_step(case.mdp, ev, 1e-4)
    r = (evaluate(case.mdp, step.policy).eta - ev.eta) / step.gain
    assert r == pytest.approx(1 / (1 + math.exp(-0.5) * math.sin(math.sqrt(2e-4)) / 4), rel=1e-10)
    assert round(r, 6) == 0.997860  # theory.md, "Gaussian policies"
    np.testing.assert_allclose(step.policy.mu, [math.sqrt(2e-4), 0], rtol=1e-10)


def brute_force_gain(case: Instance, ev, delta: float, n: int = 801) -> float:
    """Best gain on a fine grid of budget splits: with S = 2, share t of the budget may go to state 0."""
    shares = np.linspace(0, 1, n)
    best = np.zeros((2, n))
    for s in range(2):
        widths = ev.policy.sigma * np.sqrt(2 * delta * shares / ev.rho[s])
        means = np.broadcast_to(ev.policy.mu[s] + widths[-1] * np.linspace(-1, 1, 2 * n - 1), (2, 2 * n - 1))
        values = action_value(case.mdp, ev.V, means, ev.policy.sigma)[s] - ev.V[s]
        within = np.abs(means[s] - ev.policy.mu[s]) <= widths[:, None] * (1 + 1e-12)
        best[s] = ev.rho[s] * np.where(within, values, -np.inf).max(axis=1)
    return float((best[0] + best[1][::-1]).max())


@pytest.mark.parametrize("delta", [1e-3, 0.1, 1.0, 10.0])
def test_mean_step_is_the_global_maximum(delta):
    for case in instances(8, n_states=2):
        ev = evaluate(case.mdp, case.policy)
        step = mean_step(case.mdp, ev, delta)
        assert brute_force_gain(case, ev, delta) <= step.gain * (1 + 1e-9) + 1e-12
        assert step.gain <= step.bound
        assert step.distance <= delta
        assert (policy_advantage(case.mdp, ev, step.policy) >= 0).all()
        assert surrogate(case.mdp, ev, step.policy) - ev.eta == pytest.approx(step.gain, rel=1e-9, abs=1e-12)


def tied_peaks() -> Instance:
    """r = cos 3a - .9 cos a + .3 sin a from mu = 0: on the way to the higher peak at the rim lies a valley."""
    rewards = np.array([[0.0, -0.9, 0.3, 0.0, 0.0, 1.0, 0.0], [0.0, 0.4, 0.7, 0.0, 0.0, 0.0, 0.0]])
    transitions = np.zeros((2, 7, 2))
    transitions[:, 0] = 0.5
    return Instance(Trigonometric(rewards, transitions), np.full(2, 0.5), 0.5, GaussianPolicy(np.zeros(2), 0.2), "tie")


def test_mean_step_settles_ties_and_reports_the_duality_gap():
    case = tied_peaks()
    ev = evaluate(case.mdp, case.policy)
    gaps = []
    for delta in np.geomspace(2, 100, 12):
        step = mean_step(case.mdp, ev, delta)
        gaps.append(step.bound / step.gain - 1)
        assert brute_force_gain(case, ev, delta) <= step.gain * (1 + 1e-9)
    assert max(gaps) > 1e-2  # the family does contain ties, where duality alone proves nothing
    assert min(gaps) < 1e-9


@pytest.mark.parametrize("flat", ["no state", "one state", "all states", "nearly all"])
def test_mean_step_survives_flat_states_and_extreme_radii(flat):
    """Regression: flat states moved on rounding error, and tiny steps from means of order 3 left the region."""
    for case in instances(6):
        rewards, transitions = case.coefficients.rewards.copy(), case.coefficients.transitions.copy()
        if flat == "one state":
            rewards[0, 1:] = transitions[0, 1:] = 0
        elif flat == "all states":
            rewards[:, 1:] = transitions[:, 1:] = 0
        elif flat == "nearly all":
            rewards[:, 1:] *= 1e-9
        case = dataclasses.replace(case, coefficients=Trigonometric(rewards, transitions))
        ev = evaluate(case.mdp, case.policy)
        for delta in (1e-12, 1e-6, 1.0, 50.0):
            step = mean_step(case.mdp, ev, delta)
            assert 0 <= step.gain <= step.bound
            assert step.distance <= delta
            if flat in ("one state", "all states"):
                assert step.policy.mu[0] == case.policy.mu[0]


def test_tiny_radius_gives_the_natural_gradient_step():
    case = instances(1)[0]
    ev = evaluate(case.mdp, case.policy)
    slope = gradient(case.mdp, ev)[:-1] / ev.rho
    shift = mean_step(case.mdp, ev, 1e-12).policy.mu - ev.policy.mu
    np.testing.assert_allclose(shift / np.linalg.norm(shift), slope / np.linalg.norm(slope), atol=1e-5)


def test_curvature_bounds_the_hessian_on_the_region():
    case = instances(1)[0]
    ev = evaluate(case.mdp, case.policy)
    sigma = ev.policy.sigma
    h = (ev.rho * curvature(case.mdp, ev, 0.5)).max()
    rng = np.random.default_rng(0)
    for direction in rng.normal(size=(50, 3)):
        shift = direction * math.sqrt(2 * sigma**2 * 0.5 / (ev.rho @ direction**2)) * rng.uniform()
        diagonal = ev.rho * action_value(case.mdp, ev.V, (ev.policy.mu + shift)[:, None], sigma, 2)[:, 0]
        assert np.abs(diagonal).max() <= h * (1 + 1e-3)


def test_sigma_step_is_the_best_of_a_fine_grid_and_respects_its_bounds():
    for case in instances(4):
        ev = evaluate(case.mdp, case.policy)
        sigma = ev.policy.sigma
        best = sigma_step(case.mdp, ev, 0.3, (0.9 * sigma, 1.2 * sigma))
        assert 0.9 * sigma <= best.sigma <= 1.2 * sigma
        others = [surrogate(case.mdp, ev, GaussianPolicy(ev.policy.mu, s * sigma)) for s in np.linspace(0.9, 1.2, 301)]
        assert surrogate(case.mdp, ev, best) >= max(others) - 1e-12


def test_sigma_step_stays_within_its_width():
    for case in instances(4):
        ev = evaluate(case.mdp, case.policy)
        widths = [abs(np.log(sigma_step(case.mdp, ev, w, (1e-3, 1e3)).sigma / ev.policy.sigma)) for w in (1e-3, 0.05)]
        assert widths[0] <= 1e-3 * (1 + 1e-9)
        assert widths[1] <= 0.05 * (1 + 1e-9)


def test_a_losing_state_is_put_back():
    case = instances(1)[0]
    ev = evaluate(case.mdp, case.policy)
    slopes = gradient(case.mdp, ev)[:-1]
    shift = 1e-3 * np.sign(slopes) * (1, -1, 1)
    fitted = _fit(case.mdp, ev, shift, 1.0)
    np.testing.assert_array_equal(fitted, shift * (1, 0, 1))


def test_bad_radii_are_named():
    case = one_state()
    with pytest.raises(InputError, match="expected at most 512"):
        mean_step(case.mdp, evaluate(case.mdp, case.policy), 1e9)
    with pytest.raises(InputError, match="radius"):
        mean_step(case.mdp, evaluate(case.mdp, case.policy), 0.0)
