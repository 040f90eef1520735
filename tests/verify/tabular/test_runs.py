"""The runs whose steps are checked: which there are, and the arithmetic that decides."""

import numpy as np
import pytest

from exact.common.errors import InputError
from exact.mdps.garnet import HARD
from exact.mdps.library import NAMED, load
from tests.verify.tabular.cases import on_the_grid
from verify.core.command import Options
from verify.core.statement import Claim, Statement, Verdict
from verify.tabular.runs import DISCOUNTS, Run, beginning, check_step, plan, random_garnet, start_policy, steps


def test_plan_has_the_library_and_the_random_instances():
    runs = plan(Options(instances=3, seed=7))
    assert [run.mdp for run in runs[: len(NAMED)]] == list(NAMED)
    assert [run.seed for run in runs[len(NAMED) :]] == [7, 8, 9]
    assert all(run.mdp.startswith("garnet:") for run in runs[len(NAMED) :])
    assert load(runs[-1].mdp).name == random_garnet(9).name
    pairs = [(run.mdp, run.seed) for run in plan(Options(instances=2, mdp=("chain", "queue")))]
    assert pairs == [("chain", 0), ("chain", 1), ("queue", 0), ("queue", 1)]
    shape = "garnet:S=3,A=2,b=2,gamma=0.9"
    drawn = plan(Options(instances=2, seed=5, mdp=(shape, f"{shape},seed=1")))
    assert [run.mdp for run in drawn] == [f"{shape},seed={seed}" for seed in (5, 6, 1, 1)]


def test_plan_finds_unknown_names_before_anything_is_checked():
    with pytest.raises(InputError, match="unknown MDP 'chian': did you mean chain"):
        plan(Options(mdp=("queue", "chian")))


def test_random_instances_cover_the_edges():
    found = [random_garnet(seed) for seed in range(60)]
    assert {mdp.discount for mdp in found} == set(DISCOUNTS)
    assert {mdp.name.endswith(HARD) for mdp in found} == {True, False}
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
        (Options(), ["holds", "holds", "violated"], [True, True, True]),
    ],
    ids=["float only", "exact"],
)
def test_exact_arithmetic_decides_what_floats_cannot(options, verdicts, exact):
    mdp = load("cash-in")
    it = next(steps(Run("cash-in", 0, options), mdp))
    checks = check_step(example_claims, mdp, it, options, "here")
    assert [check.verdict for check in checks] == [Verdict(v) for v in verdicts]
    assert [check.exact for check in checks] == exact


def test_radii_and_discounts_of_all_sizes_are_met():
    """Bounds that know p0 say something at small radii only, and most statements are hard near gamma = 1."""
    mdp = load("cash-in")
    radii = [beginning(Run("cash-in", seed, Options()), mdp)[1] for seed in range(60)]
    assert min(radii) < 1e-3 * mdp.initial.min()
    assert max(radii) > 1
    assert {random_garnet(seed).discount for seed in range(60)} == {0, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999}
