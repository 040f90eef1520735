"""Table 2 from synthetic runs, and without any."""

from paper_figs import comparison, table2
from tests.paper_figs.cases import cells


def test_table2_puts_the_papers_games_beside_ours_at_the_steps_that_were_run(make_run, tmp_path):
    make_run("ALE/Pong-v5", 0, 18.0)
    out = tmp_path / "table2.md"
    assert table2.main(["--runs", str(tmp_path / "runs"), "--out", str(out)]) == 0
    paper, ours = ["19±0", "3±7", "20±0", "21"], ["1 of 1", "1,000", "18.0", "18.0", "one run", "17.0"]
    assert cells(out.read_text(), "Pong") == ["Pong", *paper, *ours]
    assert cells(out.read_text(), "Bowling")[1:6] == ["61±11", "58±18", "81±18", "60", "0 of 1"]
    assert "at least the paper's STRO on 0 of 1 measured task; short on Pong (18.0 < 20)." in out.read_text()


def test_table2_without_any_run_shows_the_papers(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(comparison, "ATARI", tmp_path / "none")
    assert table2.main(["--runs", str(tmp_path / "none")]) == 0
    assert cells(capsys.readouterr().out, "Freeway")[-1] == "missing"
