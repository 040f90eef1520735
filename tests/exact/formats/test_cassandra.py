"""Cassandra's text: the example, and broken files in one line."""

import pytest

from exact.formats.explicit import Given
from exact.mdps.files import load_mdp
from tests.exact.formats.examples import DOORS, changed, refused


def test_cassandra_s_text(tmp_path):
    path = tmp_path / "doors.POMDP"
    path.write_text(DOORS)
    mdp = load_mdp(path)
    assert (mdp.states, mdp.actions, mdp.discount) == (("left", "right"), ("stay", "go"), 0.9)
    assert mdp.initial.tolist() == [1, 0]
    assert mdp.transitions.tolist() == [[[1, 0], [0.25, 0.75]], [[0, 1], [1, 0]]]
    assert mdp.rewards.tolist() == [[-1, 0.75 * 2 - 0.25], [-4, -1]]
    path.write_text(DOORS.replace("start: left", "start exclude: left").replace("values: cost", "values: reward"))
    other = load_mdp(path, Given(discount=0.5))
    assert other.initial.tolist() == [0, 1]
    assert (other.rewards == -mdp.rewards).all()
    assert other.discount == 0.5


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("states: left right", "states: left left", "line 4: expected different names of states"),
        ("start: left", "observations: 2", "line 6: expected an MDP: observations make a POMDP, which is not read"),
        ("T: go\n", "T: jump\n", "line 8: expected one of the actions, a whole number, found 'jump'"),
        ("0.25 0.75", "0.25 zwei", "line 9: expected a probability, a finite number, found 'zwei'"),
        ("values: cost", "values: gold", "line 3: expected reward or cost, found 'gold'"),
        ("R: go : left : right -2", "R: go : left : right : 1 -2", "expected a reward without an observation"),
        ("discount: 0.9", "", "the file has no discount"),
        ("states: left right", "states: 99999", "declares 99999 states and 2 actions"),
    ],
)
def test_a_broken_file_is_one_line_that_says_where(tmp_path, old, new, message):
    assert message in refused(tmp_path / "model.mdp", changed(DOORS, old, new), Given())
