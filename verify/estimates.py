"""The conditions of stochastic trust regions, and which of them the ratio (4.14) meets.

A stochastic trust-region method (STORM: Chen, Menickelly and Scheinberg, Math. Program. 2018; ASTRO-DF: Shashaani,
Hashemi and Pasupathy, SIAM J. Optim. 2018) converges if, with probabilities near 1 and constants that do not depend
on the radius delta,

    (M)  the model's values are off by at most kappa delta^2, its gradient by at most kappa delta;
    (E)  the estimates of eta at both ends of a step are off by at most eps_F delta^2;
    (A)  a step is accepted only if the ratio is at least a positive constant, and delta <= |g|/mu for a constant mu.

Here G and G' are the discounted returns of one episode of pi and pi', sigma and sigma' their standard deviations,
R = max r - min r; TV, D, rho and f as in `exact.bounds`.  (4.14) compares (eta_hat' - eta_hat)/(sigma_hat + gain) with
beta0.

    Model       |eta' - L'| <= 2 gamma D^2 max_s span_a A/((1-gamma) min rho): L meets (M) if the advantages are exact.
                An error eps of theirs adds 2 eps D (`inexact`), so (M) asks for eps <= kappa delta.
    Enough      n episodes are accurate to eps_F delta^2 with probability 1 - sigma^2/(n eps_F^2 delta^4) at least.
    Necessary   For returns that are 1 with probability p, else 0, this probability is at most
                (2 n eps_F delta^2 + 1)/sqrt(5 n p (1-p)): n has to grow as delta^{-4}, and a fixed n fails (E).
    Acceptance  Let y = |beta0| (sigma + gain) + eta' - eta be positive and beta0 negative. With sigma for sigma_hat and
                independent episodes (4.14) accepts with probability n y^2/(n y^2 + sigma^2 + sigma'^2) at least. So it
                fails (A): it accepts a step that makes eta worse by |beta0| sigma/2, however small its gain is.
                The other half of (A) holds by construction: delta_k = mu_k |g_k| and mu_k <= mu_max in (4.16).
    Common      Common random numbers: the same first state, the same action with the largest probability 1 - TV(s), and
                the same next state as long as the actions agree. Then E (G' - G)^2 <= R^2 D/(1-gamma)^2, in proportion
                to the radius, and more exactly <= R^2 D_c/(1-gamma)^2 with D_c = E gamma^{2 tau}, tau the time of the
                first disagreement. This is attained. So the standard error of eta_hat' - eta_hat is of the order
                sqrt(delta/n): (E), for the difference, needs n of the order delta^{-3} instead of delta^{-4}, and a
                fixed share of the gain needs 1/delta instead of 1/delta^2.

Proof, model.  eta' - L' = gamma sum_s rho(s) ((P' - P)(V' - V))(s), so it is at most gamma D span(V' - V), which is at
most gamma D span(f)/(1-gamma) (`ladder`); |f(s)| <= TV(s) span_a A(s,.), and TV(s) <= D/min rho.

Proof, estimates.  Enough: Chebyshev.  Necessary: the interval holds at most 2 n eps_F delta^2 + 1 counts, and each has
a probability of at most 1/sqrt(2 e n p (1-p)) (Herzog 1947), where 2 e > 5.  Acceptance: eta_hat' - eta_hat has the
mean eta' - eta and the variance (sigma^2 + sigma'^2)/n, and it is rejected only if it is below its mean by more than y:
Cantelli's inequality.

Proof, common.  G' - G = gamma^tau (Y - X) with |Y - X| <= R/(1-gamma), and E gamma^{2 tau} is the sum of
gamma^{2t} P(tau = t), which is at most that of gamma^t E TV(s_t), that is D.  Equality: one action leads to the best
reward for ever, the other to the worst.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from exact.bounds import total_variation
from exact.evaluation import Evaluation
from exact.mdp import MDP
from exact.mdps.library import load
from exact.rational import RationalMDP, Rationals, dyadic, dyadics, evaluate_exactly, from_mdp
from verify.core.binomial import accepted, accurate, common, independent
from verify.core.checking import check_all
from verify.core.command import SearchOptions, Study, run
from verify.core.drawing import new_figure, tightness_panel
from verify.core.findings import Findings
from verify.core.statement import Check, Statement, judge
from verify.tabular.certifying import step_certificates
from verify.tabular.falsify import Place, search_near
from verify.tabular.rational_steps import howard, is_optimal, knapsack
from verify.tabular.runs import Run, plan, rational_mdp, small_runs, start_policy
from verify.tabular.trial import grid_policy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MODEL = Statement("the surrogate as a model", "new", "2 gamma D^2 max span A/((1-gamma) min rho) >= |eta' - L'|")
ENOUGH = Statement("enough episodes", "new", "P(|eta_hat - eta| <= eps_F delta^2) >= 1 - sigma^2/(n eps_F^2 delta^4)")
NECESSARY = Statement("necessary episodes", "new", "(2 n eps_F delta^2 + 1)/sqrt(5 n p (1-p)) >= P(accurate)")
FIXED = Statement("a fixed number of episodes", "new", "P(accurate) >= 1/2 for every radius", expected="fails")
ACCEPTANCE = Statement("acceptance by (4.14)", "new", "P(accepted) >= n y^2/(n y^2 + sigma^2 + sigma'^2)")
COMMON = Statement("common random numbers", "new", "R^2 D/(1-gamma)^2 >= E (G' - G)^2")
COUPLED = Statement("common random numbers", "sharper", "R^2 E gamma^(2 tau)/(1-gamma)^2 >= E (G' - G)^2")
ATTAINED = Statement("common random numbers, attained", "new", "E (G' - G)^2 >= R^2 E gamma^(2 tau)/(1-gamma)^2")
STATEMENTS = (MODEL, ENOUGH, NECESSARY, FIXED, ACCEPTANCE, COMMON, COUPLED, ATTAINED)

MAX_STATES = 30
"""MDPs with more states are left out: exact evaluation grows as S^3."""
SEARCHED_RUNS, SEARCHED_STATES = 4, 6
"""The falsifier starts at the first runs, so many, in MDPs of at most so many states."""
EPISODES = (4, 16, 32)
"""Numbers n of episodes in the checks of exact probabilities."""
RADII = tuple(Fraction(1, 2**j) for j in range(1, 7))
"""Radii delta there; eps_F = 1."""
BETA0 = Fraction(-1, 2)
"""Threshold of (4.14)."""


def second_moment(mdp: RationalMDP, policy: Rationals, now: Evaluation) -> Evaluation:
    """E G^2 as values, V of a state and Q of a pair: the return of the reward 2 r Q - r^2 at the discount gamma^2."""
    rewards = 2 * mdp.rewards * now.Q - mdp.rewards * mdp.rewards
    return evaluate_exactly(replace(mdp, rewards=rewards, discount=mdp.discount**2), policy)


@dataclass(frozen=True)
class Difference:
    """Moments of the returns of two policies; exact."""

    independent: Any
    """Variance of G' - G for independent episodes."""
    common: Any
    """E (G' - G)^2 with common random numbers."""
    D: Any
    """sum rho TV."""
    D_c: Any
    """E gamma^{2 tau}."""


def difference(mdp: RationalMDP, policy: Rationals, trial: Rationals) -> Difference:
    """The moments of G' - G, both ways. After the first disagreement the two episodes are independent."""
    now, after = evaluate_exactly(mdp, policy), evaluate_exactly(mdp, trial)
    square, square_after = second_moment(mdp, policy, now), second_moment(mdp, trial, after)
    lost, won = (np.where(x > 0, x, 0 * x) for x in (policy - trial, trial - policy))
    TV = total_variation(policy, trial)
    together = evaluate_exactly(replace(mdp, discount=mdp.discount**2), policy - lost).rho
    cross = (lost * now.Q).sum(axis=1) * (won * after.Q).sum(axis=1) / np.where(TV > 0, TV, 1 + TV)
    split = (lost * square.Q + won * square_after.Q).sum(axis=1) - 2 * cross
    return Difference(
        independent=square.eta - now.eta**2 + square_after.eta - after.eta**2,
        common=(together * split).sum(),
        D=(now.rho * TV).sum(),
        D_c=(together * TV).sum(),
    )


def check_difference(mdp: RationalMDP, policy: Rationals, trial: Rationals, where: str) -> Iterator[Check]:
    """COMMON and COUPLED for two policies."""
    found = difference(mdp, policy, trial)
    scale = ((mdp.rewards.max() - mdp.rewards.min()) / (1 - mdp.discount)) ** 2
    yield judge(COMMON, scale * found.D, found.common, where)
    yield judge(COUPLED, scale * found.D_c, found.common, where)


def check_model(mdp: RationalMDP, policy: Rationals, trial: Rationals, where: str) -> Iterator[Check]:
    """MODEL for two policies, where every state is visited."""
    now = evaluate_exactly(mdp, policy)
    if min(now.rho) > 0:
        D = (now.rho * total_variation(policy, trial)).sum()
        gain = (now.rho * (trial * now.A).sum(axis=1)).sum()
        span = (now.A.max(axis=1) - now.A.min(axis=1)).max()
        bound = 2 * mdp.discount * D * D * span / ((1 - mdp.discount) * min(now.rho))
        yield judge(MODEL, bound, abs(evaluate_exactly(mdp, trial).eta - now.eta - gain), where)


def _check_run(run: Run) -> list[Check]:
    """Three pairs of policies: a step of (3.6), two policies near each other, and two that are not."""
    mdp = load(run.mdp)
    if mdp.n_states > MAX_STATES:
        return []
    exact, rng = rational_mdp(mdp), np.random.default_rng([run.seed, 13])
    policy = dyadics(start_policy(mdp.rewards.shape, rng))
    now = evaluate_exactly(exact, policy)
    other = dyadics(grid_policy(rng.dirichlet(np.ones(mdp.n_actions), mdp.n_states)))
    near = policy + dyadic(2.0 ** -rng.integers(1, 9)) * (other - policy)
    delta = dyadic(2.0 ** -rng.integers(9)) / (1 - exact.discount)
    trials = {"far": other, "near": near}
    if not is_optimal(now):
        trials["(3.6)"] = knapsack(delta)(policy, now)
    pairs = [(trial, f"{run} ({kind})") for kind, trial in trials.items()]
    return [
        check
        for trial, where in pairs
        for check in (*check_model(exact, policy, trial, where), *check_difference(exact, policy, trial, where))
    ]


def fork() -> tuple[RationalMDP, Rationals, Rationals]:
    """The MDP where the bound is attained: action 0 leads to 0 for ever, action 1 to 1 for ever; and two policies."""
    to = np.eye(3)[[[1, 2], [1, 1], [2, 2]]]
    mdp = from_mdp(MDP(to, np.array([[0, 1], [0, 0], [1, 1]]), np.array([1.0, 0, 0]), 0.9, "fork"))
    return mdp, dyadics(np.array([[0.75, 0.25], [1, 0], [1, 0]])), dyadics(np.array([[0.5, 0.5], [1, 0], [1, 0]]))


def check_probabilities() -> Iterator[Check]:
    """ENOUGH, NECESSARY, FIXED and ACCEPTANCE with returns that are 0 or 1, by sums of binomial probabilities."""
    for n in EPISODES:
        for p in (Fraction(1, 4), Fraction(1, 2)):
            for delta in RADII:
                where = f"returns 0 or 1, p = {p}, n = {n}, delta = {delta}"
                probability, variance = accurate(n, p, delta**2), p * (1 - p)
                yield judge(ENOUGH, probability, 1 - variance / (n * delta**4), where)
                yield judge(NECESSARY, (2 * n * delta**2 + 1) ** 2 / (5 * n * variance), probability**2, where)
                yield judge(FIXED, probability, Fraction(1, 2), where)
        for delta in RADII[2:]:
            for q in (Fraction(1, 2) + delta, Fraction(1, 2) - delta):
                yield check_acceptance(n, Fraction(1, 2), q, delta)


def check_acceptance(n: int, p: Fraction, q: Fraction, gain: Fraction) -> Check:
    """ACCEPTANCE for p = 1/2, where sigma = 1/2 is rational."""
    y = -BETA0 * (Fraction(1, 2) + gain) + q - p
    bound = n * y * y / (n * y * y + p * (1 - p) + q * (1 - q))
    where = f"returns 0 or 1, p = {p}, p' = {q}, n = {n}, gain = {gain}"
    probability = accepted(n, independent(n, p, q), gain, BETA0, lambda ones: p * (1 - p))
    return judge(ACCEPTANCE, probability, bound, where)


def check(options: SearchOptions) -> Findings:
    """Pairs of policies in every MDP of the plan, the MDP of the proof, exact probabilities, and the falsifier's."""
    mdp, policy, trial = fork()
    found, where = difference(mdp, policy, trial), "the MDP of `fork`"
    attained = judge(ATTAINED, found.common, found.D_c / (1 - mdp.discount) ** 2, where)
    small = small_runs(options, SEARCHED_STATES, SEARCHED_RUNS)
    checks = check_all(_check_run, plan(options), options, "pairs of policies")
    checks += [attained, *check_difference(mdp, policy, trial, where), *check_probabilities()]
    return checks + check_all(partial(_search, options.search), small, options, "falsifier")


def _search(trials: int, run: Run) -> list[Check]:
    mdp, rng = load(run.mdp), np.random.default_rng([run.seed, 16])
    delta = 2.0 ** -rng.integers(6) / (1 - mdp.discount)
    start = start_policy(mdp.rewards.shape, rng)
    return search_near(run, start, delta, check_at, COUPLED, trials, rng)


def check_at(place: Place, where: str) -> list[Check]:
    """MODEL, COMMON and COUPLED for the step of (3.6) at a place; nothing where the policy is optimal."""
    mdp, policy = from_mdp(place.mdp()), dyadics(place.policy)
    now = evaluate_exactly(mdp, policy)
    if is_optimal(now):
        return []
    trial = knapsack(dyadic(place.delta))(policy, now)
    return [*check_model(mdp, policy, trial, where), *check_difference(mdp, policy, trial, where)]


def draw(checks: list[Check]) -> "Figure":
    """Left: how often (4.14) accepts. Middle: variance with and without common random numbers. Right: tightness."""
    figure = new_figure(16, 4.2)
    left, middle, right = figure.subplots(1, 3)
    acceptance_panel(left)
    variance_panel(middle)
    tightness_panel(right, checks)
    return figure


def acceptance_panel(ax: "Axes") -> "Axes":
    """P(accepted) of a step that is better or worse by delta, n = 32, by the rule and the kind of random numbers."""
    n, p, radii = 32, Fraction(1, 2), [Fraction(1, 2**j) for j in range(2, 10)]

    def sample_variance(ones: int) -> Fraction:
        return Fraction(ones * (n - ones), n * (n - 1))

    def none(ones: int) -> Fraction:
        return Fraction(0)

    rules = (
        ("(4.14), beta0 = -1/2", "C0", BETA0, sample_variance),
        ("no sigma, beta0 = 1/4", "C1", Fraction(1, 4), none),
    )
    for law, style in ((independent, "-"), (common, "--")):
        for sign, marker in ((1, "^"), (-1, "v")):
            laws = [law(n, p, p + sign * d) for d in radii]
            for name, color, beta0, variance in rules:
                shown = [float(accepted(n, each, d, beta0, variance)) for each, d in zip(laws, radii, strict=True)]
                label = f"{name}, {law.__name__}" if sign > 0 else None
                ax.semilogx([float(d) for d in radii], shown, style, color=color, marker=marker, ms=4, label=label)
    ax.set(xlabel=r"radius $\delta$", ylabel="P(accepted)", title=r"better by $\delta$ (up), worse by $\delta$ (down)")
    ax.legend(fontsize="x-small")
    return ax


def variance_panel(ax: "Axes") -> "Axes":
    """Variance of G' - G in the chain, between the uniform policy and mixtures with the greedy one."""
    mdp = load("chain")
    exact, policy = rational_mdp(mdp), dyadics(mdp.uniform_policy())
    now = evaluate_exactly(exact, policy)
    found = [difference(exact, policy, policy + dyadic(2.0**-j) * (howard(policy, now) - policy)) for j in range(12)]
    scale = float((exact.rewards.max() - exact.rewards.min()) / (1 - exact.discount)) ** 2
    D = [float(each.D) for each in found]
    ax.loglog(D, [float(each.independent) for each in found], "o-", ms=3, label="independent")
    ax.loglog(D, [float(each.common) for each in found], "o-", ms=3, label="common random numbers")
    ax.loglog(D, [scale * float(each.D_c) for each in found], "k--", label="the bound")
    ax.set(xlabel="$D$", ylabel="$E (G' - G)^2$ or variance", title="chain, from the uniform policy to the greedy one")
    ax.legend(fontsize="small")
    return ax


STUDY = Study(
    "Conditions of stochastic trust regions",
    "verify.estimates",
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
