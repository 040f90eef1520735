"""The classroom's training run: its curve, and films at four moments."""

import base64
import io
import json

import pytest
from PIL import Image

from deep.studies.lecture import COLUMNS, SIDE, main


def test_a_run_is_filmed_at_four_moments_and_filmed_once(tmp_path, capsys):
    out, run = tmp_path / "deep.json", tmp_path / "run"
    words = ["--run", str(run), "--out", str(out), "--env", "tests.deep.scripted:Shown", "--steps", "8192"]
    assert main(words) == 0
    content = json.loads(out.read_text())
    assert [film["steps"] for film in content["films"]] == [0, 0, 4096, 8192]
    assert all(len(content["curve"][name]) == content["iterations"] for name in (*COLUMNS, "accepted"))
    for film in content["films"]:
        picture = Image.open(io.BytesIO(base64.b64decode(film["picture"].partition(",")[2])))
        assert picture.size == (SIDE * film["frames"], SIDE)
    capsys.readouterr()
    assert main(words) == 0  # again: nothing is trained, and the films stay those of their moments
    assert "filmed after" not in capsys.readouterr().out
    assert json.loads(out.read_text()) == content


@pytest.mark.parametrize(
    "words", [["--steps", "0"], ["--seed", "-1"], ["--env", "NoSuch-v0"], ["--out", "/no/such/file"]]
)
def test_bad_input_is_one_line(words, tmp_path, capsys):
    assert main(["--run", str(tmp_path / "run"), "--out", str(tmp_path / "deep.json"), *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1
