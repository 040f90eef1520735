from dataclasses import replace

import numpy as np
import pytest
import torch

from deep.innersolu import (
    Step,
    boundary_step,
    conjugate_gradients,
    inner_solu,
    line_search,
    log_std_step,
    search_direction,
)
from deep.model.policies import Distribution
from deep.presets import DEFAULT_FLAT
from tests.deep.samples import CATEGORICAL, GAUSSIAN, make

SETTINGS = DEFAULT_FLAT.inner
TINY = 1e-12
"""eps of (4.9) at which only the number of iterations stops a Gaussian policy's mean step: its entropy is constant."""


@pytest.mark.parametrize("condition", [1e1, 1e6])
def test_conjugate_gradients_agree_with_a_dense_solve(condition):
    rng = np.random.default_rng(0)
    q = np.linalg.qr(rng.standard_normal((12, 12)))[0]
    H = torch.from_numpy(q * np.geomspace(1, condition, 12) @ q.T)
    g = torch.from_numpy(rng.standard_normal(12))
    result = conjugate_gradients(lambda v: H @ v, g, 500, 1e-10)
    assert result.converged
    torch.testing.assert_close(result.solution, torch.linalg.solve(H, g), rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize("iterations", [0, 1, 3, 500])
def test_conjugate_gradients_return_the_residual(iterations):
    H, g = torch.diag(torch.tensor([1.0, 10.0, 100.0, 1000.0])).double(), torch.ones(4).double()
    result = conjugate_gradients(lambda v: H @ v, g, iterations, 1e-10)
    torch.testing.assert_close(result.residual, g - H @ result.solution)
    assert result.relative_residual == pytest.approx(float(result.residual.norm() / g.norm()), abs=1e-12)


@pytest.mark.parametrize("policy", [GAUSSIAN, CATEGORICAL], ids=["gaussian", "categorical"])
def test_a_search_direction_knows_its_curvature(policy):
    theta, L = make(policy)
    found = search_direction(L, theta, SETTINGS, np.random.default_rng(0))
    product = policy.fisher_vector_product(theta, policy.linearise(theta, L.observations))
    torch.testing.assert_close(found.hd, product(found.d))
    assert found.slope == pytest.approx(float(found.g @ found.d))
    assert found.objective == pytest.approx(float(L.objective(L.pi)))


def test_conjugate_gradients_report_an_indefinite_matrix_and_too_few_iterations():
    g = torch.tensor([1.0, 1.0, 1.0])
    indefinite = conjugate_gradients(lambda v: torch.tensor([1.0, -3.0, 1.0]) * v, g, 10, 1e-8)
    assert not indefinite.converged
    assert not indefinite.definite
    assert "not positive definite" in indefinite.message
    short = conjugate_gradients(lambda v: torch.tensor([1.0, 10.0, 100.0]) * v, g, 1, 1e-8)
    assert (short.converged, short.iterations) == (False, 1)
    assert "residual" in short.message


def test_conjugate_gradients_of_zero_is_zero():
    result = conjugate_gradients(lambda v: v, torch.zeros(3), 10, 1e-8)
    assert result.converged
    assert not result.solution.any()


def test_boundary_step_reaches_the_radius_of_a_quadratic():
    H, s, d = torch.diag(torch.tensor([1.0, 4.0])), torch.tensor([0.1, 0.05]), torch.tensor([1.0, -2.0])
    distance = float(s @ H @ s) / 2
    alpha = boundary_step(0.5, distance, float(s @ H @ d), float(d @ H @ d))
    moved = s + alpha * d
    assert alpha > 0
    assert float(moved @ H @ moved) / 2 == pytest.approx(0.5)


@pytest.mark.parametrize("policy", [GAUSSIAN, CATEGORICAL], ids=["gaussian", "categorical"])
@pytest.mark.parametrize("iterations", [1, 5])
@pytest.mark.parametrize("subset", [1.0, 0.5])
def test_inner_solu_gains_within_the_radius(policy, iterations, subset):
    theta, L = make(policy)
    before = theta.clone()
    settings = replace(SETTINGS, iterations=iterations, subset=subset, eps=TINY)
    step = inner_solu(L, 0.02, settings, np.random.default_rng(0))
    torch.testing.assert_close(step.pi, L.at(step.theta))
    gain, distance = L.gain(step.pi), L.distance(step.pi)
    assert step.found
    assert float(gain) > 0.05
    assert 0.005 < float(distance) <= 0.02
    torch.testing.assert_close(theta, before, rtol=0, atol=0)
    torch.testing.assert_close(step.theta[policy.mean_size :], theta[policy.mean_size :], rtol=0, atol=0)


def test_joint_log_std_moves_inside_the_trust_region():
    theta, L = make(GAUSSIAN)
    step = inner_solu(L, 0.02, replace(SETTINGS, joint_log_std=True), np.random.default_rng(0))
    assert (step.theta[GAUSSIAN.mean_size :] != theta[GAUSSIAN.mean_size :]).all()
    assert step.distance <= 0.02


@pytest.mark.parametrize("subset", [1.0, 0.5])
def test_the_entropy_bonus_alone_raises_the_entropy(subset):
    _, L = make(CATEGORICAL)
    nothing_to_gain = replace(L, advantages=torch.zeros_like(L.advantages))
    settings = replace(SETTINGS, subset=subset)
    without = inner_solu(nothing_to_gain, 0.02, settings, np.random.default_rng(0))
    assert not without.found
    step = inner_solu(replace(nothing_to_gain, entropy_bonus=0.01), 0.02, settings, np.random.default_rng(0))
    rise = CATEGORICAL.entropy(CATEGORICAL.distribution(step.theta, L.observations)) - CATEGORICAL.entropy(L.pi)
    assert step.found
    assert float(rise) > 0.01


def test_more_inner_steps_gain_more_on_the_whole_batch():
    _, L = make(GAUSSIAN)
    gains = [
        inner_solu(L, 0.05, replace(SETTINGS, iterations=n, eps=TINY), np.random.default_rng(0)).objective
        for n in (1, 8)
    ]
    assert gains[1] > gains[0]


def test_stopping_rule_looks_at_the_entropy():
    _, L = make(CATEGORICAL)
    few = replace(SETTINGS, iterations=8, eps=1e-9)  # any change of the entropy stops
    many = replace(SETTINGS, iterations=8, l0=9)  # never asked
    one = inner_solu(L, 0.5, few, np.random.default_rng(0))
    all_steps = inner_solu(L, 0.5, many, np.random.default_rng(0))
    torch.testing.assert_close(
        one.theta, inner_solu(L, 0.5, replace(few, iterations=1), np.random.default_rng(0)).theta
    )
    assert all_steps.objective > one.objective


def test_inner_solu_says_what_conjugate_gradients_said():
    _, L = make(GAUSSIAN)
    settings = replace(SETTINGS, iterations=3, subset=0.5, eps=TINY, cg_iterations=4)
    search = inner_solu(L, 0.02, settings, np.random.default_rng(0)).search
    assert search.inner_steps == 3
    assert search.cg_iterations == 12
    assert 0 < search.cg_residual < 1
    assert search.cg_indefinite == 0


def search(L, theta, d, first=1.0, delta=0.02, **changes):
    found = search_direction(L, theta, SETTINGS, np.random.default_rng(0))
    start = Step(theta, L.pi, float(L.objective(L.pi)), 0.0)
    direction = found._replace(d=d, slope=float(L.gradient(theta) @ d))
    return line_search(L, L, start, direction, first, delta, replace(SETTINGS, **changes))


def test_line_search_accepts_the_first_length_that_fits():
    theta, L = make(GAUSSIAN)
    g = L.gradient(theta)
    g[GAUSSIAN.mean_size :] = 0
    small = 1e-3 / float(g.norm())
    step = search(L, theta, g, first=small)
    torch.testing.assert_close(step.theta, theta + small * g)


def test_line_search_shortens_until_the_distance_fits():
    theta, L = make(GAUSSIAN)
    step = search(L, theta, L.gradient(theta), first=50.0, delta=1e-3, backtracks=60)
    assert 1e-4 < step.distance <= 1e-3


@pytest.mark.parametrize(("sign", "first"), [(-1, 1e-2), (1, 1e3)], ids=["downhill", "too far"])
def test_exhausted_line_search_finds_nothing(sign, first):
    theta, L = make(GAUSSIAN)
    assert search(L, theta, sign * L.gradient(theta), first=first, backtracks=3) is None


@pytest.mark.parametrize("impossible", ["downhill", "no length fits"])
def test_an_impossible_inner_step_leaves_the_parameters(impossible):
    theta, L = make(GAUSSIAN)
    settings = SETTINGS
    if impossible == "downhill":
        L = replace(L, advantages=torch.zeros_like(L.advantages))
    else:
        settings = replace(SETTINGS, tau=0.999999, backtracks=1)
    step = inner_solu(L, 5.0, settings, np.random.default_rng(0))
    assert not step.found
    assert step.theta is theta
    assert step.pi is L.pi
    assert step.distance == 0


def moved(L, limits, rate, settings=SETTINGS):
    """theta after the log-std step from theta_k; its distribution is checked on the way."""
    theta, pi = log_std_step(L, Step(L.theta, L.pi, 0.0, 0.0), limits, rate, settings)
    torch.testing.assert_close(pi, Distribution(*L.at(theta)))
    return theta


def test_log_std_step_respects_its_bound_and_the_floor():
    theta, L = make(GAUSSIAN)
    m = GAUSSIAN.mean_size
    bounded = moved(L, (-2.5, 0.5), 100.0, replace(SETTINGS, log_std_bound=0.01))
    torch.testing.assert_close((bounded - theta)[m:].abs(), torch.full((2,), 0.01, dtype=theta.dtype))
    by_entropy = replace(SETTINGS, log_std_bound=0.0, log_std_bound_entropy=0.02)
    bound = 0.02 * abs(float(GAUSSIAN.entropy(L.pi)))
    torch.testing.assert_close(
        (moved(L, (-2.5, 0.5), 100.0, by_entropy) - theta)[m:].abs(), torch.full((2,), bound, dtype=theta.dtype)
    )
    floored = moved(L, (-0.4, 0.5), 0.1)
    torch.testing.assert_close(floored[m:], torch.full((2,), -0.4, dtype=theta.dtype))
    torch.testing.assert_close(bounded[:m], theta[:m], rtol=0, atol=0)


@pytest.mark.parametrize("joint", [False, True])
def test_log_std_step_respects_the_ceiling(joint):
    _, L = make(GAUSSIAN)
    lowered = moved(L, (-2.5, -0.9), 0.1, replace(SETTINGS, joint_log_std=joint))
    torch.testing.assert_close(lowered[GAUSSIAN.mean_size :], torch.full((2,), -0.9, dtype=lowered.dtype))


def test_log_std_step_climbs_the_surrogate():
    _, L = make(GAUSSIAN)
    assert L.gain(L.at(moved(L, (-2.5, 0.5), 0.1))) > L.gain(L.pi)


def test_categorical_policy_has_no_log_std_to_move():
    theta, L = make(CATEGORICAL)
    assert moved(L, (-2.5, 0.5), 0.1) is theta


@pytest.mark.parametrize("joint", [False, True])
def test_the_trust_region_comes_before_the_ceiling(joint):
    _, L = make(GAUSSIAN)
    settings = replace(SETTINGS, joint_log_std=joint)
    m, limits, start = GAUSSIAN.mean_size, (-2.5, -0.9), Step(L.theta, L.pi, 0.0, 0.0)
    theta, pi = log_std_step(L, start, limits, 0.1, settings, farthest=0.02)
    assert 0.0199 < float(L.distance(pi)) <= 0.02
    assert ((theta - L.theta)[m:] < 0).all()
    far, _ = log_std_step(L, start, limits, 0.1, settings, farthest=10.0)
    torch.testing.assert_close(far, moved(L, limits, 0.1, settings), rtol=0, atol=0)
    stuck, _ = log_std_step(L, start, limits, 0.1, settings, farthest=0.0)
    torch.testing.assert_close(stuck, L.theta, rtol=0, atol=0)
