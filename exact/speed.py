"""Speed and size of the exact half, as ratios measured in one run.

    python -m exact.speed [--large]

Peers take turns, so that both see the same load of the machine, and their medians are compared. The clock is the
processor time of this process, which other programs hardly disturb.
"""

import resource
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain
from statistics import median
from typing import Any

import numpy as np

from exact.algorithm import solve
from exact.common import cli
from exact.evaluation import evaluate, reward_range
from exact.mdp import MDP, Array
from exact.mdps.garnet import garnet
from exact.subproblem.tv import gaps, solve_tv

ACTIONS, SUCCESSORS, DISCOUNT, TOLERANCE = 10, 5, 0.99, 1e-6
"""A, b and gamma of the large Garnet MDPs, and the A* to which they are solved."""
POLICY_ITERATION_LIMIT = 60
"""Seconds that QuantEcon's policy iteration may take. At S = 1e5 it needs many more: its sparse LU factors are not
sparse."""


@dataclass(frozen=True)
class Options:
    """Measure the speed and size of the exact half against its targets.

    Exit status: 0 measured (the table marks targets that are missed), 2 bad input.
    """

    large: bool = False
    """Also solve a sparse Garnet MDP with 1e6 states. This takes some minutes and about 10 GiB."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    """What was measured; starts with two blanks if it belongs to the line above."""
    measured: str
    target: str
    reached: bool | None
    """Whether the target was reached; None where there is none."""


def seconds(work: Callable[[], Any]) -> float:
    """Processor time of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def interleaved(works: list[Callable[[], Any]], rounds: int) -> list[float]:
    """Median processor time of every function in seconds; they take turns."""
    times = [[seconds(work) for work in works] for _ in range(rounds)]
    return [median(column) for column in zip(*times, strict=True)]


def problem(n_states: int, n_actions: int) -> tuple[Array, Array, Array, float]:
    """A random subproblem: policy, advantage, visitation, and a tenth of the total visitation as radius."""
    rng = np.random.default_rng(0)
    rho = rng.exponential(size=n_states)
    policy = rng.dirichlet(np.ones(n_actions), n_states)
    return policy, rng.standard_normal((n_states, n_actions)), rho, float(rho.sum() / 10)


def against_lp(n_states: int, n_actions: int, target: int) -> list[Row]:
    """The closed form against the compiled linear program."""
    from exact.subproblem.lp import ConvexSubproblem

    arguments = problem(n_states, n_actions)
    lp = ConvexSubproblem()
    step, reference = solve_tv(*arguments), lp(*arguments)  # the first call compiles
    error = abs(step.gain - reference.gain) / step.gain
    many = 50
    times = interleaved([lambda: [solve_tv(*arguments) for _ in range(many)], lambda: lp(*arguments)], 5)
    own, other = times[0] / many, times[1]
    what = f"closed form against the compiled LP, S={n_states} A={n_actions}"
    return [
        Row(
            what,
            f"{other / own:.0f}x ({own * 1e3:.3f} ms, {other * 1e3:.1f} ms)",
            f">= {target}x",
            other >= target * own,
        ),
        Row("  relative difference of the objectives", f"{error:.1e}", "<= 1e-9", error <= 1e-9),
    ]


def against_sorting(n_states: int = 10**6) -> list[Row]:
    """The closed form against a sort of the same gaps."""
    arguments = problem(n_states, ACTIONS)
    G = gaps(arguments[1]).ravel()
    works: list[Callable[[], Any]] = [lambda: solve_tv(*arguments), lambda: np.sort(G), lambda: np.argsort(G)]
    own, sort, argsort = interleaved(works, 9)
    size = f"S={n_states:.0e} A={ACTIONS}".replace("+0", "")
    return [
        Row(f"closed form against np.sort of the gaps, {size}", ratio(own, sort), "< 1", own < sort),
        Row(f"closed form against np.argsort of the gaps, {size}", ratio(own, argsort), "(for comparison)", None),
        peak_memory(arguments, size),
    ]


def ratio(own: float, other: float) -> str:
    """own / other, and both times in seconds."""
    return f"{own / other:.2f} ({own:.3g} s, {other:.3g} s)"


def peak_memory(arguments: tuple[Array, Array, Array, float], size: str) -> Row:
    """Peak memory while one subproblem is solved, its policy and advantage included, in tables of that size."""
    tracemalloc.start()
    solve_tv(*arguments)
    tables = tracemalloc.get_traced_memory()[1] / arguments[0].nbytes + 2
    tracemalloc.stop()
    what = f"peak memory in policy tables, with policy and advantage, {size}"
    return Row(what, f"{tables:.2f}", "< 6", tables < 6)


def myopic(mdp: MDP) -> Array:
    """The policy of the largest immediate reward; QuantEcon's methods start there, too."""
    policy: Array = np.eye(mdp.n_actions)[mdp.rewards.argmax(axis=1)]
    return policy


def run_algorithm(mdp: MDP) -> tuple[float, str]:
    """Algorithm 3.1 with the closed form, from the myopic policy with delta0 = 1/(1-gamma): seconds and a summary."""
    tolerance = TOLERANCE * (1 - mdp.discount) / reward_range(mdp)[1]  # then eta* - eta and A* are at most TOLERANCE
    start = time.process_time()
    trajectory = solve(mdp, start=myopic(mdp), delta0=1 / (1 - mdp.discount), tolerance=tolerance)
    spent = time.process_time() - start
    reached = f"A* = {trajectory.final.policy_advantage:.1e} after {trajectory.iterations} steps"
    return spent, f"{spent:.2f} s, {reached}" if trajectory.converged else f"not reached: {reached}"


def large_mdp(n_states: int) -> MDP:
    """The sparse Garnet MDP of the size and speed targets."""
    return garnet(n_states, ACTIONS, SUCCESSORS, DISCOUNT, seed=0)


def quantecon(mdp: MDP) -> Any:
    """The same MDP as QuantEcon's DiscreteDP."""
    from quantecon.markov import DiscreteDP
    from scipy import sparse

    S, A = mdp.rewards.shape
    states, actions = np.repeat(np.arange(S), A), np.tile(np.arange(A), S)
    return DiscreteDP(mdp.rewards.ravel().copy(), sparse.csr_matrix(mdp.kernel), mdp.discount, states, actions)


def modified_policy_iteration(mdp: MDP) -> tuple[float, str]:
    """QuantEcon's modified policy iteration to the same A*, once it is compiled: seconds and a summary."""
    quantecon(garnet(50, ACTIONS, SUCCESSORS, DISCOUNT, seed=1)).solve(method="mpi")  # compiles
    ddp = quantecon(mdp)
    start = time.process_time()
    result = ddp.solve(method="mpi", epsilon=TOLERANCE * (1 - mdp.discount), max_iter=10_000)
    spent = time.process_time() - start
    reached = evaluate(mdp, np.eye(ACTIONS)[result.sigma]).policy_advantage
    return spent, f"{spent:.2f} s, A* = {reached:.1e} after {result.num_iter} steps"


def policy_iteration_in_time(n_states: int) -> str:
    """QuantEcon's policy iteration, in a process of its own that is stopped at the limit."""
    code = f"from exact.speed import *; ddp = quantecon(large_mdp({n_states}))\n"
    code += "print(seconds(lambda: ddp.solve(method='policy_iteration')))"
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=POLICY_ITERATION_LIMIT
        )
    except subprocess.TimeoutExpired:
        return f"not done in {POLICY_ITERATION_LIMIT} s"
    except subprocess.CalledProcessError as error:
        return f"failed: {(error.stderr.splitlines() or ['killed'])[-1]}"
    return f"{float(done.stdout):.2f} s"


def whole_runs(n_states: int, has_target: bool) -> list[Row]:
    """Algorithm 3.1 beside QuantEcon's methods on a large sparse MDP."""
    mdp = large_mdp(n_states)
    what = f"Algorithm 3.1 to A* <= {TOLERANCE:g}, sparse Garnet S={n_states:.0e}".replace("+0", "").replace(
        "-06", "-6"
    )
    if find_spec("quantecon") is None:
        return [Row(what, run_algorithm(mdp)[1], "quantecon is not installed", None)]
    pairs = [(run_algorithm(mdp), modified_policy_iteration(mdp)) for _ in range(3 if has_target else 1)]
    (own, text), (other, other_text) = (sorted(column)[len(pairs) // 2] for column in zip(*pairs, strict=True))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    rows = [
        Row(what, text, "done", "not" not in text),
        Row("  QuantEcon modified policy iteration", other_text, "", None),
        Row("  ratio to it", f"{own / other:.2f}", "<= 3", own <= 3 * other),
    ]
    if has_target:
        rows.append(Row("  QuantEcon policy iteration", policy_iteration_in_time(n_states), "", None))
        return rows
    return [
        *rows[:2],
        Row("  ratio to it", f"{own / other:.2f}", "", None),
        Row("  peak memory", f"{memory:.1f} GiB", "< 24", memory < 24),
    ]


def rows(options: Options) -> Iterator[Row]:
    """The measurements, each as soon as it is made."""
    yield from against_lp(100, 5, 100)
    yield from against_lp(1000, 20, 500)
    yield from against_sorting()
    yield from whole_runs(10**5, has_target=True)
    if options.large:
        yield from whole_runs(10**6, has_target=False)


def show(rows: Iterable[Row]) -> None:
    """Print the table, each line as soon as it is measured."""
    for row in chain([Row("what", "measured", "target", None)], rows):
        verdict = {True: "reached", False: "MISSED", None: ""}[row.reached]
        print(f"{row.what:<64} {row.measured:<42} {row.target:<16} {verdict}".rstrip(), flush=True)


def work(options: Options) -> int:
    """Measure and print one line after the other; returns the exit status."""
    show(rows(options))
    return cli.DONE


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return cli.main(Options, "exact.speed", work, argv)


if __name__ == "__main__":
    sys.exit(main())
