"""Run Algorithm 3.1 on a finite MDP and watch it converge.

python -m exact.solve --mdp frozenlake-8x8 [--delta0 ... --beta0 ... --solver ... --figure FILE]
"""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from rich.console import Console
from rich.live import Live
from rich.table import Table

from exact.algorithm import DETERMINISTIC, Record, Trajectory, solve
from exact.baselines import conservative, natural_gradient, policy_iteration
from exact.common import cli
from exact.common.drawing import check_figure_path, check_writable, save_figure
from exact.common.errors import InputError
from exact.common.files import atomic_write
from exact.controller import ControllerSettings
from exact.mdp import MDP, Array
from exact.mdps.library import load
from exact.subproblem.distances import Distance
from exact.subproblem.kl import solve_kl_forward, solve_kl_reverse
from exact.subproblem.lp import ConvexSubproblem
from exact.subproblem.step import Subproblem
from exact.subproblem.tv import solve_tv

TABLE_ROWS = 20
"""Iterations shown at a time on a terminal."""


Method = Literal["trust-region", "fixed-radius", "policy-iteration", "conservative", "natural-gradient"]


@dataclass(frozen=True)
class Options:
    """Solve a finite MDP by trust-region policy improvement (STRO, arXiv 1911.11640, Algorithm 3.1).

    Exit status: 0 converged, 1 not converged within --max-iterations, 2 bad input, 3 a solver failed.
    """

    mdp: str = "frozenlake-8x8"
    """Name of the library, garnet:S=..,A=..,b=..,gamma=..,seed=.., gym:ID, or a .npz or .json file."""
    method: Method = "trust-region"
    """Algorithm 3.1, or a method to compare it with; fixed-radius takes the same steps without a ratio test."""
    distance: Literal["tv", "kl-forward", "kl-reverse"] = "tv"
    """Distance of the trust region: total variation (3.6), KL(pi_k || pi) or KL(pi || pi_k)."""
    solver: str = "closed-form"
    """closed-form (by sorting, or by one multiplier for KL), or a cvxpy solver by name: lp (HiGHS), clarabel, ..."""
    start: Literal["uniform", "first", "random"] = "uniform"
    """First policy: uniform, always action 0, or random by --seed."""
    seed: int = 0
    """Seed of the random start."""
    delta0: float | None = None
    """First radius, in units of visitation times distance; a hundredth of the total visitation by default."""
    beta0: float = DETERMINISTIC.beta0
    """Accept a step if its ratio is at least beta0."""
    beta1: float = DETERMINISTIC.beta1
    """Enlarge the radius if the ratio is at least beta1."""
    gamma1: float = DETERMINISTIC.gamma1
    """Factor of the radius after a ratio of at least beta1."""
    gamma2: float = DETERMINISTIC.gamma2
    """Factor of the radius after a ratio in [beta0, beta1)."""
    gamma3: float = DETERMINISTIC.gamma3
    """Factor of the radius after a rejected step."""
    tolerance: float = 1e-8
    """Stop when the policy advantage A* is at most this."""
    max_iterations: int = 1000
    """Stop after so many trial points."""
    figure: Path | None = None
    """Write a figure of the convergence to this file (.png, .pdf or .svg)."""
    json: Path | None = None
    """Write the trajectory and the final policy to this file."""

    def __post_init__(self) -> None:
        if self.max_iterations < 0 or self.seed < 0:
            raise InputError("--max-iterations and --seed must be at least 0")
        if self.figure is not None:
            check_figure_path(self.figure)
        if self.json is not None:
            check_writable(self.json)


def start_policy(mdp: MDP, options: Options) -> Array:
    """The first policy, shape (S, A)."""
    if options.start == "uniform":
        return mdp.uniform_policy()
    if options.start == "first":
        return np.eye(mdp.n_actions)[np.zeros(mdp.n_states, dtype=int)]
    return np.random.default_rng(options.seed).dirichlet(np.ones(mdp.n_actions), mdp.n_states)


def subproblem(options: Options) -> Subproblem:
    """The solver of the subproblem that the options name."""
    if options.solver == "closed-form":
        return {"tv": solve_tv, "kl-forward": solve_kl_forward, "kl-reverse": solve_kl_reverse}[options.distance]
    distance = Distance[options.distance.upper().replace("-", "_")]
    return ConvexSubproblem(distance, None if options.solver == "lp" else options.solver)


def method(mdp: MDP, options: Options) -> tuple[Subproblem, ControllerSettings | None]:
    """The proposal and the controller's constants, None where every step is accepted."""
    if options.method == "policy-iteration":
        return policy_iteration, None
    if options.method == "conservative":
        return conservative(mdp), None
    if options.method == "natural-gradient":
        return natural_gradient(mdp), None
    constants = ControllerSettings(options.beta0, options.beta1, options.gamma1, options.gamma2, options.gamma3)
    return subproblem(options), constants if options.method == "trust-region" else None


COLUMNS = ("k", "eta", "A*", "delta", "distance", "predicted", "actual", "ratio", "bound", "step")


def cells(r: Record) -> tuple[str, ...]:
    """One line of the table; `bound` is the posterior lower bound of the ratio."""
    numbers = (r.eta, r.policy_advantage, r.delta, r.distance, r.predicted, r.actual, r.ratio, r.bound_posterior)
    return (str(r.k), *(f"{x:.6g}" for x in numbers), "accept" if r.accepted else "reject")


def run_with_table(mdp: MDP, options: Options, console: Console) -> Trajectory:
    """Solve with a table that grows on a terminal, and is printed whole elsewhere."""
    step, constants = method(mdp, options)
    records: list[Record] = []

    def table(rows: list[Record]) -> Table:
        shown = Table(*COLUMNS, title=f"{options.method} on {mdp.name}", title_justify="left")
        for row in rows:
            shown.add_row(*cells(row), style=None if row.accepted else "dim")
        return shown

    with Live(console=console, auto_refresh=False, transient=True) as live:

        def show(record: Record) -> None:
            records.append(record)
            if console.is_terminal:
                live.update(table(records[-TABLE_ROWS:]), refresh=True)

        trajectory = solve(
            mdp,
            step,
            start=start_policy(mdp, options),
            delta0=options.delta0,
            settings=constants,
            tolerance=options.tolerance,
            max_iterations=options.max_iterations,
            on_iteration=show,
        )
    console.print(table(records))
    return trajectory


def draw(trajectory: Trajectory, eta_star: float, title: str) -> Figure:
    """Four panels over the trials: eta* - eta_k, A*_k, delta_k, and r_k against its bounds."""
    figure = Figure(figsize=(11, 7), layout="constrained")
    figure.suptitle(title)
    regret, advantage, radius, ratio = figure.subplots(2, 2, sharex=True).ravel()
    records = trajectory.records
    marked(regret, trajectory, [eta_star - r.eta for r in records], r"$\eta^* - \eta_k$").set_yscale("log")
    marked(advantage, trajectory, [r.policy_advantage for r in records], r"policy advantage $A^*_k$").set_yscale("log")
    marked(radius, trajectory, [r.delta for r in records], r"radius $\delta_k$").set_yscale("log")
    marked(ratio, trajectory, [r.ratio for r in records], "ratio $r_k$")
    k = [r.k for r in records]
    ratio.plot(k, [r.bound_posterior for r in records], "--", label="posterior bound")
    ratio.plot(k, [r.bound_prior for r in records], "--", label="prior bound")
    ratio.plot(k, [r.bound_lemma34 for r in records], "--", label="Lemma 3.4")
    ratio.set(ylim=(-0.6, 1.2))
    ratio.legend(loc="lower right")
    return figure


def marked(ax: Axes, trajectory: Trajectory, values: list[float], label: str) -> Axes:
    """A curve over the trials with rejected ones crossed."""
    ax.plot(values, "o-", ms=3, color="C7")
    rejected = [i for i, r in enumerate(trajectory.records) if not r.accepted]
    if rejected:
        ax.plot(rejected, [values[i] for i in rejected], "x", color="C3", label="rejected")
    ax.set(xlabel="trial $k$", ylabel=label)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return ax


def as_json(mdp: MDP, options: Options, trajectory: Trajectory) -> str:
    """The run's options, every record and the final policy."""
    setting = {f.name: getattr(options, f.name) for f in fields(options) if f.name not in ("figure", "json")}
    result = {"eta": trajectory.final.eta, "converged": trajectory.converged, "policy": trajectory.policy.tolist()}
    records = [asdict(record) for record in trajectory.records]
    return json.dumps({"options": setting, **result, "records": records}, indent=1) + "\n"


def main() -> int:
    """The command line."""
    options = cli.parse(Options, "exact.solve")
    mdp = load(options.mdp)
    console = Console() if Console().is_terminal else Console(width=120)
    trajectory = run_with_table(mdp, options, console)
    reference = solve(mdp, policy_iteration, settings=None, tolerance=options.tolerance)
    if options.figure is not None:
        save_figure(draw(trajectory, reference.final.eta, f"{options.method} on {mdp.name}"), options.figure)
    if options.json is not None:
        atomic_write(options.json, as_json(mdp, options, trajectory))
    console.print(trajectory.message, highlight=False)
    console.print(
        f"eta = {trajectory.final.eta:.12g}, policy iteration: {reference.final.eta:.12g} "
        f"({reference.iterations} iterations), difference {reference.final.eta - trajectory.final.eta:.3g}",
        highlight=False,
    )
    return 0 if trajectory.converged else 1


if __name__ == "__main__":
    cli.run(main)
