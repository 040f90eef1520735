"""Lemmas 3.6 and 3.7 and Theorem 3.8: the numbers of the counterexamples, the enclosures, the commands."""

import dataclasses
import json
import math
import sys

import numpy as np
import pytest
from flint import arb, ctx

from exact.common.drawing import save_figure
from exact.controller import ControllerSettings, Outcome
from exact.gaussian.instances import one_state, random_instance, two_state
from exact.gaussian.measures import measure
from exact.gaussian.model import GaussianPolicy, action_value, evaluate
from exact.gaussian.steps import mean_step
from verify import lemma36, lemma37, theorem38
from verify.core.command import CommonOptions, FalsifierOptions, main
from verify.core.report import tally
from verify.core.statement import Verdict
from verify.gaussian.balls import (
    Effort,
    NotCertifiedError,
    enclose,
    gradient_norm,
    maximiser_balls,
    measure_balls,
    peak,
)
from verify.gaussian.runs import GaussianRun, check_step, falsify, judge_balls, measure_step, random_case

EFFORT = Effort(64, 64)


def verdicts(lemma, instance, delta, float_only=False):
    checks = check_step(lemma, instance, delta, float_only, "here")
    return {check.statement: check for check in checks}


def test_lemma_36_numbers_of_the_counterexample():
    check = verdicts(lemma36.LEMMA, one_state(), 1e-3)[lemma36.PRINTED]
    assert (check.verdict, check.exact) == (Verdict.VIOLATED, True)
    assert round(check.claimed, 5) == 0.19180  # theory.md section 4
    attained = measure_step(one_state(), 1e-3).attained
    assert round(attained, 5) == 0.12130
    assert check.actual == pytest.approx(attained, rel=1e-3)


def test_lemma_37_numbers_of_the_counterexample():
    check = verdicts(lemma37.LEMMA, two_state(), 1e-4)[lemma37.PRINTED]
    assert (check.verdict, check.exact) == (Verdict.VIOLATED, True)
    assert round(check.actual, 6) == 0.997860  # theory.md section 4
    assert round(check.claimed, 6) == 0.999894


def test_lemma_37_is_violated_below_a_radius_of_about_002():
    crossing = lemma37.crossing()
    assert round(crossing, 3) == 0.002
    assert verdicts(lemma37.LEMMA, two_state(), 0.99 * crossing)[lemma37.PRINTED].verdict is Verdict.VIOLATED
    assert verdicts(lemma37.LEMMA, two_state(), 1.01 * crossing)[lemma37.PRINTED].verdict is Verdict.HOLDS


@pytest.mark.parametrize("lemma", [lemma36.LEMMA, lemma37.LEMMA], ids=["lemma36", "lemma37"])
def test_floats_and_balls_agree_where_floats_are_clear(lemma):
    for run in (GaussianRun(None, FalsifierOptions()), GaussianRun(3, FalsifierOptions())):
        for instance, delta in run.cases():
            exact = verdicts(lemma, instance, delta)
            for statement, check in verdicts(lemma, instance, delta, float_only=True).items():
                assert not check.exact
                if check.verdict is not Verdict.UNDECIDED and statement in exact:
                    assert check.verdict is exact[statement].verdict


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("delta", [1e-5, 1e-2, 1.0])
def test_balls_contain_the_float_measures(seed, delta):
    instance, _ = random_case(seed)
    current = evaluate(instance.mdp, instance.policy)
    step = mean_step(instance.mdp, current, delta)
    floats, balls = measure(instance, delta, step), measure_balls(instance, delta, step, EFFORT)
    for field in dataclasses.fields(floats)[1:]:
        value, ball = getattr(floats, field.name), getattr(balls, field.name)
        grid = 1e-3 if field.name in {"h", "h_natural", "A_max"} else 1e-9  # grid maxima lie below the true ones
        assert abs(value - float(ball.mid())) <= float(ball.rad()) + grid * (1e-3 + abs(value)), field.name


def test_balls_narrow_with_the_effort():
    instance, _ = random_case(0)
    step = mean_step(instance.mdp, evaluate(instance.mdp, instance.policy), 0.1)
    rough, fine = (measure_balls(instance, 0.1, step, Effort(64, cells)) for cells in (16, 128))
    for name in ("h", "A_max", "gain"):
        assert getattr(fine, name).rad() < getattr(rough, name).rad() / 20


def test_peak_encloses_a_maximum_between_its_sampling_points():
    coefficients = np.array([arb(0), arb(0), arb(1)], dtype=object)  # sin a, largest at pi/2
    for cells in (3, 4, 5, 64):
        ball = peak(coefficients, 0.0, 0, arb(1), arb(1), cells)
        assert ball.contains(arb(1))
    assert peak(coefficients, 0.0, 0, arb(0), arb(0.5), 64).contains(arb(0.5).sin())  # at the end of the interval


def test_peak_allows_for_curvature_where_the_slope_vanishes():
    coefficients = np.array([arb(2), arb(-1), arb(0)], dtype=object)  # 2 - cos a, flat at the only sampling point, 0
    assert peak(coefficients, 0.0, 0, arb(0), arb(1), 1).contains(2 - arb(1).cos())


def test_the_exact_maximiser_is_enclosed_and_beats_its_neighbours():
    instance, _ = random_case(1)
    current = evaluate(instance.mdp, instance.policy)
    step = mean_step(instance.mdp, current, 1e-3)
    exact = maximiser_balls(instance, step, Effort(128, 64))
    assert exact.at_maximiser
    assert float(exact.delta.rad()) < 1e-25
    assert float(exact.delta.mid()) == pytest.approx(1e-3, rel=1e-9)
    assert float(exact.attained.mid()) == pytest.approx(step.gain, rel=1e-9)
    price, x = step.price, step.policy.mu - instance.policy.mu
    slopes = action_value(instance.mdp, current.V, step.policy.mu[:, None], instance.policy.sigma, 1)[:, 0]
    np.testing.assert_allclose(slopes, price * x / instance.policy.sigma**2, rtol=1e-8)


def test_premises_that_do_not_hold_are_refused():
    case = two_state()
    step = mean_step(case.mdp, evaluate(case.mdp, case.policy), 1e-2)
    with pytest.raises(NotCertifiedError, match="not provably within the radius"):
        measure_balls(case, 0.99e-2, step, EFFORT)
    free = mean_step(case.mdp, evaluate(case.mdp, case.policy), 10.0)
    assert free.price == 0
    with pytest.raises(NotCertifiedError, match="does not bind"):
        maximiser_balls(case, free, EFFORT)
    elsewhere = dataclasses.replace(step, policy=GaussianPolicy(step.policy.mu + 1e-3, 1.0))
    with pytest.raises(NotCertifiedError, match="does not contract"):
        maximiser_balls(case, elsewhere, EFFORT)
    valley = dataclasses.replace(free, price=1e-9)
    with pytest.raises(NotCertifiedError, match="not provably concave"):
        maximiser_balls(case, dataclasses.replace(valley, policy=_stationary(case, 1e-9)), EFFORT)


def _stationary(case, price):
    """The stationary point of the Lagrangian at a tiny price, next to the peak of sin a at pi/2."""
    x = math.pi / 2
    for _ in range(50):
        x -= (math.exp(-0.5) * math.cos(x) - price * x) / (-math.exp(-0.5) * math.sin(x) - price)
    return GaussianPolicy(np.array([x, 0.0]), 1.0)


def test_values_of_the_enclosure_are_those_of_the_counterexample():
    with ctx.workprec(64):
        balls = enclose(two_state(), np.array([arb(0), arb(0)], dtype=object))
        assert all(ball.contains(1) for ball in balls.rho)
        assert all(ball.contains(0) for ball in balls.V)
    assert gradient_norm(two_state(), EFFORT).overlaps(arb(-0.5).exp())


def test_overlapping_balls_leave_the_verdict_open():
    judged = [judge_balls(lemma36.PRINTED, arb(a, 0.1), arb(1), "here").verdict for a in (1.05, 2, 0.5)]
    assert judged == [Verdict.UNDECIDED, Verdict.HOLDS, Verdict.VIOLATED]


def test_the_falsifier_breaks_the_printed_lemma_and_not_the_others():
    rng = np.random.default_rng(5)
    instance = random_instance(rng, 2, 1, 0.6)
    delta = 0.5
    assert verdicts(lemma37.LEMMA, instance, delta, float_only=True)[lemma37.PRINTED].verdict is Verdict.HOLDS

    def closeness(statement, case, radius):
        claim = next(c for c in lemma37.claims(measure_step(case, radius)) if c.statement is statement)
        return lemma37.closeness(claim.actual, claim.claimed)

    start = closeness(lemma37.PRINTED, instance, delta)
    worst = falsify(instance, delta, lambda i, d: closeness(lemma37.PRINTED, i, d), 400, rng)
    assert start < 1 < closeness(lemma37.PRINTED, *worst)
    assert verdicts(lemma37.LEMMA, *worst)[lemma37.PRINTED].verdict is Verdict.VIOLATED
    tried = falsify(instance, delta, lambda i, d: closeness(lemma37.PRIOR, i, d), 60, rng)
    assert closeness(lemma37.PRIOR, instance, delta) <= closeness(lemma37.PRIOR, *tried) < 1


@pytest.mark.parametrize("module", [lemma36, lemma37], ids=["lemma36", "lemma37"])
def test_all_statements_come_out_as_expected_whatever_the_number_of_processes(module):
    one, two = (module.check(FalsifierOptions(instances=2, search=2, jobs=jobs)) for jobs in (1, 2))
    assert one == two
    rows = tally(module.STATEMENTS, one)
    assert all(row.as_expected and row.checks and not row.undecided for row in rows)
    assert module.check(FalsifierOptions(instances=1, search=0, seed=9))[-1] not in one


def test_theorem_38_holds_along_its_runs_and_they_reject():
    checks = theorem38.check(CommonOptions(instances=4))
    rows = tally(theorem38.STATEMENTS, checks)
    assert all(row.as_expected and row.checks and not row.undecided for row in rows)
    assert all(check.exact for check in checks)
    outcomes = [it.outcome for it in theorem38.Trajectory(None, CommonOptions()).solve().iterations]
    assert outcomes[0] is Outcome.REJECT
    assert outcomes[-1] is Outcome.ACCEPT


def test_theorem_38_radius_floor_is_the_smallest_of_three_and_would_notice_a_smaller_radius():
    def floor_at(beta0, beta1, delta0):
        return float(theorem38.radius_floor(two_state(), ControllerSettings(beta0=beta0, beta1=beta1), delta0).mid())

    c = 2 * 0.5**3 * (0.1 * 0.5 / 0.5) ** 2  # at beta = .9
    floor = floor_at(0.9, 0.95, 10.0)
    assert floor == pytest.approx(0.8 * c / 4, rel=1e-12)
    assert floor_at(0.9, 0.91, 10.0) == pytest.approx(0.6 * c, rel=1e-12)
    assert floor_at(0.9, 0.91, 1e-6) == 1e-6
    assert judge_balls(theorem38.FLOOR, arb(0.99 * floor), arb(floor), "here").verdict is Verdict.VIOLATED


def run_command(study, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", [study.command, *arguments])
    with pytest.raises(SystemExit) as stop:
        main(study)
    return stop.value.code


@pytest.mark.parametrize("module", [lemma36, lemma37, theorem38], ids=["lemma36", "lemma37", "theorem38"])
def test_command_reports_and_draws(module, monkeypatch, tmp_path, capsys):
    report, figure = tmp_path / "report.json", tmp_path / "figure.svg"
    extra = () if module is theorem38 else ("--search", "0")
    arguments = ("--instances", "1", "--json", str(report), *extra)
    assert run_command(module.STUDY, monkeypatch, *arguments) == 0
    rows = json.loads(report.read_text())
    assert [row["statement"] for row in rows] == [statement.name for statement in module.STATEMENTS]
    save_figure(module.draw(module.check(module.STUDY.options(instances=0))), figure)
    assert figure.stat().st_size > 0
    assert module.STUDY.title in capsys.readouterr().out


@pytest.mark.parametrize("module", [lemma36, lemma37, theorem38], ids=["lemma36", "lemma37", "theorem38"])
@pytest.mark.parametrize("arguments", [("--mdp", "frozenlake-4x4"), ("--solver", "lp")], ids=["mdp", "solver"])
def test_command_refuses_options_of_finite_actions(module, arguments, monkeypatch, capsys):
    assert run_command(module.STUDY, monkeypatch, *arguments) == 2
    errors = capsys.readouterr().err.strip().splitlines()
    assert len(errors) == 1
    assert f"Unrecognized options: {arguments[0]}" in errors[0]
