"""The command `python -m exact.solve`."""

import json

import numpy as np
import pytest

from exact import solve
from exact.algorithm import solve as run
from exact.baselines import policy_iteration
from exact.common.errors import InputError
from exact.mdps.library import load


def command(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["solve", *arguments])
    return solve.main()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--solver", "closed-form"),
        ("--solver", "lp"),
        ("--distance", "kl-forward"),
        ("--distance", "kl-reverse", "--start", "random", "--seed", "3"),
        ("--method", "policy-iteration"),
        ("--method", "natural-gradient"),
        ("--method", "fixed-radius", "--delta0", "1"),
    ],
    ids=" ".join,
)
def test_reaches_the_value_of_policy_iteration(arguments, monkeypatch, tmp_path, capsys):
    report, figure = tmp_path / "run.json", tmp_path / "run.svg"
    files = ("--json", str(report), "--figure", str(figure))
    assert command(monkeypatch, "--mdp", "frozenlake-4x4", *arguments, *files) == 0
    optimum = run(load("frozenlake-4x4"), policy_iteration, settings=None).final.eta
    result = json.loads(report.read_text())
    assert result["eta"] == pytest.approx(optimum, abs=1e-5)  # A* <= 1e-8 bounds the rest by 1e-8/((1-gamma) p0)
    assert result["converged"]
    assert len(result["policy"]) == 16
    assert figure.read_text().startswith("<?xml")
    assert "policy iteration" in capsys.readouterr().out


def test_status_one_when_not_converged(monkeypatch):
    assert command(monkeypatch, "--mdp", "chain", "--method", "conservative", "--max-iterations", "3") == 1


def test_starts(monkeypatch):
    mdp = load("chain")
    assert np.allclose(solve.start_policy(mdp, solve.Options(start="uniform")), 0.5)
    assert np.array_equal(solve.start_policy(mdp, solve.Options(start="first")), np.tile([1.0, 0.0], (5, 1)))
    one, same, other = (solve.start_policy(mdp, solve.Options(start="random", seed=s)) for s in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--mdp", "frozenlake"), "unknown MDP 'frozenlake'"),
        (("--solver", "nonesuch"), "solver NONESUCH is not installed"),
        (("--delta0", "-1"), "radius must be a positive"),
        (("--beta0", "0.9"), "beta0 < beta1"),
        (("--gamma1", "nan"), "gamma1"),
        (("--tolerance", "-1"), "tolerance must be >= 0"),
        (("--figure", "missing-folder/run.png"), "cannot write"),
        (("--figure", "run.docx"), "expected a file name ending in"),
        (("--max-iterations", "-1"), "at least 0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input(arguments, words, monkeypatch):
    with pytest.raises(InputError, match=words) as error:
        command(monkeypatch, *arguments)
    assert "\n" not in str(error.value)
