"""How a verdict is reached, and how the falsifier looks for worse instances.

Floating point proposes, exact arithmetic decides.  `decide` asks one arithmetic after the other about a step.  For
tabular policies (`verify.tabular`) these are floats, then rationals.  For Gaussian policies (`verify.gaussian`) these
are balls of growing precision: they cost less than the step itself, so floats need not be asked first.  `climb` is the
falsifier's search, for any kind of place that has neighbours.

What the two kinds do not share is in their own rooms: which runs there are (an MDP and a seed, or a seed alone), what
is measured at a step (`TrialPoint` or `Measures`), and what a neighbour of a step is.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from exact.common.parallel import parallel_map
from verify.core.statement import Check, Verdict

Item = TypeVar("Item")
Place = TypeVar("Place")

IMPOSSIBLE = -math.inf
"""Score of a place that cannot be judged."""

Attempt = Callable[[], list[Check] | None]
"""Checks all claims about one step in one arithmetic. None: this arithmetic cannot enclose the step."""


def decide(attempts: Iterable[Attempt]) -> list[Check]:
    """All claims about one step, each with the verdict of the first arithmetic that reaches one.

    A claim may turn out, in a better arithmetic, not to apply to the step. An undecided check of it is dropped then.

    Args:
        attempts: from the cheapest to the most exact. They are made until no verdict is open.
    """
    checks: list[Check] | None = None
    for attempt in attempts:
        found = attempt()
        if found is not None:
            checks = found if checks is None else _settle(checks, found)
            if not any(_open(check) for check in checks):
                break
    return checks or []


def _settle(checks: list[Check], better: list[Check]) -> list[Check]:
    """The checks, the open ones replaced by those of a better arithmetic."""
    by_statement = {check.statement: check for check in better}
    settled = (by_statement.get(check.statement) if _open(check) else check for check in checks)
    return [check for check in settled if check is not None]


def _open(check: Check) -> bool:
    return check.verdict is Verdict.UNDECIDED


def check_all(work: Callable[[Item], list[Check]], items: Sequence[Item], jobs: int, title: str) -> list[Check]:
    """The checks of every item, in the items' order whatever the number of processes.

    Args:
        work: makes the checks of one item; a function of a module, since other processes call it.
        items: runs, or searches.
        jobs: processes.
        title: what the progress bar says.
    """
    return [check for checks in parallel_map(work, items, jobs, title) for check in checks]


def climb(
    start: Place, score: Callable[[Place], float], neighbour: Callable[[Place], Place], trials: int
) -> tuple[Place, float]:
    """The best place found by hill climbing, with its score.

    Args:
        start: where to begin.
        score: how close a place comes to violating a statement; -inf where it cannot be judged.
        neighbour: draws a place near a given one.
        trials: how many neighbours are drawn.
    """
    best, highest = start, score(start)
    for _ in range(trials):
        place = neighbour(best)
        found = score(place)
        if found > highest:
            best, highest = place, found
    return best, highest
