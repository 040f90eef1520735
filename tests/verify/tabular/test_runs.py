"""The checked runs: what is planned, on which grid, decided in which arithmetic, and the falsifier."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exact.algorithm import iterate
from exact.common.errors import InputError
from exact.evaluation import evaluate
from exact.mdps.library import NAMED, load
from exact.subproblem.lp import ConvexSubproblem
from exact.subproblem.tv import solve_tv
from tests.exact.strategies import mdps, policies
from verify import lemma34
from verify.core.command import Options, SearchOptions
from verify.core.statement import Claim, Statement, Verdict
from verify.tabular import falsify
from verify.tabular.runs import Run, beginning, check_step, plan, random_garnet, rational_mdp, start_policy, steps
from verify.tabular.trial import GRID, SNAP, exact_trial, float_trial, grid_policy, on_grid

FIELDS = ("p0", "D", "D_new", "delta", "gain", "price", "dual", "A_star", "A_bar", "greedy_cost", "actual")


def on_the_grid(policy):
    return (policy * GRID == np.rint(policy * GRID)).all() and (policy.sum(axis=1) == 1).all()


def test_plan_has_the_library_and_the_random_instances():
    runs = plan(Options(instances=3, seed=7))
    assert [run.mdp for run in runs[: len(NAMED)]] == list(NAMED)
    assert [run.seed for run in runs[len(NAMED) :]] == [7, 8, 9]
    assert all(run.mdp.startswith("garnet:") for run in runs[len(NAMED) :])
    assert load(runs[-1].mdp).name == random_garnet(9).name
    pairs = [(run.mdp, run.seed) for run in plan(Options(instances=2, mdp=("chain", "queue")))]
    assert pairs == [("chain", 0), ("chain", 1), ("queue", 0), ("queue", 1)]


def test_plan_finds_unknown_names_before_anything_is_checked():
    with pytest.raises(InputError, match="unknown MDP 'chian': did you mean chain"):
        plan(Options(mdp=("queue", "chian")))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"instances": -1}, "--instances must be at least 0, got -1"),
        ({"seed": -1}, "--seed must be at least 0"),
        ({"jobs": 0}, "--jobs must be at least 1, got 0"),
        ({"search": -1}, "--search must be at least 0"),
        ({"certify": True, "float_only": True}, "--certify and --float-only exclude each other"),
    ],
)
def test_bad_options(arguments, message):
    with pytest.raises(InputError, match=message):
        SearchOptions(**arguments)


def test_random_instances_cover_the_edges():
    found = [random_garnet(seed) for seed in range(60)]
    assert {mdp.discount for mdp in found} == {0, 0.5, 0.9, 0.95, 0.99}
    assert min(mdp.n_states for mdp in found) == 2
    assert max(mdp.n_states for mdp in found) == 20
    assert {mdp.n_actions for mdp in found} == {2, 3, 4, 5}
    kinds = [start_policy((4, 3), np.random.default_rng(seed)) for seed in range(40)]
    assert all(on_the_grid(policy) for policy in kinds)
    assert {bool((policy.max(axis=1) == 1).all()) for policy in kinds} == {True, False}


def test_a_printed_instance_repeats_the_run():
    run = plan(Options(instances=2, seed=3))[-1]
    words = str(run).split()
    again = plan(Options(mdp=(words[1],), seed=int(words[3]), instances=int(words[5])))
    assert len(again) == 1
    mdp = load(run.mdp)
    ours, theirs = list(steps(run, mdp)), list(steps(again[0], load(again[0].mdp)))
    assert [it.ratio for it in ours] == [it.ratio for it in theirs]
    other = list(steps(Run(run.mdp, run.seed + 1, run.options), mdp))
    assert [it.ratio for it in ours] != [it.ratio for it in other]


def test_large_mdps_are_checked_at_fewer_steps():
    run = Run("taxi", 0, Options())
    assert len(list(steps(run, load("taxi")))) == 1
    assert len(list(steps(Run("queue", 0, Options()), load("queue")))) > 1


@settings(max_examples=40, deadline=None)
@given(data=st.data(), delta=st.sampled_from([1e-3, 0.4, 30.0]))
def test_steps_on_the_grid_stay_there_and_are_optimal_for_their_radius(data, delta):
    mdp = data.draw(mdps())
    policy = grid_policy(data.draw(policies(mdp)))
    e = evaluate(mdp, policy)
    step, free = on_grid(solve_tv)(policy, e.A, e.rho, delta), solve_tv(policy, e.A, e.rho, delta)
    assert on_the_grid(step.policy)
    assert step.distance <= delta * (1 + 1e-12) + e.rho.sum() * mdp.n_actions * SNAP / GRID
    assert abs(step.policy - free.policy).max() <= mdp.n_actions / GRID
    point = exact_trial(rational_mdp(mdp), policy, step.policy, delta)
    # With ties that floats do not see as such the threshold rule may be off; without them this is an equality.
    assert float(point.dual - point.gain) <= 1e-9 * max(1, abs(e.Q).max()) / (1 - mdp.discount)


@given(st.integers(0, 999), st.integers(2, 6))
def test_grid_policy_is_a_distribution_next_to_the_given_one(seed, n_actions):
    policy = np.random.default_rng(seed).dirichlet(np.ones(n_actions), 3)
    assert on_the_grid(grid_policy(policy))
    assert abs(grid_policy(policy) - policy).max() <= n_actions / GRID


@settings(max_examples=40, deadline=None)
@given(data=st.data(), delta=st.sampled_from([1e-3, 0.4, 30.0]))
def test_floats_are_within_their_margin_of_the_truth(data, delta):
    """What a verdict in floats rests on: `rounding` covers the error of everything that is compared."""
    mdp = data.draw(mdps())
    policy = grid_policy(data.draw(policies(mdp)))
    it = next(iterate(mdp, on_grid(solve_tv), start=policy, delta0=delta, tolerance=1e-8), None)
    if it is None:
        return
    floats = float_trial(mdp, it)
    exact = exact_trial(rational_mdp(mdp), it.policy, it.step.policy, it.delta)
    for name in FIELDS:
        if name not in ("delta", "price", "dual"):  # these depend on whether floats see a tie
            assert abs(float(getattr(exact, name)) - getattr(floats, name)) <= floats.rounding, name
    assert abs(exact.f.astype(float) - floats.f).max() <= floats.rounding
    assert abs(exact.after.V.astype(float) - floats.after.V).max() <= floats.rounding


def test_solvers_propose_the_same_steps():
    run = Run(random_garnet(11).name, 11, Options())
    mdp = load(run.mdp)
    start, delta0 = beginning(run, mdp)
    e = evaluate(mdp, start)
    by_sorting, by_lp = (on_grid(s)(start, e.A, e.rho, delta0) for s in (solve_tv, ConvexSubproblem()))
    assert abs(by_sorting.policy - by_lp.policy).max() <= 1 / GRID
    assert by_sorting.gain == pytest.approx(by_lp.gain, rel=1e-4)


CLEAR = Statement("clear", "sharper", "1 >= 0")
CLOSE = Statement("close", "sharper", "A* >= A*")
WRONG = Statement("wrong", "sharper", "A* >= A* + 1e-12")


def example_claims(t):
    one, tiny = (1.0, 1e-12) if isinstance(t.p0, float) else (t.p0 / t.p0, t.p0 / t.p0 / 10**12)
    yield Claim(CLEAR, one, 0 * one, 1e-9)
    yield Claim(CLOSE, t.A_star, t.A_star, 1e-9)
    yield Claim(WRONG, t.A_star, t.A_star + tiny, 1e-9)


@pytest.mark.parametrize(
    ("options", "verdicts", "exact"),
    [
        (Options(float_only=True), ["holds", "undecided", "undecided"], [False, False, False]),
        (Options(), ["holds", "holds", "violated"], [False, True, True]),
        (Options(certify=True), ["holds", "holds", "violated"], [True, True, True]),
    ],
    ids=["float only", "mixed", "certify"],
)
def test_exact_arithmetic_decides_what_floats_cannot(options, verdicts, exact):
    mdp = load("cash-in")
    it = next(steps(Run("cash-in", 0, options), mdp))
    checks = check_step(example_claims, mdp, it, options, "here")
    assert [check.verdict for check in checks] == [Verdict(v) for v in verdicts]
    assert [check.exact for check in checks] == exact


def test_the_falsifier_climbs_and_stays_on_the_grids():
    run = plan(Options(instances=1, seed=5))[-1]
    mdp = load(run.mdp)
    it = next(steps(run, mdp))
    place = falsify.place_of(mdp, it.policy, it.delta)
    solver = on_grid(solve_tv)

    def closeness(mdp, it):
        return lemma34._closeness(lemma34.PRIOR, mdp, it)

    worst = falsify.climb(place, closeness, solver, 150, np.random.default_rng(0))
    start, end = closeness(place.mdp(), place.step(solver)), closeness(worst.mdp(), worst.step(solver))
    assert 2 * start < end <= 1
    for p in (worst.transitions.reshape(-1, mdp.n_states), worst.initial[None], worst.policy):
        assert on_the_grid(p)
        assert p.min() >= 0
    assert worst.initial.min() > 0
    again = falsify.climb(place, closeness, solver, 150, np.random.default_rng(0))
    assert again.delta == worst.delta
    assert (again.transitions == worst.transitions).all()


def test_the_falsifier_breaks_a_false_bound():
    """A bound that is wrong by a little somewhere, not at the start, is found out."""
    mdp = load("cash-in")
    place = falsify.place_of(mdp, np.array([[1.0, 0.0], [1.0, 0.0]]), 0.01)

    def closeness(mdp, it):  # "r >= 1 - delta": true at the start, false for r = 1/(1 + 1.8 delta) elsewhere
        return (1 - it.ratio) / (2 * it.delta) if it.delta < math.inf else -math.inf

    assert closeness(place.mdp(), place.step(solve_tv)) < 1
    worst = falsify.climb(place, closeness, solve_tv, 200, np.random.default_rng(1))
    assert closeness(worst.mdp(), worst.step(solve_tv)) > 1
