"""Figure 3 from synthetic runs: what a panel shows, and what is refused."""

import json

import pytest

from paper_figs import fig3
from paper_figs.results import load, read_run, write_result


@pytest.fixture
def clocked(tmp_path, make_run):
    """Two runs of ours and one of a peer, with a point every half minute."""
    make_run("Ant-v4", 0, 500.0, evaluated=600.0)
    make_run("Ant-v4", 1, 700.0, evaluated=800.0)
    make_run("Ant-v4", 0, 100.0, variant="sb3-sac", points=50, evaluated=400.0)
    return tmp_path / "runs"


def test_returns_in_training_and_without_noise_and_steps_are_drawn_against_minutes(clocked):
    options = fig3.Options(("default", "sb3-sac"), (clocked,), minutes=20.0)
    figure = fig3.draw(load([clocked]), options)
    axes = figure.axes
    trained, evaluated, stepped = (axes[row * len(fig3.TASKS) + 1] for row in range(3))
    ours, peer = trained.lines
    assert (ours.get_xdata()[0], ours.get_xdata()[-1], ours.get_ydata()[-1]) == (0.5, 2.5, 600.0)
    assert (peer.get_xdata()[-1], peer.get_ydata()[-1]) == (20.0, 80.0)  # the rest came after 20 minutes
    assert (evaluated.lines[0].get_ydata()[-1], evaluated.lines[1].get_ydata()[0]) == (700.0, 0.0)
    assert (stepped.lines[0].get_ydata()[-1], stepped.get_yscale()) == (50.0, "log")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["default", "sb3-sac"]
    assert [text.get_text() for text in axes[0].texts] == ["no runs"]


def test_the_table_has_the_last_value_of_every_curve(clocked, make_run):
    make_run("Swimmer-v4", 0, 30.0)
    options = fig3.Options(("default", "paper", "sb3-sac"), (clocked,), minutes=20.0)
    table = fig3.last_values(load([clocked]), options)
    assert (table.title, table.rows) == (
        "After 20 minutes",
        (
            ("Swimmer", "default", "1", "30.0", "missing", "50"),
            ("Ant", "default", "2", "600±141", "700±141", "50"),
            ("Ant", "sb3-sac", "1", "80.0", "0.0", "400"),  # its last evaluation came after 20 minutes
        ),
    )
    assert table.notes[1].startswith("4 runs of 1,000 steps; seeds 0, 1")


def test_figure_and_table_are_written(clocked, tmp_path, capsys):
    out, table = tmp_path / "new" / "fig3.svg", tmp_path / "table.md"
    assert fig3.main(["--runs", str(clocked), "--out", str(out), "--table", str(table)]) == 0
    assert "HalfCheetah" in out.read_text()
    assert "| Ant | sb3-sac | 1 |" in table.read_text()
    assert f"wrote {out}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--variants", "nothing"], "no run of nothing"),
        (["--variants", *"abcdefgh"], "expected 1 to 7 names"),
        (["--minutes", "0"], "--minutes > 0"),
        (["--out", "figure.xyz"], "expected a file name ending in"),
    ],
)
def test_bad_settings_are_refused(clocked, refused, words, message):
    assert message in refused(fig3.main, "--runs", clocked, *words)


def test_a_run_without_times_is_named(clocked, tmp_path, refused):
    file = write_result(read_run(clocked / "default" / "Ant-v4" / "seed0"), tmp_path / "data")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"times": []}))
    assert "default/Ant-v4/seed0 has no times" in refused(fig3.main, "--runs", tmp_path / "data")
