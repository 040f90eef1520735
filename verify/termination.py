"""Which trust-region steps reach an optimal policy in finitely many steps, and which never do.

Notation: pi' is the next policy, p = pi(a|s), q = pi'(a|s), g(s) the greedy action, G(s,a) = max_b A(s,b) - A(s,a),
x_k = max_s V*(s) - V_k(s), c = -A* the cost of a pair, Delta the least positive c.

    Total variation      ends: `counts` has the number of steps.
    Projection           Every pair that keeps mass under pi'(.|s) = proj(u (pi(.|s) + t A(s,.))), 0 < u <= 1, has
                         t G(s,a) < 1/u - pi(g(s)|s) + pi(a|s).  So a step with t (Delta - gamma x_k) >= 1/u + 1 ends
                         the run.  This is mirror descent with the squared Euclidean distance, and with u = gamma the
                         homotopic policy mirror descent of Li, Lan and Zhao (arXiv 2201.09457), who found that it
                         ends: their t grows as gamma^{-2k}.
    Forward divergence   KL(pi(.|s) || pi'(.|s)) = D implies q >= p exp(-1 - D/p).  So a trust region (3.1) in this
                         divergence, the paper's and TRPO's, keeps all mass positive for ever, as D <= delta/rho(s).
                         Unless pi_0 has no mass on suboptimal actions, no policy of the run is optimal.
    Tilting              pi' proportional to pi exp(t A) (natural gradient, mirror descent with KL) keeps
                         q >= p exp(-t G_max(s)), G_max(s) = max_a G(s,a).  So in a one-state MDP the regret falls by
                         a factor of exp(-t G_max) at best in a step, and never ends.
    Reverse divergence   A trust region in KL(pi' || pi) does end, if pi_0 > 0 and every state has one optimal action
                         only: the greedy policy costs sum rho log(1/pi(g(s)|s)), which is finite and tends to 0.

In float64 the steps of a forward divergence seem to end, because masses underflow: from p = 1e-3 and D = 1 one step may
go down to 1e-3 exp(-1001).

Proof, projection.  Let pi'(a|s) = u (p + t A(s,a)) - tau be positive.  If g keeps mass, too, then
1 > pi'(g|s) - pi'(a|s) = u (pi(g|s) - p + t G(s,a)); if not, the right side is negative.  And G >= c - gamma x_k
(`counts`), so once t (Delta - gamma x_k) is 1/u + 1 no suboptimal pair keeps mass.

Proof, forward.  Merging all actions but a does not raise the divergence, so
D >= p log(p/q) + (1-p) log((1-p)/(1-q)) >= p log(p/q) + (1-p) log(1-p) >= p log(p/q) - p,
since (1-p) log(1/(1-p)) <= p.  Now solve for q.

Proof, tilting.  q/p = exp(t A(s,a)) / sum_b pi(b|s) exp(t A(s,b)) >= exp(-t G(s,a)).  With one state the regret is
sum_a pi(a) c(a)/(1-gamma), and G = c does not change.
"""

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from exact.evaluation import Evaluation
from exact.mdp import MDP
from exact.mdps.library import load
from exact.rational import RationalMDP, Rationals, dyadic, dyadics, evaluate_exactly, from_mdp, rational
from exact.subproblem.kl import solve_kl_forward
from exact.subproblem.kl import tilt as tilt_floats
from verify.core.checking import check_all
from verify.core.command import SearchOptions, Study, run
from verify.core.drawing import new_figure, tightness_panel
from verify.core.findings import Findings
from verify.core.statement import Check, Statement, judge
from verify.gaussian.runs import judge_balls
from verify.tabular.certifying import step_certificates
from verify.tabular.falsify import Place, search_near
from verify.tabular.rational_steps import Move, Step, gaps, howard, is_optimal, knapsack, moves, per_state, projected
from verify.tabular.runs import Run, plan, rational_mdp, small_runs, start_policy
from verify.tabular.trial import grid_policy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PROJECTION = Statement("projection empties", "new", "1/u - pi(g|s) + pi(a|s) >= t G(s,a) where pi'(a|s) > 0")
PROJECTION_ENDS = Statement("projection ends", "new", "0 >= max_s V* - V' where t (Delta - gamma x) >= 1/u + 1")
FORWARD = Statement("forward divergence keeps", "new", "pi'(a|s) >= pi(a|s) exp(-1 - KL(s)/pi(a|s))")
TILTING = Statement("tilting is linear at best", "new", "regret_k >= 2^(-k max G) regret_0 > 0")
STATEMENTS = (PROJECTION, PROJECTION_ENDS, FORWARD, TILTING)

MAX_STATES = 30
"""MDPs with more states are left out: exact evaluation grows as S^3."""
SIZES, SHRINKS = (0.5, 4.0, 32.0), (1.0, 0.5)
"""Step lengths t and factors u of the projected steps that are checked."""
SEARCHED_RUNS, SEARCHED_STATES = 4, 6
"""The falsifier starts at the first runs, so many, in MDPs of at most so many states."""
TILTS = 12
"""Tilted steps of a one-state MDP that are checked: the fractions grow with every step."""
TILTED_RUNS = 10
"""One-state MDPs, at most."""
DRAWN = 15
"""Steps of the figure, at most."""


def check_projection(step: Move, t: Any, u: Any, where: str) -> Iterator[Check]:
    """PROJECTION at the pair that comes closest to failing it."""
    G, policy = gaps(step.before.A), step.policy
    greedy = policy[np.arange(len(policy)), step.before.A.argmax(axis=1)]
    allowed = 1 / u - greedy[:, None] + policy
    kept = (step.trial > 0) & (G > 0)
    if kept.any():
        worst = (t * G[kept] / allowed[kept]).argmax()
        yield judge(PROJECTION, allowed[kept][worst], t * G[kept][worst], where)


def check_end(mdp: RationalMDP, policy: Rationals, u: Any, best: Evaluation, where: str) -> Iterator[Check]:
    """PROJECTION_ENDS from a policy that is near enough to the optimum, with the shortest step that has to end."""
    now = evaluate_exactly(mdp, policy)
    costs = -best.A[best.A < 0]
    room = costs.min() - mdp.discount * (best.V - now.V).max() if costs.size else 0
    if room > 0 and not is_optimal(now):
        step = next(moves(mdp, policy, projected((1 / u + 1) / room, u), 1))
        yield judge(PROJECTION_ENDS, rational(0), (best.V - step.after.V).max(), where, nontrivial=True)


def divergence(p: Rationals, q: Rationals) -> Any:
    """KL(p || q) of two distributions as a ball."""
    from flint import arb

    return sum((arb(x) * (arb(x).log() - arb(y).log()) for x, y in zip(p, q, strict=True) if x > 0), arb(0))


def check_forward(p: Rationals, q: Rationals, where: str) -> Check:
    """FORWARD at the action of a state that comes closest to failing it; p > 0 is pi(.|s), q > 0 is pi'(.|s)."""
    from flint import arb

    D = divergence(p, q)
    sides = [(arb(y), arb(x) * (-1 - D / arb(x)).exp()) for x, y in zip(p, q, strict=True)]
    return judge_balls(FORWARD, *max(sides, key=lambda side: float((side[1] / side[0]).mid())), where)


def forward_step(policy: Rationals, now: Evaluation, delta: float) -> Rationals:
    """The step (3.1) within the forward divergence, found in floats; its rows sum to exactly one."""
    A, rho = now.A.astype(float), now.rho.astype(float)
    trial = dyadics(solve_kl_forward(policy.astype(float), A, rho, delta).policy)
    trial[np.arange(len(trial)), trial.argmax(axis=1)] += 1 - trial.sum(axis=1)
    return trial


def tilt(policy: Rationals, now: Evaluation) -> Rationals:
    """The tilted policy for exp(t) = 2, exact where the gaps are integers."""
    from flint import fmpq

    weights = policy * np.frompyfunc(lambda gap: fmpq(1, 2 ** int(gap.numer())), 1, 1)(gaps(now.A))
    tilted: Rationals = weights / weights.sum(axis=1)[:, None]
    return tilted


def check_tilting(seed: int) -> Iterator[Check]:
    """TILTING along a run in a random one-state MDP with rewards 0, 1, 2 or 3."""
    rng = np.random.default_rng([seed, 10])
    rewards = rng.permutation([0, *rng.integers(1, 4, size=2)])
    mdp = from_mdp(MDP(np.ones((1, 3, 1)), rewards[None], np.ones(1), 0.5, "one state"))
    start = dyadics(grid_policy((rng.dirichlet(np.ones(3)) + 0.01)[None] / 1.03))
    best = rational(float(rewards.max())) / (1 - mdp.discount)
    regret = best - evaluate_exactly(mdp, start).V[0]
    for step in moves(mdp, start, tilt, TILTS):
        regret = regret / 2 ** int(rewards.max() - rewards.min())
        yield judge(
            TILTING, best - step.after.V[0], regret, f"--seed {seed}, one state, rewards {rewards}, step {step.k}"
        )


def _check_run(run: Run) -> list[Check]:
    mdp = load(run.mdp)
    if mdp.n_states > MAX_STATES:
        return []
    exact = rational_mdp(mdp)
    rng = np.random.default_rng([run.seed, 9])
    start = dyadics(start_policy(mdp.rewards.shape, rng))
    checks: list[Check] = []
    for t, u in ((dyadic(t), dyadic(u)) for t in SIZES for u in SHRINKS):
        for step in moves(exact, start, projected(t, u), 1):
            checks += check_projection(step, t, u, f"{run} (t = {t}, u = {u})")
    way = list(moves(exact, start, per_state(rational(1 / 8)), 200))
    if way:
        checks += check_end(exact, way[-1].policy, dyadic(SHRINKS[1]), way[-1].after, str(run))
    positive = 0.9 * rng.dirichlet(np.ones(mdp.n_actions), mdp.n_states) + 0.1 / mdp.n_actions
    inner = dyadics(grid_policy(positive))
    delta = 2.0 ** -rng.integers(8) / (1 - mdp.discount)
    for step in moves(exact, inner, partial(forward_step, delta=delta), 1):
        states = zip(step.policy, step.trial, strict=True)
        checks += [check_forward(p, q, f"{run} (delta = {delta}, state {s})") for s, (p, q) in enumerate(states)]
    return checks


def check(options: SearchOptions) -> Findings:
    """One step of every kind in every MDP of the plan, tilted runs in one-state MDPs, and the falsifier's steps."""
    small = small_runs(options, SEARCHED_STATES, SEARCHED_RUNS)
    checks = check_all(_check_run, plan(options), options, "steps that keep or empty")
    checks += [found for seed in options.seeds[:TILTED_RUNS] for found in check_tilting(seed)]
    return checks + check_all(partial(_search, options.search), small, options, "falsifier")


def _search(trials: int, run: Run) -> list[Check]:
    mdp, rng = load(run.mdp), np.random.default_rng([run.seed, 17])
    start = start_policy(mdp.rewards.shape, rng)
    return search_near(run, start, 1.0, check_at, PROJECTION, trials, rng)


def check_at(place: Place, where: str) -> list[Check]:
    """PROJECTION at a place, for the step length t = `place.delta` and u = 1."""
    t, u = dyadic(place.delta), dyadic(1.0)
    steps = moves(from_mdp(place.mdp()), dyadics(place.policy), projected(t, u), 1)
    return [check for step in steps for check in check_projection(step, t, u, where)]


def draw(checks: list[Check]) -> "Figure":
    """Left: the regret of runs that end and of runs that do not. Right: how tight the statements are."""
    figure = new_figure(11, 4.2)
    left, right = figure.subplots(1, 2)
    regret_panel(left)
    tightness_panel(right, checks)
    return figure


def homotopic(gamma: Any) -> Iterator[Step]:
    """The steps of homotopic policy mirror descent with the Euclidean distance: t_k = gamma^{-2(k+1)}, u = gamma.

    Their results are rounded down to the grid of 2^-16, so that the fractions stay short.
    """
    t = rational(1)
    while True:
        t = t / gamma**2
        step = projected(t, gamma)
        yield partial(_rounded, step)


def _rounded(step: Step, policy: Rationals, now: Evaluation) -> Rationals:
    return dyadics(grid_policy(step(policy, now).astype(float)))


def natural(policy: Rationals, now: Evaluation) -> Rationals:
    """The tilted policy for t = 1, rounded to floats; its rows sum to exactly one."""
    tilted = dyadics(tilt_floats(policy.astype(float), now.A.astype(float), 1.0))
    tilted[np.arange(len(tilted)), tilted.argmax(axis=1)] += 1 - tilted.sum(axis=1)
    return tilted


def regret_panel(ax: "Axes") -> "Axes":
    """Regret max(V* - V_k) in the chain from the uniform policy; a line that ends has reached the optimum."""
    mdp = load("chain")
    exact, start = rational_mdp(mdp), dyadics(mdp.uniform_policy())
    best = list(moves(exact, start, howard, 99))[-1].after.V
    one = 1 - exact.discount
    schedule = homotopic(exact.discount)
    methods: tuple[tuple[str, Step], ...] = (
        ("policy iteration", howard),
        ("TV, $d = 1/8$ per state", per_state(rational(1 / 8))),
        ("TV, (3.6)", knapsack(rational(1 / 8) / one)),
        ("homotopic, Euclidean", lambda policy, now: next(schedule)(policy, now)),
        ("tilting, $t = 1$", natural),
        ("forward KL (3.1)", partial(forward_step, delta=float(rational(1 / 8) / one))),
    )
    for name, step in methods:
        values = [best - evaluate_exactly(exact, start).V]
        values += [best - taken.after.V for taken in moves(exact, start, step, DRAWN)]
        sizes = [float(value.max()) for value in values]
        ax.semilogy([size for size in sizes if size > 0], "o-", ms=3, label=f"{name}: {_ending(sizes)}")
    ax.set(ylim=(1e-30, 1e3), xlabel="step $k$", ylabel="max $V^* - V_k$", title="chain, from the uniform policy")
    ax.legend(fontsize="small")
    return ax


def _ending(sizes: list[float]) -> str:
    return f"{len(sizes) - 1} steps" if sizes[-1] == 0 else "never ends"


STUDY = Study(
    "Which steps end",
    "verify.termination",
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
