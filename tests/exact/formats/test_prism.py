"""PRISM's explicit files: rewards of states, and broken files in one line."""

import pytest

from exact.common.errors import InputError
from exact.formats.explicit import Given
from exact.mdps.files import load_mdp, save_mdp
from tests.exact.formats.examples import TRA, changed, placed, refused, same


def test_rewards_of_states_are_added(tmp_path):
    placed(tmp_path, ".tra")
    (tmp_path / "model.srew").write_text("4 1\n3 2.5\n")
    assert load_mdp(tmp_path / "model.tra", Given(0.9)).rewards[3, 0] == 2.5


def test_a_file_of_state_rewards_that_is_there_would_be_added(tmp_path):
    """Regression: to convert a .tra file with .srew in its place doubled the rewards of the states."""
    path = placed(tmp_path, ".tra")
    (tmp_path / "model.srew").write_text("4 1\n3 2.5\n")
    mdp = load_mdp(path, Given(0.9))
    with pytest.raises(InputError, match=r"model\.tra: model\.srew beside it would be read as rewards"):
        save_mdp(mdp, path)
    same(load_mdp(path, Given(0.9)), mdp)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("4 5 8", "4 8", "line 1: expected the line 'states choices transitions' of an MDP, found '4 8'"),
        ("0 0 1 0.5 a", "0 0 9 0.5 a", "line 2: expected the next state in 0..3, found '9'"),
        ("0 0 1 0.5 a", "0 0 1 x a", "line 2: expected a probability, a finite number, found 'x'"),
        ("0 0 1 0.5 a", "0 0 1 1/0 a", "line 2: expected a probability, found '1/0'"),
        ("0 0 1 0.5 a", "0 0 1 0.6 a", "transition probabilities of state 0, action 0 sum to 1.1, expected 1"),
        ("3 0 3 1 a\n", "", "has 7 transitions, its first line says 8"),
        ("3 0 3 1 a", "2 1 3 1 a", "state 3 has no choice; give a deadlock a self-loop"),
        ("4 5 8", "4 6 8", "has 5 choices, its first line says 6"),
        ("0 0 2 0.5 a", "0 0 2 0.5 b", "the transitions of a choice have different actions"),
    ],
)
def test_a_broken_file_is_one_line_that_says_where(tmp_path, old, new, message):
    assert message in refused(tmp_path / "model.tra", changed(TRA, old, new), Given(0.9))


@pytest.mark.parametrize(
    ("suffix", "old", "new", "message"),
    [
        (".lab", "3: 2", "3: 5", "model.lab, line 3: expected a label of the first line, found '5'"),
        (".lab", '0="init"', "init", "model.lab, line 2: expected a label of the first line, found '0'"),
        (".trew", "4 5 2", "4 6 2", "model.trew, line 3: expected 4 states and 5 choices as in the .tra file"),
        (".trew", "0 1 3 1", "0 1 1 1", "model.trew has a reward for a transition that the .tra file does not have"),
        (".trew", "0 1 3 1\n", "", "model.trew, line 4: expected 2 rewards, found '1'"),
    ],
)
def test_a_broken_file_beside_a_tra_file_is_named(tmp_path, suffix, old, new, message):
    path = placed(tmp_path, ".tra")
    beside = path.with_suffix(suffix)
    beside.write_text(beside.read_text().replace(old, new))
    with pytest.raises(InputError, match=r"model\.tra: ") as error:
        load_mdp(path, Given(0.9))
    assert message in str(error.value)
