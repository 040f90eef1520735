"""The certified optimum of a finite MDP."""

import pytest
from flint import fmpq

from exact.mdps.library import load
from exact.rational import from_mdp
from verify.tabular.optimum import optimum


@pytest.mark.parametrize(
    ("name", "eta"),
    [("cash-in", fmpq(1, 2)), ("unvisited", fmpq(9)), ("puterman-two-state", (fmpq(-60, 7) - 20) / 2)],
)
def test_certified_optimum(name, eta):
    mdp = load(name)
    best = optimum(mdp, from_mdp(mdp))
    assert best.eta == eta
    assert best.eta_like(0.5) == float(eta)
    assert best.eta_like(fmpq(1)) is best.eta


def test_suboptimal_actions():
    mdp = load("cash-in")
    assert optimum(mdp, from_mdp(mdp)).suboptimal.tolist() == [[True, False], [False, False]]
