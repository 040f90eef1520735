"""Gymnasium's toy-text environments (FrozenLake, CliffWalking, Taxi, ...) as finite MDPs.

Their table `env.unwrapped.P[s][a] = [(probability, next state, reward, terminated), ...]` is nearly an MDP.  Four
things are put right here:

* a next state listed several times is one transition, its probabilities are added;
* a state that is entered with `terminated` becomes absorbing with reward zero.  The tables of CliffWalking and Taxi go
  on from there as if nothing had happened, because the simulator never asks;
* the initial distribution has zeros, and Lemma 3.2 of Zhao, Li and Wen (arXiv 1911.11640) and every bound with
  1/min(rho0) need it positive: it is mixed with the uniform one, rho0 = (1 - mix) * theirs + mix / S.  The mass also
  reaches states that the simulator never visits (the cliff's own cells, Taxi with the passenger already delivered);
* sums of thirds are rounded to the nearest small fraction (`nearest_fractions`), so that exact arithmetic can read the
  rational number that was meant.
"""

from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.toy_text.frozen_lake import MAPS
from numpy.typing import NDArray
from scipy import sparse

from exact.common.errors import InputError
from exact.mdp import MDP, Array, dense_if_small
from exact.mdps.small_fractions import nearest_fractions


@dataclass(frozen=True)
class Grid:
    """How the states of a grid world lie on the page: state s is row s // columns, column s % columns."""

    letters: tuple[str, ...]
    """One string per row, one letter per cell."""
    arrows: str
    """One arrow per action, in the order of the actions."""

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return len(self.letters), len(self.letters[0])


GRIDS: dict[str, Grid] = {
    "frozenlake-4x4": Grid(tuple(MAPS["4x4"]), "←↓→↑"),
    "frozenlake-8x8": Grid(tuple(MAPS["8x8"]), "←↓→↑"),
    "cliffwalking": Grid((*["." * 12] * 3, "SCCCCCCCCCCG"), "↑→↓←"),
}
"""S start, F frozen, H hole, G goal, C cliff, '.' free."""


def from_gymnasium(
    environment: "str | gymnasium.Env[Any, Any]", discount: float = 0.99, mix: float = 0.1, name: str | None = None
) -> MDP:
    """The MDP of a gymnasium environment that exposes its transition table `P`, corrected as the module says.

    Args:
        environment: an environment, or the id of a registered one ("FrozenLake-v1"). The MDP is read from its table and
            the environment is not stepped.
        discount: gamma in [0, 1); the environments do not come with one.
        mix: weight of the uniform distribution in rho0, in [0, 1]; 0 keeps the environment's own zeros.
        name: name of the MDP, the environment's id if it is None.

    Raises:
        InputError: there is no such environment, it has no table `P`, or a number is out of its range.
    """
    env = _make(environment) if isinstance(environment, str) else environment
    name = name or (env.spec.id if env.spec is not None else type(env.unwrapped).__name__)
    table = getattr(env.unwrapped, "P", None)
    if table is None:
        raise InputError(f"{name}: the environment exposes no transition table P, so it is not a known finite MDP")
    if not 0 <= mix <= 1:
        raise InputError(f"{name}: mix must lie in [0, 1], got {mix}")
    S, A = len(table), len(table[0])
    row, successor, p, r = _absorb(_outcomes(table, S, A, name), A)
    kernel = sparse.coo_array((p, (row, successor)), shape=(S * A, S)).tocsr()  # adds up duplicates
    kernel.data = nearest_fractions(kernel.data)
    rewards: Array = np.bincount(row, weights=p * r, minlength=S * A).reshape(S, A).astype(np.float64)
    own = np.asarray(getattr(env.unwrapped, "initial_state_distrib", np.full(S, 1 / S)), dtype=np.float64)
    initial = nearest_fractions((1 - mix) * own + mix / S)
    return MDP(dense_if_small(kernel, A), nearest_fractions(rewards), initial, discount, name)


def _make(environment: str) -> "gymnasium.Env[Any, Any]":
    try:
        return gymnasium.make(environment)
    except (gymnasium.error.Error, ImportError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"gymnasium cannot make the environment {environment!r}: {reason}") from None


def _outcomes(table: Any, S: int, A: int, name: str) -> tuple[NDArray[Any], ...]:
    """The table as parallel arrays (s*A + a, next state, probability, reward, terminated) over all its entries."""
    entries = []
    for s in range(S):
        if len(table[s]) != A:
            raise InputError(f"{name}: state {s} has {len(table[s])} actions, expected {A} as in state 0")
        entries += [(s * A + a, t, p, r, end) for a in range(A) for p, t, r, end in table[s][a]]
    row, successor, p, r, terminated = (np.array(column) for column in zip(*entries, strict=True))
    if successor.min() < 0 or successor.max() >= S:
        raise InputError(f"{name}: a next state lies outside 0..{S - 1}")
    return row, successor, p, r, terminated.astype(bool)


def _absorb(outcomes: tuple[NDArray[Any], ...], A: int) -> tuple[NDArray[Any], ...]:
    """The outcomes (s*A + a, next state, probability, reward), states entered with `terminated` made absorbing."""
    row, successor, p, r, terminated = outcomes
    ends = np.unique(successor[terminated & (p > 0)])
    alive = ~np.isin(row // A, ends)
    end_rows = (ends[:, None] * A + np.arange(A)).ravel()
    return (
        np.concatenate([row[alive], end_rows]),
        np.concatenate([successor[alive], np.repeat(ends, A)]),
        np.concatenate([p[alive], np.ones(end_rows.size)]),
        np.concatenate([r[alive], np.zeros(end_rows.size)]),
    )
