"""The runs of Algorithm 3.1 whose steps are checked: which MDPs, from which policy and radius, in which arithmetic.

An MDP and a seed name a run.  The seed draws the start policy and the first radius, so `--mdp NAME --seed SEED
--instances 1` repeats the run.  Random MDPs are Garnets; their seed draws their size, too.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice

import numpy as np

from exact.algorithm import DETERMINISTIC, Iteration, iterate
from exact.common.parallel import Lazy
from exact.controller import ControllerSettings
from exact.mdp import MDP, Array
from exact.mdps.garnet import garnet
from exact.mdps.library import NAMED, load
from exact.rational import from_mdp
from exact.subproblem.step import Subproblem
from exact.subproblem.tv import solve_tv
from verify.core.checking import check_all
from verify.core.command import Options
from verify.core.findings import Findings
from verify.core.statement import Check, Claim, judge
from verify.tabular.trial import FINE_GRID, GRID, TrialPoint, exact_trial, float_trial, grid_policy, on_grid

STOP = 1e-10
"""Runs in floats stop at A* below this share of max|r| / (1-gamma)^2, the scale of A*. Beyond it the gain of a step is
lost in the rounding of eta. No verdict rests on it: `verify.theorem35` goes on from there over the rationals."""
MAX_TRIALS = 200
"""Number of trials of one run that are checked, at most."""
LARGE_MDP_TRIALS = 400_000
"""An exact check costs about S^2. So at most LARGE_MDP_TRIALS / S^2 trials of a run are checked, but at least one."""


@dataclass(frozen=True)
class Run:
    """One run of Algorithm 3.1: one item of work for a process."""

    mdp: "str | MDP"
    """Name of the MDP, as --mdp takes it, or the MDP itself."""
    seed: int
    """Draws the start policy and the first radius."""
    options: Options
    """The command line."""

    def __str__(self) -> str:
        name = self.mdp.name if isinstance(self.mdp, MDP) else self.mdp
        return f"--mdp {name} --seed {self.seed} --instances 1"


def plan(options: Options) -> Sequence[Run]:
    """The runs that the options ask for. An unknown name is found out here, before anything is checked.

    Raises:
        InputError: an MDP of the options cannot be loaded.
    """
    if options.mdp:
        for name in options.mdp:
            load(_drawn(name, options.seed))
    runs = len(options.mdp) * options.instances if options.mdp else len(NAMED) + options.instances
    return Lazy(partial(_run, options), range(runs))


def _drawn(mdp: "str | MDP", seed: int) -> "str | MDP":
    """The MDP of a run, or its name: a random one without a seed is drawn from the run's."""
    unseeded = isinstance(mdp, str) and mdp.startswith("garnet:") and "seed=" not in mdp
    return f"{mdp},seed={seed}" if unseeded else mdp


def small_runs(options: Options, states: int, count: int) -> list[Run]:
    """The first runs of the plan, at most `count`, in MDPs of at most so many states."""
    return list(islice((run for run in plan(options) if load(run.mdp).n_states <= states), count))


def _run(options: Options, number: int) -> Run:
    """The run of this number in the plan."""
    if options.mdp:
        name, instance = divmod(number, options.instances)
        seed = options.seed + instance
        return Run(_drawn(options.mdp[name], seed), seed, options)
    if number < len(NAMED):
        return Run(list(NAMED)[number], options.seed, options)
    seed = options.seed + number - len(NAMED)
    return Run(random_garnet(seed).name, seed, options)


DISCOUNTS = (0, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999)
"""Discounts of the random MDPs."""


def random_garnet(seed: int) -> MDP:
    """A Garnet MDP with S in 2..20, A in 2..5 and one of DISCOUNTS, drawn from the seed; half of them are hard."""
    rng = np.random.default_rng([seed, 0])
    S, A = int(rng.integers(2, 21)), int(rng.integers(2, 6))
    branching, discount = int(rng.integers(1, min(S, 5) + 1)), float(rng.choice(DISCOUNTS))
    return garnet(S, A, branching, discount, seed, hard=bool(rng.integers(2)))


def start_policy(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Uniform, random, nearly deterministic or deterministic, with equal odds; on the grid."""
    S, A = shape
    kind = rng.integers(4)
    if kind == 0:
        return grid_policy(np.full(shape, 1 / A))
    if kind < 3:
        return grid_policy(rng.dirichlet(np.full(A, 1.0 if kind == 1 else 0.1), S))
    return np.eye(A)[rng.integers(A, size=S)]


def step_grid(options: Options) -> int:
    """2^b, the grid of the steps: coarse for a convex solver, which is accurate to about 1e-7 only."""
    return FINE_GRID if options.solver == "closed-form" else GRID


def solver(options: Options) -> Subproblem:
    """The subproblem solver of the options, with policies kept on the grid."""
    if options.solver == "closed-form":
        return on_grid(solve_tv, FINE_GRID)
    from exact.subproblem.lp import ConvexSubproblem  # cvxpy takes a second to load

    return on_grid(ConvexSubproblem(), GRID)


CONTROLLERS = (
    DETERMINISTIC,
    ControllerSettings(beta0=0.5, beta1=0.9),
    ControllerSettings(beta0=0.9, beta1=0.95, gamma3=0.1),
)
"""Constants of the runs. The first are those of `exact.algorithm`. With the others trials are rejected often."""


def controller(run: Run) -> ControllerSettings:
    """The constants of a run, drawn from its seed: half of the runs have those of `exact.algorithm`."""
    return CONTROLLERS[max(0, int(np.random.default_rng([run.seed, 4]).integers(-1, len(CONTROLLERS))))]


def beginning(run: Run, mdp: MDP) -> tuple[Array, float]:
    """Start policy and first radius, drawn from the run's seed.

    Half of the radii lie between 1/1024 and all of the total visitation, the others between 1e-4 p0 and p0, where the
    bounds that know p0 say something.
    """
    rng = np.random.default_rng([run.seed, 1])
    start, share = mdp.on_available(start_policy(mdp.rewards.shape, rng)), rng.uniform()
    p0 = float(mdp.initial.min())
    if p0 > 0 and rng.integers(2):
        return start, p0 * 10.0 ** (-4 * share)
    return start, 2.0 ** (-10 * share) / (1 - mdp.discount)


def stop(mdp: MDP) -> float:
    """The policy advantage at which a run in floats stops, in units of return; see STOP."""
    return STOP * float(abs(mdp.rewards).max()) / (1 - mdp.discount) ** 2


def trials(run: Run, mdp: MDP) -> Iterator[Iteration]:
    """The trials of the run, up to its end in floats."""
    start, delta0 = beginning(run, mdp)
    return iterate(mdp, solver(run.options), start=start, delta0=delta0, settings=controller(run), tolerance=stop(mdp))


def steps(run: Run, mdp: MDP) -> Iterator[Iteration]:
    """The first trials of the run, as many as are checked."""
    return islice(trials(run, mdp), min(MAX_TRIALS, max(1, LARGE_MDP_TRIALS // mdp.n_states**2)))


Claims = Callable[[TrialPoint], Iterable[Claim]]


def check_step(claims: Claims, mdp: MDP, it: Iteration, options: Options, where: str) -> list[Check]:
    """All claims about one step: over the rationals, or in floats alone where that is asked for."""
    if options.float_only:
        found = claims(float_trial(mdp, it))
        return [judge(c.statement, c.actual, c.claimed, where, c.margin, c.nontrivial) for c in found]
    found = claims(exact_trial(rational_mdp(mdp), it))
    return [judge(c.statement, c.actual, c.claimed, where, nontrivial=c.nontrivial) for c in found]


rational_mdp = lru_cache(maxsize=1)(from_mdp)
"""`exact.rational.from_mdp`, kept for the next step in the same MDP."""


def check_runs(prepare: Callable[[MDP], Claims], options: Options, title: str) -> Findings:
    """The claims about every step of every run of the plan, in the plan's order whatever the number of processes.

    Args:
        prepare: computes what the claims need to know of an MDP, and returns the claims.
        options: the command line.
        title: what the progress bar says.
    """
    return check_all(partial(_check_run, prepare), plan(options), options, title)


def _check_run(prepare: Callable[[MDP], Claims], run: Run) -> list[Check]:
    mdp = load(run.mdp)
    claims = prepare(mdp)
    return [c for it in steps(run, mdp) for c in check_step(claims, mdp, it, run.options, f"{run} (trial {it.k})")]
