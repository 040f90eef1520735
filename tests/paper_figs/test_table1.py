"""Table 1 from synthetic runs: every number is there, nothing is invented."""

import json
import subprocess
import sys

import pytest

from paper_figs import table1
from tests import HANG_SECONDS
from tests.paper_figs.cases import WALKER, cells


def test_table1_puts_the_papers_numbers_beside_ours(runs, tmp_path, capsys):
    out = tmp_path / "table1.md"
    assert table1.main(["--runs", str(runs), "--policies", str(tmp_path / "none"), "--out", str(out)]) == 0
    markdown = out.read_text()
    assert cells(capsys.readouterr().out, "Walker2d") == cells(markdown, "Walker2d")
    paper, others = ["3681±794", "3935±936", "5849±2063"], ["missing", "missing", "3871±966", "4944"]
    ours = ["5 of 5", "1,000", "3000±1581", "3000", "[1333, 4667]", "2999±1581", "missing"]
    assert cells(markdown, "Walker2d") == ["Walker2d", *paper, *others, *ours]
    assert cells(markdown, "Hopper")[8:] == ["1 of 5", "1,000", "3600", "3600", "one run", "3599", "missing"]
    assert cells(markdown, "Ant")[8:] == ["0 of 5", *["missing"] * 6]
    assert cells(markdown, "Humanoid")[6:8] == ["1726±1070", "none known"]
    assert "at least the paper's TRPO on 1 of 2 measured tasks; short on Walker2d (3000 < 3935)." in markdown
    assert "`python -m deep.train --env ENV --seed SEED`" in markdown
    assert "6 runs of 1,000 steps; seeds 0, 1, 2, 3, 4;" in markdown
    assert "Versions: torch 2.13." in markdown
    assert "setting `paper-first`" in markdown


def test_table1_has_the_measured_peers_and_our_policies_without_noise(runs, make_run, tmp_path):
    for seed, value in enumerate((100.0, 200.0, 300.0)):
        make_run("Walker2d-v4", seed, value, variant="sb3-trpo")
    make_run("Ant-v4", 0, 7.0, variant="sb3-ppo")
    for seed, rounds in enumerate(([4000, 4200], [5000, 5000])):
        file = tmp_path / "scores" / "default" / "Walker2d-v4" / f"seed{seed}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        scores = {"variant": "default", "env": "Walker2d-v4", "seed": seed, "episodes": 100, "rounds": rounds}
        file.write_text(json.dumps(scores | {"command": "the command", "versions": {}}))
    words = ["--runs", str(runs), "--policies", str(tmp_path / "scores"), "--out", str(tmp_path / "t.md")]
    assert table1.main(words) == 0
    markdown = (tmp_path / "t.md").read_text()
    assert cells(markdown, "task")[4:6] == ["PPO, here", "TRPO, here"]
    assert cells(markdown, "Walker2d")[4:6] == ["missing", "200±100 (3)"]
    assert cells(markdown, "Ant")[4:6] == ["7.0 (1)", "missing"]
    assert (cells(markdown, "task")[-1], cells(markdown, "Walker2d")[-1]) == (
        "ours at the end, without noise",
        "4550±636 (2)",
    )
    assert "Peers: 4 runs of 1,000 steps" in markdown
    assert "2 x 100 episodes each" in markdown


def test_table1_averages_tasks_on_the_normalised_scale(runs, make_run, tmp_path):
    make_run("Hopper-v4", 1, 3600.0)
    random_actions, stro = 18.576, 3463
    words = ["--runs", str(runs), "--variants", "default", "2", "--out", str(tmp_path / "t.md")]
    assert table1.main(words) == 0
    # A quarter of seven runs is one: the interquartile mean leaves out the lowest and the highest.
    walker = [(value - 2.161) / (5849 - 2.161) for value in WALKER]
    hopper = (3600 - random_actions) / (stro - random_actions)
    middle = sorted([*walker, hopper, hopper])[1:-1]
    assert "of the 2 measured tasks, with uniformly random actions at 0 and the paper's STRO at 1: " in (
        text := (tmp_path / "t.md").read_text()
    )
    assert f"at 1: {sum(middle) / len(middle):.2f} (95% interval [" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--runs", "nowhere"], "no such folder: nowhere"),
        (["--variants", "default", "0"], "seeds >= 1 in --variants"),
        (["--seed", "-1"], "expected --seed >= 0"),
    ],
)
def test_bad_settings_are_refused(refused, words, message):
    assert message in refused(table1.main, *words)


def test_the_process_leaves_with_the_commands_status():
    done = subprocess.run(
        [sys.executable, "-m", "paper_figs.table1", "--runs", "nowhere"],
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "error: no such folder: nowhere\n")


def test_a_table_that_cannot_be_written_is_an_error(runs, capsys):
    assert table1.main(["--runs", str(runs), "--out", str(runs)]) == 2
    assert "cannot write" in capsys.readouterr().err
    assert runs.is_dir()
