"""A falsifier: search for the worst instance of a lower bound near a given step of Algorithm 3.1.

Hill climbing on the tightness of a bound, measured so that above 1 the bound would be violated: single transitions,
rewards, initial masses, policy masses and the radius are perturbed one at a time and what brings the bound closer to
failing is kept. All data stay on dyadic grids, so the instance it ends at is decided exactly.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from exact.algorithm import Iteration, iterate
from exact.mdp import MDP, Array
from exact.subproblem.step import Subproblem
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

    def mdp(self) -> MDP:
        """The MDP of this place."""
        return MDP(self.transitions, self.rewards, self.initial, self.discount, "search")

    def step(self, subproblem: Subproblem) -> Iteration | None:
        """The first trial of Algorithm 3.1 here; None where the policy is optimal."""
        return next(iterate(self.mdp(), subproblem, start=self.policy, delta0=self.delta), None)


def place_of(mdp: MDP, policy: Array, delta: float) -> Place:
    """A place on the grids at a given one."""
    S, A = mdp.rewards.shape
    dense = mdp.kernel if isinstance(mdp.kernel, np.ndarray) else mdp.kernel.toarray()
    return Place(
        grid_policy(dense).reshape(S, A, S),
        np.rint(mdp.rewards * REWARD_GRID) / REWARD_GRID,
        grid_policy(mdp.initial[None])[0],
        grid_policy(policy),
        delta,
        mdp.discount,
    )


Score = Callable[[MDP, Iteration], float]
"""How close a step comes to violating the bound."""


def climb(place: Place, score: Score, subproblem: Subproblem, rounds: int, rng: np.random.Generator) -> Place:
    """The best place found in `rounds` perturbations; score is to be raised."""
    best = _score(place, score, subproblem)
    for _ in range(rounds):
        trial = _perturb(place, rng)
        value = _score(trial, score, subproblem)
        if value > best:
            place, best = trial, value
    return place


def _score(place: Place, score: Score, subproblem: Subproblem) -> float:
    it = place.step(subproblem)
    return -np.inf if it is None or it.step.gain <= 0 else score(place.mdp(), it)


def _perturb(place: Place, rng: np.random.Generator) -> Place:
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
