"""The grid of learning curves: what a panel shows, and what is refused."""

import numpy as np
import pytest

from paper_figs import curves, fig1, fig2, fig4
from paper_figs.paper import read_table
from paper_figs.results import load


def test_panels_show_the_seeds_the_band_and_the_papers_lines(runs):
    figure = curves.draw(load([runs]), ["default", "paper"], read_table(1), np.random.default_rng(0))
    panels = {ax.get_title(): ax for ax in figure.axes}
    walker, hopper, ant = panels["Walker2d"], panels["Hopper"], panels["Ant"]
    assert len(panels) == 9
    assert walker.lines[0].get_ydata()[-1] == 3000
    assert [line.get_ydata()[0] for line in walker.lines[1:]] == [5849, 3935]
    assert (len(walker.collections), len(hopper.collections)) == (1, 0)
    assert hopper.get_legend().get_texts()[0].get_text() == "default (1)"
    assert ([text.get_text() for text in ant.texts], len(ant.lines)) == (["no runs"], 0)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (["--variants", "nothing"], "no run of nothing"),
        (["--variants", *"abcdef"], "expected 1 to 5 names"),
        (["--out", "figure.xyz"], "expected a file name ending in .png, .pdf, .svg"),
        (["--seed", "-1"], "expected --seed >= 0"),
    ],
)
def test_bad_settings_are_refused(runs, tmp_path, monkeypatch, refused, setting, message):
    monkeypatch.chdir(tmp_path)
    assert message in refused(fig1.main, "--runs", runs, *setting)


@pytest.mark.parametrize("figure", [fig1, fig2])
def test_a_figure_is_written_with_its_folder(figure, runs, make_run, tmp_path):
    make_run("Ant-v4", 0, 10.0, variant="paper-first-no-normalize")
    out = tmp_path / "new" / "figure.svg"
    assert figure.main(["--runs", str(runs), "--out", str(out)]) == 0
    assert out.read_text().startswith("<?xml")
    assert list(tmp_path.rglob("*.tmp")) == []


def test_figure_4_shows_the_games(make_run, tmp_path):
    make_run("ALE/Pong-v5", 0, 18.0)
    assert fig4.main(["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "fig4.svg")]) == 0
    assert "Pong" in (tmp_path / "fig4.svg").read_text()
