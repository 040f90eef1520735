"""One name for the whole project: `import stro`, and the console command `stro`."""

import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import stro
from exact.common import cli
from exact.common.errors import InputError
from stro.__main__ import COMMANDS, main, verifications

ROOT = Path(__file__).parents[2]


def test_every_name_is_there_and_says_where_it_lives():
    assert set(stro.__all__) <= set(dir(stro))
    for name in stro.__all__:
        assert getattr(stro, name) is not None
    assert (stro.MDP.__module__, stro.train.__module__, stro.solve.__module__) == (
        "exact.mdp",
        "deep.agent",
        "exact.algorithm",
    )
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = stro.trian


def test_it_solves_and_verifies(capsys):
    assert stro.solve(stro.mdp("chain")).converged
    rows = stro.verify("ladder", instances=1)
    assert all(row.as_expected for row in rows)
    assert rows[0].statement in capsys.readouterr().out


def test_it_verifies_an_mdp_that_is_in_no_file(tmp_path, capsys):
    mdp = stro.MDP([[[0.5, 0.5], [0, 1]], [[0, 1], [0, 1]]], [[5, 10], [-1, -1]], [0.5, 0.5], 0.95, "mine")
    rows = stro.verify("lemma34", mdp=mdp, instances=2, search=0, journal=tmp_path, jobs=2)
    assert all(row.as_expected for row in rows)
    assert "--mdp mine --seed" in capsys.readouterr().out
    rows = stro.verify(mdp, float_only=True)
    assert len({row.statement for row in rows}) > 20
    assert all(row.as_expected for row in rows)


def test_files_may_be_named_by_strings(tmp_path):
    """Regression: certificate="x.json" was an AttributeError."""
    stro.verify("ladder", mdp="cash-in", instances=1, certificate=str(tmp_path / "c.json"), json=str(tmp_path / "j"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.json", "j"]
    with pytest.raises(InputError, match="certificate belongs to one statement file"):
        stro.verify(stro.mdp("cash-in"), certificate="c.json")


@pytest.mark.parametrize(
    ("statement", "options", "message"),
    [
        ("divergence", {"solver": "lp"}, "--solver would change nothing in verify.divergence"),
        ("lemma99", {}, "there is no statement file 'lemma99'"),
        ("lemma34", {"number": 3}, "verify lemma34: .*number"),
        ("ladder", {"mdp": 3}, "expected an MDP, its name or its file, got int"),
    ],
)
def test_what_does_not_exist_is_refused(statement, options, message):
    with pytest.raises(InputError, match=message):
        stro.verify(statement, **options)


def test_importing_it_loads_nothing_heavy():
    code = "import sys, stro; print(*(name for name in ('numpy', 'torch', 'gymnasium') if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_another_ones_main(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    module = COMMANDS[command][0].removesuffix(".__main__")
    called = {"deep.training": "deep.train", "exact.solving": "exact.solve"}.get(module, module)
    assert f"usage: python -m {called}" in capsys.readouterr().out


@pytest.mark.parametrize("statement", verifications())
def test_verify_takes_the_name_of_a_statement(statement, capsys):
    with pytest.raises(SystemExit):
        main(["verify", statement, "--help"])
    assert f"usage: python -m verify.{statement}" in capsys.readouterr().out


def test_verify_takes_every_statement_file():
    """Regression: eleven of them, divergence for example, were called unknown options."""
    from verify.__main__ import STUDIES

    assert {study.command.removeprefix("verify.") for study in STUDIES} < set(verifications())


def test_a_statement_that_does_not_exist_is_one_line(capsys):
    assert main(["verify", "lema34"]) == cli.BAD_INPUT
    assert capsys.readouterr().err == "error: there is no command 'lema34'; did you mean lemma34?\n"


def test_the_words_reach_the_command(capsys):
    assert main(["solve", "--mdp", "chain"]) == cli.DONE
    assert "eta = " in capsys.readouterr().out
    assert main(["solve", "--mdp", "chian"]) == cli.BAD_INPUT


def test_help_and_version_and_an_unknown_command(capsys):
    assert main([]) == cli.DONE
    listed = capsys.readouterr().out
    assert all(f"\n  {name} " in listed for name in COMMANDS)
    assert main(["--version"]) == cli.DONE
    assert capsys.readouterr().out.strip() == stro.__version__
    assert main(["trian"]) == cli.BAD_INPUT
    assert capsys.readouterr().err == "error: there is no command 'trian'; did you mean train?\n"


def test_one_version_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    cited = re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.M)
    logged = re.search(r"^## (\d.*)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert cited is not None
    assert logged is not None
    assert cited[1] == logged[1] == project["version"]
    module, function = project["scripts"]["stro"].split(":")
    assert getattr(import_module(module), function) is main
