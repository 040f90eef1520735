"""Gymnasium's toy-text environments (FrozenLake, CliffWalking, Taxi, ...) as finite MDPs.

Their table `env.unwrapped.P[s][a] = [(probability, next state, reward, terminated), ...]` is nearly an MDP.  Four
things are put right here:

* A next state that is listed several times is one transition: its probabilities are added.
* A state that is entered with `terminated` becomes absorbing with reward zero.  The tables of CliffWalking and Taxi
  go on from there as if nothing had happened, because the simulator never asks.
* The initial distribution has zeros, but Lemma 3.2 of Zhao, Li and Wen (arXiv 1911.11640) and every bound with
  1/min(rho0) need it positive.  So it is mixed with the uniform one, rho0 = (1 - mix) * theirs + mix / S.  Then states
  also count that the simulator never visits: the cells of the cliff, Taxi with the passenger already delivered.
* Sums of thirds are rounded to the nearest small fraction (`nearest_fractions`), so that exact arithmetic can read the
  number that was meant.

gymnasium is loaded when it is needed, not before.
"""

import re
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from exact.common.errors import InputError
from exact.common.files import reason
from exact.mdp import MDP, dense_if_small
from exact.small_fractions import nearest_fractions

if TYPE_CHECKING:
    import gymnasium

ENVIRONMENT_ID = re.compile(r"([A-Za-z_][\w.]{0,199}:)?([\w-]{1,200}/)?[\w.-]{1,200}")
"""Gymnasium's ids, `module:space/name-v0`. The module is imported; `exact.classroom.live` accepts none."""
NAMED = {
    "frozenlake-4x4": ("frozen_lake", "FrozenLakeEnv", {"map_name": "4x4"}),
    "frozenlake-8x8": ("frozen_lake", "FrozenLakeEnv", {"map_name": "8x8"}),
    "cliffwalking": ("cliffwalking", "CliffWalkingEnv", {}),
    "taxi": ("taxi", "TaxiEnv", {}),
}
"""The library's names of gymnasium's environments: file in gymnasium.envs.toy_text, class, arguments."""


def named(name: str) -> MDP:
    """The environment of that name in NAMED as an MDP with discount 0.99 and mix 0.1."""
    from importlib import import_module

    file, kind, arguments = NAMED[name]
    make = getattr(import_module(f"gymnasium.envs.toy_text.{file}"), kind)
    return from_gymnasium(make(**arguments), name=name)


def from_gymnasium(
    environment: "str | gymnasium.Env[Any, Any]", discount: float = 0.99, mix: float = 0.1, name: str | None = None
) -> MDP:
    """The MDP of a gymnasium environment with a transition table `P`, put right as the module says.

    Args:
        environment: an environment, or the id of a registered one such as "FrozenLake-v1". The MDP is read from the
            table; no step is made.
        discount: gamma in [0, 1). The environments have none of their own.
        mix: weight of the uniform distribution in rho0, in [0, 1]. 0 keeps the zeros of the environment.
        name: name of the MDP; the environment's id if None.

    Raises:
        InputError: there is no such environment, it has no table `P`, or a number is out of its range.
    """
    env = _make(environment) if isinstance(environment, str) else environment
    name = name or (env.spec.id if env.spec is not None else type(env.unwrapped).__name__)
    table = getattr(env.unwrapped, "P", None)
    if table is None:
        raise InputError(f"{name}: the environment has no transition table P, so it cannot be read as a finite MDP")
    if not 0 <= mix <= 1:
        raise InputError(f"{name}: mix must lie in [0, 1], got {mix}")
    try:
        S, A = len(table), len(table[0])
        outcomes = _outcomes(table, S, A, name)
    except (TypeError, KeyError, IndexError, AttributeError, ValueError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name}: the table P is not [state][action] of (p, next state, reward, end)") from None
    row, successor, p, r = _absorb(outcomes, A)
    kernel = sparse.coo_array((p, (row, successor)), shape=(S * A, S)).tocsr()  # adds up duplicates
    kernel.data = nearest_fractions(kernel.data)
    sums = (np.bincount(row, weights=x, minlength=S * A).reshape(S, A) for x in (p * r, np.abs(p * r)))
    rewards, sizes = (np.asarray(x, dtype=np.float64) for x in sums)
    own = np.asarray(getattr(env.unwrapped, "initial_state_distrib", np.full(S, 1 / S)), dtype=np.float64)
    initial = nearest_fractions((1 - mix) * own + mix / S)
    return MDP(dense_if_small(kernel, A), nearest_fractions(rewards, sizes), initial, discount, name)


def _make(environment: str) -> "gymnasium.Env[Any, Any]":
    """Make a registered environment. What gymnasium warns of is in its error, too, or does not concern the table."""
    import gymnasium

    if not ENVIRONMENT_ID.fullmatch(environment):
        raise InputError(f"gymnasium cannot make the environment {environment!r}: expected [MODULE:][SPACE/]NAME[-vN]")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return gymnasium.make(environment)
    except Exception as error:  # a module that MODULE: names may raise anything
        raise InputError(f"gymnasium cannot make the environment {environment!r}: {reason(error)}") from None


def _outcomes(table: Any, S: int, A: int, name: str) -> tuple[NDArray[Any], ...]:
    """All entries of the table as five arrays: s*A + a, next state, probability, reward, terminated."""
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
    """Make the states absorbing that are entered with `terminated`; returns the first four arrays of `_outcomes`."""
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
