"""Gaussian policies on finite states: moments, evaluation, gradient."""

import math

import numpy as np
import pytest

from exact.common.errors import InputError
from exact.gaussian.instances import one_state
from exact.gaussian.model import (
    GaussianMDP,
    GaussianPolicy,
    action_value,
    evaluate,
    gradient,
    kl,
    policy_advantage,
    quadrature,
    surrogate,
)
from tests.exact.gaussian.cases import CASES, NAMES, as_functions, instances


@pytest.mark.parametrize("order", range(5))
def test_quadrature_agrees_with_the_closed_form(order):
    case = instances(1)[0]
    means = np.random.default_rng(1).uniform(-4, 4, (3, 5))
    exact_r, exact_P = case.coefficients(means, 1.3, order)
    r, P = quadrature(*as_functions(case.coefficients))(means, 1.3, order)
    np.testing.assert_allclose(r, exact_r, atol=1e-11)
    np.testing.assert_allclose(P, exact_P, atol=1e-11)


@pytest.mark.parametrize("nodes", [2, 5, 8])
def test_quadrature_error_is_within_its_stated_bound(nodes):
    frequency, sigma = 1.5, 1.2
    moments = quadrature(lambda a: np.cos(frequency * a), lambda a: np.ones((*a.shape, 1)), nodes)
    r, _ = moments(np.array([[0.3]]), sigma, 0)
    error = abs(r[0, 0] - math.exp(-((frequency * sigma) ** 2) / 2) * math.cos(frequency * 0.3))
    bound = math.factorial(nodes) / math.factorial(2 * nodes) * (frequency * sigma) ** (2 * nodes)
    assert 1e-3 * bound < error <= bound


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_evaluation_identities(case):
    ev = evaluate(case.mdp, case.policy)
    r, P = case.mdp.moments(case.policy.mu[:, None], case.policy.sigma, 0)
    assert ev.rho.sum() == pytest.approx(1 / (1 - case.discount), rel=1e-13)
    assert ev.rho @ r[:, 0] == pytest.approx(ev.eta, rel=1e-12, abs=1e-14)
    np.testing.assert_allclose(ev.V, r[:, 0] + case.discount * P[:, 0] @ ev.V, atol=1e-12)
    np.testing.assert_allclose(policy_advantage(case.mdp, ev, case.policy), 0, atol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_performance_difference_identity_2_3(case):
    ev = evaluate(case.mdp, case.policy)
    other = GaussianPolicy(case.policy.mu + 0.7, 1.4 * case.policy.sigma)
    after = evaluate(case.mdp, other)
    assert after.eta - ev.eta == pytest.approx(after.rho @ policy_advantage(case.mdp, ev, other), abs=1e-12)


def policy_at(theta):
    return GaussianPolicy(theta[:-1], math.exp(theta[-1]))


def differences(f, theta, h=1e-4):
    """Central differences of a scalar or vector function."""
    steps = h * np.eye(theta.size)
    return np.array([(np.asarray(f(theta + e)) - np.asarray(f(theta - e))) / (2 * h) for e in steps])


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_gradient_of_eta_and_L_matches_differences(case):
    mdp, ev = case.mdp, evaluate(case.mdp, case.policy)
    theta = np.append(case.policy.mu, math.log(case.policy.sigma))
    g = gradient(mdp, ev)
    scale = 1e-6 * (
        1 + np.abs(action_value(mdp, ev.V, case.policy.mu[:, None], case.policy.sigma, 2)).max() + abs(ev.eta)
    )
    np.testing.assert_allclose(g, differences(lambda t: evaluate(mdp, policy_at(t)).eta, theta), atol=scale)
    np.testing.assert_allclose(g, differences(lambda t: surrogate(mdp, ev, policy_at(t)), theta), atol=scale)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_the_hessian_of_L_in_the_means_is_diagonal(case):
    """Its entries are rho(s) q_s'': `exact.gaussian.steps.curvature` and the mean step rest on it."""
    mdp, ev = case.mdp, evaluate(case.mdp, case.policy)
    means, sigma = case.policy.mu + 0.2, 1.2 * case.policy.sigma

    def slope(mu):
        return differences(lambda m: surrogate(mdp, ev, GaussianPolicy(m, sigma)), mu)

    H = np.diag(ev.rho * action_value(mdp, ev.V, means[:, None], sigma, 2)[:, 0])
    np.testing.assert_allclose(differences(slope, means, h=1e-3), H, atol=1e-4 * (1 + np.abs(H).max() + abs(ev.eta)))


def test_kl_of_gaussians_matches_its_integral():
    p, q = GaussianPolicy(np.array([0.2]), 0.8), GaussianPolicy(np.array([-0.5]), 1.1)
    a = np.linspace(-12, 12, 20001)
    log_p = -0.5 * ((a - 0.2) / 0.8) ** 2 - math.log(0.8)
    log_q = -0.5 * ((a + 0.5) / 1.1) ** 2 - math.log(1.1)
    density = np.exp(log_p) / math.sqrt(2 * math.pi)
    assert kl(p, q)[0] == pytest.approx(np.trapezoid(density * (log_p - log_q), a), rel=1e-10)


def test_bad_input_is_named():
    case = one_state()
    ones = np.ones(1)
    with pytest.raises(InputError, match="discount must lie in"):
        GaussianMDP(case.coefficients, ones, 1.0)
    with pytest.raises(InputError, match=r"sums to 0\.5"):
        GaussianMDP(case.coefficients, 0.5 * ones, 0.5)
    with pytest.raises(InputError, match=r"state 0 under N\(0, 1\) are no distribution"):
        GaussianMDP(quadrature(np.sin, lambda a: 0.5 * np.ones((*a.shape, 1))), ones, 0.5)
    with pytest.raises(InputError, match="not finite"):
        GaussianMDP(quadrature(lambda a: np.full_like(a, np.nan), lambda a: np.ones((*a.shape, 1))), ones, 0.5)
    with pytest.raises(InputError, match="shapes"):
        GaussianMDP(case.coefficients, np.full(2, 0.5), 0.5)
    with pytest.raises(InputError, match="sigma must be a positive"):
        GaussianPolicy(ones, 0.0)
    with pytest.raises(InputError, match="finite numbers"):
        GaussianPolicy(np.array([np.nan]), 1.0)
    with pytest.raises(InputError, match="policy has 2 means, expected 1"):
        evaluate(case.mdp, GaussianPolicy(np.zeros(2), 1.0))
    with pytest.raises(InputError, match="at least one node"):
        quadrature(np.sin, np.sin, 0)
