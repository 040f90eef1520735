"""Algorithm 3.1 for Gaussian policies: it converges, follows the controller, and says how it ended."""

import itertools

import numpy as np
import pytest

from exact.common.errors import InputError
from exact.controller import ControllerSettings, ControllerState, Outcome, decide
from exact.gaussian.algorithm import SigmaSettings, solve
from exact.gaussian.instances import one_state, two_state
from tests.exact.gaussian.cases import instances

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


def test_the_iteration_limit_is_reported():
    case = instances(1)[0]
    result = solve(case.mdp, case.policy, SETTINGS, 1e-6, max_iterations=2)
    assert not result.converged
    assert result.message == "stopped after 2 iterations"
    assert len(result.iterations) == 2


def test_bad_settings_are_named():
    case = one_state()
    with pytest.raises(InputError, match="smallest <= largest"):
        SigmaSettings(smallest=2.0, largest=1.0)
    with pytest.raises(InputError, match=r"the start has sigma 1\.0"):
        solve(case.mdp, case.policy, SETTINGS, 0.1, SigmaSettings(smallest=2.0))
