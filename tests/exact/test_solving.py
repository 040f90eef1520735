"""The command `python -m exact.solve`: what it reaches, reports, draws and refuses."""

import io
import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from exact.algorithm import solve
from exact.baselines import policy_iteration
from exact.controller import ControllerSettings
from exact.mdps.files import save_mdp
from exact.mdps.library import load
from exact.solving import NOTES, Options, bounds_of_ratio, draw, main, proposal, start_policy, table


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
def test_reaches_the_value_of_policy_iteration(arguments, tmp_path, capsys):
    report, figure = tmp_path / "run.json", tmp_path / "run.svg"
    files = ("--json", str(report), "--figure", str(figure))
    assert main(["--mdp", "frozenlake-4x4", *arguments, *files]) == 0
    optimum = solve(load("frozenlake-4x4"), policy_iteration, settings=None).final.eta
    result = json.loads(report.read_text())
    assert result["eta"] == pytest.approx(optimum, abs=1e-5)  # A* <= 1e-8 bounds the rest by 1e-8/((1-gamma) p0)
    assert result["converged"] is True
    assert len(result["policy"]) == 16
    assert result["records"][-1]["k"] == len(result["records"]) - 1
    assert figure.read_text().startswith("<?xml")
    shown = capsys.readouterr().out
    assert f"eta = {result['eta']:.12g}; policy iteration: " in shown
    assert f"wrote {report}" in shown


def test_status_one_when_not_converged():
    assert main(["--mdp", "chain", "--method", "conservative", "--max-iterations", "3"]) == 1


def test_one_iteration_is_singular(capsys):
    main(["--mdp", "chain", "--max-iterations", "1"])
    assert "after 1 iteration, tolerance" in capsys.readouterr().out


def test_starts():
    mdp = load("chain")
    assert np.allclose(start_policy(mdp, Options(start="uniform")), 0.5)
    assert np.array_equal(start_policy(mdp, Options(start="first")), np.tile([1.0, 0.0], (5, 1)))
    one, same, other = (start_policy(mdp, Options(start="random", seed=s)) for s in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_every_constant_of_the_controller_reaches_the_run(tmp_path):
    report = tmp_path / "run.json"
    constants = ControllerSettings(0.9, 0.95, 1.5, 0.7, 0.5, 0.01, 0.3, 1)
    words = [(f"--controller.{name.replace('_', '-')}", str(value)) for name, value in asdict(constants).items()]
    arguments = ["--mdp", "cash-in", "--delta0", "0.3", *(word for pair in words for word in pair)]
    assert main([*arguments, "--json", str(report)]) == 0
    result = json.loads(report.read_text())
    assert result["options"]["controller"] == asdict(constants)
    run = solve(load("cash-in"), delta0=0.3, settings=constants, max_iterations=1000)
    assert [record["delta"] for record in result["records"]] == [record.delta for record in run.records]
    assert max(record["delta"] for record in result["records"]) == 0.3


def test_only_algorithm_31_has_a_ratio_test():
    mdp = load("chain")
    assert proposal(mdp, Options())[1] == ControllerSettings()
    for method in ("fixed-radius", "policy-iteration", "conservative", "natural-gradient"):
        assert proposal(mdp, Options(method=method))[1] is None


def test_the_report_is_strict_json(tmp_path):
    """Regression: an infinite radius_max and bounds that do not exist were written as Infinity and NaN."""
    report = tmp_path / "run.json"
    assert main(["--mdp", "unvisited", "--json", str(report)]) == 0
    result = json.loads(report.read_text(), parse_constant=pytest.fail)
    assert result["options"]["controller"]["radius_max"] is None
    assert result["records"][0]["bound_prior"] is None


def run(name, **options):
    chosen = Options(mdp=name, **options)
    mdp = load(name)
    step, constants = proposal(mdp, chosen)
    trajectory = solve(mdp, step, settings=constants, max_iterations=chosen.max_iterations, delta0=chosen.delta0)
    return mdp, trajectory, chosen


def test_the_table_explains_its_columns():
    """Regression: a column was called `bound`, and no word said of what."""
    mdp, trajectory, options = run("cash-in", delta0=8.0)
    shown = table(trajectory.records, mdp, options)
    assert "bound" not in shown.header
    assert {len(row) for row in shown.rows} == {len(shown.header)}
    column = shown.header.index("ratio at least")
    assert [float(row[column]) for row in shown.rows] == pytest.approx(
        [record.bound_posterior for record in trajectory.records], rel=1e-5
    )
    assert shown.notes == NOTES
    assert any(note.startswith("ratio at least: ") for note in NOTES)


def test_a_method_without_a_radius_shows_none():
    mdp, trajectory, options = run("unvisited", method="policy-iteration")
    shown = table(trajectory.records, mdp, options)
    assert {row[shown.header.index("delta")] for row in shown.rows} == {"-"}
    assert {row[shown.header.index("ratio at least")] for row in shown.rows} == {"-"}  # rho0 has a zero


@pytest.mark.parametrize(("name", "options"), [("frozenlake-8x8", {}), ("chain", {"method": "conservative"})])
def test_every_ratio_and_every_curve_of_the_legend_can_be_seen(name, options):
    """Regression: the axis ended at 1.2 where the ratio was 9.8, and two of three legend entries had no curve."""
    mdp, trajectory, options = run(name, max_iterations=30, **options)
    ax = draw(trajectory, 1.0, mdp, options).axes[3]
    low, high = ax.get_ylim()
    assert low < min(r.ratio for r in trajectory.records)
    assert high > max(r.ratio for r in trajectory.records)
    for line in ax.get_legend().get_lines():
        curve = next(shown for shown in ax.get_lines() if shown.get_label() == line.get_label())
        assert max(curve.get_ydata()) >= low
    drawn = {line.get_label() for line in ax.get_lines()}
    for label, _, values in bounds_of_ratio(trajectory.records, options):
        assert (label in drawn) == (max(values) >= low)
        assert (f"{label} is at most {max(values):.2g}: below the axis" in ax.get_title()) == (max(values) < low)


def test_lemma_34_is_drawn_for_steps_within_total_variation_only():
    labels = [[label for label, *_ in bounds_of_ratio([], Options(distance=d))] for d in ("tv", "kl-forward")]
    assert ["Lemma 3.4" in names for names in labels] == [True, False]


def test_a_figure_of_no_trial(tmp_path):
    target = tmp_path / "figure.png"
    assert main(["--mdp", "chain", "--max-iterations", "0", "--figure", str(target)]) == 1
    assert target.stat().st_size > 0


BAD = [
    (("--mdp", "frozenlake"), "unknown MDP 'frozenlake': did you mean frozenlake-"),
    (("--mdp", "missing.npz"), "missing.npz"),
    (("--mdp", "foo.prism"), "foo.prism: an MDP file must end in one of .npz, .json"),
    (("--mdp", "gym:Taxi-v3"), "Please use `Taxi-v4` instead"),
    (("--mdp", "garnet:S=2"), "expected S, A, b, gamma and seed once each"),
    (("--delta0", "0"), "the radius must be a positive finite number, got 0"),
    (("--delta0", "-1"), "the radius must be a positive finite number, got -1"),
    (("--delta0", "nan"), "the radius must be a positive finite number, got nan"),
    (("--beta0", "0.7"), "unknown option --beta0 0.7; did you mean --controller.beta0?"),
    (("--json", "x.json", "--certificate", "./x.json"), "x.json is named twice: every file of a command needs"),
    (("--mdp", "x.json:gamma=0.9", "--json", "x.json"), "x.json is named twice: every file of a command needs"),
    (("--controller.beta0", "0.7"), "need beta0 < beta1"),
    (("--controller.gamma1", "nan"), "gamma1 must be a finite number, got nan"),
    (("--controller.gamma2", "1.5"), "need 0 < gamma3 < gamma2 <= 1 < gamma1"),
    (("--tolerance", "-1"), "tolerance must be >= 0"),
    (("--solver", "nope"), "solver NOPE is not installed"),
    (("--seed", "-1"), "must be at least 0"),
    (("--max-iterations", "-1"), "must be at least 0"),
    (("--figure", "/nonexistent/figure.png"), "cannot write /nonexistent/figure.png"),
    (("--figure", "figure.txt"), "cannot draw into figure.txt: expected a file name ending in"),
    (("--json", "/nonexistent/x.json"), "cannot write /nonexistent/x.json"),
    (("--json", "."), "cannot write ."),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=lambda x: " ".join(x) if isinstance(x, tuple) else "")
def test_bad_input_is_one_line_and_status_2(capsys, arguments, message):
    assert main(["--mdp", "cash-in", *arguments]) == 2
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert (captured.out, len(lines)) == ("", 1)
    assert lines[0].startswith("error: ")
    assert message in lines[0]


def test_bad_input_leaves_existing_files_alone(tmp_path):
    report = tmp_path / "report.json"
    report.write_text("precious")
    assert main(["--mdp", "nonsense", "--json", str(report)]) == 2
    assert main(["--mdp", "cash-in", "--delta0", "-1", "--json", str(report)]) == 2
    assert report.read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.parametrize("arguments", [("--mdp", "nonsense"), ("--wrong", "1"), ("--mdp", "gym:Taxi-v3")])
def test_the_command_itself(arguments):
    """In its own process: nothing on standard output, one error on standard error and no traceback, status 2."""
    done = subprocess.run(
        [sys.executable, "-m", "exact.solve", *arguments], capture_output=True, text=True, check=False
    )
    lines = [line for line in done.stderr.splitlines() if "at work for" not in line]  # said on a slow machine
    assert (done.returncode, done.stdout, len(lines)) == (2, "", 1)


@pytest.mark.parametrize("name", ["[/red]", r"$\foo$", "$x", "{task}", "<b>&", "%s %(x)s"])
def test_a_name_is_text_everywhere(name, tmp_path, monkeypatch, capsys):
    """[/red] is markup to rich and $...$ mathematics to matplotlib: both ended in tracebacks, one after the work."""
    monkeypatch.chdir(tmp_path)
    stem = name.replace("/", "_")
    save_mdp(replace(load("cash-in"), name=name), Path(f"{stem}.json"))
    assert main(["--mdp", f"{stem}.json", "--figure", f"{stem}.png", "--json", f"{stem}-run.json"]) == 0
    assert f"## trust-region on {name}" in capsys.readouterr().out
    console = Console(file=io.StringIO(), force_terminal=True, width=200)
    table((), load(f"{stem}.json"), Options()).show(console)
    assert name in console.file.getvalue()


def test_it_says_what_it_did_and_how_far_from_the_optimum_it_can_be(capsys):
    assert main(["--mdp", "chain", "--distance", "kl-forward", "--max-iterations", "2"]) == 1
    line = capsys.readouterr().out.splitlines()[-2]
    assert line.startswith("trust-region, kl-forward, closed-form: 2 iterations; in every state V is at most ")
    assert float(line.split("at most ")[1].split()[0]) > 0


@pytest.mark.parametrize(("suffix", "row"), [(".csv", "oak,"), (".md", "| oak |"), (".tex", r"oak \& ash")])
def test_the_policy_and_its_values_go_out_as_a_table_with_labels(suffix, row, tmp_path):
    mdp, out = tmp_path / "forest.json", tmp_path / f"policy{suffix}"
    mask = np.array([[True, True], [True, True], [True, False]])
    labels = {"states": ("oak & ash" if suffix == ".tex" else "oak", "b", "c"), "actions": ("wait", "cut")}
    save_mdp(replace(load("forest"), available=mask, **labels), mdp)
    assert main(["--mdp", str(mdp), "--policy", str(out)]) == 0
    text = out.read_text()
    assert row in text
    assert "pi(cut)" in text
    if suffix == ".csv":
        header, first, *_, last = text.splitlines()
        assert header == "state,V,rho,max A,pi(wait),pi(cut)"
        assert float(first.split(",")[1]) == pytest.approx(26.244)
        assert last.endswith(",-")


def test_a_page_about_one_mdp(tmp_path):
    mdp, out = tmp_path / "forest.json", tmp_path / "forest.html"
    save_mdp(replace(load("forest"), states=("<b>young</b>", "b", "c")), mdp)
    assert main(["--mdp", str(mdp), "--report", str(out)]) == 0
    page = out.read_text()
    assert page.startswith("<!doctype html>")
    assert "&lt;b&gt;young&lt;/b&gt;" in page
    assert "<b>young" not in page
    for piece in ("<svg", "max A", "at most", "ratio at least", "policy for forest"):
        assert piece in page


@pytest.mark.parametrize(
    ("option", "name", "message"),
    [
        ("--policy", "p.txt", "expected a name ending in .csv or .md or .tex, got p.txt"),
        ("--report", "p.pdf", "expected a name ending in .html, got p.pdf"),
        ("--report", "no/p.html", "cannot write"),
    ],
)
def test_a_file_with_another_ending_is_refused_before_the_work(option, name, message, capsys):
    assert main(["--mdp", "chain", option, name]) == 2
    assert message in capsys.readouterr().err
