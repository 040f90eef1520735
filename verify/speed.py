"""How many trust-region iterations the verifier checks in a second.

    python -m verify.speed

The clock is the processor time of this process, which other programs hardly disturb.
"""

import contextlib
import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from exact.common import cli
from exact.speed import Row, seconds, show
from verify import lemma34
from verify.core.command import SearchOptions
from verify.core.statement import Check

RANDOM = tuple(f"garnet:S={S},A=4,b=3,gamma=0.95,seed={S}" for S in (5, 10, 15, 20))
"""The MDPs of the run in floats."""
CERTIFIED = ("garnet:S=20,A=4,b=3,gamma=0.95,seed=0",)
"""The MDP of the run over the rationals."""


@dataclass(frozen=True)
class Options:
    """Measure the speed of the verifier against its targets.

    Exit status: 0 measured (the table marks targets that are missed), 2 bad input.
    """


def lemma34_rate(target: int, **options: Any) -> Row:
    """Trust-region iterations that verify.lemma34 checks in a second, on one core, without its falsifier."""
    arguments = SearchOptions(search=0, **options)
    checks: list[Check] = []

    def work() -> None:
        with contextlib.redirect_stderr(io.StringIO()):
            checks.extend(lemma34.check(arguments))

    spent = seconds(work)
    rate = sum(check.statement is lemma34.LEMMA_33 for check in checks) / spent
    way = "--float-only, S<=20" if arguments.float_only else "over the rationals, S=20 A=4"
    return Row(f"verify.lemma34 {way}, one core", f"{rate:.0f} iterations/s", f">= {target}", rate >= target)


def rows() -> Iterator[Row]:
    """The measurements, each as soon as it is made."""
    yield lemma34_rate(1000, mdp=RANDOM, instances=40, float_only=True)
    yield lemma34_rate(20, mdp=CERTIFIED, instances=10)


def work(_: Options) -> int:
    """Measure and print; returns the exit status."""
    show(rows())
    return cli.DONE


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return cli.main(Options, "verify.speed", work, argv)


if __name__ == "__main__":
    sys.exit(main())
