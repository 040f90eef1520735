"""Rules that decide about a sampled trial point: what each puts into the ratio of `exact.controller`.

Every rule is a choice of the three terms of r = actual / (noise + predicted), (4.14) of Zhao, Li and Wen (arXiv
1911.11640), and of the controller's constants; the decision (4.15) and the radius (4.16) are then the controller's.

    (4.14)        returns over sigma-hat + predicted gain, as printed; or without sigma-hat
    z             an estimate over its own standard error; predicted is zero, so the ratio is a z-score
    relaxed       two standard errors in numerator and denominator (Sun and Nocedal, arXiv 2201.00973)
    pooled        the derivative of eta at the trial over the one at pi_k, both out of sample and averaged over trials
    guard         a z-score that only rejects; the radius coefficient is constant
    beta0 by s.e. (4.14) whose beta0 is -2 standard errors of its numerator, in units of its denominator: a z-score
                  with the paper's other constants

The radius delta_k is a mean KL divergence per sample, mu_k times a factor (`Scale`). Algorithm 4.3 has delta_k =
mu_k ||g_k||; here the norm is divided by that of the first batch, so that mu is a KL divergence whatever the MDP's
rewards are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from exact.controller import ControllerSettings, ControllerState, Outcome, decide, ratio
from exact.mdp import Array
from verify.sampled.estimators import Estimate, average
from verify.sampled.sampler import Booleans

MU = 0.1
"""First mu of every rule that adapts it."""
MU_MIN, MU_MAX = 0.01, 0.5
"""Range of mu."""
MAX_REJECTIONS = 4
"""Consecutive rejections before a step is forced: the paper's section 5.1."""
ACCURACIES = (0.5, 1.0)
"""Standard errors of the trial's return, in predicted gains, up to which adaptive batches are sampled."""
RELAXATION = 2.0
"""Standard errors granted in the relaxed ratio."""


def _settings(
    beta0: float, beta1: float, gammas: tuple[float, float, float], mu: tuple[float, float] = (MU_MIN, MU_MAX)
) -> ControllerSettings:
    return ControllerSettings(beta0, beta1, *gammas, *mu, MAX_REJECTIONS)


PAPER = _settings(-0.1, 0.0, (2.0, 0.8, 0.6))
"""The paper's gammas and beta1; beta0 < 0 is left open there."""
PAPER_Z = _settings(-2.0, 0.0, (2.0, 0.8, 0.6))
"""The paper's gammas and beta1 for a z-score: the sign of the difference moves mu, only a significant loss rejects."""
RELAXED = _settings(0.05, 0.5, (1.25, 0.8, 0.6))
"""Thresholds of Algorithm 3.1, for ratios that are meant to be near one."""
SIGNIFICANT = _settings(-2.0, 1.0, (1.1, 0.95, 0.8))
"""For z-scores: reject a significant loss only, change mu slowly."""
POOLED = _settings(-1.0, 0.5, (1.1, 0.9, 0.6))
"""For pooled ratios, which change slowly."""
GUARD = _settings(-2.0, 1.0, (1.1, 0.95, 0.8), (MU, MU))
"""Reject a significant loss; floor and ceiling hold mu where it is."""


class Scale(Enum):
    """Factor of mu_k in the radius delta_k."""

    NONE = "none"
    """1: mu is the radius."""
    EUCLIDEAN = "euclidean"
    """||g_k|| over that of the first batch, g the gradient (4.3) with respect to the logits: Algorithm 4.3."""
    NATURAL = "natural"
    """(g' H^{-1} g)^{1/2} over that of the first batch, H the Hessian of the mean KL divergence."""
    LINEAR = "linear"
    """The share of the sample budget that is left: a schedule, which has to know the budget."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known about the trial points of R replications. The first two need no samples of the trial."""

    predicted: Estimate
    """Surrogate gain on the samples that chose the step."""
    held_out: Estimate
    """Surrogate gain on other samples of pi_k (`verify.sampled.step`)."""
    sigma: Array
    """sigma-hat(theta_k) of (4.2), shape (R,)."""
    returns: Estimate
    """Difference of mean returns."""
    performance: Estimate
    """Performance-difference form of (2.3)."""
    reverse: Estimate
    """Reverse surrogate."""
    pooled_held_out: Estimate
    """`held_out` of the trials so far, summed with falling weights."""
    pooled_reverse: Estimate
    """`reverse`, in the same way."""


Estimator = Callable[[Evidence], Estimate]
Terms = tuple[Array, Array, Array]
"""Numerator, predicted gain and noise of the ratio, each (R,)."""


@dataclass(frozen=True)
class Rule:
    """One rule."""

    name: str
    estimate: Estimator
    """The rule's estimate of eta(trial) - eta(pi_k), whose bias and error are reported."""
    terms: Callable[[Evidence], Terms]
    settings: ControllerSettings | None
    """None accepts every trial and keeps the radius."""
    mu: float = MU
    """First mu."""
    before_trial: bool = False
    """The decision needs no samples of the trial point."""
    half_batch: bool = False
    """The step is chosen by the first half of the batch."""
    scale: Scale = Scale.EUCLIDEAN
    """Factor of mu in the radius."""
    common_noise: bool = False
    """The trial is sampled with the random numbers of B's newest N steps, and the returns are compared in pairs."""
    renewed: bool = False
    """After an accepted step N more samples of the new policy are drawn, with new random numbers, and join B."""
    accuracy: float | None = None
    """The trial is sampled until the standard error of its return is about so many predicted gains; None: N steps."""


def decide_all(
    rules: Sequence[Rule], states: Sequence[ControllerState], evidence: Evidence, deciding: Booleans
) -> tuple[list[Outcome | None], list[ControllerState]]:
    """One decision by rules[r] from states[r] for every replication r in `among` (shape (R,)); None for the others."""
    terms = {rule: np.stack(rule.terms(evidence), axis=1).tolist() for rule in set(rules)}
    outcomes: list[Outcome | None] = [None] * len(rules)
    following = list(states)
    for r in np.flatnonzero(deciding).tolist():
        settings = rules[r].settings
        if settings is None:
            outcomes[r] = Outcome.ACCEPT
        else:
            outcomes[r], following[r] = decide(settings, states[r], ratio(*terms[rules[r]][r]))
    return outcomes, following


def estimates(rules: Sequence[Rule], evidence: Evidence) -> Array:
    """Each replication's estimated gain by its own rule, shape (R,)."""
    value = {rule: rule.estimate(evidence).value for rule in set(rules)}
    return np.array([value[rule][r] for r, rule in enumerate(rules)])


def fixed(mu: float, scale: Scale) -> Rule:
    """No ratio test: every trial is accepted and mu kept."""
    names = {
        Scale.NONE: f"fixed radius {mu:g}",
        Scale.EUCLIDEAN: f"fixed mu {mu:g}",
        Scale.NATURAL: f"fixed mu {mu:g}, natural norm",
        Scale.LINEAR: f"radius from {mu:g} to 0",
    }
    return Rule(names[scale], _predicted, _agreement(_predicted), None, mu, scale=scale)


def _predicted(e: Evidence) -> Estimate:
    return e.predicted


def _returns(e: Evidence) -> Estimate:
    return e.returns


def _performance(e: Evidence) -> Estimate:
    return e.performance


def _reverse(e: Evidence) -> Estimate:
    return e.reverse


def _held_out(e: Evidence) -> Estimate:
    return e.held_out


def _trapezoid(e: Evidence) -> Estimate:
    """Half the predicted gain plus half the reverse surrogate; overfitted by half of what the prediction is."""
    return average(e.predicted, e.reverse)


def _clean_trapezoid(e: Evidence) -> Estimate:
    """The same with the held-out gain in place of the predicted one."""
    return average(e.held_out, e.reverse)


def _agreement(actual: Estimator) -> Callable[[Evidence], Terms]:
    """(3.2) with both terms sampled."""
    return lambda e: (actual(e).value, e.predicted.value, np.zeros_like(e.sigma))


def _paper(e: Evidence) -> Terms:
    """(4.14)."""
    return e.returns.value, e.predicted.value, e.sigma


def _z(of: Estimator) -> Callable[[Evidence], Terms]:
    """An estimate over its standard error."""
    return lambda e: (of(e).value, np.zeros_like(e.sigma), of(e).error)


def _relaxed(of: Estimator) -> Callable[[Evidence], Terms]:
    """(actual + c error) / (predicted + c error)."""

    def terms(e: Evidence) -> Terms:
        slack = RELAXATION * of(e).error
        return of(e).value + slack, e.predicted.value, slack

    return terms


def _pooled(e: Evidence) -> Terms:
    """Derivative of eta along the step at its end over the one at its start, with the latter's error as noise."""
    return e.pooled_reverse.value, e.pooled_held_out.value, e.pooled_held_out.error


RULES = (
    Rule("(4.14)", _returns, _paper, PAPER),
    Rule("(4.14) without sigma", _returns, _agreement(_returns), PAPER),
    Rule("returns, z", _returns, _z(_returns), SIGNIFICANT),
    Rule("performance difference, z", _performance, _z(_performance), SIGNIFICANT),
    Rule("reverse, z", _reverse, _z(_reverse), SIGNIFICANT),
    Rule("trapezoid, z", _trapezoid, _z(_trapezoid), SIGNIFICANT),
    Rule("clean trapezoid, z", _clean_trapezoid, _z(_clean_trapezoid), SIGNIFICANT),
    Rule("held-out, z", _held_out, _z(_held_out), SIGNIFICANT, before_trial=True, half_batch=True),
    Rule("cross-fitted, z", _held_out, _z(_held_out), SIGNIFICANT, before_trial=True),
    Rule("returns, relaxed", _returns, _relaxed(_returns), RELAXED),
    Rule("reverse, relaxed", _reverse, _relaxed(_reverse), RELAXED),
    Rule("derivative, pooled", _clean_trapezoid, _pooled, POOLED),
    Rule("reverse, guard", _reverse, _z(_reverse), GUARD),
    Rule("(4.14), common noise", _returns, _paper, PAPER, common_noise=True),
    Rule("returns, z, common noise", _returns, _z(_returns), SIGNIFICANT, common_noise=True),
    Rule("(4.14), beta0 by s.e.", _returns, _z(_returns), PAPER_Z),
)
"""The rules that decide."""

VARIANTS = (
    Rule("reverse, z, from mu 0.01", _reverse, _z(_reverse), SIGNIFICANT, mu=0.01),
    Rule("reverse, z, from mu 0.3", _reverse, _z(_reverse), SIGNIFICANT, mu=0.3),
    Rule("reverse, z, not scaled", _reverse, _z(_reverse), SIGNIFICANT, scale=Scale.NONE),
    Rule("returns, z, common noise, renewed", _returns, _z(_returns), SIGNIFICANT, common_noise=True, renewed=True),
    *(Rule(f"(4.14), accuracy {c:g}", _returns, _paper, PAPER, accuracy=c) for c in ACCURACIES),
    *(Rule(f"returns, z, accuracy {c:g}", _returns, _z(_returns), SIGNIFICANT, accuracy=c) for c in ACCURACIES),
)
"""Rules that single decisions do not show: other first values of mu, mu as the radius itself, adaptive batches."""

FIXED = (
    *(fixed(mu, Scale.NONE) for mu in (0.003, 0.01, 0.02, 0.03, 0.05, 0.1, 0.3)),
    *(fixed(mu, Scale.EUCLIDEAN) for mu in (0.03, 0.05, 0.07, 0.1, 0.15, 0.3)),
    *(fixed(mu, Scale.NATURAL) for mu in (0.03, 0.05, 0.1)),
    *(fixed(mu, Scale.LINEAR) for mu in (0.03, 0.05, 0.1)),
)
"""What the rules are compared with."""

CONTENDERS = RULES + VARIANTS + FIXED
"""All that whole runs compare."""
