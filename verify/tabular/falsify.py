"""Where the falsifier looks for a worse instance of a lower bound: the neighbours of a step of Algorithm 3.1.

`verify.core.checking.climb` walks from a step to steps near it: one transition, reward, initial mass or policy mass, or
the radius, is changed at a time.  All data stay on dyadic grids, so the step it ends at is decided exactly.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from exact.algorithm import Iteration, iterate
from exact.mdp import MDP, Array
from exact.mdps.library import load
from exact.subproblem.step import Subproblem
from verify.core.checking import IMPOSSIBLE, climb
from verify.core.statement import Check, Statement
from verify.tabular.runs import Run
from verify.tabular.trial import GRID, grid_policy

REWARD_GRID = 256
"""Rewards of the searched MDPs are multiples of 1/REWARD_GRID."""


@dataclass(frozen=True, eq=False)
class Place:
    """Where a step is taken: an MDP, a policy and a radius. Probabilities are multiples of 1/GRID."""

    transitions: Array
    """Shape (S, A, S)."""
    rewards: Array
    initial: Array
    policy: Array
    delta: float
    discount: float

    @classmethod
    def on_grid(cls, mdp: MDP, policy: Array, delta: float) -> "Place":
        """The place on the grids next to a given one."""
        S, A = mdp.rewards.shape
        dense = mdp.kernel if isinstance(mdp.kernel, np.ndarray) else mdp.kernel.toarray()
        return cls(
            grid_policy(dense).reshape(S, A, S),
            np.rint(mdp.rewards * REWARD_GRID) / REWARD_GRID,
            grid_policy(mdp.initial[None])[0],
            grid_policy(policy),
            delta,
            mdp.discount,
        )

    def mdp(self) -> MDP:
        """The MDP of this place."""
        return MDP(self.transitions, self.rewards, self.initial, self.discount, "search")

    def step(self, subproblem: Subproblem) -> Iteration | None:
        """The first trial of Algorithm 3.1 here; None where the policy is optimal."""
        return next(iterate(self.mdp(), subproblem, start=self.policy, delta0=self.delta), None)


Score = Callable[[MDP, Iteration], float]
"""How close a step comes to violating the bound: 1 at equality, more where it is violated."""


def worst_step(
    mdp: MDP, first: Iteration, score: Score, subproblem: Subproblem, trials: int, rng: np.random.Generator
) -> Place:
    """The place near a step at which `score` is highest, found by hill climbing.

    Args:
        mdp: where the step was taken.
        first: the step.
        score: what is to be raised.
        subproblem: the solver that takes the steps.
        trials: how many places are tried.
        rng: source of the perturbations.
    """

    def value(place: Place) -> float:
        it = place.step(subproblem)
        return IMPOSSIBLE if it is None or it.step.gain <= 0 else score(place.mdp(), it)

    start = Place.on_grid(mdp, first.policy, first.delta)
    return climb(start, value, lambda place: neighbour(place, rng), trials)[0]


def tightest(
    first: Place, checks_at: Callable[[Place], list[Check]], statement: Statement, trials: int, rng: np.random.Generator
) -> list[Check]:
    """The checks at the place near `first` where claimed / actual of a statement is largest, found by hill climbing.

    Args:
        first: where to begin.
        checks_at: makes the checks at a place.
        statement: the one that is to fail.
        trials: how many places are tried.
        rng: source of the perturbations.
    """

    def closeness(place: Place) -> float:
        found = [check for check in checks_at(place) if check.statement == statement and check.actual > 0]
        return max((check.claimed / check.actual for check in found), default=IMPOSSIBLE)

    return checks_at(climb(first, closeness, lambda place: neighbour(place, rng), trials)[0])


def search_near(
    run: Run,
    start: Array,
    delta: float,
    checks_at: Callable[..., list[Check]],
    statement: Statement,
    trials: int,
    rng: np.random.Generator,
) -> list[Check]:
    """The checks at the tightest place near the beginning of a run.

    Args:
        run: names the MDP.
        start: the policy to begin at, shape (S, A).
        delta: the radius to begin at.
        checks_at: makes the checks at a place; `where` names them.
        statement: the one that is to fail.
        trials: how many places are tried.
        rng: source of the perturbations.
    """
    first = Place.on_grid(load(run.mdp), start, delta)
    where = f"falsifier of {statement.label} near {run} --search {trials}"
    return tightest(first, partial(checks_at, where=where), statement, trials, rng)


def neighbour(place: Place, rng: np.random.Generator) -> Place:
    """The place with one transition, reward, initial mass or policy mass, or the radius, changed at random."""
    changes: dict[str, Any] = {}
    what = rng.integers(5)
    if what == 0:
        changes["transitions"] = _shift(place.transitions, rng, least=0)
    elif what == 1:
        rewards = place.rewards.copy()
        rewards.ravel()[rng.integers(rewards.size)] += rng.integers(-REWARD_GRID, REWARD_GRID + 1) / REWARD_GRID
        changes["rewards"] = rewards
    elif what == 2:
        changes["initial"] = _shift(place.initial[None], rng, least=1)[0]
    elif what == 3:
        changes["policy"] = _shift(place.policy, rng, least=0)
    else:
        changes["delta"] = place.delta * 2.0 ** rng.normal()
    return replace(place, **changes)


def _shift(p: Array, rng: np.random.Generator, least: int) -> Array:
    """Move a random mass between two entries of a random row, leaving at least `least` grid units where it was."""
    shifted = p.copy()
    row = shifted.reshape(-1, p.shape[-1])[rng.integers(p.size // p.shape[-1])]
    source, target = rng.integers(len(row), size=2)
    available = int(row[source] * GRID) - least
    if available > 0:
        mass = int(available * rng.random() ** 2) + 1 if rng.random() < 0.8 else available
        row[source] -= mass / GRID
        row[target] += mass / GRID
    return shifted
