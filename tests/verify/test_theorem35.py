"""Theorem 3.5: the run that ends exactly, and the optimal trial that is rejected."""

import numpy as np
import pytest
from flint import fmpq

from exact.algorithm import DETERMINISTIC
from exact.mdp import MDP
from exact.mdps.library import load
from exact.subproblem.tv import solve_tv
from verify import theorem35
from verify.core.statement import Verdict
from verify.tabular.optimum import optimum
from verify.tabular.runs import rational_mdp
from verify.tabular.trial import on_grid


def test_an_optimal_trial_can_be_rejected():
    """docs/theory.md: cash-in with gamma = .99 proposes the optimum at once and has the ratio 1 - gamma."""
    check = theorem35._rejected_optimum()
    assert check.verdict is Verdict.VIOLATED
    assert check.actual == pytest.approx(0.01)
    assert "reject" in check.instance


@pytest.mark.parametrize("settings", [DETERMINISTIC, None], ids=["ratio test", "fixed radius"])
def test_a_run_is_finished_over_the_rationals(settings):
    """However large the rewards are: no tolerance is in it."""
    known = load("chain")
    for scale in (1, 1e5):
        mdp = MDP(known.transitions, known.rewards * scale, known.initial, known.discount, "scaled")
        exact = rational_mdp(mdp)
        eta, ended = theorem35.finish(exact, mdp.uniform_policy(), 0.5, settings, on_grid(solve_tv))
        assert ended
        assert eta == optimum(mdp, exact).eta


def test_a_run_that_did_not_end_is_undecided(monkeypatch):
    monkeypatch.setattr(theorem35, "FINISH", 1)
    monkeypatch.setattr(theorem35, "WHOLE_RUN", 1)
    work = theorem35.plan(theorem35.Options(mdp=("chain",), instances=1))[0]
    ends = [c for c in theorem35._check_ends(work) if c.statement is theorem35.LIMIT]
    assert [c.verdict for c in ends] == [Verdict.UNDECIDED]
    assert not np.isnan(ends[0].actual)


def test_a_rejected_trial_is_not_taken_over_the_rationals(monkeypatch):
    """Cash-in with gamma = .99 proposes the optimum at once: the ratio test rejects it."""
    monkeypatch.setattr(theorem35, "FINISH", 1)
    known = load("cash-in")
    mdp = rational_mdp(MDP(known.transitions, known.rewards, known.initial, 0.99, "cash-in, gamma = .99"))
    start = np.array([[1.0, 0.0], [1.0, 0.0]])
    assert theorem35.finish(mdp, start, 100.0, DETERMINISTIC, on_grid(solve_tv)) == (0, False)
    assert theorem35.finish(mdp, start, 100.0, None, on_grid(solve_tv)) == (fmpq(1, 2), True)
