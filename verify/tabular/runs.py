"""The runs of Algorithm 3.1 whose steps are checked: which MDPs, from which policy and radius, in which arithmetic.

An MDP and a seed name a run.  The seed draws the start policy and the first radius, so `--mdp NAME --seed SEED
--instances 1` repeats the run.  Random MDPs are Garnets; their seed draws their size, too.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice

import numpy as np

from exact.algorithm import Iteration, iterate
from exact.common.parallel import Lazy
from exact.mdp import MDP, Array
from exact.mdps.garnet import garnet
from exact.mdps.library import NAMED, load
from exact.subproblem.step import Subproblem
from exact.subproblem.tv import solve_tv
from verify.core.checking import check_all, decide
from verify.core.command import Options
from verify.core.findings import Findings
from verify.core.rational import from_mdp
from verify.core.statement import Check, Claim, judge
from verify.tabular.trial import TrialPoint, exact_trial, float_trial, grid_policy, on_grid

TOLERANCE = 1e-8
"""Runs stop at A* below it. Beyond it the gain of a step is lost in the rounding of eta."""
MAX_TRIALS = 200
"""Number of trials of one run that are checked, at most."""
LARGE_MDP_TRIALS = 400_000
"""An exact check costs about S^2. So at most LARGE_MDP_TRIALS / S^2 trials of a run are checked, but at least one."""


@dataclass(frozen=True)
class Run:
    """One run of Algorithm 3.1: one item of work for a process."""

    mdp: str
    """Name of the MDP, as --mdp takes it."""
    seed: int
    """Draws the start policy and the first radius."""
    options: Options
    """The command line."""

    def __str__(self) -> str:
        return f"--mdp {self.mdp} --seed {self.seed} --instances 1"


def plan(options: Options) -> Sequence[Run]:
    """The runs that the options ask for. An unknown name is found out here, before anything is checked.

    Raises:
        InputError: an MDP of the options cannot be loaded.
    """
    if options.mdp:
        for name in options.mdp:
            load(name)
    runs = len(options.mdp) * options.instances if options.mdp else len(NAMED) + options.instances
    return Lazy(partial(_run, options), range(runs))


def small_runs(options: Options, states: int, count: int) -> list[Run]:
    """The first runs of the plan, at most `count`, in MDPs of at most so many states."""
    return list(islice((run for run in plan(options) if load(run.mdp).n_states <= states), count))


def _run(options: Options, number: int) -> Run:
    """The run of this number in the plan."""
    if options.mdp:
        name, instance = divmod(number, options.instances)
        return Run(options.mdp[name], options.seed + instance, options)
    if number < len(NAMED):
        return Run(list(NAMED)[number], options.seed, options)
    seed = options.seed + number - len(NAMED)
    return Run(random_garnet(seed).name, seed, options)


def random_garnet(seed: int) -> MDP:
    """A Garnet MDP with S in 2..20, A in 2..5 and a discount of {0, .5, .9, .95, .99}, drawn from the seed."""
    rng = np.random.default_rng([seed, 0])
    S, A = int(rng.integers(2, 21)), int(rng.integers(2, 6))
    branching, discount = int(rng.integers(1, min(S, 5) + 1)), float(rng.choice([0, 0.5, 0.9, 0.95, 0.99]))
    return garnet(S, A, branching, discount, seed)


def start_policy(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Uniform, random, nearly deterministic or deterministic, with equal odds; on the grid."""
    S, A = shape
    kind = rng.integers(4)
    if kind == 0:
        return grid_policy(np.full(shape, 1 / A))
    if kind < 3:
        return grid_policy(rng.dirichlet(np.full(A, 1.0 if kind == 1 else 0.1), S))
    return np.eye(A)[rng.integers(A, size=S)]


def solver(options: Options) -> Subproblem:
    """The subproblem solver of the options, with policies kept on the grid."""
    if options.solver == "closed-form":
        return on_grid(solve_tv)
    from exact.subproblem.lp import ConvexSubproblem  # cvxpy takes a second to load

    return on_grid(ConvexSubproblem())


def beginning(run: Run, mdp: MDP) -> tuple[Array, float]:
    """Start policy and first radius, drawn from the run's seed; radii from 1/1024 to all of the total visitation."""
    rng = np.random.default_rng([run.seed, 1])
    return start_policy(mdp.rewards.shape, rng), 2.0 ** -rng.uniform(0, 10) / (1 - mdp.discount)


def steps(run: Run, mdp: MDP) -> Iterator[Iteration]:
    """The first trials of the run, as many as are checked."""
    start, delta0 = beginning(run, mdp)
    trials = iterate(mdp, solver(run.options), start=start, delta0=delta0, tolerance=TOLERANCE)
    return islice(trials, min(MAX_TRIALS, max(1, LARGE_MDP_TRIALS // mdp.n_states**2)))


Claims = Callable[[TrialPoint], Iterable[Claim]]


def check_step(claims: Claims, mdp: MDP, it: Iteration, options: Options, where: str) -> list[Check]:
    """All claims about one step: in floats where they can tell, over the rationals where they cannot (or always)."""

    def in_floats() -> list[Check]:
        return [judge(c.statement, c.actual, c.claimed, where, c.margin) for c in claims(float_trial(mdp, it))]

    def over_the_rationals() -> list[Check]:
        point = exact_trial(rational_mdp(mdp), it.policy, it.step.policy, it.delta)
        return [judge(c.statement, c.actual, c.claimed, where) for c in claims(point)]

    if options.certify:
        return decide([over_the_rationals])
    return decide([in_floats] if options.float_only else [in_floats, over_the_rationals])


rational_mdp = lru_cache(maxsize=1)(from_mdp)
"""`verify.core.rational.from_mdp`, kept for the next step in the same MDP."""


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
