"""The falsifier on tabular steps: it climbs, stays on the grids, and breaks what is false."""

import math

import numpy as np

from exact.algorithm import iterate
from exact.mdps.library import load
from exact.subproblem.tv import solve_tv
from tests.verify.tabular.cases import on_the_grid
from verify import lemma34
from verify.core.command import Options
from verify.core.statement import Statement, judge
from verify.tabular.falsify import Place, search_near, tightest, worst_step
from verify.tabular.runs import plan, steps
from verify.tabular.trial import on_grid


def test_the_falsifier_climbs_and_stays_on_the_grids():
    run = plan(Options(instances=1, seed=5))[-1]
    mdp = load(run.mdp)
    it = next(steps(run, mdp))
    place = Place.on_grid(mdp, it.policy, it.delta)
    solver = on_grid(solve_tv)

    def closeness(mdp, it):
        return lemma34._closeness(lemma34.PRIOR, mdp, it)

    worst = worst_step(mdp, it, closeness, solver, 150, np.random.default_rng(0))
    start, end = closeness(place.mdp(), place.step(solver)), closeness(worst.mdp(), worst.step(solver))
    assert 2 * start < end <= 1
    for p in (worst.transitions.reshape(-1, mdp.n_states), worst.initial[None], worst.policy):
        assert on_the_grid(p)
        assert p.min() >= 0
    assert worst.initial.min() > 0
    again = worst_step(mdp, it, closeness, solver, 150, np.random.default_rng(0))
    assert again.delta == worst.delta
    assert (again.transitions == worst.transitions).all()


def test_the_falsifier_breaks_a_false_bound():
    """A bound that is wrong by a little somewhere, not at the start, is found out."""
    mdp = load("cash-in")
    it = next(iterate(mdp, start=np.array([[1.0, 0.0], [1.0, 0.0]]), delta0=0.01))
    place = Place.on_grid(mdp, it.policy, it.delta)

    def closeness(mdp, it):  # "r >= 1 - delta": true at the start, false for r = 1/(1 + 1.8 delta) elsewhere
        return (1 - it.ratio) / (2 * it.delta) if it.delta < math.inf else -math.inf

    assert closeness(place.mdp(), place.step(solve_tv)) < 1
    worst = worst_step(mdp, it, closeness, solve_tv, 200, np.random.default_rng(1))
    assert closeness(worst.mdp(), worst.step(solve_tv)) > 1


def test_the_tightest_place_is_looked_for():
    """A claim that is tight at the radius 1/4: the search comes nearer to it than the place where it began."""
    mdp = load("cash-in")
    statement = Statement("near a quarter", "new", "1 >= 1/(1 + |log(4 delta)|)")

    def checks_at(place):
        return [judge(statement, 1.0, 1 / (1 + abs(math.log(4 * place.delta))), "here", margin=0.0)]

    first = Place.on_grid(mdp, np.array([[1.0, 0.0], [1.0, 0.0]]), 5.0)
    (found,) = tightest(first, checks_at, statement, 60, np.random.default_rng(0))
    assert checks_at(first)[0].claimed < 0.3
    assert found.claimed > 0.8
    run = plan(Options(mdp=("cash-in",), instances=1))[0]
    (near,) = search_near(
        run, first.policy, 5.0, lambda place, where: checks_at(place), statement, 60, np.random.default_rng(0)
    )
    assert near == found
