"""More rungs of the ladder: kernels, successors, inexact advantages, and mixtures whose size maximises a bound.

Notation as in `verify.ladder`: each X has eta(pi') >= L(pi') - X, f(s) = sum_a pi'(a|s) A(s,a), TV, D.  Further
T(s) = 1/2 sum_t |P'(t|s) - P(t|s)| <= TV(s) is the total variation of the next state, span_s the span over the states
that pi or pi' can reach from s in one step; m(s) = max_a A(s,a), g greedy, B = sum rho TV(g, pi), A* = sum rho m.

    Kernel       X = gamma sum rho T span(f)/(1-gamma): the span form with next states for actions.  Pirotta, Restelli,
                 Pecorino and Calandriello (ICML 2013) have max_s T(s) for the mean of T, and so one more 1/(1-gamma).
    Successors   X = gamma sum_s rho(s) T(s) span_s(V' - V), a posteriori.
    Inexact      eta' - eta >= gain_hat - gamma D span(f_hat)/(1-gamma) - 2 eps D', if |A_hat - A| <= eps.
    Mixture      pi' = pi + zeta (g - pi) with b = gamma B span(m)/(1-gamma) and zeta = min(1, A*/(2b)) has
                 eta' - eta >= zeta (A* - zeta b), that is A*^2/(4b) if zeta < 1.
    Kakade       Conservative policy iteration (Kakade and Langford, ICML 2002) has zeta = (1-gamma)^3 A*/(4R) and
                 eta' - eta >= (1-gamma)^3 A*^2/(8R), R = max r - min r. The mixture's bound is larger, always.
    Approximate  The mixture with the greedy policy of A_hat: with a = sum rho (g - pi) A_hat - 2 eps/(1-gamma) > 0 and
                 zeta = min(1, a/(2b)) it has eta' - eta >= zeta (a - zeta b), b with m_hat for m.

    Constrained  RPI and CRPI (Eshwar, Thoppe, Barua, Gopalan and Dalal, arXiv 2506.07134) evaluate pi by values v with
                 v <= T_pi v.  Let e = T_pi v - v >= 0 be the residual and A_hat = r + gamma P v - T_pi v.  Then
                 e <= V - v <= max e/(1-gamma) in every state, and the mixture with the greedy policy of A_hat, with
                 a = sum rho (g - pi) A_hat - gamma span(e)/(1-gamma)^2 > 0 and zeta, b as above, has
                 eta' - eta >= zeta (a - zeta b): a conservative step whose error is known from the residual alone.
                 The constants in the text of CRPI could not be read; these are derived here.

Proof.  eta' - L' = gamma sum rho ((P' - P)(V' - V)), and a row of P' - P has a positive and a negative part of mass
T(s), both on the states that pi or pi' reaches: successors.  span(V' - V) <= span(f)/(1-gamma): kernel.  Inexact: f
>= f_hat - 2 eps TV(s), and sum rho' f_hat >= sum rho f_hat - gamma D span(f_hat)/(1-gamma), since rho' - rho sums to
zero and has a positive part of mass gamma D/(1-gamma) at most.  Mixture: f = zeta m, D = zeta B, so L' - eta = zeta
A* and X = zeta^2 b; the best zeta. Kakade: B <= 1/(1-gamma), span(m) <= max m <= R/(1-gamma), so b <= gamma
R/(1-gamma)^3 and their zeta has zeta (A* - zeta b) >= zeta A* (1 - gamma/4) >= zeta A*/2; the best zeta has no less.
Approximate: f_hat = zeta m_hat >= 0, D' <= zeta/(1-gamma).  Constrained: V - v = (I - gamma P)^{-1} e, which gives
the bounds of V - v, and span(V - v) <= span(e)/(1-gamma).  And A - A_hat = gamma (P(.|s,a) - P)(V - v), so |f - f_hat|
<= gamma TV(s) span(e)/(1-gamma), which is what 2 eps TV(s) was.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from exact.bounds import total_variation
from exact.evaluation import Evaluation
from exact.mdps.library import load
from exact.rational import RationalMDP, Rationals, dyadic, dyadics, evaluate_exactly, from_mdp
from verify.core.checking import check_all
from verify.core.command import SearchOptions, Study, run
from verify.core.drawing import new_figure, tightness_panel
from verify.core.findings import Findings
from verify.core.statement import Check, Statement, judge
from verify.inexact import Inexact, take
from verify.tabular.certifying import step_certificates
from verify.tabular.falsify import Place, search_near
from verify.tabular.rational_steps import howard, is_optimal, knapsack
from verify.tabular.runs import Run, plan, rational_mdp, small_runs, start_policy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KERNEL = Statement("kernel, after Pirotta et al. 2013", "sharper", "gamma sum rho T span(f)/(1-gamma) >= L' - eta'")
SUCCESSORS = Statement("successors, a posteriori", "new", "gamma sum rho T span_s(V' - V) >= L' - eta'")
INEXACT = Statement("inexact span form", "new", "eta' - eta >= gain_hat - gamma D span(f_hat)/(1-gamma) - 2 eps D'")
MIXTURE = Statement("best mixture", "new", "eta' - eta >= zeta (A* - zeta b), zeta = min(1, A*/(2b))")
KAKADE = Statement("Kakade and Langford 2002", "printed", "eta' - eta >= (1-gamma)^3 A*^2/(8R)")
LARGER = Statement("best mixture against Kakade and Langford", "new", "zeta (A* - zeta b) >= (1-gamma)^3 A*^2/(8R)")
APPROXIMATE = Statement("best mixture, inexact", "new", "eta' - eta >= zeta (a - zeta b), zeta = min(1, a/(2b))")
BELOW = Statement("Bellman-constrained values, below V", "printed", "min_s (V - v - e) >= 0")
ABOVE = Statement("Bellman-constrained values, how far", "new", "max e/(1-gamma) >= max_s (V - v)")
CONSTRAINED = Statement(
    "best mixture, Bellman-constrained", "new", "eta' - eta >= zeta (a - zeta b), a from the residual"
)
STATEMENTS = (KERNEL, SUCCESSORS, INEXACT, MIXTURE, KAKADE, LARGER, APPROXIMATE, BELOW, ABOVE, CONSTRAINED)

SEARCHED = (KERNEL, SUCCESSORS, MIXTURE)
"""Statements that the falsifier tries to break."""
SEARCHED_RUNS, SEARCHED_STATES = 4, 6
"""It starts at the first runs, so many, in MDPs of at most so many states."""
MAX_STATES = 20
"""MDPs with more states are left out: exact evaluation grows as S^3."""


def span(x: Rationals) -> Any:
    """max x - min x."""
    return x.max() - x.min()


def next_states(mdp: RationalMDP, policy: Rationals) -> Rationals:
    """P(t|s) under a policy, shape (S, S)."""
    S, A = policy.shape
    P = np.zeros((S, S), dtype=object)
    np.add.at(P, (mdp.row_of_entry // A, mdp.successors), policy.ravel()[mdp.row_of_entry] * mdp.probabilities)
    return P


def check_surrogate(mdp: RationalMDP, policy: Rationals, trial: Rationals, where: str) -> Iterator[Check]:
    """KERNEL and SUCCESSORS for two policies."""
    now, after = evaluate_exactly(mdp, policy), evaluate_exactly(mdp, trial)
    f = (trial * now.A).sum(axis=1)
    error = now.eta + (now.rho * f).sum() - after.eta
    P, P_new = next_states(mdp, policy), next_states(mdp, trial)
    T = abs(P_new - P).sum(axis=1) / 2
    reached = (P != 0) | (P_new != 0)
    spans = np.array([span((after.V - now.V)[row]) for row in reached])
    yield judge(KERNEL, mdp.discount * (now.rho * T).sum() * span(f) / (1 - mdp.discount), error, where)
    yield judge(SUCCESSORS, mdp.discount * (now.rho * T * spans).sum(), error, where)


def check_inexact(it: Inexact, where: str) -> Check:
    """INEXACT at a step of (3.6)."""
    gamma, after = it.mdp.discount, evaluate_exactly(it.mdp, it.trial)
    TV, f_hat = total_variation(it.policy, it.trial), ((it.trial - it.policy) * it.A_hat).sum(axis=1)
    X = gamma * (it.now.rho * TV).sum() * span(f_hat) / (1 - gamma) + 2 * it.eps * (after.rho * TV).sum()
    return judge(INEXACT, after.eta - it.now.eta, it.gain(it.A_hat) - X, where)


def best_mixture(mdp: RationalMDP, policy: Rationals, now: Evaluation, eps: Any = 0) -> tuple[Rationals, Any]:
    """The mixture whose size maximises the bound, and its bound; `now.A` may be off by eps.

    The size is rounded to 24 bits, so that fractions stay short; the bound is that of the rounded size.
    """
    direction = howard(policy, now) - policy
    m = (direction * now.A).sum(axis=1)
    a = (now.rho * m).sum() - 2 * eps / (1 - mdp.discount)
    b = mdp.discount * (now.rho * abs(direction).sum(axis=1) / 2).sum() * span(m) / (1 - mdp.discount)
    best = 0.0 if a <= 0 else 1.0 if 2 * b <= a else float(a / (2 * b))
    zeta = dyadic(float(np.float32(best)))
    return policy + zeta * direction, zeta * (a - zeta * b)


def check_mixtures(mdp: RationalMDP, policy: Rationals, now: Evaluation, where: str) -> Iterator[Check]:
    """MIXTURE, KAKADE and LARGER at one policy."""
    trial, bound = best_mixture(mdp, policy, now)
    yield judge(MIXTURE, evaluate_exactly(mdp, trial).eta - now.eta, bound, where)
    A_star, R = (now.rho * now.A.max(axis=1)).sum(), span(mdp.rewards)
    zeta = (1 - mdp.discount) ** 3 * A_star / (4 * R)
    conservative = policy + zeta * (howard(policy, now) - policy)
    printed = (1 - mdp.discount) ** 3 * A_star**2 / (8 * R)
    yield judge(KAKADE, evaluate_exactly(mdp, conservative).eta - now.eta, printed, where)
    yield judge(LARGER, bound, printed, where)


def check_constrained(
    mdp: RationalMDP, policy: Rationals, now: Evaluation, e: Rationals, where: str
) -> Iterator[Check]:
    """BELOW, ABOVE and CONSTRAINED for the values v with the residual e >= 0, shape (S,).

    They are the values of pi where every reward of s is e(s) smaller, and A_hat is the advantage there.
    """
    gamma, one = mdp.discount, 1 - mdp.discount
    constrained = evaluate_exactly(replace(mdp, rewards=mdp.rewards - e[:, None]), policy)
    away = now.V - constrained.V
    yield judge(BELOW, (away - e).min(), 0, where, nontrivial=bool(gamma * e.max() > 0))
    yield judge(ABOVE, e.max() / one, away.max(), where)
    trial, bound = best_mixture(mdp, policy, replace(now, A=constrained.A), gamma * span(e) / (2 * one))
    yield judge(CONSTRAINED, evaluate_exactly(mdp, trial).eta - now.eta, bound, where)


def _check_run(run: Run) -> list[Check]:
    mdp = load(run.mdp)
    if mdp.n_states > MAX_STATES:
        return []
    exact, rng = rational_mdp(mdp), np.random.default_rng([run.seed, 14])
    policy = dyadics(start_policy(mdp.rewards.shape, rng))
    now = evaluate_exactly(exact, policy)
    if is_optimal(now):
        return []
    where, checks = str(run), list(check_mixtures(exact, policy, now, str(run)))
    for delta in (dyadic(2.0**-j) / (1 - exact.discount) for j in rng.choice(10, 3, replace=False)):
        checks += check_surrogate(exact, policy, knapsack(delta)(policy, now), f"{where} (delta = {delta})")
        noise = dyadics(np.rint(rng.uniform(-256, 256, now.A.shape)) / 256)
        eps = dyadic(2.0 ** -rng.integers(3, 12)) * abs(now.A).max()
        it = take(exact, policy, now, noise, eps, delta)
        checks.append(check_inexact(it, f"{where} (delta = {delta}, eps = {eps})"))
        trial, bound = best_mixture(exact, policy, replace(now, A=it.A_hat), eps)
        actual = evaluate_exactly(exact, trial).eta - now.eta
        checks.append(judge(APPROXIMATE, actual, bound, f"{where} (eps = {eps})"))
        e = (1 - exact.discount) ** 2 * eps * (1 + noise[:, 0]) / 2
        checks += check_constrained(exact, policy, now, e, f"{where} (residual up to {e.max()})")
    return checks


def check(options: SearchOptions) -> Findings:
    """All rungs at three radii and errors in every MDP of the plan, and the worst places that the falsifier finds."""
    small = small_runs(options, SEARCHED_STATES, SEARCHED_RUNS)
    jobs = [(statement, run) for statement in SEARCHED for run in small]
    checks = check_all(_check_run, plan(options), options, "rungs")
    return checks + check_all(partial(_search, options.search), jobs, options, "falsifier")


def _search(trials: int, job: tuple[Statement, Run]) -> list[Check]:
    statement, run = job
    mdp, rng = load(run.mdp), np.random.default_rng([run.seed, 15])
    start = start_policy(mdp.rewards.shape, rng)
    delta = 2.0 ** -rng.integers(6) / (1 - mdp.discount)
    return search_near(run, start, delta, check_at, statement, trials, rng)


def check_at(place: Place, where: str) -> list[Check]:
    """KERNEL, SUCCESSORS and MIXTURE at a place; nothing where the policy is optimal."""
    mdp, policy = from_mdp(place.mdp()), dyadics(place.policy)
    now = evaluate_exactly(mdp, policy)
    if is_optimal(now) or span(mdp.rewards) == 0:
        return []
    trial = knapsack(dyadic(place.delta))(policy, now)
    return [*check_surrogate(mdp, policy, trial, where), *check_mixtures(mdp, policy, now, where)]


def draw(checks: list[Check]) -> "Figure":
    """How tight every rung is."""
    figure = new_figure(6.5, 3.5)
    tightness_panel(figure.subplots(), checks)
    return figure


STUDY = Study(
    "More rungs of the ladder",
    "verify.rungs",
    STATEMENTS,
    SearchOptions,
    check,
    draw,
    step_certificates,
    unread=("solver", "float_only"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return run(STUDY, argv)


if __name__ == "__main__":
    sys.exit(main())
