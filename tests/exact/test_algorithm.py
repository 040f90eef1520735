"""Algorithm 3.1: it reaches the optimum, never gets worse, and reports what it did."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exact.algorithm import iterate, solve
from exact.baselines import policy_iteration
from exact.common.errors import InputError
from exact.controller import ControllerSettings, Outcome
from exact.evaluation import evaluate
from exact.mdps.garnet import garnet
from exact.mdps.library import load
from exact.subproblem.kl import solve_kl_forward, solve_kl_reverse
from exact.subproblem.lp import ConvexSubproblem
from exact.subproblem.tv import solve_tv
from tests.exact.strategies import mdps, policies

STAY = np.array([[1.0, 0.0], [1.0, 0.0]])
"""Action 0 in both states of cash-in and of unvisited."""
LP = ConvexSubproblem()


def optimum(mdp):
    return solve(mdp, policy_iteration, settings=None, tolerance=1e-7).final.eta


@settings(max_examples=40, deadline=None)
@given(data=st.data(), delta0=st.sampled_from([1e-3, 0.3, 50.0, None]))
def test_reaches_policy_iterations_optimum_from_anywhere(data, delta0):
    mdp = data.draw(mdps())
    start = data.draw(policies(mdp))
    trajectory = solve(mdp, start=start, delta0=delta0, tolerance=1e-7, max_iterations=3000)
    assert trajectory.converged
    assert trajectory.final.eta == pytest.approx(optimum(mdp), abs=1e-7 / ((1 - mdp.discount) * mdp.initial.min()))
    for r in trajectory.records:
        assert not r.accepted or r.actual > -1e-9 / (1 - mdp.discount)
        assert r.distance <= r.delta * (1 + 1e-12)


@settings(max_examples=12, deadline=None)
@given(data=st.data(), delta0=st.sampled_from([0.3, 50.0]))
def test_either_solver_serves_the_outer_loop(data, delta0):
    mdp = data.draw(mdps(max_states=3, max_actions=3))
    start = data.draw(policies(mdp))
    runs = [solve(mdp, solver, start=start, delta0=delta0, tolerance=1e-6) for solver in (solve_tv, LP)]
    assert all(run.converged for run in runs)
    scale = 1e-6 / ((1 - mdp.discount) * mdp.initial.min())
    assert runs[0].final.eta == pytest.approx(runs[1].final.eta, abs=2 * scale)


@pytest.mark.parametrize("solver", [solve_kl_forward, solve_kl_reverse], ids=["forward", "reverse"])
def test_kl_steps_reach_the_optimum_too(solver):
    mdp = load("chain")
    trajectory = solve(mdp, solver, delta0=1.0, tolerance=1e-6, max_iterations=500)
    assert trajectory.converged
    assert trajectory.final.eta == pytest.approx(optimum(mdp), abs=1e-3)


@settings(max_examples=30, deadline=None)
@given(data=st.data(), delta0=st.sampled_from([0.01, 1.0, 1e4]))
def test_no_state_is_ever_made_worse(data, delta0):
    """theory.md, "Every maximiser of (3.6)": V' >= V everywhere, and r >= min rho'/rho >= (1-gamma) p0."""
    mdp = data.draw(mdps())
    start = data.draw(policies(mdp))
    lowest = (1 - mdp.discount) * mdp.initial.min()
    never = ControllerSettings(beta0=0.999 * lowest, beta1=0.9999)
    for it in iterate(mdp, start=start, delta0=delta0, settings=never, tolerance=1e-6):
        scale = max(1.0, abs(it.before.Q).max()) / (1 - mdp.discount)
        assert (it.after.V - it.before.V).min() >= -1e-12 * scale
        assert it.ratio >= (it.after.rho / it.before.rho).min() - 1e-10 * scale / it.step.gain
        assert it.outcome is Outcome.ACCEPT
        if it.k == 20:
            break


@pytest.mark.parametrize(
    ("delta", "ratio", "prior", "lemma34"),
    [(1e-4, 0.99982, 0.99982, 0.712), (0.01, 0.98232, 0.982, -27.8), (0.1, 0.84746, 0.82, -287), (5, 0.1, -8, -14399)],
)
def test_cash_in_table(delta, ratio, prior, lemma34):
    """The cash-in table of theory.md, digit by digit, and r = 1/(1 + 1.8 delta)."""
    record = solve(load("cash-in"), start=STAY, delta0=delta, max_iterations=1).records[0]
    assert record.ratio == pytest.approx(1 / (1 + 1.8 * delta), rel=1e-12)
    assert round(record.ratio, 5) == ratio
    assert round(record.bound_prior, 5) == prior
    assert record.bound_lemma34 == pytest.approx(lemma34, rel=2e-3)
    assert record.bound_posterior == pytest.approx(record.ratio, rel=1e-12)  # the posterior bound is tight here
    assert (record.policy_advantage, record.eta) == (pytest.approx(5, rel=1e-14), 0)


def test_310_counterexample():
    """theory.md, "Theorem 3.5 and (3.10)": a rejected step shrinks delta by gamma3, below gamma2 delta_bar."""
    constants = ControllerSettings(beta0=0.49, beta1=0.5)
    first = next(iterate(load("cash-in"), start=STAY, delta0=0.58, settings=constants))
    delta_bar = (1 / 0.5 - 1) / 1.8
    assert first.ratio == pytest.approx(1 / (1 + 1.8 * 0.58))
    assert first.outcome is Outcome.REJECT
    assert first.next_delta == pytest.approx(0.348)
    assert first.next_delta < 0.8 * delta_bar == pytest.approx(0.4444, abs=1e-4)


def test_statement_8_needs_a_positive_start_distribution():
    """theory.md, "Lemma 3.2": A* = 0 at eta = 0, but the optimum is 9."""
    mdp = load("unvisited")
    trapped = solve(mdp, start=STAY)
    assert (trapped.iterations, trapped.converged) == (0, True)
    assert (trapped.final.policy_advantage, trapped.final.eta) == (0, 0)
    best = solve(mdp)
    assert best.final.eta == pytest.approx(9, rel=1e-9)
    assert all(math.isnan(r.bound_prior) and math.isnan(r.bound_lemma34) for r in best.records)


def test_a_rejected_trial_leaves_the_policy_and_shrinks_the_radius():
    constants = ControllerSettings(beta0=0.9, beta1=0.95)
    first, second, *_ = iterate(load("cash-in"), start=STAY, delta0=0.1, settings=constants)
    assert first.outcome is Outcome.REJECT
    assert second.policy is first.policy
    assert second.before is first.before
    assert second.delta == first.next_delta == pytest.approx(0.06)
    assert second.outcome is Outcome.ACCEPT


def test_an_accepted_trial_is_the_next_policy():
    mdp = garnet(8, 3, 2, 0.9, seed=1)
    its = list(iterate(mdp, delta0=0.5))
    assert its[0].policy == pytest.approx(mdp.uniform_policy())
    for before, after in itertools.pairwise(its):
        assert before.outcome is Outcome.ACCEPT
        assert after.policy is before.step.policy
        assert after.delta == before.next_delta
    assert [it.k for it in its] == list(range(len(its)))


def test_forced_trials_are_taken():
    constants = ControllerSettings(beta0=0.9, beta1=0.95, max_rejections=0)
    first, second, *_ = iterate(load("cash-in"), start=STAY, delta0=1.0, settings=constants)
    assert first.outcome is Outcome.FORCE
    assert second.policy is first.step.policy


def test_trajectory_matches_the_iterations():
    mdp = load("gridworld-4x4")
    seen = []
    trajectory = solve(mdp, delta0=2.0, keep_policies=True, on_iteration=seen.append)
    its = list(iterate(mdp, delta0=2.0))
    assert tuple(seen) == trajectory.records
    assert [r.eta for r in trajectory.records] == [it.before.eta for it in its]
    assert [r.actual for r in trajectory.records] == [it.actual for it in its]
    assert [r.actual for r in trajectory.records] == pytest.approx([it.after.eta - it.before.eta for it in its])
    assert len(trajectory.policies) == len(its) + 1
    assert all((kept == it.policy).all() for kept, it in zip(trajectory.policies, its, strict=False))
    assert trajectory.policies[-1] is trajectory.policy
    assert trajectory.final.eta == evaluate(mdp, trajectory.policy).eta
    assert trajectory.iterations == len(its)
    assert f"after {len(its)} iterations" in trajectory.message


def test_stops_as_soon_as_the_tolerance_is_reached():
    mdp = load("chain")
    trajectory = solve(mdp, solve_kl_reverse, settings=None, delta0=0.05, tolerance=0.01, keep_policies=True)
    assert trajectory.converged
    last = evaluate(mdp, trajectory.policies[-2]).largest_advantage
    assert last > 0.01 * np.ptp(mdp.rewards) >= trajectory.final.largest_advantage > 0


def test_stops_at_the_largest_number_of_iterations():
    mdp = load("queue")
    short = solve(mdp, delta0=1e-3, max_iterations=3)
    assert (short.iterations, short.converged, short.policies) == (3, False, ())
    assert short.final.eta == evaluate(mdp, short.policy).eta
    assert solve(mdp, max_iterations=0).final.eta == evaluate(mdp, mdp.uniform_policy()).eta


def test_the_same_run_twice_is_the_same():
    mdp = garnet(30, 4, 3, 0.95, seed=3)
    first, second = solve(mdp), solve(mdp)
    assert first.records == second.records
    assert (first.policy == second.policy).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": np.ones((2, 2))}, "cash-in: policy in state 0 sums to 2, expected 1"),
        ({"start": np.ones((3, 2)) / 2}, r"policy has shape \(3, 2\), expected \(S, A\) = \(2, 2\)"),
        ({"start": np.array([[1.5, -0.5], [1, 0]])}, "negative probability in state 0"),
        ({"start": np.array([[np.nan, 1], [1, 0]])}, "policy must be finite"),
        ({"delta0": 0.0}, "the radius must be a positive finite number, got 0"),
        ({"delta0": np.inf}, "the radius must be a positive finite number, got inf"),
        ({"tolerance": -1.0}, r"tolerance must be >= 0, got -1\.0"),
        ({"tolerance": np.nan}, "tolerance must be >= 0, got nan"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(InputError, match=message):
        solve(load("cash-in"), **arguments)


def test_a_trajectory_is_three_lines():
    """Regression: it was hundreds."""
    shown = repr(solve(load("frozenlake-8x8"), keep_policies=True)).splitlines()
    assert shown[0] == "Trajectory(converged: A* = 0 within rounding after 6 iterations, tolerance 1e-08,"
    assert shown[1:] == ["  6 trials, 0 rejected,", "  eta from 0.0032996 to 0.406877)"]


def test_an_iteration_is_one_line():
    first = next(iterate(load("cash-in"), start=STAY, delta0=0.5))
    assert repr(first) == "Iteration(k=0, delta=0.5, eta=0, ratio=0.526316, accept)"


def test_an_advantage_that_is_not_zero_is_printed():
    message = solve(load("cash-in"), start=STAY, max_iterations=0).message
    assert message == "A* = 5 after 0 iterations, tolerance 1e-08"
