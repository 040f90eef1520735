"""Storm's .drn: several rewards, what is lost, and broken files in one line."""

from fractions import Fraction

import pytest

from exact.formats.explicit import Given
from exact.mdps.files import load_mdp, read_mdp, save_mdp
from tests.exact.formats.examples import DRN, SHOP, changed, placed, refused


def test_rewards_of_states_are_added(tmp_path):
    mdp = load_mdp(placed(tmp_path, ".drn"), Given(0.9, None, "time"))
    assert mdp.rewards[mdp.available].tolist() == [1] * 5


def test_what_is_lost_is_said(tmp_path):
    path = placed(tmp_path, ".drn")
    long = Fraction(1, 2) + Fraction(1, 10**25)
    path.write_text(DRN.replace("2 : 1/2", f"2 : {long.numerator}/{long.denominator}").replace("action b", "action a"))
    mdp, notes = read_mdp(path, Given(0.9, None, "r"))
    assert notes == [
        "some choices have no label, or two of a state have the same: actions are numbered, not labelled",
        "float64 does not hold 1 fraction: rounded",
    ]
    assert mdp.actions == ()
    assert save_mdp(SHOP, tmp_path / "s.mdp") == [
        "the labels of the states: in a comment that other tools do not read",
        "unavailable actions: as copies of available ones; a comment holds the mask",
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("@type: MDP", "@type: POMDP", "expected '@type: MDP', found 'POMDP'"),
        ("@model", "// model", "line 12: expected a line that begins with @, found 'state 0 [0, 1] init'"),
        ("state 2", "state 3", "line 23: expected state 2, found 'state 3 [0, 1]'"),
        ("2 : 1/2", "2 1/2", "line 15: expected 'state', 'action', or 'STATE : PROBABILITY' below an action"),
        ("[1, 0]", "[1", "line 16: expected rewards such as [1, 0], found 'b [1'"),
        ("@nr_states\n4", "@nr_states\n5", "has 4 states, @nr_states says 5"),
        ("@nr_choices\n5", "@nr_choices\n7", "has 5 choices, @nr_choices says '7'"),
        ("@parameters\n\n", "@parameters\np\n", "has parameters or placeholders, which are not read"),
    ],
)
def test_a_broken_file_is_one_line_that_says_where(tmp_path, old, new, message):
    assert message in refused(tmp_path / "model.drn", changed(DRN, old, new), Given(0.9, None, "r"))
