"""Lemma 3.2: its counterexample without rho0 > 0."""

from tests.verify.cases import row_of
from verify import lemma32
from verify.core.command import Options


def test_lemma32_needs_a_positive_start():
    """docs/theory.md, section 5: eta = 0 at A* = 0, the optimum is 9."""
    rows = row_of(lemma32, lemma32.check(Options(instances=0, mdp=("cash-in",))))
    row = rows["Lemma 3.2 without rho0 > 0", "printed"]
    assert (row.checks, row.violations, row.worst_slack) == (1, 1, -9.0)
