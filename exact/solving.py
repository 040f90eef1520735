"""Solve a finite MDP by trust-region policy improvement, and watch it converge.

    python -m exact.solve --mdp frozenlake-8x8
    python -m exact.solve --mdp garnet:S=20,A=4,b=3,gamma=0.9,seed=7 --distance kl-forward --controller.beta0 0.1
    python -m exact.solve --mdp mine.json --method policy-iteration --figure convergence.png

What takes long to load, NumPy first of all, is loaded after the options have been read: --help answers at once.
"""

import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from exact.common import cli
from exact.common.drawing import check_figure_path, plain_text, save_figure
from exact.common.errors import InputError
from exact.common.files import atomic_write, check_different, check_writable
from exact.common.tables import TABLE_SUFFIXES, Table, counted
from exact.controller import ControllerSettings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from exact.algorithm import Record, Trajectory
    from exact.mdp import MDP, Array
    from exact.subproblem.step import Subproblem

TABLE_ROWS = 20
"""Trials shown at a time while the run goes on."""
COLUMNS = ("k", "eta", "A*", "delta", "distance", "predicted", "actual", "ratio", "ratio at least", "step")
NOTES = (
    "One row for every trial k: the return eta and the policy advantage A* of the policy before it, the radius delta, "
    "the distance used, the gain of eta as predicted and as it is, and their ratio.",
    "ratio at least: 1 / (1 + gamma D' / ((1-gamma) min rho')), a lower bound of the ratio (docs/theory.md).",
)
"""What the columns mean."""

FILES = ("figure", "json", "certificate", "policy", "report")
"""Options that name a file to write."""

Method = Literal["trust-region", "fixed-radius", "policy-iteration", "conservative", "natural-gradient"]


@dataclass(frozen=True)
class Options:
    """Solve a finite MDP by trust-region policy improvement (STRO, arXiv 1911.11640, Algorithm 3.1).

    Exit status: 0 converged to the optimum, 1 not within --max-iterations or not to the optimum, 2 bad input, 3 a
    solver failed.
    """

    mdp: str = "frozenlake-8x8"
    """Name of the library, garnet:S=..,A=..,b=..,gamma=..,seed=.., gym:ID, or a file, see docs/models.md."""
    method: Method = "trust-region"
    """Algorithm 3.1, or a method to compare it with. fixed-radius takes the same steps without a ratio test."""
    distance: Literal["tv", "kl-forward", "kl-reverse"] = "tv"
    """Distance of the trust region: total variation (3.6), KL(pi_k || pi) or KL(pi || pi_k)."""
    solver: str = "closed-form"
    """closed-form (by sorting, or by one multiplier for KL), or a cvxpy solver by name: lp (HiGHS), clarabel, ..."""
    start: Literal["uniform", "first", "random"] = "uniform"
    """First policy: uniform, always the first action, or random by --seed."""
    seed: int = 0
    """Seed of the random start, >= 0."""
    delta0: float | None = None
    """First radius, in units of visitation times distance; by default a hundredth of the total visitation."""
    controller: ControllerSettings = field(default_factory=ControllerSettings)
    """Constants of the ratio test and the radius rule."""
    tolerance: float = 1e-8
    """Stop when no visited state has an advantage above this, >= 0, as a share of the range of the rewards."""
    max_iterations: int = 1000
    """Stop after so many trials."""
    figure: Path | None = None
    """Draw the convergence into this file (.png, .pdf or .svg)."""
    certificate: Path | None = None
    """Write a certificate of the final policy to this file: exact fractions that verify/check_certificate.py checks."""
    policy: Path | None = None
    """Write the policy and its values as a table with labels to this file (.csv, .md or .tex)."""
    report: Path | None = None
    """Write a page about the MDP to this file (.html): values, policy, convergence, bounds."""
    json: Path | None = None
    """Write the options, every trial and the final policy to this file."""

    def __post_init__(self) -> None:
        if self.max_iterations < 0 or self.seed < 0:
            raise InputError("--max-iterations and --seed must be at least 0")
        if self.figure is not None:
            check_figure_path(self.figure)
        for name, endings in (("policy", TABLE_SUFFIXES), ("report", (".html",))):
            file = getattr(self, name)
            if file is not None and file.suffix not in endings:
                raise InputError(f"--{name}: expected a name ending in {' or '.join(endings)}, got {file}")
        for file in (self.json, self.certificate, self.policy, self.report):
            if file is not None:
                check_writable(file)
        check_different(Path(self.mdp.partition(":")[0]), *(getattr(self, name) for name in FILES))

    @property
    def has_radius(self) -> bool:
        """Whether the method's steps have a radius."""
        return self.method in ("trust-region", "fixed-radius")


def work(options: Options) -> int:
    """Solve the MDP by the method of the options and by policy iteration, and report both; returns the exit status."""
    from exact.evaluation import reward_range
    from exact.mdps.library import load
    from exact.optimum import certified_gap, optimum

    mdp = load(options.mdp)
    trajectory = run_with_table(mdp, options)
    reference = optimum(mdp)
    facts = (
        trajectory.message,
        f"{how(options)}: {counted(trajectory.iterations, 'iteration')}; in every state V is at most "
        f"{certified_gap(mdp, trajectory.final):.3g} below the optimum, by max A / (1-gamma)",
        f"eta = {trajectory.final.eta:.12g}; policy iteration: {reference.values.eta:.12g} "
        f"after {counted(reference.iterations, 'iteration')}",
    )
    print(*facts, sep="\n")
    for path, content in files(mdp, options, trajectory, reference.values.eta, facts):
        atomic_write(path, content)
        print(f"wrote {path}")
    if options.figure is not None:
        save_figure(draw(trajectory, reference.values.eta, mdp, options), options.figure)
        print(f"wrote {options.figure}")
    missing = reference.values.eta - trajectory.final.eta
    slack = options.tolerance * reward_range(mdp)[1] / (1 - mdp.discount) + reference.gap
    if trajectory.converged and missing > slack:
        print(f"not the optimum: eta is {missing:.3g} too small; rho0 hides states in which something is to be gained")
    return cli.DONE if trajectory.converged and missing <= slack else cli.NEGATIVE


def how(options: Options) -> str:
    """The method in words."""
    return f"{options.method}, {options.distance}, {options.solver}" if options.has_radius else options.method


def files(
    mdp: "MDP", options: Options, trajectory: "Trajectory", eta_star: float, facts: Sequence[str]
) -> Iterator[tuple[Path, str]]:
    """Every file of the options but the figure, with its content."""
    from exact.certificate import as_json as certificate_json
    from exact.certificate import policy_certificate
    from exact.reporting import page, policy_table

    if options.json is not None:
        yield options.json, as_json(options, trajectory)
    if options.certificate is not None:
        yield options.certificate, certificate_json([policy_certificate(mdp, trajectory.policy)])
    if options.policy is not None:
        digits = None if options.policy.suffix == ".csv" else 6
        found = policy_table(mdp, trajectory.policy, trajectory.final, digits)
        yield options.policy, found.written(options.policy.suffix)
    if options.report is not None:
        tables = (policy_table(mdp, trajectory.policy, trajectory.final), table(trajectory.records, mdp, options))
        yield options.report, page(mdp, facts, draw(trajectory, eta_star, mdp, options), tables)


def run_with_table(mdp: "MDP", options: Options) -> "Trajectory":
    """Solve, with a table that grows on a terminal while the run goes on, and is printed whole at the end."""
    from rich.console import Console
    from rich.live import Live

    from exact.algorithm import solve

    console, (step, constants) = Console(), proposal(mdp, options)
    records: list[Record] = []
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def show(record: "Record") -> None:
            records.append(record)
            if console.is_terminal:
                live.update(table(records[-TABLE_ROWS:], mdp, options).drawn(), refresh=True)

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
    table(records, mdp, options).show(console)
    return trajectory


def proposal(mdp: "MDP", options: Options) -> "tuple[Subproblem, ControllerSettings | None]":
    """What proposes the steps, and the controller's constants: None where every step is accepted."""
    from exact import baselines

    if options.method == "policy-iteration":
        return baselines.policy_iteration, None
    if options.method == "conservative":
        return baselines.conservative(mdp), None
    if options.method == "natural-gradient":
        return baselines.natural_gradient(mdp), None
    return subproblem(options), options.controller if options.method == "trust-region" else None


def subproblem(options: Options) -> "Subproblem":
    """The solver of the subproblem that the options name."""
    from exact.subproblem.distances import Distance
    from exact.subproblem.kl import solve_kl_forward, solve_kl_reverse
    from exact.subproblem.tv import solve_tv

    if options.solver == "closed-form":
        return {"tv": solve_tv, "kl-forward": solve_kl_forward, "kl-reverse": solve_kl_reverse}[options.distance]
    from exact.subproblem.lp import ConvexSubproblem

    distance = Distance[options.distance.upper().replace("-", "_")]
    return ConvexSubproblem(distance, None if options.solver == "lp" else options.solver)


def start_policy(mdp: "MDP", options: Options) -> "Array":
    """The first policy, shape (S, A)."""
    import numpy as np

    if options.start == "uniform":
        return mdp.uniform_policy()
    if options.start == "first":
        policy = np.eye(mdp.n_actions)[np.zeros(mdp.n_states, dtype=int)]
    else:
        policy = np.random.default_rng(options.seed).dirichlet(np.ones(mdp.n_actions), mdp.n_states)
    started: Array = mdp.on_available(policy)
    return started


def table(records: "Sequence[Record]", mdp: "MDP", options: Options) -> Table:
    """The trials as a table, rejected ones dimmed."""
    rows = tuple(cells(record, options.has_radius) for record in records)
    styles = tuple(None if record.accepted else "dim" for record in records)
    numbers = frozenset(range(len(COLUMNS) - 1))
    return Table(f"{options.method} on {mdp.name}", COLUMNS, rows, NOTES, styles, numbers)


def cells(r: "Record", has_radius: bool) -> tuple[str, ...]:
    """One row of the table."""
    delta = f"{r.delta:.6g}" if has_radius else "-"
    numbers = (r.distance, r.predicted, r.actual, r.ratio, r.bound_posterior)
    shown = ("-" if math.isnan(x) else f"{x:.6g}" for x in numbers)
    return (str(r.k), f"{r.eta:.6g}", f"{r.policy_advantage:.6g}", delta, *shown, "accept" if r.accepted else "reject")


def draw(trajectory: "Trajectory", eta_star: float, mdp: "MDP", options: Options) -> "Figure":
    """Four panels over the trials: eta* - eta_k, A*_k, the radius (or the distance), and the ratio with its bounds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7), layout="constrained")
    figure.suptitle(plain_text(f"{options.method} on {mdp.name}"))
    regret, advantage, size, ratio = figure.subplots(2, 2, sharex=True).ravel()
    records = trajectory.records
    marked(regret, trajectory, [eta_star - r.eta for r in records], r"missing return $\eta^* - \eta_k$")
    marked(advantage, trajectory, [r.policy_advantage for r in records], r"policy advantage $A^*_k$")
    if options.has_radius:
        marked(size, trajectory, [r.delta for r in records], r"radius $\delta_k$")
    else:
        marked(size, trajectory, [r.distance for r in records], "distance of the step")
    for ax in (regret, advantage, size):
        if max(ax.get_lines()[0].get_ydata(), default=0) > 0:
            ax.set_yscale("log")
    draw_ratio(ratio, trajectory, options)
    return figure


def draw_ratio(ax: "Axes", trajectory: "Trajectory", options: Options) -> "Axes":
    """The ratio r_k, the thresholds, and the lower bounds of r_k. A note names the bounds that lie below the axis."""
    records = trajectory.records
    marked(ax, trajectory, [r.ratio for r in records], "ratio $r_k$ and its lower bounds")
    ratios = [r.ratio for r in records if math.isfinite(r.ratio)]  # -inf where nothing was predicted
    low, high = min([0.0, *ratios]), max([1.0, *ratios])
    ax.set_ylim(low - 0.06 * (high - low), high + 0.06 * (high - low))
    if options.method == "trust-region":
        for name, style in (("beta0", ":"), ("beta1", "-.")):
            value = getattr(options.controller, name)
            ax.axhline(value, color="0.6", linestyle=style, linewidth=1, label=f"{name} = {value:g}")
    below = []
    for label, color, values in bounds_of_ratio(records, options):
        best = max((x for x in values if not math.isnan(x)), default=math.nan)
        if best >= ax.get_ylim()[0]:
            ax.plot(values, "--", color=color, label=label)
        elif not math.isnan(best):
            below.append(f"{label} is at most {best:.2g}: below the axis")
    ax.set_title("\n".join(below), fontsize="small")
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="best", fontsize="small")
    return ax


def bounds_of_ratio(records: "Sequence[Record]", options: Options) -> list[tuple[str, str, list[float]]]:
    """The lower bounds that hold for the method's steps: label, colour, one number for every trial."""
    bounds = [
        (r"$1/(1 + \gamma D'/((1-\gamma)\min\rho'))$", "C0", [r.bound_posterior for r in records]),
        (r"$1 - \gamma D/((1-\gamma)\min\rho)$", "C1", [r.bound_prior for r in records]),
    ]
    if options.has_radius and options.distance == "tv":
        bounds.append(("Lemma 3.4", "C2", [r.bound_lemma34 for r in records]))
    return bounds


def marked(ax: "Axes", trajectory: "Trajectory", values: list[float], label: str) -> "Axes":
    """A curve over the trials, with the rejected ones crossed."""
    from matplotlib.ticker import MaxNLocator

    ax.plot(values, "o-", ms=3, color="C7")
    rejected = [i for i, r in enumerate(trajectory.records) if not r.accepted]
    if rejected:
        ax.plot(rejected, [values[i] for i in rejected], "x", color="C3", label="rejected")
    ax.set(xlabel="trial $k$", ylabel=label)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return ax


def as_json(options: Options, trajectory: "Trajectory") -> str:
    """The run's options, every record and the final policy as JSON; null where a number is not finite."""
    setting = {name: value for name, value in asdict(options).items() if name not in FILES}
    result = {"eta": trajectory.final.eta, "converged": trajectory.converged, "policy": trajectory.policy.tolist()}
    records = [asdict(record) for record in trajectory.records]
    everything = finite({"options": setting, **result, "records": records})
    return json.dumps(everything, indent=1, allow_nan=False) + "\n"


def finite(x: Any) -> Any:
    """The same lists and dictionaries with None for every number that is not finite, which JSON does not have."""
    if isinstance(x, dict):
        return {key: finite(value) for key, value in x.items()}
    if isinstance(x, list):
        return [finite(value) for value in x]
    return None if isinstance(x, float) and not math.isfinite(x) else x


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return cli.main(Options, "exact.solve", work, argv)


if __name__ == "__main__":
    sys.exit(main())
