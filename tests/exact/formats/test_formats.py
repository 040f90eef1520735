"""All formats: one model is one MDP, round trips lose nothing, and fractions stay fractions."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from exact.algorithm import solve
from exact.common.errors import InputError
from exact.formats.explicit import Given
from exact.mdp import MDP
from exact.mdps.files import SUFFIXES, load_mdp, save_mdp
from exact.mdps.library import load
from exact.optimum import optimum
from exact.rational import from_mdp
from tests.exact.formats.examples import SHOP, placed, same
from tests.exact.test_available import masked, with_mask

RATIONAL = (".tra", ".drn", ".umb")


@pytest.mark.parametrize("kind", RATIONAL)
def test_one_model_by_every_tool_is_one_mdp_and_is_solved(tmp_path, kind):
    name = "r" if kind == ".drn" else None
    mdp = load_mdp(placed(tmp_path, kind), Given(0.9, "uniform", name))
    assert (mdp.actions, mdp.states, mdp.n_states) == (("a", "b"), ("", "", "", "g"), 4)
    assert mdp.available.tolist() == [[True, True], [True, False], [True, False], [True, False]]
    assert mdp.rewards[0].tolist() == [0, 1]
    start = load_mdp(placed(tmp_path, kind), Given(0.9, None, name))
    assert start.initial.tolist() == [1, 0, 0, 0]
    assert solve(mdp).final.eta == pytest.approx(optimum(mdp).values.eta)
    assert pytest.approx([1, 0.81 / 0.91, 0, 0]) == optimum(mdp).values.V


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("fractions", [False, True], ids=["floats", "fractions"])
@pytest.mark.parametrize(
    "mdp",
    [SHOP, replace(SHOP, states=(), actions=()), replace(SHOP, available=None, actions=("a b", "c", "", "c"))]
    + [load(name) for name in ("frozenlake-4x4", "garnet:S=6,A=3,b=2,gamma=0.99,seed=2", "dadashi-2a")],
    ids=["labels", "mask", "odd", "lake", "garnet", "dadashi"],
)
def test_round_trip(tmp_path, mdp, suffix, fractions):
    if fractions and suffix not in RATIONAL:
        with pytest.raises(InputError, match="fractions"):
            save_mdp(mdp, tmp_path / f"m{suffix}", fractions)
        return
    save_mdp(mdp, tmp_path / f"m{suffix}", fractions)
    same(load_mdp(tmp_path / f"m{suffix}"), mdp)


@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(both=masked())
def test_round_trip_of_any_mdp(tmp_path, both):
    mdp = with_mask(*both)
    for suffix in SUFFIXES:
        save_mdp(mdp, tmp_path / f"m{suffix}", fractions=suffix in RATIONAL)
        same(load_mdp(tmp_path / f"m{suffix}"), mdp)


@pytest.mark.parametrize("suffix", RATIONAL)
def test_fractions_are_the_fractions_that_exact_arithmetic_reads(tmp_path, suffix):
    third = MDP(np.array([[[1 / 3, 2 / 3]], [[1, 0]]]), [[0.1], [1 / 7]], [0.5, 0.5], 0.9, "third")
    save_mdp(third, tmp_path / f"m{suffix}", fractions=True)
    if suffix != ".umb":
        assert " 2/3" in (tmp_path / f"m{suffix}").read_text()
    again = from_mdp(load_mdp(tmp_path / f"m{suffix}"))
    assert [str(p) for p in again.probabilities] == ["1/3", "2/3", "1"]
    assert str(again.rewards[1, 0]) == "1/7"
