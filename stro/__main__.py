"""The console command: `stro train --env CartPole-v1` is `python -m deep.train --env CartPole-v1`, and so on."""

import difflib
import sys
from collections.abc import Sequence
from importlib import import_module

import stro
from exact.common import cli
from exact.common.errors import InputError

COMMANDS = {
    "train": ("deep.training", "train an agent"),
    "check": ("deep.check", "look at an environment before training in it"),
    "evaluate": ("deep.evaluate", "score and film a trained agent"),
    "plot": ("deep.plot", "draw the learning curves of runs"),
    "export": ("deep.export", "write a policy for programs without this project"),
    "tune": ("deep.tune", "search for good settings"),
    "grid": ("deep.grid", "train on many environments and seeds"),
    "solve": ("exact.solving", "solve a finite MDP"),
    "convert": ("exact.convert", "convert a finite MDP between file formats"),
    "classroom": ("exact.classroom.__main__", "the web page that explains trust regions"),
    "verify": ("verify.__main__", "check the theory; `stro verify lemma34` one statement of it"),
}
"""Each command's module and what it does."""


def usage() -> str:
    """The list of commands."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(["usage: stro COMMAND ...; stro COMMAND --help explains its options", "", *lines])


def statement(name: str) -> str:
    """The module of a statement file. Raises InputError if there is none of this name."""
    from verify.__main__ import STUDIES

    modules = {study.command.removeprefix("verify."): study.command for study in STUDIES}
    modules["sampled"] = "verify.sampled.__main__"
    if name not in modules:
        raise InputError(f"there is no statement file {name!r}; expected one of {', '.join(modules)}")
    return modules[name]


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status of the command."""
    command, *words = (sys.argv[1:] if argv is None else list(argv)) or ["--help"]
    if command in ("-h", "--help"):
        print(usage())
        return cli.DONE
    if command == "--version":
        print(stro.__version__)
        return cli.DONE
    if command not in COMMANDS:
        close = difflib.get_close_matches(command, COMMANDS, n=1)
        hint = f"did you mean {close[0]}?" if close else f"expected one of {', '.join(COMMANDS)}"
        return cli.complain(f"there is no command {command!r}; {hint}", cli.BAD_INPUT)
    if command == "verify" and words and not words[0].startswith("-"):
        return cli.guard(lambda: import_module(statement(words[0])).main(words[1:]))
    return cli.guard(lambda: import_module(COMMANDS[command][0]).main(words))


if __name__ == "__main__":
    sys.exit(main())
