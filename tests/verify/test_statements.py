"""The commands lemma32, lemma34, theorem35 and bounds: verdicts, numbers, reports, and independence of --jobs."""

import json
import subprocess
import sys

import numpy as np
import pytest

from exact.algorithm import iterate
from exact.mdps.library import load
from exact.subproblem.step import Step
from exact.subproblem.tv import solve_tv
from verify import ladder as bounds
from verify import lemma32, lemma34, theorem35
from verify.core.command import Options, SearchOptions, Study, main
from verify.core.report import tally
from verify.core.statement import Statement, Verdict, judge
from verify.tabular.runs import check_step
from verify.tabular.trial import on_grid

STUDIES = {"lemma32": lemma32, "lemma34": lemma34, "theorem35": theorem35, "bounds": bounds}
EACH = pytest.mark.parametrize("module", STUDIES.values(), ids=STUDIES.keys())
SMALL = ("cash-in", "unvisited", "dadashi-2a", "gridworld-4x4", "garnet:S=7,A=3,b=2,gamma=0.95,seed=1")
STAY = np.array([[1.0, 0.0], [1.0, 0.0]])


def options(module, **changes):
    search = {"search": 4} if module is lemma34 else {}
    return module.STUDY.options(**({"mdp": SMALL, "instances": 1} | search | changes))


def row_of(module, checks):
    return {row.statement: row for row in tally(module.STUDY.statements, checks)}


@EACH
def test_all_statements_come_out_as_expected_whatever_the_number_of_processes(module):
    one, two = (module.check(options(module, jobs=jobs)) for jobs in (1, 2))
    assert one == two
    rows = row_of(module, one).values()
    assert all(row.as_expected and row.checks and not row.undecided for row in rows)
    assert module.check(options(module, seed=9)) != one


@EACH
def test_exact_verdicts_agree_with_the_floats(module):
    few = {"mdp": SMALL[:3], **({"search": 1} if module is lemma34 else {})}
    certified, mixed, floats = (
        row_of(module, module.check(options(module, **few, **way)))
        for way in ({"certify": True}, {}, {"float_only": True})
    )
    for name, row in certified.items():
        assert row.decided_exactly == row.checks
        assert row.undecided == mixed[name].undecided == 0
        assert row.violations == mixed[name].violations >= floats[name].violations
        assert row.as_expected


@EACH
def test_the_linear_program_serves_as_well(module):
    rows = row_of(module, module.check(options(module, solver="lp", mdp=("dadashi-2b",))))
    assert all(row.as_expected for row in rows.values())


def test_lemma34_numbers_on_cash_in():
    """The table of theory.md section 3 as the verifier sees it, over the rationals."""
    mdp = load("cash-in")
    table = ((1e-4, 0.99982, 0.99982, 0.712), (0.1, 0.84746, 0.82, -287), (5, 0.1, -8, -14399))
    for delta, ratio, prior, printed in table:
        it = next(iterate(mdp, start=STAY, delta0=delta))
        checks = {c.statement: c for c in check_step(lemma34.claims, mdp, it, Options(certify=True), "here")}
        assert round(checks[lemma34.PRIOR].actual, 5) == ratio
        assert round(checks[lemma34.PRIOR].claimed, 5) == prior
        assert checks[lemma34.LEMMA_34].claimed == pytest.approx(printed, rel=2e-3)
        assert checks[lemma34.POSTERIOR].slack == pytest.approx(0, abs=1e-15)  # tight here; the step is off the grid


def worse_step(policy, A, rho, delta):
    """Half of the way: feasible, but no maximiser."""
    step = solve_tv(policy, A, rho, delta)
    return Step((policy + step.policy) / 2, step.gain / 2, step.distance / 2, step.price)


def backward_step(policy, A, rho, delta):
    """The maximiser for the negated advantage: as bad as can be."""
    step = solve_tv(policy, -A, rho, delta)
    return Step(step.policy, -step.gain, step.distance, step.price)


@pytest.mark.parametrize(
    ("step", "violated"),
    [
        (worse_step, {lemma34.OPTIMAL}),
        (backward_step, {lemma34.OPTIMAL, lemma34.LEMMA_33, lemma34.SHARP_33, lemma34.STATEWISE, lemma34.MONOTONE}),
    ],
)
def test_a_step_that_is_no_maximiser_is_found_out(step, violated):
    mdp = load("dadashi-2a")
    it = next(iterate(mdp, on_grid(solve_tv), start=mdp.uniform_policy(), delta0=100.0))
    bad = step(it.policy, it.before.A, it.before.rho, 100.0)
    fake = type(it)(**{**vars(it), "step": bad})
    checks = check_step(lemma34.claims, mdp, fake, Options(certify=True), "here")
    assert violated <= {c.statement for c in checks if c.verdict is Verdict.VIOLATED}


def test_lemma32_needs_a_positive_start():
    """theory.md section 3, 8: eta = 0 at A* = 0, the optimum is 9."""
    rows = row_of(lemma32, lemma32.check(Options(instances=0)))
    row = rows["Lemma 3.2 without rho0 > 0"]
    assert (row.checks, row.violations, row.worst_slack) == (1, 1, -9.0)


def test_310_numbers():
    """theory.md section 1: .348 is below gamma2 delta_bar = .444; the repaired floor is .333 at most."""
    printed, repaired = theorem35._check_floor()
    assert (printed.verdict, repaired.verdict) == (Verdict.VIOLATED, Verdict.HOLDS)
    assert printed.actual == repaired.actual == pytest.approx(0.348)
    assert printed.claimed == pytest.approx(0.8 * 5 / 9)
    assert repaired.claimed == pytest.approx(0.6 * (1 / 0.49 - 1) * 5 / 9)


def test_ladder_gets_tighter_rung_by_rung():
    checks = bounds.check(Options(instances=20))
    tightness = [row.median_tightness for row in row_of(bounds, checks).values()]
    assert len(tightness) == 5
    assert tightness[0] < tightness[1]
    assert tightness[2] < tightness[3] < tightness[4] <= 1


def run_command(study, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", [study.command, *arguments])
    with pytest.raises(SystemExit) as stop:
        main(study)
    return stop.value.code


@EACH
def test_command_reports_and_draws(module, monkeypatch, tmp_path, capsys):
    report, figure = tmp_path / "report.json", tmp_path / "figure.svg"
    extra = ("--search", "0") if module is lemma34 else ()
    files = ("--json", str(report), "--figure", str(figure))
    assert run_command(module.STUDY, monkeypatch, "--mdp", "dadashi-3", "--instances", "2", *files, *extra) == 0
    rows = json.loads(report.read_text())
    assert [row["statement"] for row in rows] == [statement.name for statement in module.STUDY.statements]
    assert all(row["worst_instance"] for row in rows if row["checks"])
    assert figure.stat().st_size > 0
    shown = capsys.readouterr()
    assert module.STUDY.title in shown.out
    assert "Traceback" not in shown.err


def test_command_says_when_a_statement_did_not_come_out(monkeypatch, capsys):
    for statement, claimed in (
        (Statement("true", "printed", "1 >= 2"), 2),
        (Statement("false", "printed", "1 >= 0", expected="fails"), 0),
    ):
        checks = [judge(statement, 1, claimed, "here")]
        study = Study("A study", "verify.study", (statement,), Options, lambda _, checks=checks: checks, bounds.draw)
        assert run_command(study, monkeypatch) == 1
        assert f"expected: {statement.expected}" in capsys.readouterr().out


BAD = [
    (("--mdp", "gridwrld-5x5"), "unknown MDP 'gridwrld-5x5': did you mean gridworld-5x5"),
    (("--instances", "-1"), "--instances must be at least 0, got -1"),
    (("--jobs", "0"), "--jobs must be at least 1, got 0"),
    (("--certify", "--float-only"), "--certify and --float-only exclude each other"),
    (("--json", "/nonexistent/x.json"), "cannot write /nonexistent/x.json"),
    (("--figure", "x.tiff"), "cannot draw into x.tiff: expected a file name ending in .png, .pdf, .svg"),
    (("--solver", "simplex"), "simplex"),
    (("--instances", "many"), "--instances"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(arguments) for arguments, _ in BAD])
def test_bad_input_is_one_line_and_writes_nothing(arguments, message, monkeypatch, tmp_path, capsys):
    report = tmp_path / "report.json"
    report.write_text("precious")
    files = () if "--json" in arguments else ("--json", str(report))
    assert run_command(lemma34.STUDY, monkeypatch, *files, *arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert report.read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_the_command_itself(tmp_path):
    """In its own process: a broken MDP file is one line and status 2."""
    broken = tmp_path / "broken.json"
    broken.write_text('{"transitions": [')
    command = [sys.executable, "-m", "verify.ladder", "--mdp", str(broken)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)


def test_search_is_an_option_of_the_searching_statements_only():
    assert lemma34.STUDY.options is SearchOptions
    assert not hasattr(theorem35.STUDY.options(), "search")
