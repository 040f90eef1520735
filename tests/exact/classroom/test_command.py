"""The command `python -m exact.classroom`: what it writes and what it refuses."""

from dataclasses import replace
from pathlib import Path

import pytest

from exact.classroom.__main__ import main
from exact.mdps.files import save_mdp
from exact.mdps.garnet import garnet


def test_the_command_writes_files_and_garnets_of_the_user(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine, out = tmp_path / "mine.json", tmp_path / "page.html"
    save_mdp(replace(garnet(4, 3, 2, 0.9, 1), name="mine"), mine)
    assert main(["--mdp", str(mine), "garnet:S=2,A=2,b=2,gamma=0.8,seed=3", "--out", str(out)]) == 0
    assert "2 MDPs" in capsys.readouterr().out
    assert '"name":"mine"' in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--mdp", "dadashi-9"], "dadashi"),
        (["--mdp", "taxi"], "at most 1024 pairs"),
        (["--mdp", "missing.json"], "missing.json"),
        (["--mdp", "garnet:S=3,A=1,b=1,gamma=0.5,seed=1"], "A* is zero"),
        (["--mdp", "cash-in", "--out", "no/such/folder/page.html"], "cannot write"),
        (["--mdp", "cash-in", "--out", "."], "expected a file name in an existing, writable folder"),
        (["--mdp", "cash-in", "--animate", "run.avi"], "must end in .gif or .mp4"),
        (["--mdp", "cash-in", "--animate", "run.gif", "--live"], "exclude each other"),
        (["--live", "--port", "0"], "port must lie in 1..65535"),
        (["--run.first-radius", "2"], "first radius must lie in (0, 1]"),
        (["--run.uniform-share", "-1"], "uniform share must lie in [0, 1]"),
        (["--run.controller.beta0", "0.9"], "beta0 < beta1"),
        (["--frobnicate"], "frobnicate"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    existing = tmp_path / "classroom.html"
    existing.write_text("untouched", encoding="utf-8")
    assert main(arguments) == 2
    complaint = capsys.readouterr().err
    assert complaint.count("\n") == 1
    assert words in complaint
    assert [path.name for path in tmp_path.iterdir()] == ["classroom.html"]
    assert existing.read_text(encoding="utf-8") == "untouched"


def test_one_mdp_is_singular(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Regression: "1 MDPs"."""
    assert main(["--mdp", "cash-in", "--out", str(tmp_path / "page.html")]) == 0
    assert ": 1 MDP, " in capsys.readouterr().out
