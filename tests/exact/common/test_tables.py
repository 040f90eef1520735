"""Tables: Markdown for files and pipes, drawn on a terminal."""

import dataclasses
import io

from rich.console import Console

from exact.common.tables import Table, counted, markdown_row, publish

TABLE = Table("numbers", ("name", "n"), (("one", "1"), ("a|b", "22")), ("a note",), styles=(None, "red"))


def test_markdown():
    expected = "## numbers\n\n| name | n |\n| --- | --- |\n| one | 1 |\n| a\\|b | 22 |\n\n- a note\n"
    assert TABLE.markdown() == expected


def test_a_pipe_gets_aligned_markdown():
    console = Console(file=io.StringIO())
    TABLE.show(console)
    lines = console.file.getvalue().splitlines()
    assert lines[2:5] == ["| name | n   |", "| ---- | --- |", "| one  | 1   |"]


def test_a_terminal_gets_a_drawing():
    console = Console(file=io.StringIO(), force_terminal=True, width=60)
    TABLE.show(console)
    shown = console.file.getvalue()
    assert "┏" in shown
    assert "- a note" in shown
    assert "\x1b[31m" in shown  # the second row is red


def test_numbers_stand_at_the_right():
    table = dataclasses.replace(TABLE, right=frozenset({1}))
    assert table.markdown(aligned=True).splitlines()[2:6] == [
        "| name |   n |",
        "| ---- | --: |",
        "| one  |   1 |",
        "| a\\|b  |  22 |",
    ]
    assert [column.justify for column in table.drawn().columns] == ["left", "right"]


def test_publish_writes_what_it_shows(tmp_path, capsys):
    target = tmp_path / "new folder" / "tables.md"
    publish([TABLE, TABLE], target)
    assert target.read_text() == TABLE.markdown() + "\n" + TABLE.markdown()
    shown = capsys.readouterr().out
    assert shown.count("## numbers") == 2
    assert f"wrote {target}" in shown


def test_one_is_singular():
    assert [counted(n, "MDP") for n in (0, 1, 2)] == ["0 MDPs", "1 MDP", "2 MDPs"]


def test_a_bar_in_a_cell_is_escaped():
    assert markdown_row(("a|b", "c")) == "| a\\|b | c |"


def test_markup_in_a_name_is_text():
    """A name such as [/red] ended in a traceback of rich; [red] was swallowed."""
    console = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=80)
    Table("[/red] on [bold]", ("[/a]",), (("[link=x]y, a wide cell",),), ("[/note]",)).show(console)
    shown = console.file.getvalue()
    assert all(text in shown for text in ("[/red] on [bold]", "[/a]", "[link=x]y, a wide cell", "[/note]"))
