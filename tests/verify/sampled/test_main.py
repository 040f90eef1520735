"""The command of the bridge: reproducible, and clear about bad input."""

import json
from pathlib import Path

import pytest

from exact.common.errors import InputError
from tests.verify.sampled.cases import GARNET
from verify.sampled.__main__ import Options, main
from verify.sampled.rules import CONTENDERS, RULES

SMALL = ["--mdp", GARNET, "--batches", "16", "32", "--replications", "2", "--rounds", "3", "--seeds", "2",
         "--curve-batch", "16"]  # fmt: skip


def test_the_report_depends_on_the_seed_and_not_on_the_jobs(tmp_path, capsys):
    reports = []
    for i, extra in enumerate((["--figure", str(tmp_path / "f.png")], ["--jobs", "2"], ["--seed", "1"])):
        path = tmp_path / f"{i}.json"
        assert main([*SMALL, "--mdp", "chain", "--json", str(path), *extra]) == 0
        reports.append(json.loads(path.read_text()))
    assert reports[0] == reports[1]
    assert reports[0]["decisions"] != reports[2]["decisions"]
    assert reports[0]["curves"] != reports[2]["curves"]
    assert (tmp_path / "f.png").stat().st_size > 1000
    out = capsys.readouterr().out
    assert all(rule.name in out for rule in CONTENDERS)
    assert len(reports[0]["decisions"]) == len(RULES) * 2 * 2 * 4


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"batches": (4,)}, "--batches must be one or more sizes of at least 8"),
        ({"batches": ()}, "--batches must be one or more sizes of at least 8"),
        ({"curve_batch": 2}, "--curve-batch must be at least 8, got 2"),
        ({"replications": 1}, "--replications must be at least 2, got 1"),
        ({"seeds": 1}, "--seeds must be at least 2, got 1"),
        ({"seed": -1}, "--seed must be at least 0, got -1"),
        ({"json": Path("no/such/folder.json")}, "cannot write"),
        ({"figure": Path("figure.txt")}, "expected a file name ending in"),
    ],
)
def test_options_say_what_is_wrong_with_them(wrong, message):
    with pytest.raises(InputError, match=message):
        Options(**wrong)


@pytest.mark.parametrize(
    ("mdp_name", "message"),
    [("chian", "did you mean chain"), ("garnet:S=4,A=1,b=2,gamma=0.9,seed=0", "the uniform policy is optimal")],
)
def test_a_bad_mdp_is_one_line_and_status_2_before_any_work(capsys, tmp_path, mdp_name, message):
    path = tmp_path / "report.json"
    path.write_text("kept")
    assert main(["--mdp", "chain", "--mdp", mdp_name, "--json", str(path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert message in error
    assert path.read_text() == "kept"
