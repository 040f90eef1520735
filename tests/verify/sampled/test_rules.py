"""The accept/reject rules."""

from dataclasses import replace

import numpy as np
import pytest

from exact.controller import ControllerState, Outcome
from verify.sampled.algorithm import advance, begin, radii
from verify.sampled.batches import Sampling
from verify.sampled.estimators import BatchSums, Estimate
from verify.sampled.evidence import evidence_before
from verify.sampled.rules import CONTENDERS, FIXED, GUARD, RULES, Scale, decide_all
from verify.sampled.sampler import tabulate
from verify.sampled.step import Proposal, gradient_norms


def evidence(predicted=2.0, sigma=3.0, returns=(1.0, 0.5), reverse=(-1.0, 0.25)):
    one = np.ones(1)
    unsampled = evidence_before(
        BatchSums(*(np.ones((2, 1, 1, 1)),) * 3, *(one,) * 6),
        Proposal(np.ones((1, 1, 1)), Estimate(predicted * one, one), Estimate(one, one)),
    )
    return replace(
        unsampled,
        sigma=sigma * one,
        returns=Estimate(*(x * one for x in returns)),
        reverse=Estimate(*(x * one for x in reverse)),
    )


def test_rules_form_the_ratio_they_are_named_after():
    by_name = {rule.name: rule for rule in RULES}

    def terms(name):
        return [float(x[0]) for x in by_name[name].terms(evidence())]

    assert terms("(4.14)") == [1, 2, 3]
    assert terms("(4.14) without sigma") == [1, 2, 0]
    assert terms("returns, z") == [1, 0, 0.5]
    assert terms("returns, relaxed") == [1 + 2 * 0.5, 2, 2 * 0.5]
    assert terms("reverse, z") == [-1, 0, 0.25]
    assert terms("trapezoid, z") == [(2 - 1) / 2, 0, np.hypot(1, 0.25) / 2]


def test_the_guard_rejects_a_significant_loss_and_keeps_mu():
    guard = next(rule for rule in RULES if rule.settings is GUARD)
    for value, expected in ((-1.0, Outcome.REJECT), (-0.4, Outcome.ACCEPT), (9.0, Outcome.ACCEPT)):
        controller = ControllerState(guard.mu)
        outcomes, states = decide_all([guard], [controller], evidence(reverse=(value, 0.25)), np.ones(1, dtype=bool))
        assert outcomes == [expected]
        assert states[0].radius == guard.mu


def test_a_rule_that_needs_the_trial_cannot_decide_before_it():
    known = replace(evidence(), returns=Estimate(np.full(1, np.nan), np.full(1, np.nan)))
    with pytest.raises(ValueError, match="non-finite"):
        decide_all([RULES[0]], [ControllerState(0.1)], known, np.ones(1, dtype=bool))


def test_the_radius_is_mu_times_the_factor_of_the_rules_scale(mdp):
    rules = [replace(FIXED[0], mu=0.5, scale=scale) for scale in Scale]
    tables, sampling, rng = tabulate(mdp), Sampling(50, exact_advantages=False), np.random.default_rng(19)
    state = begin(tables, rules, sampling, rng)
    assert np.allclose(radii(rules, state, left=1.0), 0.5)  # every norm is relative to that of the first batch
    state, _ = advance(tables, rules, state, sampling, 1.0, rng)
    now = gradient_norms(state.batch, state.policy)
    factors = {
        Scale.NONE: 1,
        Scale.EUCLIDEAN: now[0][1] / state.first_norms[0][1],
        Scale.NATURAL: now[1][2] / state.first_norms[1][2],
        Scale.LINEAR: 0.25,
    }
    expected = [0.5 * factors[scale] for scale in Scale]
    assert radii(rules, state, left=0.25) == pytest.approx(expected)
    assert len(set(expected)) == 4


def test_rules_have_distinct_names():
    names = [rule.name for rule in CONTENDERS]
    assert len(set(names)) == len(names)
