"""STRO, stochastic trust-region policy optimisation (arXiv 1911.11640): the whole project under one name.

    import stro

    agent = stro.train("CartPole-v1", steps=20_000)      # deep: the agent; stro.load reads it back
    run = stro.solve(stro.mdp("frozenlake-8x8"))         # exact: Algorithm 3.1 on a finite MDP
    rows = stro.verify("lemma34", instances=3)           # verify: a statement of the theory
    rows = stro.verify(mdp)                              # all statements about finite MDPs, on one's own

The commands are `stro train`, `stro solve`, `stro verify` and so on; `stro --help` lists them.

A name is imported when it is first asked for. More of each part is in `deep`, `exact` and `verify`.
"""

from dataclasses import fields
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
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


def verify(statement: "str | MDP", **options: Any) -> "list[Row]":
    """Check a statement of the theory, or all that are about finite MDPs on one MDP: print tables, return the rows.

    Args:
        statement: a statement file, such as "lemma34" or "theorem38"; or an MDP, on which all of them are checked.
        options: those of the statement file (`--help` lists them), with underscores: instances=3, float_only=True. mdp=
            is an MDP object, a name, or several of them. With an MDP alone, instances is 1 if it is not given, and
            json, figure and certificate are refused: they are files of one statement file.

    Raises:
        InputError: there is no such statement file or option, it does not read the option, or a value is out of range.
    """
    from exact.common.errors import InputError
    from exact.mdp import MDP
    from verify.__main__ import FILES_OF_ONE, STUDIES
    from verify.core.command import Options, carry_out, refuse_unread

    if not isinstance(options.get("mdp", ()), (tuple, list)):
        options["mdp"] = (options["mdp"],)
    if isinstance(statement, MDP):
        for name in FILES_OF_ONE:
            if name in options:
                raise InputError(f"{name} belongs to one statement file: verify('lemma34', mdp=..., {name}=...)")
        chosen = [study for study in STUDIES if issubclass(study.options, Options)]
        given = {"instances": 1} | options | {"mdp": (statement,)}
        return [row for study in chosen for row in carry_out(study, _options(study, given))]
    studies = {study.command.removeprefix("verify."): study for study in STUDIES}
    if statement not in studies:
        raise InputError(f"there is no statement file {statement!r}; expected one of {', '.join(studies)}")
    study = studies[statement]
    asked = _options(study, options)
    refuse_unread(study, asked)
    return carry_out(study, asked)


def _options(study: Any, given: dict[str, Any]) -> Any:
    """The options of a study; InputError if it does not have one of them."""
    from exact.common.errors import InputError

    paths = {field.name for field in fields(study.options) if field.type == Path | None}
    try:
        return study.options(**{key: Path(x) if key in paths and x is not None else x for key, x in given.items()})
    except TypeError as error:
        raise InputError(f"{study.command.replace('.', ' ')}: {error}") from None


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'stro' has no attribute {name!r}")
    module, inner = _HOMES[name]
    return getattr(import_module(module), inner)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
