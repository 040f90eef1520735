"""The step (3.1) within a Kullback-Leibler divergence: it is feasible, it is optimal, and its report is true.

Source: Zhao, Li and Wen, arXiv 1911.11640, eq. (3.1), for tables.  p = pi_k(.|s), q = pi'(.|s), D = sum_s rho(s) KL(s),
lambda the price that the solver names, u = 2^-26.

    forward   KL(s) = KL(p || q), the paper's and TRPO's;      reverse   KL(s) = KL(q || p), mirror descent's

Optimality by weak duality.  No feasible policy gains more than lambda delta + sum_s rho(s) v(s), where
    reverse   v(s) = max_q (q.A - lambda KL(q || p)) = lambda log sum_a p(a) exp(A(a)/lambda),
    forward   v(s) <= nu - lambda + lambda sum_a p(a) log(lambda/(nu - A(a)))   for every nu >= max A, nu > A if p > 0.
Proof.  Reverse: the Gibbs variational principle.  Forward: with the multiplier nu of sum q = 1 the maximum over each
q(a) >= 0 of q(a) (A(a) - nu) + lambda p(a) log q(a) is at q(a) = lambda p(a)/(nu - A(a)); where p(a) = 0 it is at
q(a) = 0, since A <= nu.  Every nu gives a bound; the one of the step makes it an equality.
At lambda = 0 the bound is that of the greedy policy, sum_s rho(s) max A.

The problem is what the solver was given: its floats are taken as exact numbers.  So nothing here depends on an
evaluation.  Logarithms are enclosed in balls.  The solver looks for a root in floats, so its claims have a relative
error u; this is a claim about the software, and u is part of it.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from exact.evaluation import evaluate
from exact.mdp import MDP, Array
from exact.mdps.library import load
from exact.subproblem.kl import SMALLEST_PRICE, solve_kl_forward, solve_kl_reverse
from exact.subproblem.step import Step
from verify.core.checking import check_all, decide
from verify.core.command import Options, Study, run
from verify.core.drawing import new_figure, tightness_panel
from verify.core.findings import Findings
from verify.core.statement import Check, Statement
from verify.gaussian.runs import judge_balls
from verify.tabular.runs import Run, plan, start_policy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CONSTRAINT = Statement("constraint of (3.1), KL", "printed", "(1 + u) delta >= D")
SPENT = Statement("the radius is spent, KL", "new", "D >= (1 - u) delta where lambda > 0 and no mass underflows")
DUAL = Statement("(3.1) is solved, KL", "new", "(1 + u) gain >= lambda delta + sum rho v")
GAIN = Statement("gain, as said, KL", "new", "u max|A| sum rho >= |gain said - gain|")
DISTANCE = Statement("distance, as said, KL", "new", "u D >= |D said - D|")
STATEMENTS = (CONSTRAINT, SPENT, DUAL, GAIN, DISTANCE)

U = 2.0**-26
"""u, half of the digits of float64."""
PRECISIONS = (192, 2048)
"""Bits of the balls, tried in turn until no verdict is open. Prices go down to 1e-300."""
UNDERFLOW = 1e-280
"""A step that wants to push a mass further down cannot spend its radius in float64."""
MAX_STATES = 30
"""MDPs with more states are left out, to save time."""
RADII = 2
"""Radii of every policy."""
LEAST_EXPONENT = 60
"""Masses go down to 10^-LEAST_EXPONENT: a step has to find an action that pi_k almost never takes."""


def policies(work: Run, mdp: MDP) -> Iterator[Array]:
    """Two policies drawn from the run's seed: one of `start_policy`, and one with masses of all sizes."""
    rng = np.random.default_rng([work.seed, 18])
    yield start_policy(mdp.rewards.shape, rng)
    masses = 10.0 ** rng.uniform(-LEAST_EXPONENT, 0, mdp.rewards.shape)
    yield masses / masses.sum(axis=1, keepdims=True)


def divergence(p: Any, q: Any) -> Any:
    """KL(p || q) of two rows of balls. p - q is added: rows of floats do not sum to exactly one."""
    terms = (x * (x / y).log() - x + y if x != 0 else y for x, y in zip(p, q, strict=True))
    return sum(terms)


def bound(kind: str, p: Any, q: Any, A: Any, price: Any) -> Any:
    """The bound of v(s); p, q and A are the state's row of pi_k, of the step and of the advantages."""
    inside = [(x, y, a) for x, y, a in zip(p, q, A, strict=True) if x > 0]
    if price == 0:
        return max(A) if kind == "forward" else max(a for _, _, a in inside)
    if kind == "reverse":
        best = max(a for _, _, a in inside)
        return best + price * sum(x * ((a - best) / price).exp() for x, _, a in inside).log()
    x, y, a = max(inside, key=lambda each: float(each[2]))  # its nu - A is the smallest, and there it is most exact
    nu = max(max(A), (a + price * x / y).mid())  # if it is max A, an action that pi_k never takes has mass
    return nu - price + price * sum(x * (price / (nu - a)).log() for x, _, a in inside)


SOLVERS: dict[str, Callable[[Array, Array, Array, float], Step]] = {
    "forward": solve_kl_forward,
    "reverse": solve_kl_reverse,
}


def check_step(kind: str, policy: Array, A: Array, rho: Array, delta: float, where: str) -> list[Check]:
    """All claims about one step of the solver; rho > 0."""
    step = SOLVERS[kind](policy, A, rho, delta)
    return decide([partial(_in_balls, kind, policy, A, rho, delta, step, where, bits) for bits in PRECISIONS])


def _balls(x: Array) -> Any:
    from flint import arb

    return np.frompyfunc(arb, 1, 1)(x)


def _in_balls(
    kind: str, policy: Array, A: Array, rho: Array, delta: float, step: Step, where: str, bits: int
) -> list[Check]:
    from flint import arb, ctx

    with ctx.workprec(bits):
        p, q, a, w = (_balls(x) for x in (policy, step.policy, A, rho))
        radius, u = arb(delta), arb(U)
        rows = zip(p, q, strict=True) if kind == "forward" else zip(q, p, strict=True)
        D = sum(weight * divergence(x, y) for weight, (x, y) in zip(w, rows, strict=True))
        gain = (w * ((q - p) * a).sum(axis=1)).sum()
        checks = [
            judge_balls(CONSTRAINT, (1 + u) * radius, D, where, bool(step.price > 0)),
            judge_balls(GAIN, u * arb(float(abs(A).max())) * w.sum(), abs(arb(step.gain) - gain), where, True),
            judge_balls(DISTANCE, u * (D + u), abs(arb(step.distance) - D), where, bool(u < D)),
        ]
        if step.price > SMALLEST_PRICE and step.policy[policy > 0].min() > UNDERFLOW:
            checks.append(judge_balls(SPENT, D, (1 - u) * radius, where))
        if step.price > SMALLEST_PRICE or step.price == 0:
            v = np.array([bound(kind, *row, arb(step.price)) for row in zip(p, q, a, strict=True)], dtype=object)
            most = arb(step.price) * radius + (w * (v - (p * a).sum(axis=1))).sum()
            checks.append(judge_balls(DUAL, (1 + u) * gain, most, where))
        return checks


def _check_run(work: Run) -> list[Check]:
    mdp = load(work.mdp)
    if mdp.n_states > MAX_STATES:
        return []
    checks: list[Check] = []
    rng = np.random.default_rng([work.seed, 19])
    for i, policy in enumerate(policies(work, mdp)):
        now = evaluate(mdp, policy)
        if not (now.rho > 0).all() or now.largest_advantage <= now.rounding:
            continue
        for kind in SOLVERS:
            for delta in 2.0 ** -rng.integers(-2, 12, RADII) / (1 - mdp.discount):
                where = f"{work} (policy {i}, {kind}, delta = {delta:.6g})"
                checks += check_step(kind, policy, now.A, now.rho, float(delta), where)
    return checks


def check(options: Options) -> Findings:
    """Both divergences at two policies and three radii in every MDP of the plan."""
    return check_all(_check_run, plan(options), options, "steps within a divergence")


def draw(checks: list[Check]) -> "Figure":
    """How much of the radius is spent, and how much of the dual bound is attained."""
    figure = new_figure(6.5, 2.5)
    tightness_panel(figure.subplots(), [c for c in checks if c.statement in (CONSTRAINT, SPENT, DUAL)])
    return figure


STUDY = Study(
    "(3.1) within a Kullback-Leibler divergence",
    "verify.divergence",
    STATEMENTS,
    Options,
    check,
    draw,
    unread=("solver", "float_only"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return run(STUDY, argv)


if __name__ == "__main__":
    sys.exit(main())
