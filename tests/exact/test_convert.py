"""exact.convert: what it writes and says, and bad input in one line."""

import pytest

from exact import convert
from exact.mdps.files import load_mdp
from exact.mdps.library import load
from tests.exact.formats.examples import placed


def test_convert(tmp_path, capsys):
    source, target = placed(tmp_path, ".umb"), tmp_path / "out.drn"
    assert convert.main([str(source), str(target), "--discount", "0.9", "--initial", "uniform"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith(f"wrote {target}: MDP(model: S=4, A=2, discount=0.9, dense, 5 of 8 pairs available)")
    assert out[1] == "note: the discount: in a comment that other tools do not read"
    assert load(f"{target}:gamma=0.5").discount == 0.5
    assert load(str(target)).initial.tolist() == [0.25] * 4
    assert convert.main(["cash-in", str(tmp_path / "c.json"), "--discount", "0.5", "--initial", "1"]) == 0
    assert load_mdp(tmp_path / "c.json").initial.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "source, target are required"),
        (("model.umb", "o.json"), "model.umb: the file has no discount; give one: FILE:gamma=0.95, or --discount"),
        (("model.umb:gamma=1", "o.json"), "discount must lie in [0, 1), got 1.0"),
        (("model.umb:gamma=x", "o.json"), "expected FILE:gamma=NUMBER,initial=uniform or a state,rewards=NAME"),
        (("model.umb:discount=0.9", "o.json"), "'model.umb:discount=0.9': expected FILE:gamma=NUMBER,"),
        (("cash-in:gamma=0.5", "o.json"), "unknown MDP 'cash-in:gamma=0.5': did you mean cash-in?"),
        (("model.umb:gamma=0.9,initial=7", "o.json"), "initial must be 'uniform', a state in 0..3, or S numbers"),
        (("model.umb:gamma=0.9,rewards=z", "o.json"), "has no rewards 'z', expected one of r"),
        (("model.umb:gamma=0.9", "o.txt"), "o.txt: an MDP file must end in one of .npz, .json, .tra"),
        (("model.umb:gamma=0.9", "no/o.drn"), "cannot write"),
        (("cash-in", "o.drn", "--rewards", "r"), "the MDP has one reward"),
    ],
)
def test_convert_refuses_in_one_line(tmp_path, monkeypatch, capsys, words, message):
    placed(tmp_path, ".umb")
    monkeypatch.chdir(tmp_path)
    assert convert.main(words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
