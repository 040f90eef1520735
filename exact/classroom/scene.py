"""The numbers behind the classroom page: one `scene` per MDP, as plain lists for JSON.

A scene is a run of Algorithm 3.1 of Zhao, Li and Wen (arXiv 1911.11640).  At every pi_k of the run it also has the
maximiser of (3.6) for many radii delta, each evaluated exactly.  The page draws these numbers and computes none.

Every run starts near the worst policy, the minimiser of eta, because the path from there to the optimum is the longest.
A share of the uniform policy moves the start off the boundary, so that the whole trust region can be seen.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations, islice
from typing import Any

import numpy as np
from contourpy import contour_generator

from exact import bounds
from exact.algorithm import DETERMINISTIC, Iteration, actual_gain, iterate, record
from exact.baselines import conservative, policy_iteration
from exact.common.errors import InputError
from exact.controller import ControllerSettings, Outcome, ratio
from exact.evaluation import Evaluation, evaluate
from exact.mdp import MDP, Array
from exact.mdps.grids import GRIDS, Grid
from exact.optimum import optimum
from exact.subproblem.step import Subproblem
from exact.subproblem.tv import gaps, solve_tv

MAX_PAIRS = 1024
"""Largest S*A that is drawn. More bars and cells cannot be told apart on a screen."""
MAX_ITERATIONS = 120
"""Largest number of trials that are shown, so that the page stays small. The runs of the library need fewer."""
RADII = 81
"""Radii on the logarithmic slider, not counting the run's own delta_k."""
SMALLEST_RADIUS = 1e-4
"""Left end of the slider, in units of rho-weighted total variation."""
CONTOURS = 12
"""Level lines of eta on the policy square."""
MESH = 21
"""Policies on each edge of the policy square, for the level lines and the value polytope."""
DIGITS = 8
"""Significant digits of the numbers in the page; it shows at most five."""
COLUMNS = (
    *("delta", "predicted", "actual", "ratio", "distance", "price"),
    *("bound_lemma34", "bound_prior", "bound_posterior"),
)
"""Fields of `exact.algorithm.Record` that the page shows at every radius."""
LADDER_DIGITS = 4
"""Significant digits of the rungs of the ladder, which are drawn on a logarithmic axis."""
DRAWN_STATES = 3
"""Largest number of states of which the decision problem itself is drawn, with arrows and rewards."""
POLYTOPE_ACTIONS = 8
"""Largest number of actions for which the value polytope is drawn. With more of them its web is a blot."""
RELATIVE_TOLERANCE = 1e-10
"""What counts as zero, as a share of the range of the rewards, or of max|r| / (1-gamma), the scale of all values.
Rounding stays far below it."""

Visit = tuple[Array, Evaluation]
"""A policy, shape (S, A), and its evaluation."""


@dataclass(frozen=True)
class RunSettings:
    """How Algorithm 3.1 is run.

    Raises:
        InputError: first_radius lies outside (0, 1], or uniform_share outside [0, 1].
    """

    controller: ControllerSettings = DETERMINISTIC
    """Constants of the ratio test and the radius rule."""
    first_radius: float = 0.01
    """delta_0 as a share of 1/(1-gamma), the largest distance of two policies. In (0, 1]; small, to show a path."""
    uniform_share: float = 0.2
    """Weight of the uniform policy in the start, in [0, 1]. The rest is the worst policy."""

    def __post_init__(self) -> None:
        if not 0 < self.first_radius <= 1:
            raise InputError(f"first radius must lie in (0, 1], as a share of 1/(1-gamma); got {self.first_radius}")
        if not 0 <= self.uniform_share <= 1:
            raise InputError(f"uniform share must lie in [0, 1], got {self.uniform_share}")


def scene(mdp: MDP, settings: RunSettings, layout: Grid | None = None) -> dict[str, Any]:
    """Everything that the page shows of one MDP, as JSON can hold it. Errors as for `trials`.

    Args:
        mdp: the MDP.
        settings: how Algorithm 3.1 is run.
        layout: how its states lie, if it is a grid world; those of the library's are known.
    """
    run = trials(mdp, settings)
    path = visited(run)
    horizon = 1 / (1 - mdp.discount)
    grid = np.geomspace(SMALLEST_RADIUS, horizon, RADII)
    zero = tolerance(mdp)
    best = optimum(mdp).values.eta
    return {
        "name": mdp.name,
        "discount": mdp.discount,
        "states": mdp.n_states,
        "actions": mdp.n_actions,
        "beta0": settings.controller.beta0,
        "beta1": settings.controller.beta1,
        "optimum": digits(best),
        "eta": digits([value.eta for _, value in path]),
        "gap": digits([_settled(best - value.eta, zero) for _, value in path]),
        "advantage": digits([_settled(value.policy_advantage, zero) for _, value in path]),
        "delta": digits([it.delta for it in run]),
        "accepted": [it.outcome is not Outcome.REJECT for it in run],
        "steps": [_sweep(mdp, it, grid) for it in run],
        "problem": _problem(mdp) if mdp.n_states <= DRAWN_STATES else None,
        "square": _square(mdp, path) if mdp.rewards.shape == (2, 2) else None,
        "polytope": _polytope(mdp, path) if mdp.n_states == 2 and mdp.n_actions <= POLYTOPE_ACTIONS else None,
        "grid": _grid(mdp, path, layout or GRIDS.get(mdp.name)),
    }


def trials(mdp: MDP, settings: RunSettings) -> list[Iteration]:
    """The trials of Algorithm 3.1 from near the worst policy, at most MAX_ITERATIONS of them.

    The radius stays at or below 1/(1-gamma), because no two policies are further apart.

    Raises:
        InputError: the MDP is too large to draw, or A* is zero at the start.
    """
    pairs = mdp.rewards.size
    if pairs > MAX_PAIRS:
        raise InputError(f"{mdp.name}: the classroom draws at most {MAX_PAIRS} pairs of state and action, got {pairs}")
    horizon = 1 / (1 - mdp.discount)
    controller = replace(settings.controller, radius_max=min(settings.controller.radius_max, horizon))
    share = settings.uniform_share
    run = iterate(
        mdp,
        start=(1 - share) * worst_policy(mdp) + share * mdp.uniform_policy(),
        delta0=min(settings.first_radius * horizon, controller.radius_max),
        settings=controller,
        tolerance=RELATIVE_TOLERANCE,
    )
    shown = list(islice(run, MAX_ITERATIONS))
    if not shown:
        raise InputError(f"{mdp.name}: A* is zero at the policy to start from, so there is no step to show")
    return shown


def visited(run: Sequence[Iteration]) -> list[Visit]:
    """pi_k of every trial and the policy after the last one: one more than there are trials."""
    last = run[-1]
    rejected = last.outcome is Outcome.REJECT
    end = (last.policy, last.before) if rejected else (last.step.policy, last.after)
    return [(it.policy, it.before) for it in run] + [end]


def worst_policy(mdp: MDP) -> Array:
    """A policy that minimises V in every state, shape (S, A)."""
    return optimum(replace(mdp, rewards=-mdp.rewards)).policy


def tolerance(mdp: MDP) -> float:
    """Differences of returns, and gaps, that are drawn as zero."""
    return RELATIVE_TOLERANCE * float(np.abs(mdp.rewards).max()) / (1 - mdp.discount)


def digits(x: Any, significant: int = DIGITS) -> Any:
    """The numbers rounded to so many significant digits, as nested lists; None where one is not finite."""
    array = np.asarray(x, dtype=np.float64)
    if array.ndim:
        return [digits(item, significant) for item in array]
    return float(f"{float(array):.{significant}g}") if np.isfinite(array) else None


def _settled(x: float, zero: float) -> float:
    """x, or zero if it is drawn as zero."""
    return x if x > zero else 0.0


def _sweep(mdp: MDP, it: Iteration, grid: Array) -> dict[str, Any]:
    """The numbers of the maximisers of (3.6) at pi_k, for the radii of the grid and for the run's own delta_k."""
    radii = np.union1d(grid, it.delta)
    explored = [_at_radius(mdp, it, float(delta)) for delta in radii]
    records = [asdict(record(mdp, other)) for other in explored]
    sweep = {column: digits([row[column] for row in records]) for column in COLUMNS}
    sweep["bound_visitation"] = digits([_visitation_bound(mdp, other) for other in explored])
    sweep["ladder"] = digits(np.transpose([_ladder(mdp, other) for other in explored]), LADDER_DIGITS)
    sweep["own"] = int(np.searchsorted(radii, it.delta))
    sweep["bars"] = _bars(it, tolerance(mdp))
    if mdp.n_states == 2:
        sweep["rho"] = digits(it.before.rho)
        sweep["trial_values"] = digits([other.after.V for other in explored])
    if mdp.rewards.shape == (2, 2):
        sweep["trial_policies"] = digits([other.step.policy[:, 1] for other in explored])
    return sweep


def _at_radius(mdp: MDP, it: Iteration, delta: float) -> Iteration:
    """The trial as it would have been with another radius."""
    step = solve_tv(it.policy, it.before.A, it.before.rho, delta)
    after = evaluate(mdp, step.policy)
    actual = actual_gain(it.policy, it.before, step.policy, after)
    return replace(it, delta=delta, step=step, after=after, ratio=ratio(actual, step.gain))


def _visitation_bound(mdp: MDP, it: Iteration) -> float:
    reached = mdp.initial.min() > 0
    return float(bounds.ratio_from_visitations(it.before.rho, it.after.rho)) if reached else np.nan


def _ladder(mdp: MDP, it: Iteration) -> list[float]:
    """Upper bounds of 1 - r, from the exact loss down to Lemma 3.4: each rung puts a worst case for one known quantity.

    The first is the loss itself. Then, all divided by the predicted gain, and with letters as in `exact.bounds`:
    gamma D span(V' - V); V' unknown: gamma D span(f) / (1-gamma); the worst state: alpha / (1-gamma) for D; the worst
    advantage: 4 A_bar alpha for span(f); the worst start: delta / p0 for alpha; last, Lemma 3.3 for the predicted gain.
    """
    before, after, gamma = it.before, it.after, mdp.discount
    TV = bounds.total_variation(it.policy, it.step.policy)
    f = np.einsum("sa,sa->s", it.step.policy, before.A)
    A_bar, p0 = float(np.abs(before.A).max()), float(mdp.initial.min())
    X = bounds.surrogate_error_ladder(gamma, TV, f, before.rho @ TV, A_bar, before.V, after.V)
    worst_start = 4 * A_bar * gamma * (it.delta / p0) ** 2 / (1 - gamma) ** 2 if p0 > 0 else np.nan
    known = (X[name] for name in ("a posteriori", "span", "Pirotta", "TRPO"))
    errors = [it.step.gain - (after.eta - before.eta), *known, worst_start]
    lemma34 = 1 - bounds.lemma34(gamma, p0, A_bar, before.policy_advantage, it.delta) if p0 > 0 else np.nan
    return [*(error / it.step.gain for error in errors), lemma34]


def _problem(mdp: MDP) -> dict[str, Any]:
    """P(t|s,a), shape (S, A, S), r(s,a), shape (S, A), and rho0, to be drawn as circles and arrows."""
    return {"transitions": digits(mdp.transitions), "rewards": digits(mdp.rewards), "initial": digits(mdp.initial)}


def _bars(it: Iteration, zero: float) -> dict[str, Any]:
    """Height G(s,a) and width rho(s) pi_k(a|s) of every pair that it pays to empty, with s and a, the highest first."""
    G, width = gaps(it.before.A), it.before.rho[:, None] * it.policy
    order = np.argsort(-G, axis=None)
    order = order[(G.ravel()[order] > zero) & (width.ravel()[order] > 0)]
    state, action = np.divmod(order, it.policy.shape[1])
    return {
        "height": digits(G.ravel()[order]),
        "width": digits(width.ravel()[order]),
        "state": state.tolist(),
        "action": action.tolist(),
    }


def _square(mdp: MDP, path: Sequence[Visit]) -> dict[str, Any]:
    """pi_k as points (pi(1|0), pi(1|1)) of the unit square, the level lines of eta, and eta and V on a mesh of it.

    mesh[j][i] is [eta, V(0), V(1)] of the policy with pi(1|0) = i / (n-1), pi(1|1) = j / (n-1), n = len(mesh).
    """
    p = np.linspace(0, 1, 2 * MESH - 1)
    found = [[evaluate(mdp, np.array([[1 - x, x], [1 - y, y]])) for x in p] for y in p]
    eta = np.array([[value.eta for value in row] for row in found])
    mesh = [[digits([value.eta, *value.V], LADDER_DIGITS) for value in row] for row in found]
    levels = np.linspace(eta.min(), eta.max(), CONTOURS + 2)[1:-1]
    contours = contour_generator(p, p, eta)
    lines = [np.round(np.asarray(line), 4).tolist() for level in levels for line in contours.lines(level)]
    return {"policies": digits([policy[:, 1] for policy, _ in path]), "contours": lines, "mesh": mesh}


def _polytope(mdp: MDP, path: Sequence[Visit]) -> dict[str, Any]:
    """V of pi_k, and the value polytope as two families of line segments.

    Dadashi et al. (ICML 2019), theorem 1: if the policy changes in one state only, V moves on a line segment. Its ends
    belong to two policies that are deterministic in that state. A family has one segment for every mixed policy of the
    other state.
    """
    families = [[_segment(mdp, fixed, row) for row in _mixtures(mdp.n_actions)] for fixed in (0, 1)]
    return {"values": digits([value.V for _, value in path]), "segments": digits(families)}


def _mixtures(n_actions: int) -> list[Array]:
    """Distributions that mix two actions. The boundary of the polytope needs no others."""
    corners = np.eye(n_actions)
    mixes = np.linspace(0, 1, MESH)[:, None]
    return [row for a, b in combinations(range(n_actions), 2) for row in (1 - mixes) * corners[a] + mixes * corners[b]]


def _segment(mdp: MDP, fixed: int, row: Array) -> Array:
    """The two ends, shape (2, 2), of the values of all policies that have `row` in state `fixed`."""
    policies = np.zeros((mdp.n_actions, *mdp.rewards.shape))
    policies[:, fixed] = row
    policies[:, 1 - fixed] = np.eye(mdp.n_actions)
    V = np.array([evaluate(mdp, policy).V for policy in policies])
    order = np.argsort(V.sum(axis=1))
    return np.asarray(V[order[[0, -1]]])


def _grid(mdp: MDP, path: Sequence[Visit], layout: Grid | None) -> dict[str, Any] | None:
    """Values and policies of the run, of policy iteration and of conservative policy iteration; None if no grid."""
    if layout is None or mdp.rewards.shape != (len(layout.cells), len(layout.arrows)):
        return None
    return {
        "letters": list(layout.letters),
        "arrows": layout.arrows,
        "methods": [
            _maps("Trust region", path, layout),
            _maps("Policy iteration", _compared(mdp, policy_iteration, path), layout),
            _maps("Conservative policy iteration", _compared(mdp, conservative(mdp), path), layout),
        ],
    }


def _compared(mdp: MDP, proposal: Subproblem, path: Sequence[Visit]) -> list[Visit]:
    """The policies of another method from the same start, for no more iterations than the run's."""
    run = iterate(mdp, proposal, start=path[0][0], settings=None, tolerance=RELATIVE_TOLERANCE)
    return visited(list(islice(run, len(path) - 1)))


def _maps(name: str, path: Sequence[Visit], layout: Grid) -> dict[str, Any]:
    """Values and policies of a method by cell, row by row; a wall has the value None and takes no action."""
    rows, columns = layout.shape
    cell = [row * columns + column for row, column in layout.cells]
    values = np.full((len(path), rows * columns), np.nan)
    percent = np.zeros((len(path), rows * columns, len(layout.arrows)), dtype=int)
    for k, (policy, value) in enumerate(path):
        values[k, cell], percent[k, cell] = value.V, np.round(100 * policy)
    return {
        "name": name,
        "eta": digits([value.eta for _, value in path]),
        "values": digits(values),
        "percent": percent.tolist(),
    }
