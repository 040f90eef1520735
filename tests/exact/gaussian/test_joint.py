"""The joint step (3.12), (3.13): feasible sigmas, the constraint, the loop."""

import numpy as np
import pytest

from exact.controller import ControllerSettings, Outcome
from exact.gaussian.instances import random_instance, shared_sigma, two_state
from exact.gaussian.joint import feasible_sigmas, joint_step, solve_joint
from exact.gaussian.model import GaussianPolicy, evaluate, gradient, kl, surrogate

RANGE = (0.1, 3.0)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("delta", [1e-5, 1.0, 1e4])
def test_feasible_sigmas_are_those_within_the_radius(share, delta):
    visits = 20.0
    low, high = feasible_sigmas(share * delta * (1 - 1e-12), visits, delta)

    def used(u):
        return share * delta / u**2 + visits * (np.log(u) + (1 / u**2 - 1) / 2)

    assert low <= 1 <= high
    assert low >= np.sqrt(share) * (1 - 1e-9)
    for u in (low, high) if high < np.exp(49) else (low,):
        assert used(u) == pytest.approx(delta, rel=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_the_joint_step_is_feasible_and_no_sigma_on_a_grid_beats_it(seed):
    rng = np.random.default_rng(seed)
    instance = random_instance(rng, 3, 2, 0.9)
    current = evaluate(instance.mdp, instance.policy)
    delta = float(np.exp(rng.uniform(-8, 1)))
    step = joint_step(instance.mdp, current, delta, RANGE)
    assert current.rho @ kl(current.policy, step.policy) <= delta
    assert step.gain >= step.mean.gain
    for sigma in np.geomspace(*RANGE, 200):
        rival = GaussianPolicy(step.mean.policy.mu, sigma)
        if current.rho @ kl(current.policy, rival) <= delta:
            assert surrogate(instance.mdp, current, rival) - current.eta <= step.gain + 1e-9 * (1 + abs(current.eta))


def test_one_sigma_for_two_states_can_lose():
    """docs/theory.md: the surrogate promises 21, and eta falls by 13."""
    instance = shared_sigma()
    current = evaluate(instance.mdp, instance.policy)
    step = joint_step(instance.mdp, current, 50.0, RANGE)
    change = evaluate(instance.mdp, step.policy).eta - current.eta
    assert step.gain == pytest.approx(20.96, abs=0.01)
    assert change == pytest.approx(-13.12, abs=0.01)


def test_the_loop_decides_by_one_ratio():
    instance = shared_sigma()
    start = GaussianPolicy(np.array([0.01, 0.0]), instance.policy.sigma)  # the gradient is zero at mu = 0
    iterations = solve_joint(instance.mdp, start, ControllerSettings(), 50.0, RANGE, max_iterations=20)
    assert iterations[0].outcome is Outcome.REJECT
    assert iterations[1].delta == pytest.approx(30.0)
    assert iterations[1].current is iterations[0].current
    etas = [it.current.eta for it in iterations]
    assert etas == sorted(etas)
    case = two_state()
    last = solve_joint(case.mdp, case.policy, ControllerSettings(), 0.1, RANGE)[-1].step.policy
    assert np.linalg.norm(gradient(case.mdp, evaluate(case.mdp, last))[:-1]) <= 1e-5
