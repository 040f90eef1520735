"""The console command: `stro train --env CartPole-v1` is `python -m deep.train --env CartPole-v1`, and so on."""

import difflib
import pkgutil
import sys
from collections.abc import Sequence
from importlib import import_module

import stro
from exact.common import cli

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
NO_COMMANDS = ("__main__", "check_certificate", "core", "gaussian", "tabular")
"""Modules of `verify` that are no commands of their own."""


def usage() -> str:
    """The list of commands."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(["usage: stro COMMAND ...; stro COMMAND --help explains its options", "", *lines])


def verifications() -> dict[str, str]:
    """What may follow `stro verify`, and its module: the statement files and the other commands of `verify`."""
    found = (m for m in pkgutil.iter_modules(import_module("verify").__path__) if m.name not in NO_COMMANDS)
    return {m.name: f"verify.{m.name}.__main__" if m.ispkg else f"verify.{m.name}" for m in found}


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status of the command."""
    command, *words = (sys.argv[1:] if argv is None else list(argv)) or ["--help"]
    if command in ("-h", "--help"):
        print(usage())
        return cli.DONE
    if command == "--version":
        print(stro.__version__)
        return cli.DONE
    modules = {name: module for name, (module, _) in COMMANDS.items()}
    if command == "verify" and words and not words[0].startswith("-"):
        modules, command = verifications(), words.pop(0)
    if command not in modules:
        close = difflib.get_close_matches(command, modules, n=1)
        hint = f"did you mean {close[0]}?" if close else f"expected one of {', '.join(modules)}"
        return cli.complain(f"there is no command {command!r}; {hint}", cli.BAD_INPUT)
    module = modules[command]
    return cli.guard(lambda: import_module(module).main(words))


if __name__ == "__main__":
    sys.exit(main())
