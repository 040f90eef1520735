"""The classroom's numbers about noise."""

import json

import pytest

from verify.sampled import lecture


def test_the_numbers_are_those_of_the_decisions_and_repeat(tmp_path, monkeypatch):
    monkeypatch.setattr(lecture, "BATCHES", (16, 64))
    monkeypatch.setattr(lecture, "ROUNDS", 4)
    words = ["--out", str(tmp_path / "noise.json"), "--mdp", "cash-in", "--replications", "40", "--seed", "3"]
    assert lecture.main(words) == 0
    content = json.loads((tmp_path / "noise.json").read_text())
    for batch in content["batches"]:
        signs = [a * b < 0 for a, b in zip(batch["returns"], batch["gain"], strict=True)]
        assert sum(signs) / 40 == pytest.approx(batch["wrong_returns"])
        wrong = [yes != (gain > 0) for yes, gain in zip(batch["accepted"], batch["gain"], strict=True)]
        assert sum(wrong) / 40 == pytest.approx(batch["wrong_decision"])
    assert [len(row) for row in content["walks"]["mu"]] == [5] * lecture.WALKS
    assert lecture.main(words) == 0
    assert json.loads((tmp_path / "noise.json").read_text()) == content


@pytest.mark.parametrize("words", [["--replications", "2"], ["--mdp", "nowhere"], ["--out", "/no/such/file"]])
def test_bad_input_is_one_line(words, tmp_path, capsys):
    assert lecture.main(["--out", str(tmp_path / "noise.json"), *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1
