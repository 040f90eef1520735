"""Contraction: how fast V comes to V* in the maximum norm, with a budget for every state or one for all together.

Notation: x = max_s V*(s) - V(s) for pi, x' for the next policy pi'; m(s) = max_a A(s,a), f(s) = sum_a pi'(a|s) A(s,a);
T is Bellman's optimality operator and T' the operator of pi', so that m = TV - V and f = T'V - V.  g is greedy.

    Share.      If f >= 0, and f(s) >= c m(s) in every state, then x' <= (1 - c (1-gamma)) x.
    Per state.  The maximiser of f(s) within TV(s) <= d in every state contracts so with c = d, and so does the mixture
                (1-d) pi + d g. At d = 1 both are policy iteration, and the rate is gamma. The rate is attained for
                every d and gamma.
    Global.     The maximiser of (3.6), whose budget D = sum rho TV is shared by all states, does not contract with
                c = (1-gamma) D, the mean of d. There is no c > 0 that would do: a state can be starved.
    Simplex.    Howard's step in the one state where m is largest has sum V* - V' <= (1 - (1-gamma)/S) sum V* - V.
    Mirror.     The projected step pi'(.|s) = proj(pi(.|s) + t A(s,.)) has x' <= gamma x + max_s |g - pi|^2 / (2t).

Sources.  The rate gamma of policy iteration: Puterman, Markov Decision Processes (1994), section 6.4.  The mixture
(1-alpha) pi + alpha g, where c = alpha: Scherrer, Approximate Policy Iteration Schemes (ICML 2014).  Mirror descent:
Johnson, Pike-Burke and Rebeschini (arXiv 2302.11381), who prove that gamma is the best rate of such methods.  With the
Kullback-Leibler divergence for |g - pi|^2 / 2 the error term is max_s log(1/pi(g(s)|s)) / t, so t has to grow as 1/x
does.  The version with a budget is new as far as we know.

Proof of the share.  T'V = V + f >= V + c (TV - V), so V* - T'V <= (1-c)(V* - V) + c (V* - TV) <= (1 - c + c gamma) x,
since TV* - TV <= gamma x.  And V' - T'V = gamma P' (V' - V) >= 0, because V' - V = (I - gamma P')^{-1} f >= 0.

Proof, per state.  The mixture (1-d) pi + d g has TV(s) <= d and f(s) = d m(s); the maximiser has no less.

Attained.  State 0 has three actions: the first pays 1 and leads to state 2; the second pays 1 and leads to state 1; the
third pays 0 and leads to state 2.  State 1 loops for 1 or 0.  State 2 loops for 0.  pi takes the third action, and the
loop for 0.  Then V = 0, V*(0) = V*(1) = x = 1/(1-gamma), and the first two actions of state 0 tie.  The step gives
mass d to the first: V'(0) = d, so x' >= x - d = (1 - d (1-gamma)) x.  (A little more reward breaks the tie.)

Starved.  State 0 loops for 0 or 1.  State 1 pays 0 or 2 and stays with probability q = (2 gamma - 1)/gamma, else it
goes to state 2, which loops for 0.  rho0 = (1/8, 3/4, 1/8) and pi earns nothing.  V*(0) = V*(1) = x =
1/(1-gamma).  The gap of state 1 is 2, that of state 0 is 1, so (3.6) empties state 1 first.  rho(1) =
3/(8(1-gamma)) whatever pi does: with delta = rho(1)/K this takes K steps of D = delta, in which V(0) = 0, so x' =
x.  Here (1-gamma) D = 3/(8K); with a reward nearer to 1, q nearer to 1 and less rho0 elsewhere it comes near 1/K.
eta rises all the time (Theorem 3.5 has a rate in eta), and one more step may end the run: a starved state is late,
not slow.

Proof of simplex.  V' - V >= m(s) in that state s and >= 0 elsewhere; m(s) = max m >= (1-gamma) x >= (1-gamma)/S times
the sum.

Proof of mirror.  pi' maximises t A.p - |p - pi|^2/2, which is strongly concave; so its value at p = g is no larger:
A.pi' >= A.g - |g - pi|^2/(2t) + |pi' - pi|^2/(2t).  Hence T'V >= TV - max |g - pi|^2/(2t); p = pi gives f >= 0.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from exact.bounds import total_variation
from exact.mdp import MDP
from exact.mdps.library import load
from exact.rational import RationalMDP, Rationals, dyadic, dyadics, from_mdp, rational
from verify.core.checking import check_all
from verify.core.command import SearchOptions, Study, run
from verify.core.drawing import new_figure, tightness_panel
from verify.core.findings import Findings
from verify.core.statement import Check, Statement, judge
from verify.tabular.certifying import step_certificates
from verify.tabular.falsify import Place, search_near
from verify.tabular.optimum import optimum
from verify.tabular.rational_steps import Move, Step, howard, knapsack, mixture, moves, per_state, projected, simplex
from verify.tabular.runs import Run, plan, rational_mdp, small_runs, start_policy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHARE = Statement("share of the greedy step", "new", "(1 - c (1-gamma)) x >= x', c = min_s f(s)/m(s)")
PER_STATE = Statement("budget per state", "new", "(1 - d (1-gamma)) x >= x'")
ATTAINED = Statement("budget per state, rate attained", "new", "x' >= (1 - d (1-gamma)) x in the MDP of the proof")
GLOBAL = Statement("global budget", "new", "(1 - (1-gamma) D (1-gamma)) x >= x'", expected="fails")
STARVED = Statement("global budget, starved state", "new", "x' >= x for K steps in the MDP of the proof")
MIRROR = Statement("mirror descent, Johnson et al. 2023", "printed", "gamma x + max_s |g - pi|^2/(2t) >= x'")
SIMPLEX = Statement("simplex policy iteration, Scherrer 2016", "printed", "(1 - (1-gamma)/S) sum V* - V >= sum V* - V'")
STATEMENTS = (SHARE, PER_STATE, ATTAINED, GLOBAL, STARVED, MIRROR, SIMPLEX)

MAX_STATES = 30
"""MDPs with more states are left out: exact evaluation grows as S^3."""
LENGTH = 6
"""Steps of each method that are checked in one run."""
SIZES = tuple(4.0**j for j in range(-2, 4))
"""Step lengths t of mirror descent."""
K = 12
"""Steps for which the starved state waits."""
SEARCHED_RUNS, SEARCHED_STATES = 6, 8
"""The falsifier starts at the first steps of so many runs, in MDPs of at most so many states."""


def regret(best: Rationals, V: Rationals) -> Any:
    """x = max_s V*(s) - V(s)."""
    return (best - V).max()


def share(step: Move) -> Any:
    """c = min_s f(s)/m(s), over the states where m(s) > 0."""
    f, m = (step.trial * step.before.A).sum(axis=1), step.before.A.max(axis=1)
    return min(f[m > 0] / m[m > 0])


def check_share(step: Move, gamma: Any, best: Rationals, where: str) -> Check:
    """SHARE at one step with f >= 0."""
    x, after = regret(best, step.before.V), regret(best, step.after.V)
    return judge(SHARE, (1 - share(step) * (1 - gamma)) * x, after, where)


def check_per_state(step: Move, d: Any, gamma: Any, best: Rationals, where: str) -> Check:
    """PER_STATE at a step within d."""
    x, after = regret(best, step.before.V), regret(best, step.after.V)
    return judge(PER_STATE, (1 - d * (1 - gamma)) * x, after, where)


def check_global(step: Move, gamma: Any, best: Rationals, where: str) -> Check:
    """GLOBAL at a step of (3.6)."""
    D = (step.before.rho * total_variation(step.policy, step.trial)).sum()
    x, after = regret(best, step.before.V), regret(best, step.after.V)
    return judge(GLOBAL, (1 - (1 - gamma) * D * (1 - gamma)) * x, after, where)


def check_mirror(step: Move, size: Any, gamma: Any, best: Rationals, where: str) -> Check:
    """MIRROR at a projected step of length `size`."""
    states, greedy = np.arange(len(step.policy)), step.before.A.argmax(axis=1)
    away = -step.policy
    away[states, greedy] += 1
    error = (away * away).sum(axis=1).max() / (2 * size)
    return judge(MIRROR, gamma * regret(best, step.before.V) + error, regret(best, step.after.V), where)


def check_simplex(step: Move, gamma: Any, best: Rationals, where: str) -> Check:
    """SIMPLEX at a step in the state of the largest advantage."""
    rate = 1 - (1 - gamma) / len(best)
    return judge(SIMPLEX, rate * (best - step.before.V).sum(), (best - step.after.V).sum(), where)


def check_methods(mdp: RationalMDP, start: Rationals, d: Any, best: Rationals, where: str) -> Iterator[Check]:
    """All methods from one policy: LENGTH steps of each, one of mirror descent, whose fractions grow."""
    gamma = mdp.discount

    def walk(step: Step, name: str, length: int = LENGTH) -> Iterator[tuple[Move, str]]:
        for taken in moves(mdp, start, step, length):
            yield taken, f"{where} ({name}, d = {d}, step {taken.k})"

    for taken, there in walk(per_state(d), "per state"):
        yield check_per_state(taken, d, gamma, best, there)
        yield check_share(taken, gamma, best, there)
    for taken, there in walk(knapsack(d / (1 - gamma)), "global"):
        yield check_share(taken, gamma, best, there)
        yield check_global(taken, gamma, best, there)
    for taken, there in walk(simplex, "simplex"):
        yield check_share(taken, gamma, best, there)
        yield check_simplex(taken, gamma, best, there)
    for name, step, size in (("mixture", mixture(d), d), ("Howard", howard, dyadic(1.0))):
        for taken, there in walk(step, name):
            yield check_share(taken, gamma, best, there)
            yield check_per_state(taken, size, gamma, best, there)
    for size in map(dyadic, SIZES):
        for taken, there in walk(projected(size), f"mirror, t = {size}", 1):
            yield check_mirror(taken, size, gamma, best, there)


def _check_run(run: Run) -> list[Check]:
    mdp = load(run.mdp)
    if mdp.n_states > MAX_STATES:
        return []
    start, d = beginning(run, mdp)
    exact = rational_mdp(mdp)
    return list(check_methods(exact, start, d, optimum(mdp, exact).V, str(run)))


def beginning(run: Run, mdp: MDP) -> tuple[Rationals, Any]:
    """Start policy, on the grid, and d = 1, 1/2, ..., 1/64, drawn from the run's seed."""
    rng = np.random.default_rng([run.seed, 5])
    return dyadics(start_policy(mdp.rewards.shape, rng)), dyadic(2.0 ** -rng.integers(7))


def slow_mdp(gamma: float) -> tuple[RationalMDP, Rationals, Rationals]:
    """The MDP in which the rate is attained, the policy to start from, and V*."""
    to = np.eye(3)[[[2, 1, 2], [1, 1, 1], [2, 2, 2]]]
    mdp = MDP(to, np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0]]), np.full(3, 1 / 3), gamma, "slow")
    one = rational(1)
    best = np.array([one, one, 0 * one]) / (1 - rational(gamma))
    return from_mdp(mdp), dyadics(np.eye(3)[[2, 1, 0]]), best


def starving_mdp(gamma: float) -> tuple[RationalMDP, Rationals, Rationals]:
    """The MDP in which the global budget starves state 0, the policy to start from, and V*; gamma >= 1/2."""
    stay = (2 * gamma - 1) / gamma
    row = [0, stay, 1 - stay]
    to = np.array([[[1, 0, 0]] * 2, [row] * 2, [[0, 0, 1]] * 2])
    mdp = MDP(to, np.array([[0, 1], [0, 2], [0, 0]]), np.array([1, 6, 1]) / 8, gamma, "starving")
    one = rational(1)
    best = np.array([one, one, 0 * one]) / (1 - rational(gamma))
    return from_mdp(mdp), dyadics(np.eye(2)[[0, 0, 0]]), best


def check_worst() -> Iterator[Check]:
    """The two MDPs of the proofs."""
    for discount in (0.5, 0.9, 0.99):
        mdp, start, best = slow_mdp(discount)
        for d in map(dyadic, (0.125, 0.5, 1.0)):
            where = f"the MDP of the proof, gamma = {discount}, d = {d}"
            for method in (per_state(d), mixture(d)):
                step = next(moves(mdp, start, method, 1))
                yield check_per_state(step, d, mdp.discount, best, where)
                slow = (1 - d * (1 - mdp.discount)) * regret(best, step.before.V)
                yield judge(ATTAINED, regret(best, step.after.V), slow, where)
        step = next(moves(mdp, start, howard, 1))
        yield check_per_state(
            step, dyadic(1.0), mdp.discount, best, f"the MDP of the proof, gamma = {discount}, Howard"
        )
        mdp, start, best = starving_mdp(discount)
        delta = rational(3 / 8) / (1 - mdp.discount) / K
        for step in moves(mdp, start, knapsack(delta), K):
            where = f"the MDP of the proof, gamma = {discount}, delta = {delta}, step {step.k}"
            yield check_global(step, mdp.discount, best, where)
            yield judge(STARVED, regret(best, step.after.V), regret(best, step.before.V), where)


def check(options: SearchOptions) -> Findings:
    """Every run, the MDPs of the proofs, and the worst steps that the falsifier finds for the budget per state."""
    small = small_runs(options, SEARCHED_STATES, SEARCHED_RUNS)
    checks = check_all(_check_run, plan(options), options, "steps of all methods") + list(check_worst())
    return checks + check_all(partial(_search, options.search), small, options, "falsifier")


def _search(trials: int, run: Run) -> list[Check]:
    start, d = beginning(run, load(run.mdp))
    rng = np.random.default_rng([run.seed, 6])
    return search_near(run, start.astype(float), float(d), check_at, PER_STATE, trials, rng)


def check_at(place: Place, where: str) -> list[Check]:
    """PER_STATE for the first step at a place; nothing where the policy is optimal."""
    mdp, start, d = from_mdp(place.mdp()), dyadics(place.policy), dyadic(min(place.delta, 1.0))
    run = list(moves(mdp, start, howard, 1000))
    steps = moves(mdp, start, per_state(d), 1)
    return [check_per_state(step, d, mdp.discount, run[-1].after.V, where) for step in steps]


METHODS: tuple[tuple[str, Callable[[Any], Step]], ...] = (
    ("policy iteration", lambda d: howard),
    ("budget per state", per_state),
    ("global budget", lambda d: knapsack(10 * d)),
    ("mixture", mixture),
)
"""What the figure draws, by d; at gamma = .9 a global budget of 10 d is d on the average."""


def draw(checks: list[Check]) -> "Figure":
    """Left: x over the steps of the methods, and the rates. Right: how tight the statements are."""
    figure = new_figure(11, 4.2)
    left, right = figure.subplots(1, 2)
    decay_panel(left)
    tightness_panel(right, checks)
    return figure


def decay_panel(ax: "Axes") -> "Axes":
    """x_k / x_0 in the MDP with a starved state, for d = 1/8."""
    mdp, start, best = starving_mdp(0.9)
    d, length = rational(1 / 8), 12
    for name, method in METHODS:
        values = [step.after.V for step in moves(mdp, start, method(d), length)]
        sizes = [1.0] + [float(regret(best, V) / best.max()) for V in values]
        ax.plot(sizes, "o-", ms=3, label=name)
    rate = float(1 - d * (1 - mdp.discount))
    ax.plot([rate**k for k in range(length + 1)], "k--", label=r"$(1 - d(1-\gamma))^k$")
    ax.set(
        xlabel="step $k$", ylabel="$x_k / x_0$", title=r"a starved state, $\gamma = .9$, $d = (1-\gamma)\delta = 1/8$"
    )
    ax.legend()
    return ax


STUDY = Study(
    "Contraction in the maximum norm: a budget per state, a global one",
    "verify.contraction",
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
