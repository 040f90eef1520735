"""The ladder of bounds of the surrogate."""

from tests.verify.cases import SMALL, row_of
from verify import ladder
from verify.core.command import Options


def test_ladder_gets_tighter_rung_by_rung():
    checks = ladder.check(Options(mdp=SMALL, instances=4))
    tightness = [row.median_tightness for row in row_of(ladder, checks).values()]
    assert len(tightness) == 5
    assert tightness[0] < tightness[1]
    assert tightness[2] < tightness[3] < tightness[4] <= 1
