"""A run seen from outside, while its files grow."""

import json

from deep.run.cell import Cell, last_line


def test_the_last_line_is_the_last_complete_one(tmp_path):
    file = tmp_path / "log"
    assert last_line(file) == ""
    file.write_text("first\nsecond\n\nhalf")
    assert last_line(file) == "second"


def test_metrics_and_result_of_a_run(tmp_path):
    cell = Cell("CartPole-v1", 3, tmp_path / "seed3")
    cell.directory.mkdir()
    assert (cell.name, cell.log) == ("CartPole-v1 seed 3", tmp_path / "seed3.log")
    assert (cell.finished, cell.last_metrics()) == (False, {})
    line = {"steps": 5, "seconds": 0.5, "return100": None}
    (cell.directory / "metrics.jsonl").write_text(json.dumps(line) + '\n{"steps": 1')
    assert cell.last_metrics() == line
    (cell.directory / "metrics.jsonl").write_text('{"steps": "damaged"}\n')
    assert cell.last_metrics() == {}
    (cell.directory / "result.json").write_text(json.dumps({"max100": 7.25, "final100": 6.0, "seconds": 1234.0}))
    assert cell.finished
    assert cell.describe() == "max100 7.2, final100 6.0, 1,234 s"
    (cell.directory / "result.json").write_text(json.dumps({"max100": None, "final100": None, "seconds": 1.0}))
    assert cell.describe() == "no episode ended, 1 s"
