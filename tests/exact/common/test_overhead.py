"""What an executor costs per task: the command, with a task or two."""

import pytest

from exact.common import cli
from exact.common.overhead import main


@pytest.mark.parametrize("executor", ["local", "dask:simulated"])
def test_the_table_has_a_line_for_every_number_of_workers_and_length(executor, capsys):
    words = ["--executor", executor, "--workers", "1", "2", "--seconds", "0", "--rounds", "2"]
    assert main(words) == cli.DONE
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert [row.split("|")[1].strip() for row in rows[2:]] == ["1", "2"]
    assert [row.split("|")[3].strip() for row in rows[2:]] == ["2", "4"]


@pytest.mark.parametrize("words", [["--workers", "0"], ["--rounds", "0"], ["--seconds", "-1"], ["--executor", "what"]])
def test_bad_input_is_one_line(words, capsys):
    assert main(words) == cli.BAD_INPUT
    assert capsys.readouterr().err.count("\n") == 1
