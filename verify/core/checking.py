"""How a verdict is reached, and how the falsifier looks for worse instances.

Floating point proposes, exact arithmetic decides.  `decide` asks one arithmetic after the other about a step.  For
tabular policies (`verify.tabular`) these are floats, then rationals.  For Gaussian policies (`verify.gaussian`) these
are balls of growing precision: they cost less than the step itself, so floats need not be asked first.  `climb` is the
falsifier's search, for any kind of place that has neighbours.

What the two kinds do not share is in their own rooms: which runs there are (an MDP and a seed, or a seed alone), what
is measured at a step (`TrialPoint` or `Measures`), and what a neighbour of a step is.
"""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from functools import partial
from typing import Any, TypeVar

from exact.certificate import digest, model
from exact.common.executors import workers
from exact.common.parallel import in_batches
from exact.common.source import versions
from exact.rational import from_mdp
from verify.core.command import CommonOptions
from verify.core.findings import Findings
from verify.core.journal import Journal
from verify.core.statement import Check, Verdict

Item = TypeVar("Item")
Place = TypeVar("Place")

NOT_FINDINGS = ("json", "figure", "jobs", "executor", "journal", "certificate")
"""Options that the findings do not depend on."""
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


def check_all(
    work: Callable[[Item], list[Check]], items: Sequence[Item], options: CommonOptions, title: str
) -> Findings:
    """The checks of every item, counted as they come. They do not depend on the executor nor on the number of workers.

    Args:
        work: makes the checks of one item; a function of a module, since other processes call it.
        items: runs, or searches. They may be `Lazy`.
        options: the command line, with executor, jobs and journal.
        title: what the progress bar says. The studies of one command line have different titles.

    Raises:
        InputError: there is no such executor, or the journal is of another command.
        FaultError: the workers are gone, or items killed every worker that took them. The journal has all others.
    """
    path = None if options.journal is None else options.journal / f"{title.lower().replace(' ', '-')}.json"
    with (
        workers(options.executor, options.jobs) as pool,
        Journal(path, _setting(options), len(items)) as journal,
    ):
        for batch, found in in_batches(pool, partial(_check_batch, work), items, journal.missing, title):
            journal.add(batch, found)
    return journal.findings


def _setting(options: CommonOptions) -> dict[str, Any]:
    """What the findings depend on."""
    without = {field.name: getattr(options, field.name) for field in fields(options) if field.name not in NOT_FINDINGS}
    as_read: dict[str, Any] = json.loads(json.dumps(without, default=_told_apart))
    return as_read | versions("exact", "verify")


def _told_apart(mdp: Any) -> str:
    """The digest of an MDP that was given as an object, in the place of a name."""
    return digest(model(mdp.name, from_mdp(mdp)))


def _check_batch(work: Callable[[Item], list[Check]], first: int, items: Sequence[Item]) -> Findings:
    found = Findings(len(items))
    for number, item in enumerate(items, first):
        found.add(number, work(item))
    return found


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
