"""Gaussian policies on finite states: moments, evaluation, derivatives, steps, Algorithm 3.1."""

import dataclasses
import itertools
import math

import numpy as np
import pytest

from exact.common.errors import InputError
from exact.controller import ControllerSettings, ControllerState, Outcome, decide
from exact.gaussian.algorithm import SigmaSettings, solve
from exact.gaussian.instances import Instance, Trigonometric, one_state, random_instance, two_state
from exact.gaussian.model import (
    GaussianMDP,
    GaussianPolicy,
    action_value,
    evaluate,
    gradient,
    hessian,
    kl,
    policy_advantage,
    quadrature,
    surrogate,
    surrogate_hessian,
)
from exact.gaussian.steps import _fit, curvature, mean_step, sigma_step


def instances(n: int, n_states: int = 3) -> list[Instance]:
    rng = np.random.default_rng(7)
    return [random_instance(rng, n_states, 2, float(rng.uniform(0.2, 0.95)), f"random-{i}") for i in range(n)]


CASES = [one_state(), two_state(), *instances(3)]
NAMES = [case.name for case in CASES]


def as_functions(c: Trigonometric):
    """r(s,a) and P(t|s,a) written out from the coefficients, independently of the closed-form moments."""

    def basis(a):
        columns = [np.ones_like(a)]
        for j in range(1, c.harmonics + 1):
            columns += [np.cos(j * a), np.sin(j * a)]
        return np.stack(columns, axis=-1)

    return (
        lambda a: np.einsum("skb,sb->sk", basis(a), c.rewards),
        lambda a: np.einsum("skb,sbt->skt", basis(a), c.transitions),
    )


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
def test_gradient_and_hessian_of_eta_and_L_match_differences(case):
    mdp, ev = case.mdp, evaluate(case.mdp, case.policy)
    theta = np.append(case.policy.mu, math.log(case.policy.sigma))
    g = gradient(mdp, ev)
    scale = 1e-6 * (1 + np.abs(hessian(mdp, ev)).max() + abs(ev.eta))
    np.testing.assert_allclose(g, differences(lambda t: evaluate(mdp, policy_at(t)).eta, theta), atol=scale)
    np.testing.assert_allclose(g, differences(lambda t: surrogate(mdp, ev, policy_at(t)), theta), atol=scale)
    by_gradient = differences(lambda t: gradient(mdp, evaluate(mdp, policy_at(t))), theta)
    np.testing.assert_allclose(hessian(mdp, ev), by_gradient, atol=scale)
    elsewhere = theta + 0.2

    def slope(t):
        return differences(lambda u: surrogate(mdp, ev, policy_at(u)), t)

    second = differences(slope, elsewhere, h=1e-3)
    np.testing.assert_allclose(surrogate_hessian(mdp, ev, policy_at(elsewhere)), second, atol=1e2 * scale)


def test_kl_of_gaussians_matches_its_integral():
    p, q = GaussianPolicy(np.array([0.2]), 0.8), GaussianPolicy(np.array([-0.5]), 1.1)
    a = np.linspace(-12, 12, 20001)
    log_p = -0.5 * ((a - 0.2) / 0.8) ** 2 - math.log(0.8)
    log_q = -0.5 * ((a + 0.5) / 1.1) ** 2 - math.log(1.1)
    density = np.exp(log_p) / math.sqrt(2 * math.pi)
    assert kl(p, q)[0] == pytest.approx(np.trapezoid(density * (log_p - log_q), a), rel=1e-10)


def test_one_state_mean_step_is_the_whole_budget():
    case = one_state()
    ev = evaluate(case.mdp, case.policy)
    step = mean_step(case.mdp, ev, 1e-3)
    assert ev.rho[0] == pytest.approx(20)
    assert step.policy.mu[0] == pytest.approx(math.sqrt(2 * 1e-3 / 20), rel=1e-10)
    assert round(step.gain, 5) == 0.12130  # theory.md section 4


def test_two_state_ratio_is_the_closed_form():
    case = two_state()
    ev = evaluate(case.mdp, case.policy)
    np.testing.assert_allclose(ev.rho, [1, 1], rtol=1e-14)
    step = mean_step(case.mdp, ev, 1e-4)
    r = (evaluate(case.mdp, step.policy).eta - ev.eta) / step.gain
    assert r == pytest.approx(1 / (1 + math.exp(-0.5) * math.sin(math.sqrt(2e-4)) / 4), rel=1e-10)
    assert round(r, 6) == 0.997860  # theory.md section 4
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
    h = (ev.rho * curvature(case.mdp, ev, 0.5)).max()
    rng = np.random.default_rng(0)
    for direction in rng.normal(size=(50, 3)):
        shift = direction * math.sqrt(2 * ev.policy.sigma**2 * 0.5 / (ev.rho @ direction**2)) * rng.uniform()
        H = surrogate_hessian(case.mdp, ev, GaussianPolicy(ev.policy.mu + shift, ev.policy.sigma))[:-1, :-1]
        assert np.linalg.norm(H, 2) <= h * (1 + 1e-3)


def test_sigma_step_is_the_best_of_a_fine_grid_and_respects_its_bounds():
    for case in instances(4):
        ev = evaluate(case.mdp, case.policy)
        sigma = ev.policy.sigma
        best = sigma_step(case.mdp, ev, 0.3, (0.9 * sigma, 1.2 * sigma))
        assert 0.9 * sigma <= best.sigma <= 1.2 * sigma
        others = [surrogate(case.mdp, ev, GaussianPolicy(ev.policy.mu, s * sigma)) for s in np.linspace(0.9, 1.2, 301)]
        assert surrogate(case.mdp, ev, best) >= max(others) - 1e-12


SETTINGS = ControllerSettings(radius_max=10.0)


@pytest.mark.parametrize("sigma_settings", [None, SigmaSettings()], ids=["fixed-sigma", "moving-sigma"])
def test_algorithm_converges_and_eta_never_falls(sigma_settings):
    for case in instances(3):
        result = solve(case.mdp, case.policy, SETTINGS, 1e-2, sigma_settings, tolerance=1e-6)
        assert result.converged
        etas = [it.current.eta for it in result.iterations] + [result.final.eta]
        assert (np.diff(etas) >= -1e-12).all()
        moved = result.final.policy.sigma != case.policy.sigma
        assert moved == (sigma_settings is not None)


def test_algorithm_follows_the_controller():
    case = two_state()  # its ratio is .87 at the optimum and tends to 1 with delta
    settings = ControllerSettings(beta0=0.9, beta1=0.95, radius_max=10.0)
    result = solve(case.mdp, case.policy, settings, 5.0)
    outcomes = {it.outcome for it in result.iterations}
    assert outcomes == {Outcome.ACCEPT, Outcome.REJECT}
    for now, then in itertools.pairwise(result.iterations):
        outcome, state = decide(settings, ControllerState(now.delta), now.r)
        assert (now.outcome, then.delta) == (outcome, state.radius)
        kept = then.current.policy is now.current.policy
        assert kept == (outcome is Outcome.REJECT)


def test_a_rejected_sigma_step_leaves_sigma_alone():
    """With beta0 close to 1 some sigma steps fail their own ratio test; eta still never falls."""
    rejected = 0
    for case in instances(3):
        settings = ControllerSettings(beta0=0.995, beta1=0.999, radius_max=10.0)
        result = solve(case.mdp, case.policy, settings, 1e-3, SigmaSettings(width0=1.0))
        for now, then in itertools.pairwise(result.iterations):
            if now.outcome is Outcome.ACCEPT and now.sigma_r is not None:
                kept = then.current.policy.sigma == now.current.policy.sigma
                assert kept == (now.sigma_r < settings.beta0)
                rejected += kept
    assert rejected


def test_a_losing_state_is_put_back():
    case = instances(1)[0]
    ev = evaluate(case.mdp, case.policy)
    slopes = gradient(case.mdp, ev)[:-1]
    shift = 1e-3 * np.sign(slopes) * (1, -1, 1)
    fitted = _fit(case.mdp, ev, shift, 1.0)
    np.testing.assert_array_equal(fitted, shift * (1, 0, 1))


def test_the_iteration_limit_is_reported():
    case = instances(1)[0]
    result = solve(case.mdp, case.policy, SETTINGS, 1e-6, max_iterations=2)
    assert not result.converged
    assert result.message == "stopped after 2 iterations"
    assert len(result.iterations) == 2


def test_random_instances_are_probabilities_and_follow_their_seed():
    one, same, other = (random_instance(np.random.default_rng(seed), 4, 3, 0.9) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.coefficients.transitions, same.coefficients.transitions)
    assert not np.array_equal(one.coefficients.rewards, other.coefficients.rewards)
    sums = one.coefficients.transitions.sum(axis=2)
    assert (sums == np.eye(1, 7)).all()
    assert one.initial.sum() == 1
    _, transition = as_functions(one.coefficients)
    P = transition(np.broadcast_to(np.linspace(0, 2 * np.pi, 721), (4, 721)))
    assert P.min() > 0


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
    with pytest.raises(InputError, match="transitions of state 0"):
        Trigonometric(np.zeros((1, 3)), np.full((1, 3, 1), 0.5))
    with pytest.raises(InputError, match="expected at most 512"):
        mean_step(case.mdp, evaluate(case.mdp, case.policy), 1e9)
    with pytest.raises(InputError, match="radius"):
        mean_step(case.mdp, evaluate(case.mdp, case.policy), 0.0)
    with pytest.raises(InputError, match="smallest <= largest"):
        SigmaSettings(smallest=2.0, largest=1.0)
    with pytest.raises(InputError, match=r"the start has sigma 1\.0"):
        solve(case.mdp, case.policy, SETTINGS, 0.1, SigmaSettings(smallest=2.0))
    with pytest.raises(InputError, match="n_states >= 1"):
        random_instance(np.random.default_rng(0), 0, 1, 0.5)
