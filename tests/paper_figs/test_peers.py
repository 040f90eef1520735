"""sb3-contrib's TRPO beside ours, from synthetic runs."""

import numpy as np

from paper_figs import peers
from paper_figs.results import load


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


def test_peers_without_a_shared_task_are_refused(runs, refused):
    assert "nothing to compare" in refused(peers.main, "--runs", runs)
