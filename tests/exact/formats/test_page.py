"""docs/models.md: its files are read, its commands and its `>>>` lines print what the page says."""

import ast
import contextlib
import io
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "models.md"
BLOCK = re.compile(r"(?:`([\w.]+)`:\n\n)?```(text|console|python)\n(.*?)```\n", re.S)


def run(command):
    """What a command of the page prints, errors included."""
    words = shlex.split(command)
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        if words[:2] == ["python", "-m"]:
            name = "exact.solving" if words[2] == "exact.solve" else words[2]
            import_module(name).main(words[3:])
        elif words[0] == "python":
            words[:2] = [sys.executable, str(ROOT / words[1])]
            print(subprocess.run(words, capture_output=True, text=True, check=True).stdout, end="")
        else:
            print(subprocess.run(words, capture_output=True, text=True, check=False).stdout, end="")
    return out.getvalue()


def agree(found, shown):
    """Whether two texts have the same words, and numbers that differ by rounding at most."""
    one, two = found.split(), shown.split()
    return len(one) == len(two) and all(map(alike, one, two))


def alike(a, b):
    try:
        return float(a) == pytest.approx(float(b), rel=1e-4, abs=1e-9)
    except ValueError:
        return a == b or set(a + b) == set("-:")  # the rules of a table, as wide as its numbers


def session(block, prompt):
    """The lines of a block behind the prompt, each with the output that the page shows."""
    return re.findall(rf"^{prompt} (.*)\n((?:(?!{prompt} ).*\n)*)", block, re.M)


def test_the_page_is_true(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    done = 0
    for file, kind, block in BLOCK.findall(PAGE.read_text()):
        if kind == "text":
            (tmp_path / file).write_text(block)
        elif kind == "console":
            for command, shown in session(block, r"\$"):
                found = run(command)
                assert agree(found, shown), (command, found)
                done += 1
        else:
            for source, shown in session(block, ">>>"):
                found = evaluated(source, names)
                assert agree(found, shown), (source, found)
                done += 1
    assert done > 20


def evaluated(source, names):
    """What Python prints for one statement."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        if isinstance(ast.parse(source).body[0], ast.Expr):
            value = eval(source, names)
            if value is not None:
                print(repr(value))
        else:
            exec(source, names)
    return out.getvalue()


@pytest.mark.parametrize("word", ["text", "console", "python"])
def test_every_block_is_of_a_kind_that_is_tried(word):
    text = PAGE.read_text()
    assert word in text
    assert text.count("```") == 2 * len(BLOCK.findall(text))
