"""The peers beside ours, from synthetic runs."""

import numpy as np

from paper_figs import peers
from paper_figs.results import load
from tests.paper_figs.cases import cells


def test_peers_are_put_beside_ours_on_the_tasks_that_a_peer_was_run_on(runs, make_run):
    for seed, value in enumerate((100.0, 200.0, 300.0)):
        make_run("Walker2d-v4", seed, value, variant="sb3-trpo")
    make_run("Swimmer-v4", 0, 50.0, variant="sb3-sac")
    (table,) = peers.comparison(load([runs]), "default", np.random.SeedSequence(0))
    swimmer, walker = table.rows
    assert table.header[4:] == ("PPO", "TRPO", "SAC", "TD3", "DDPG", "ours, `default`")
    assert walker[:4] == ("Walker2d", "3681±794", "3935±936", "5849±2063")
    assert walker[4:6] == ("missing", "200±100 [100, 300] (3)")
    assert walker[9].startswith("3000±1581")
    assert walker[9].endswith("(5)")
    assert swimmer[4:] == ("missing", "missing", "50.0 one run (1)", "missing", "missing", "missing")


def test_returns_without_noise_have_a_table_of_their_own(runs, make_run, tmp_path):
    make_run("Walker2d-v4", 0, 100.0, variant="sb3-td3", evaluated=170.0)
    make_run("Hopper-v4", 0, 100.0, variant="sb3-td3")
    assert peers.main(["--runs", str(runs), "--out", str(tmp_path / "peers.md")]) == 0
    trained, evaluated = (tmp_path / "peers.md").read_text().split("## ")[1:]
    assert (cells(trained, "Hopper")[7], cells(trained, "Walker2d")[7]) == ("100 one run (1)", "100 one run (1)")
    assert (cells(evaluated, "Walker2d")[7], cells(evaluated, "Walker2d")[9]) == ("170 one run (1)", "missing")
    assert "Hopper" not in evaluated


def test_ours_without_a_peer_is_refused(runs, refused):
    assert "nothing to compare" in refused(peers.main, "--runs", runs)
