"""Tables and figures from synthetic runs: every number is there, nothing is invented, bad input is one line."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from exact.common.errors import InputError
from paper_figs import ablation, comparison, curves, fig1, fig2, fig4, peers, random_policy, table1, table2
from paper_figs.paper import normalised, read_table
from paper_figs.results import load
from tests import HANG_SECONDS

WALKER = (1000.0, 2000.0, 3000.0, 4000.0, 5000.0)


@pytest.fixture
def runs(tmp_path, make_run):
    for seed, value in enumerate(WALKER):
        make_run("Walker2d-v4", seed, value)
    make_run("Hopper-v4", 0, 3600.0)
    return tmp_path / "runs"


def cells(markdown: str, task: str) -> list[str]:
    """The cells of the first row of `task`."""
    (line, *_) = (line for line in markdown.splitlines() if line.startswith(f"| {task} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_table1_puts_the_papers_numbers_beside_ours(runs, tmp_path, capsys):
    out = tmp_path / "table1.md"
    assert table1.main(table1.Options((runs,), out=out)) == 0
    markdown = out.read_text()
    assert markdown in capsys.readouterr().out
    paper = ["3681±794", "3935±936", "5849±2063", "5849"]
    ours = ["5 of 5", "1,000", "3000±1581", "3000", "[1333, 4667]", "2999±1581"]
    assert cells(markdown, "Walker2d") == ["Walker2d", *paper, *ours]
    assert cells(markdown, "Hopper")[5:] == ["1 of 5", "1,000", "3600", "3600", "one run", "3599"]
    assert cells(markdown, "Ant")[5:] == ["0 of 5", *["missing"] * 5]
    assert "at least the paper's TRPO on 1 of 2 measured tasks; short on Walker2d (3000 < 3935)." in markdown
    assert "`python -m deep.train --env ENV --seed SEED`" in markdown
    assert "6 runs of 1,000 steps; seeds 0, 1, 2, 3, 4;" in markdown
    assert "Versions: torch 2.13." in markdown
    assert "setting `paper`" in markdown


def test_table1_averages_tasks_on_the_normalised_scale(runs, make_run, tmp_path):
    make_run("Hopper-v4", 1, 3600.0)
    random_actions, stro = 18.576, 3463
    table1.main(table1.Options((runs,), (("default", 2),), out=tmp_path / "t.md"))
    # A quarter of seven runs is one: the interquartile mean leaves out the lowest and the highest.
    walker = [(value - 2.161) / (5849 - 2.161) for value in WALKER]
    hopper = (3600 - random_actions) / (stro - random_actions)
    middle = sorted([*walker, hopper, hopper])[1:-1]
    assert "of all 2 measured tasks, with uniformly random actions at 0 and the paper's STRO at 1: " in (
        text := (tmp_path / "t.md").read_text()
    )
    assert f"at 1: {sum(middle) / len(middle):.2f} (95% interval [" in text


def test_random_actions_are_zero_and_the_papers_stro_one():
    reacher = next(task for task in read_table(1).tasks if task.task == "Reacher")
    random_policy = {"Reacher-v4": -44.0}
    scores = [normalised(value, reacher, random_policy) for value in (-44.0, -24.0, -4.0)]
    assert scores == [0.0, 0.5, 1.0]


def test_the_papers_tables_are_complete():
    table = read_table(1)
    assert len(table.tasks) == 9
    by_task = {task.task: task for task in table.tasks}
    assert by_task["Walker2d"].scores["STRO"] == (5849, 2063)
    assert by_task["Humanoid"].env == "Humanoid-v4"


def test_table2_puts_the_papers_games_beside_ours_at_the_steps_that_were_run(make_run, tmp_path):
    make_run("ALE/Pong-v5", 0, 18.0)
    out = tmp_path / "table2.md"
    assert table2.main(table2.Options((tmp_path / "runs",), out=out)) == 0
    paper, ours = ["19±0", "3±7", "20±0", "21"], ["1 of 1", "1,000", "18.0", "18.0", "one run", "17.0"]
    assert cells(out.read_text(), "Pong") == ["Pong", *paper, *ours]
    assert cells(out.read_text(), "Bowling")[1:6] == ["61±11", "58±18", "81±18", "60", "0 of 1"]
    assert "at least the paper's STRO on 0 of 1 measured tasks; short on Pong (18.0 < 20)." in out.read_text()


def test_table2_without_any_run_shows_the_papers(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(comparison, "ATARI", tmp_path / "none")
    assert table2.main(table2.Options((tmp_path / "none",))) == 0
    assert cells(capsys.readouterr().out, "Freeway")[-1] == "missing"


def test_figure_4_shows_the_games(make_run, tmp_path):
    make_run("ALE/Pong-v5", 0, 18.0)
    options = fig4.Options(runs=(tmp_path / "runs",), out=tmp_path / "fig4.svg")
    assert curves.main(options, table=2) == 0
    assert "Pong" in (tmp_path / "fig4.svg").read_text()


def test_ablation_says_what_each_variant_changes(runs, make_run, tmp_path):
    make_run("Walker2d-v4", 0, 1500.0, variant="no-rejection", controller={"beta0": -9.0})
    make_run("Walker2d-v4", 1, 2500.0, variant="no-rejection", controller={"beta0": -9.0})
    out = tmp_path / "ablation.md"
    assert ablation.main(ablation.Options((runs,), out=out)) == 0
    default, variant = cells(out.read_text(), "default"), cells(out.read_text(), "no-rejection")
    assert default[:3] == ["default", "nothing", "3000±1581 [1333, 4667] (5)"]
    assert variant[:3] == ["no-rejection", "controller.beta0=-9.0", "2000±707 [1500, 2500] (2)"]
    assert variant[3].startswith("0.34 [")
    assert "- Command of `default`, " in out.read_text()
    assert "- Command of `no-rejection`, " in out.read_text()


def test_the_ablation_is_on_the_tasks_that_all_variants_share(runs, make_run, tmp_path):
    for env, variant in (("Walker2d-v4", "one"), ("Walker2d-v4", "other"), ("Hopper-v4", "other")):
        make_run(env, 0, 1500.0, variant=variant, controller={"beta0": -9.0})
    assert ablation.main(ablation.Options((runs,), out=tmp_path / "ablation.md")) == 0
    header = cells((tmp_path / "ablation.md").read_text(), "variant")
    assert header == ["variant", "what differs from `default`", "Walker2d", "all tasks"]


def test_a_row_of_the_ablation_does_not_depend_on_the_others(runs, make_run, tmp_path):
    out = tmp_path / "ablation.md"

    def no_rejection() -> list[str]:
        ablation.main(ablation.Options((runs,), out=out))
        return cells(out.read_text(), "no-rejection")

    for seed, value in enumerate(np.geomspace(1000.0, 9000.0, 12).tolist()):
        make_run("Walker2d-v4", seed, value, variant="no-rejection", controller={"beta0": -9.0})
    alone = no_rejection()
    for seed, value in enumerate((2600.0, 3300.0, 4800.0)):
        make_run("Walker2d-v4", seed, value, variant="fixed", controller={"beta0": -8.0})
    assert no_rejection() == alone


def test_ablation_without_a_second_variant_is_refused(runs):
    with pytest.raises(InputError, match="nothing to compare"):
        ablation.main(ablation.Options((runs,)))


def test_peers_are_put_beside_ours_on_the_tasks_that_both_were_run_on(runs, make_run):
    for seed, value in enumerate((100.0, 200.0, 300.0)):
        make_run("Walker2d-v4", seed, value, variant=peers.PEER)
    make_run("Swimmer-v4", 0, 50.0, variant=peers.PEER)
    table = peers.comparison(load([runs]), np.random.SeedSequence(0))
    (row,) = table.rows
    assert row[:3] == ("Walker2d", "3935±936", "5849±2063")
    assert row[3].startswith("200±100 [100, 300] (3)")
    assert row[4].startswith("3000±1581")
    assert row[4].endswith("(5)")


def test_peers_without_a_shared_task_are_refused(runs):
    with pytest.raises(InputError, match="nothing to compare"):
        peers.comparison(load([runs]), np.random.SeedSequence(0))


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


@pytest.mark.parametrize("figure", [fig1, fig2])
def test_figures_are_written(figure, runs, make_run, tmp_path):
    make_run("Ant-v4", 0, 10.0, variant="paper-no-normalize")
    assert curves.main(figure.Options(runs=(runs,), out=tmp_path / "figure.svg")) == 0
    assert (tmp_path / "figure.svg").read_text().startswith("<?xml")
    assert list(tmp_path.rglob("*.tmp")) == []


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"variants": ("nothing",)}, "no run of nothing"),
        ({"variants": tuple("abcdef")}, "expected 1 to 5 names"),
        ({"out": Path("figure.xyz")}, "expected a file ending in one of"),
        ({"seed": -1}, "expected --seed >= 0"),
    ],
)
def test_figures_refuse_bad_settings(runs, setting, message):
    with pytest.raises(InputError, match=message):
        curves.main(fig1.Options(**{"runs": (runs,)} | setting))


def test_random_policy_is_reproduced_by_its_seed():
    first, again, other = (
        random_policy.random_return("CartPole-v1", 20, np.random.SeedSequence(seed)) for seed in (0, 0, 1)
    )
    assert first == again != other
    assert 10 < first < 40


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["table1", "--runs", "nowhere"], "error: no such folder: nowhere\n"),
        (["table1", "--variants", "default", "0"], "error: "),
        (["collect"], "error: "),
    ],
)
def test_bad_input_is_one_line_and_exit_status_2(command, message):
    name, *arguments = command
    done = subprocess.run(
        [sys.executable, "-m", f"paper_figs.{name}", *arguments],
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1


def test_an_unwritable_table_is_refused(runs, tmp_path):
    with pytest.raises(InputError, match="cannot write"):
        table1.main(table1.Options((runs,), out=runs))
    assert runs.is_dir()
