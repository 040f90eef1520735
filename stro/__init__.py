"""STRO, stochastic trust-region policy optimisation (arXiv 1911.11640): the whole project under one name.

    import stro

    agent = stro.train("CartPole-v1", steps=20_000)      # deep: the agent; stro.load reads it back
    run = stro.solve(stro.mdp("frozenlake-8x8"))         # exact: Algorithm 3.1 on a finite MDP
    rows = stro.verify("lemma34", instances=3)           # verify: a statement of the theory

The commands are `stro train`, `stro solve`, `stro verify` and so on; `stro --help` lists them.

A name is imported when it is first asked for. More of each part is in `deep`, `exact` and `verify`.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from exact.common.interrupts import quiet_while_importing

if TYPE_CHECKING:
    from deep.agent import Agent, load, resume, train
    from exact.algorithm import solve
    from exact.common.errors import FaultError, InputError
    from exact.mdp import MDP
    from exact.mdps.library import load as mdp
    from verify.core.report import Row

quiet_while_importing()

__all__ = [
    "MDP",
    "Agent",
    "FaultError",
    "InputError",
    "__version__",
    "load",
    "mdp",
    "resume",
    "solve",
    "train",
    "verify",
]

_HOMES = {
    "Agent": ("deep.agent", "Agent"),
    "FaultError": ("exact.common.errors", "FaultError"),
    "InputError": ("exact.common.errors", "InputError"),
    "MDP": ("exact.mdp", "MDP"),
    "load": ("deep.agent", "load"),
    "mdp": ("exact.mdps.library", "load"),
    "resume": ("deep.agent", "resume"),
    "solve": ("exact.algorithm", "solve"),
    "train": ("deep.agent", "train"),
}
"""Module and name of every public name that is imported when it is asked for."""

try:
    __version__ = version("stro")
except PackageNotFoundError:  # the folder is used without an installation
    __version__ = "0+unknown"


def verify(statement: str, **options: Any) -> "list[Row]":
    """Check a statement of the theory: print its table, and return the rows.

    Args:
        statement: a statement file, such as "lemma34" or "theorem38".
        options: those of `python -m verify.STATEMENT --help`, with underscores: instances=3, certify=True.

    Raises:
        InputError: there is no such statement file or option, or a value is out of range.
    """
    from exact.common.errors import InputError
    from verify.__main__ import STUDIES
    from verify.core.command import carry_out

    studies = {study.command.removeprefix("verify."): study for study in STUDIES}
    if statement not in studies:
        raise InputError(f"there is no statement file {statement!r}; expected one of {', '.join(studies)}")
    study = studies[statement]
    try:
        chosen = study.options(**options)
    except TypeError as error:
        raise InputError(f"verify {statement}: {error}") from None
    return carry_out(study, chosen)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'stro' has no attribute {name!r}")
    module, inner = _HOMES[name]
    return getattr(import_module(module), inner)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
