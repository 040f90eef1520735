"""How long a worker is waited for: far longer than its environment ever took before, but not for ever.

A worker writes down every call of its environment before it makes it, in memory that the learner sees, too.  Where
nothing is written for long, the worker is stopped, or its environment hangs.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

LEAST = 300.0
"""Default of `Patience.least`: a first step may compile for minutes, and a busy machine starts a worker slowly."""
FACTOR = 20.0
"""How many times the slowest call so far a call may take."""
POLL = 1.0
"""Seconds between two looks."""

Progress = Sequence[int]
"""(steps with the one under way, episode or 0 before the first, steps before this episode) of a worker."""


@dataclass
class Patience:
    """Notices workers that make no progress.

    Args:
        progress: of each worker; it changes while this object looks at it.
        least: seconds that a call of an environment, or the start of a worker, may take at any pace.
    """

    progress: Sequence[Progress]
    least: float = LEAST
    slowest: float = 0.0
    """Seconds that the slowest call seen so far has taken; calls that are shorter than a look count for nothing."""
    quiet: list[float] = field(default_factory=list)
    """Seconds since each worker's last progress."""

    def begin(self) -> None:
        """Begin to wait."""
        self.last = time.monotonic()
        self.quiet = [0.0] * len(self.progress)
        self.seen = [tuple(one) for one in self.progress]

    @property
    def limit(self) -> float:
        """Seconds that a call may take now."""
        return max(self.least, FACTOR * self.slowest)

    def look(self, waiting: Iterable[int]) -> list[int]:
        """The workers among `waiting` that have made no progress for longer than `limit`.

        A look that comes late counts no more than one in time: then it was this process that did not run.
        """
        now = time.monotonic()
        passed, self.last = min(now - self.last, 2 * POLL), now
        late = []
        for i in waiting:
            there = tuple(self.progress[i])
            if there != self.seen[i]:
                if self.seen[i][1]:  # else it was the start, which says nothing of the pace
                    self.slowest = max(self.slowest, self.quiet[i])
                self.quiet[i], self.seen[i] = 0.0, there
                continue
            self.quiet[i] += passed
            if self.quiet[i] > self.limit:
                late.append(i)
        return late

    def describe(self, i: int) -> str:
        """What is waited for, and for how long."""
        steps, episode, before = self.progress[i]
        at = f"step {steps - before}" if steps > before else "the reset"
        what = f"{at} of episode {episode}" if episode else "its start"
        return (
            f"stopped or hanging: {what} has not ended after {self.quiet[i]:.0f} s, the slowest before took "
            f"{self.slowest:.0f} s; --patience sets how long is waited for at least"
        )
