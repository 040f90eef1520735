"""How many steps until the policy is optimal: policy iteration, and trust-region steps of a fixed radius.

Notation: S states, A actions, N the number of steps until no advantage is positive.  x_k = max_s V*(s) - V_k(s);
c(s,a) = -A*(s,a) >= 0; G_k(s,a) = max_b A_k(s,b) - A_k(s,a); p0 = min rho0.  There are at most S(A-1) suboptimal pairs
(c > 0), since every state has an optimal action.

    Howard      N <= S(A-1) ceil(log(1/(1-gamma)) / (1-gamma))      Scherrer (arXiv 1306.0386, Theorem 3)
                N <= S(A-1) ceil(log(S/(1-gamma)) / (1-gamma))      Hansen, Miltersen and Zwick (J. ACM 2013)
    simplex     N <= S(A-1) ceil(S log(S/(1-gamma)) / (1-gamma))    Ye (Math. Oper. Res. 2011), in Scherrer's form
                N <= S^2 (A-1) (1 + 2 log(1/(1-gamma)) / (1-gamma)) Scherrer, Theorem 4
    per state   N <= S(A-1) (1 + ceil(log((1 + 2 gamma d)/((1-gamma) d)) / ((1-gamma) d)))                     new
    global      N <= S(A-1) (1 + ceil(log((p0 + 2 gamma delta)/((1-gamma) p0 delta)) / z)),                    new
                z = (1-gamma)^2 p0^2 min(1, (1-gamma) delta)

"Per state" is the step within TV(s) <= d, "global" is the maximiser of (3.6) with radii of at least delta, all of them
accepted.  So steps in total variation are strongly polynomial for a fixed discount and radius, as policy iteration is;
at d = 1 the bound is Howard's, but for a summand of log 3.  Steps in a Kullback-Leibler divergence never end
(`termination`).  A ceil is at least 1 here: at gamma = 0 the first bound as printed is 0, and Howard takes one step.

Lemma.  c - gamma x_k <= G_k <= c + gamma x_k, for Q* - gamma x_k <= Q_k <= Q* and V* - gamma x_k <= max_b Q_k <= V*.
So an action with c(s,a) > gamma x_k is not greedy, now or later, since x_k does not rise: it never gains mass again.
What one can compute is MacQueen's test (1967): c >= -A_k - gamma max m/(1-gamma), where m(s) = max_a A_k(s,a), since
x_k <= max m/(1-gamma).

Proof of Howard's.  g_k(s) = sum_a pi_k(a|s) c(s,a) has V* - V_k = (I - gamma P_k)^{-1} g_k, so g_k <= x_k and
x_k <= max g_k/(1-gamma).  Let g_0 be largest at s0.  With x_k <= gamma^k x_0 (`contraction`), g_k(s0) <=
gamma^k g_0(s0)/(1-gamma) < g_0(s0) once gamma^k < 1-gamma: pi_0's action at s0 has gone for good.  So every
ceil(log(1/(1-gamma))/(1-gamma)) steps lose another pair.  (gamma^k < e^{-k(1-gamma)}.)

Proof, simplex, Ye's form.  A step in the state where m is largest has sum V' - V >= max m, and sum V* - V is at most
S max m/(1-gamma), so it contracts sum V* - V by 1 - (1-gamma)/S.  Now g_k(s0) <= sum V* - V_k, which is at most
(1 - (1-gamma)/S)^k S g_0(s0)/(1-gamma).

Proof, per state.  Among the pairs with mass in pi_0 let c be largest, c0 > 0, at (s0,a0).  Then x_0 is at most max
g_0/(1-gamma) <= c0/(1-gamma).  After K steps, the ceil above, x_K <= (1 - d(1-gamma))^K x_0 <= c0 d/(1 + 2 gamma d).
By the lemma a pair of s0 with G_K >= G_K(s0,a0) has c >= c0 - 2 gamma x_K.  Since g_K(s0) <= x_K, all of them
together have a mass of at most x_K/(c0 - 2 gamma x_K) <= d.  So the next step empties them, a0 among them, and as c0
> gamma x_K it stays empty. The following K + 1 steps do the same to another pair.

Proof, global.  y = eta* - eta has y_k = sum rho_k g_k, so y_0 <= c0/(1-gamma), and y_{k+1} <= (1-z) y_k, because
r >= (1-gamma) p0, gain >= min(1, (1-gamma) delta) A* and A* >= (1-gamma) p0 y (`lemma34`, `lemma32`).  x_k <= y_k/p0.
After K steps y_K <= c0 delta p0/(p0 + 2 gamma delta).  The pairs of all states with G_K >= G_K(s0,a0) have
c >= c0 - 2 gamma y_K/p0, so their cost sum rho_K pi_K is at most y_K/(c0 - 2 gamma y_K/p0) <= delta.  The next step
empties them, and as c0 > gamma x_K the pair (s0,a0) stays empty.

An action once emptied can return, under every method: in the MDP of `returning_mdp` it pays only after another state
has been mended.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from exact.mdp import MDP
from exact.mdps.library import load
from exact.rational import RationalMDP, Rationals, dyadic, dyadics, from_mdp, rational
from verify.core.checking import check_all
from verify.core.command import SearchOptions, Study, run
from verify.core.drawing import new_figure, tightness_panel
from verify.core.findings import Findings
from verify.core.statement import Check, Statement, Verdict, judge
from verify.tabular.certifying import step_certificates
from verify.tabular.falsify import Place, search_near
from verify.tabular.rational_steps import Move, Step, gaps, howard, is_optimal, knapsack, moves, per_state, simplex
from verify.tabular.runs import Run, plan, rational_mdp, small_runs, start_policy
from verify.tabular.trial import GRID

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HOWARD = Statement("Howard, Scherrer 2016", "printed", "S(A-1) ceil(log(1/(1-gamma))/(1-gamma)) >= N")
HANSEN = Statement("Howard, Hansen et al. 2013", "printed", "S(A-1) ceil(log(S/(1-gamma))/(1-gamma)) >= N")
YE = Statement("simplex, Ye 2011", "printed", "S(A-1) ceil(S log(S/(1-gamma))/(1-gamma)) >= N")
SIMPLEX = Statement("simplex, Scherrer 2016", "printed", "S^2 (A-1) (1 + 2 log(1/(1-gamma))/(1-gamma)) >= N")
PER_STATE = Statement(
    "steps, budget per state", "new", "S(A-1) (1 + ceil(log((1 + 2 gamma d)/((1-gamma) d))/((1-gamma) d))) >= N"
)
GLOBAL = Statement(
    "steps, global budget", "new", "S(A-1) (1 + ceil(log((p0 + 2 gamma delta)/((1-gamma) p0 delta))/z)) >= N"
)
RETURNS = Statement("an emptied action stays empty", "new", "0 >= number of actions that return", expected="fails")
GONE = Statement("gone for good", "new", "G_k(s,a) >= -A*(s,a) - gamma x_k")
MACQUEEN = Statement("MacQueen's test, 1967", "printed", "-A*(s,a) >= -A_k(s,a) - gamma max m/(1-gamma)")
STATEMENTS = (HOWARD, HANSEN, YE, SIMPLEX, PER_STATE, GLOBAL, RETURNS, GONE, MACQUEEN)

MAX_STATES = 30
"""MDPs with more states are left out: exact evaluation grows as S^3."""
LIMIT = 400
"""A run is given up after so many steps. Its count is then left open."""
TINY = tuple(f"garnet:S=2,A=2,b=2,gamma={gamma},seed={seed}" for gamma in (0.1, 0.5) for seed in range(8))
"""Further MDPs, so small and with so short a horizon that the bounds are not far from the counts."""
SEARCHED_RUNS, SEARCHED_STATES = 6, 8
"""The falsifier starts at the first runs, so many, in MDPs of at most so many states."""


def ceil_log(z: Any, rate: Any) -> int:
    """The least integer k >= 1 with k >= log(z)/rate, for z >= 1: then (1 - rate)^k < 1/z."""
    from flint import arb

    least = (arb(z).log() / arb(rate)).upper().ceil().unique_fmpz()
    assert least is not None  # the ceiling of a number is an integer
    return max(1, int(least))


def bound_howard(S: int, A: int, gamma: Any) -> int:
    """Scherrer's bound for Howard's policy iteration."""
    return S * (A - 1) * ceil_log(1 / (1 - gamma), 1 - gamma)


def bound_hansen(S: int, A: int, gamma: Any) -> int:
    """The bound of Hansen, Miltersen and Zwick for Howard's policy iteration."""
    return S * (A - 1) * ceil_log(S / (1 - gamma), 1 - gamma)


def bound_ye(S: int, A: int, gamma: Any) -> int:
    """Ye's bound for simplex policy iteration."""
    return S * (A - 1) * ceil_log(S / (1 - gamma), (1 - gamma) / S)


def bound_simplex(S: int, A: int, gamma: Any) -> int:
    """Scherrer's bound for simplex policy iteration, rounded up."""
    return S * S * (A - 1) * (1 + ceil_log(1 / (1 - gamma), (1 - gamma) / 2))


def bound_per_state(S: int, A: int, gamma: Any, d: Any) -> int:
    """The bound for steps with the budget d in every state."""
    return S * (A - 1) * (1 + ceil_log((1 + 2 * gamma * d) / ((1 - gamma) * d), (1 - gamma) * d))


def bound_global(S: int, A: int, gamma: Any, p0: Any, delta: Any) -> int:
    """The bound for steps with radii of at least delta."""
    z = ((1 - gamma) * p0) ** 2 * min(1, (1 - gamma) * delta)
    return S * (A - 1) * (1 + ceil_log(max(1, (p0 + 2 * gamma * delta) / ((1 - gamma) * p0 * delta)), z))


def judge_count(statement: Statement, bound: int, steps: Sequence[Move], where: str) -> Check:
    """Bound against count; open if the run was given up before the policy was optimal."""
    check = judge(statement, rational(bound), rational(len(steps)), where)
    return check if not steps or is_optimal(steps[-1].after) else replace(check, verdict=Verdict.UNDECIDED)


def returns(steps: Sequence[Move]) -> int:
    """How many pairs have mass again after they had none, each counted once for every time."""
    return sum(int(((step.policy == 0) & (step.trial > 0) & had).sum()) for step, had in _with_history(steps))


def _with_history(steps: Sequence[Move]) -> Iterator[tuple[Move, Any]]:
    had: Any = False
    for step in steps:
        had = had | (step.policy > 0)
        yield step, had


def judge_gone(step: Move, gamma: Any, best_V: Rationals, cost: Rationals, where: str) -> Iterator[Check]:
    """GONE and MACQUEEN at the pair where each is closest to failing, among those where it says something."""
    x, u = (best_V - step.before.V).max(), step.before.A.max() / (1 - gamma)
    sides = ((GONE, gaps(step.before.A), cost - gamma * x), (MACQUEEN, cost, -step.before.A - gamma * u))
    for statement, actual, claimed in sides:
        says = claimed > 0
        if says.any():
            worst = (actual[says] / claimed[says]).argmin()
            yield judge(statement, actual[says][worst], claimed[says][worst], where)


def check_counts(mdp: RationalMDP, start: Rationals, d: Any, where: str) -> Iterator[Check]:
    """The counts of all methods in one MDP. Policy iteration starts at the likeliest actions of `start`."""
    (S, A), gamma, p0 = start.shape, mdp.discount, min(mdp.initial)
    corner = dyadics(np.eye(A)[start.argmax(axis=1)])

    def count(policy: Rationals, step: Step) -> list[Move]:
        return list(moves(mdp, policy, step, LIMIT))

    by_howard = count(corner, howard)
    yield judge_count(HOWARD, bound_howard(S, A, gamma), by_howard, where)
    yield judge_count(HANSEN, bound_hansen(S, A, gamma), by_howard, where)
    one_by_one = count(corner, simplex)
    yield judge_count(YE, bound_ye(S, A, gamma), one_by_one, where)
    yield judge_count(SIMPLEX, bound_simplex(S, A, gamma), one_by_one, where)
    by_state = count(start, per_state(d))
    yield judge_count(PER_STATE, bound_per_state(S, A, gamma, d), by_state, f"{where} (d = {d})")
    delta = d / (1 - gamma)
    together = count(start, knapsack(delta)) if p0 > 0 else []
    if together:
        least = delta - rational(1 / GRID) / (1 - gamma)  # what the rounding of a step leaves of the radius
        yield judge_count(GLOBAL, bound_global(S, A, gamma, p0, least), together, f"{where} (delta = {delta})")
    for name, steps in (("Howard", by_howard), ("simplex", one_by_one), ("per state", by_state), ("global", together)):
        if steps:
            here = f"{where} ({name}, d = {d})"
            yield judge(RETURNS, rational(0), rational(returns(steps)), here)
            if is_optimal(steps[-1].after):
                best = steps[-1].after
                for step in steps:
                    yield from judge_gone(step, gamma, best.V, -best.A, f"{here}, step {step.k}")


def _check_run(run: Run) -> list[Check]:
    mdp = load(run.mdp)
    if mdp.n_states > MAX_STATES:
        return []
    start, d = beginning(run, mdp)
    return list(check_counts(rational_mdp(mdp), start, d, str(run)))


def beginning(run: Run, mdp: MDP) -> tuple[Rationals, Any]:
    """Start policy, on the grid, and d = 1, 1/2, 1/4 or 1/8, drawn from the run's seed."""
    rng = np.random.default_rng([run.seed, 7])
    return dyadics(start_policy(mdp.rewards.shape, rng)), dyadic(2.0 ** -rng.integers(4))


def returning_mdp() -> tuple[RationalMDP, Rationals]:
    """An MDP in which an emptied action returns, and the policy to start from; gamma = .9.

    State 0: action 0 leads to state 1 for nothing, action 1 to state 2 for a reward of 2. State 1 loops for 0 or 1,
    state 2 loops for 0. pi takes action 0 of state 0 with probability 1/16, and loops for 0. Action 0 is worth
    nothing until state 1 is mended, and 9 then.
    """
    to = np.eye(3)[[[1, 2], [1, 1], [2, 2]]]
    mdp = MDP(to, np.array([[0, 2], [0, 1], [0, 0]]), np.full(3, 1 / 3), 0.9, "returning")
    return from_mdp(mdp), dyadics(np.array([[1, 15], [16, 0], [16, 0]]) / 16)


def check_returning() -> Iterator[Check]:
    """RETURNS in its counterexample: a budget per state of 1/16, and the global one that empties as much."""
    mdp, start = returning_mdp()
    d = rational(1 / 16)
    for name, step in (("per state", per_state(d)), ("global", knapsack(d / 3))):
        steps = list(moves(mdp, start, step, LIMIT))
        where = f"the MDP of returning_mdp ({name}, d = {d}, {len(steps)} steps)"
        yield judge(RETURNS, rational(0), rational(returns(steps)), where)


def check(options: SearchOptions) -> Findings:
    """The counts in every MDP of the plan, the counterexample, and the falsifier's for the budget per state."""
    small = small_runs(options, SEARCHED_STATES, SEARCHED_RUNS)
    tiny = [] if options.mdp else [Run(name, options.seed, options) for name in TINY]
    checks = check_all(_check_run, plan(options), options, "counts")
    checks += check_all(_check_run, tiny, options, "counts in tiny MDPs")
    checks += list(check_returning())
    return checks + check_all(partial(_search, options.search), small, options, "falsifier")


def _search(trials: int, run: Run) -> list[Check]:
    start, d = beginning(run, load(run.mdp))
    rng = np.random.default_rng([run.seed, 8])
    return search_near(run, start.astype(float), float(d), check_at, PER_STATE, trials, rng)


def check_at(place: Place, where: str) -> list[Check]:
    """The count of the budget per state at a place."""
    mdp, start, d = from_mdp(place.mdp()), dyadics(place.policy), dyadic(min(place.delta, 1.0))
    steps, (S, A) = list(moves(mdp, start, per_state(d), LIMIT)), start.shape
    return [judge_count(PER_STATE, bound_per_state(S, A, mdp.discount, d), steps, f"{where} (d = {d})")]


def draw(checks: list[Check]) -> "Figure":
    """Left: counts against their bounds. Right: how tight all statements are."""
    figure = new_figure(11, 4.2)
    left, right = figure.subplots(1, 2)
    count_panel(left, checks)
    tightness_panel(right, checks)
    return figure


def count_panel(ax: "Axes", checks: list[Check]) -> "Axes":
    """One point for each run: the bound (x) and the number of steps (y)."""
    for statement, marker in zip((HOWARD, YE, PER_STATE, GLOBAL), "x.+1", strict=True):
        found = [check for check in checks if check.statement == statement and check.claimed > 0]
        ax.loglog([c.actual for c in found], [c.claimed for c in found], marker, label=statement.label, alpha=0.6)
    ax.set(xlabel="bound", ylabel="number of steps $N$", title="steps until the policy is optimal")
    ax.legend(fontsize="small")
    return ax


STUDY = Study(
    "Iteration counts, and whether an action returns",
    "verify.counts",
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
