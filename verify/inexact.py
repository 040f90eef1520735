"""Inexact advantages: what a trust-region step keeps if it is computed with A_hat, |A_hat - A| <= eps in every pair.

Notation as in `exact.bounds`.  pi' maximises gain_hat = sum rho (pi' - pi_k) A_hat within D = sum rho TV <= delta (by
the threshold rule, or rho > 0); gain = sum rho (pi' - pi_k) A is what it gains in truth, gain* the best gain, D' =
sum rho' TV; x = max_s V*(s) - V(s), m(s) = max_a A(s,a).  New as far as we know, but for the last.

    Gain        gain >= gain* - 4 eps delta; the error is attained.
    Predicted   |gain_hat - gain*| <= 2 eps delta.
    Return      eta' - eta >= -2 eps D'; nearly attained.  In every state V' - V >= -2 eps max TV/(1-gamma).
    Share       eps <= (1-kappa)(1-gamma) A*/4 implies gain >= kappa gain*, for every radius.
    Ratio       (eta' - eta)/gain_hat >= 1 - gamma D/((1-gamma) min rho) - 2 eps D'/gain_hat.
    Accepted    If eta' - eta is measured with an error of at most nu and found to be at least beta0 gain_hat (this is
                (4.14) without its sigma_hat), beta0 > 0, then eta' - eta >= beta0 (gain* - 2 eps delta) - nu.
    Limit       With the budget d in every state, x' <= (1 - d(1-gamma)) x + (4 - 2 gamma) eps d/(1-gamma).  So a run
                comes to x <= (4 - 2 gamma) eps/(1-gamma)^2 whatever d is; compare 2 eps/(1-gamma)^2 for approximate
                policy iteration (Bertsekas and Tsitsiklis 1996, proposition 6.2, greedy up to 2 eps).

What (4.14) needs.  The advantages need an accuracy that is proportional to A*, and a smaller radius does not help:
gain and error both shrink with delta.  At eps = (1-kappa)(1-gamma) A*/4 one has gain_hat >= (1+kappa) gain*/2, so a
measured ratio of beta0 proves an improvement as soon as nu < beta0 (1+kappa) gain*/2, where gain* >= min(1, (1-gamma)
delta) A*. The return needs an accuracy that is proportional to delta A*: from n episodes of standard deviation sigma
on either side nu is about sigma sqrt(2/n), so n grows as (sigma/(beta0 delta A*))^2 (`estimates`).  With sigma_hat in
the denominator, as (4.14) has it, and beta0 < 0 the test allows a loss of |beta0| (sigma_hat + gain_hat) + nu.

Proof.  A sum against pi' - pi_k in one state is at most TV(s) times the span, and A_hat - A spans at most 2 eps.  So
gain >= gain_hat(pi') - 2 eps D >= gain_hat(pi*) - 2 eps D >= gain* - 2 eps (D + D(pi*)), and in the same way the
second.  f_hat(s) = sum_a (pi' - pi_k) A_hat >= 0, as resetting a state with f_hat < 0 would gain; so f >= -2 eps
TV(s), eta' - eta = sum rho' f, V' - V = (I - gamma P')^{-1} f.  Share: D, D(pi*) <= min(delta, 1/(1-gamma)), and
gain* >= min(1, (1-gamma) delta) A* (Lemma 3.3).  Ratio: sum rho' f_hat >= min(rho'/rho) gain_hat, and bound 4 of
`lemma34`. Accepted: eta' - eta + nu >= beta0 gain_hat.  Limit: against the mixture with the greedy policy, f >= d m -
4 eps d, so T'V >= V + d (TV - V) - 4 eps d, and V' - T'V = gamma P' (V' - V) >= -2 gamma eps d/(1-gamma); the rest as
in `contraction`.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from exact.bounds import ratio_prior, total_variation
from exact.evaluation import Evaluation
from exact.mdp import MDP
from exact.mdps.library import load
from exact.rational import RationalMDP, Rationals, dyadic, dyadics, evaluate_exactly, from_mdp
from verify.core.checking import check_all, climb
from verify.core.command import SearchOptions, Study, run
from verify.core.drawing import new_figure, tightness_panel
from verify.core.findings import Findings
from verify.core.statement import Check, Statement, judge
from verify.tabular.certifying import step_certificates
from verify.tabular.optimum import optimum
from verify.tabular.rational_steps import gaps, is_optimal, knapsack, knapsack_value, per_state
from verify.tabular.runs import Run, plan, rational_mdp, small_runs, start_policy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GAIN = Statement("inexact, gain", "new", "4 eps delta >= gain* - gain")
ATTAINED = Statement("inexact, gain attained", "new", "gain* - gain >= 4 eps delta in the MDP of `confused`")
PREDICTED = Statement("inexact, predicted gain", "new", "2 eps delta >= |gain_hat - gain*|")
RETURN = Statement("inexact, return", "new", "2 eps D' >= eta - eta'")
VALUE = Statement("inexact, every state", "new", "2 eps max TV/(1-gamma) >= max V - V'")
SHARE = Statement("inexact, share of the gain", "new", "gain >= kappa gain* where eps = (1-kappa)(1-gamma) A*/4")
RATIO = Statement(
    "inexact, ratio", "new", "(eta' - eta)/gain_hat >= 1 - gamma D/((1-gamma) min rho) - 2 eps D'/gain_hat"
)
ACCEPTED = Statement("inexact, accepted", "new", "eta' - eta >= beta0 (gain* - 2 eps delta) - nu where accepted")
LIMIT = Statement("inexact, contraction", "new", "(1 - d(1-gamma)) x + (4 - 2 gamma) eps d/(1-gamma) >= x'")
STATEMENTS = (GAIN, ATTAINED, PREDICTED, RETURN, VALUE, SHARE, RATIO, ACCEPTED, LIMIT)

MAX_STATES = 30
"""MDPs with more states are left out: exact evaluation grows as S^3."""
KAPPA, BETA0, NU = 0.5, 0.5, 0.125
"""Share of the gain, threshold of the ratio, and error of the return as a share of the predicted gain."""
SEARCHED_RUNS, SEARCHED_STATES = 6, 8
"""The falsifier starts at the first runs, so many, in MDPs of at most so many states."""


@dataclass(frozen=True, eq=False)
class Inexact:
    """A step of (3.6) that was computed with A_hat."""

    mdp: RationalMDP
    policy: Rationals
    """pi_k."""
    now: Evaluation
    """Evaluation of pi_k."""
    eps: Any
    """A bound of |A_hat - A|."""
    A_hat: Rationals
    delta: Any
    """A radius for which `trial` is the maximiser."""
    trial: Rationals
    """pi'."""

    def gain(self, A: Rationals) -> Any:
        """sum rho (pi' - pi_k) A: the gain if A is the advantage, the predicted one if it is A_hat."""
        return (self.now.rho * ((self.trial - self.policy) * A).sum(axis=1)).sum()


def take(mdp: RationalMDP, policy: Rationals, now: Evaluation, noise: Rationals, eps: Any, delta: Any) -> Inexact:
    """The step for A_hat = A + eps noise, |noise| <= 1. Where it is rounded, its radius is what it uses."""
    A_hat = now.A + eps * noise
    trial = knapsack(delta)(policy, replace(now, A=A_hat))
    greedy = not (trial * (gaps(A_hat) > 0)).any()
    used = (now.rho * total_variation(policy, trial)).sum()
    return Inexact(mdp, policy, now, eps, A_hat, delta if greedy else used, trial)


def check_gain(it: Inexact, where: str) -> Iterator[Check]:
    """GAIN and PREDICTED: what is known before pi' is evaluated."""
    best = knapsack_value(it.policy, it.now, it.delta)
    yield judge(GAIN, 4 * it.eps * it.delta, best - it.gain(it.now.A), where)
    yield judge(PREDICTED, 2 * it.eps * it.delta, abs(it.gain(it.A_hat) - best), where)


def check_return(it: Inexact, where: str) -> Iterator[Check]:
    """RETURN, VALUE, RATIO and ACCEPTED: what pi' is worth."""
    gamma, after = it.mdp.discount, evaluate_exactly(it.mdp, it.trial)
    TV = total_variation(it.policy, it.trial)
    D_new, predicted = (after.rho * TV).sum(), it.gain(it.A_hat)
    actual = after.eta - it.now.eta
    yield judge(RETURN, 2 * it.eps * D_new, -actual, where)
    yield judge(VALUE, 2 * it.eps * TV.max() / (1 - gamma), (it.now.V - after.V).max(), where)
    if min(it.mdp.initial) > 0 and predicted > 0:
        prior = ratio_prior(gamma, min(it.now.rho), (it.now.rho * TV).sum())
        yield judge(RATIO, actual / predicted, prior - 2 * it.eps * D_new / predicted, where)
    nu, beta0 = dyadic(NU) * predicted, dyadic(BETA0)
    if predicted > 0 and actual + nu >= beta0 * predicted:
        best = knapsack_value(it.policy, it.now, it.delta)
        yield judge(ACCEPTED, actual, beta0 * (best - 2 * it.eps * it.delta) - nu, where)


def check_share(it: Inexact, where: str) -> Check:
    """SHARE at a step whose eps is the largest that it allows."""
    return judge(SHARE, it.gain(it.now.A), dyadic(KAPPA) * knapsack_value(it.policy, it.now, it.delta), where)


def check_limit(it: Inexact, d: Any, best_V: Rationals, where: str) -> Check:
    """LIMIT for the step with the budget d in every state and the same A_hat."""
    gamma = it.mdp.discount
    trial = per_state(d)(it.policy, replace(it.now, A=it.A_hat))
    x = (best_V - it.now.V).max()
    bound = (1 - d * (1 - gamma)) * x + (4 - 2 * gamma) * it.eps * d / (1 - gamma)
    return judge(LIMIT, bound, (best_V - evaluate_exactly(it.mdp, trial).V).max(), where)


def noises(A: Rationals, rng: np.random.Generator) -> dict[str, Rationals]:
    """Errors between -1 and 1, shape (S, A): any, as large as they may be, and such that good actions look bad."""
    middle = (A.max(axis=1) + A.min(axis=1))[:, None] / 2
    return {
        "any": dyadics(np.rint(rng.uniform(-256, 256, A.shape)) / 256),
        "signs": dyadics(rng.choice([-1.0, 1.0], A.shape)),
        "inverted": dyadics(np.where(middle < A, -1.0, 1.0)),
    }


def _check_run(run: Run) -> list[Check]:
    mdp = load(run.mdp)
    if mdp.n_states > MAX_STATES:
        return []
    exact = rational_mdp(mdp)
    rng = np.random.default_rng([run.seed, 11])
    policy = dyadics(start_policy(mdp.rewards.shape, rng))
    now = evaluate_exactly(exact, policy)
    if is_optimal(now):
        return []
    best_V, checks = optimum(mdp, exact).V, []
    d, scale = dyadic(2.0 ** -rng.integers(7)), dyadic(2.0 ** -rng.integers(7))
    delta = d * (min(exact.initial) if rng.integers(2) and min(exact.initial) > 0 else 1 / (1 - exact.discount))
    A_star = (now.rho * now.A.max(axis=1)).sum()
    allowed = (1 - dyadic(KAPPA)) * (1 - exact.discount) * A_star / 4
    for kind, noise in noises(now.A, rng).items():
        it = take(exact, policy, now, noise, scale * abs(now.A).max(), delta)
        where = f"{run} ({kind}, eps = {scale} max|A|, delta = {delta}, d = {d})"
        checks += [*check_gain(it, where), *check_return(it, where), check_limit(it, d, best_V, where)]
        checks.append(check_share(take(exact, policy, now, noise, allowed, delta), where))
    return checks


def confused(first: str) -> Inexact:
    """The steps of the proofs, each in an MDP with one state; eps = 1/4.

    "gain": pi_k is half on action 1 and half on action 3. The best move goes from 3 to 2 and gains 5/2. With A_hat all
    moves look alike, and the first, from 1 to 0, gains 3/2. "return": the move from 1 to 0 loses 1/2 - 1/1024 per unit
    of mass, but looks as if it gained 1/1024.
    """
    if first == "gain":
        rewards, noise, policy, gamma = [2, 0.5, 2.5, 0], [1, -1, -1, 1], [0, 0.5, 0, 0.5], 0.0
    else:
        rewards, noise, policy, gamma = [1 / 1024 - 0.5, 0], [1, -1], [0, 1], 0.9
    mdp = from_mdp(MDP(np.ones((1, len(rewards), 1)), np.array([rewards]), np.ones(1), gamma, "confused"))
    start = dyadics(np.array([policy]))
    delta = dyadic(0.25) / (1 - mdp.discount)
    return take(mdp, start, evaluate_exactly(mdp, start), dyadics(np.array([noise])), dyadic(0.25), delta)


def check_confused() -> Iterator[Check]:
    """The errors that are attained."""
    it = confused("gain")
    yield from check_gain(it, "the step confused('gain')")
    lost = knapsack_value(it.policy, it.now, it.delta) - it.gain(it.now.A)
    yield judge(ATTAINED, lost, 4 * it.eps * it.delta, "the step confused('gain')")
    yield from check_return(confused("return"), "the step confused('return')")


def check(options: SearchOptions) -> Findings:
    """All statements in every MDP of the plan, the steps of the proofs, and the errors that the falsifier finds."""
    small = small_runs(options, SEARCHED_STATES, SEARCHED_RUNS)
    checks = check_all(_check_run, plan(options), options, "inexact steps") + list(check_confused())
    return checks + check_all(partial(_search, options.search), small, options, "falsifier")


def _search(trials: int, run: Run) -> list[Check]:
    """The errors of the advantages that cost the most, found by hill climbing with one sign changed at a time."""
    mdp = load(run.mdp)
    exact, rng = rational_mdp(mdp), np.random.default_rng([run.seed, 12])
    policy = dyadics(start_policy(mdp.rewards.shape, rng))
    now = evaluate_exactly(exact, policy)
    if is_optimal(now):
        return []
    eps, delta = dyadic(2.0**-5) * abs(now.A).max(), dyadic(2.0**-4) / (1 - exact.discount)

    def at(signs: Any) -> list[Check]:
        it = take(exact, policy, now, dyadics(signs), eps, delta)
        return list(check_gain(it, f"falsifier near {run} --search {trials}"))

    def changed(signs: Any) -> Any:
        other = signs.copy()
        other.ravel()[rng.integers(other.size)] *= -1
        return other

    start = rng.choice([-1.0, 1.0], now.A.shape)
    return at(climb(start, lambda signs: at(signs)[0].claimed / at(signs)[0].actual, changed, trials)[0])


def draw(checks: list[Check]) -> "Figure":
    """Left: runs with inexact advantages come to a regret in proportion to eps. Right: how tight the statements are."""
    figure = new_figure(11, 4.2)
    left, right = figure.subplots(1, 2)
    limit_panel(left)
    tightness_panel(right, checks)
    return figure


def limit_panel(ax: "Axes") -> "Axes":
    """Regret x_k in the chain from the uniform policy, d = 1/4, with random signs of three sizes as errors."""
    mdp, rng, length = load("chain"), np.random.default_rng(0), 30
    exact = rational_mdp(mdp)
    best = optimum(mdp, exact).V
    for eps in (8.0, 2.0, 0.5):
        policy, sizes = dyadics(mdp.uniform_policy()), []
        for _ in range(length):
            now = evaluate_exactly(exact, policy)
            sizes.append(float((best - now.V).max()))
            noise = dyadics(eps * rng.choice([-1.0, 1.0], now.A.shape))
            policy = per_state(dyadic(0.25))(policy, replace(now, A=now.A + noise))
        (line,) = ax.plot(sizes, label=f"eps = {eps:g}")
        ceiling = float((4 - 2 * exact.discount) / (1 - exact.discount) ** 2) * eps
        ax.axhline(ceiling, color=line.get_color(), ls=":")
    ax.set(yscale="symlog", ylim=(0, 1e4), xlabel="step $k$", ylabel="max $V^* - V_k$")
    ax.set_title("chain, d = 1/4; dotted: the limits")
    ax.legend()
    return ax


STUDY = Study(
    "Inexact advantages",
    "verify.inexact",
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
