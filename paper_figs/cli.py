"""What the reporting command lines share: bad input is one line on stderr and exit status 2, never a traceback."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from exact.errors import InputError

INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 + SIGINT, as shells report it."""


class Parser(argparse.ArgumentParser):
    """An argument parser that raises InputError instead of printing its usage and leaving."""

    def error(self, message: str) -> NoReturn:
        """Raise `message` as InputError."""
        raise InputError(f"{message} (see --help)")


def positive(text: str) -> int:
    """Parse a whole number >= 1, as an argparse type."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number >= 1, got {text}")
    return value


def nonnegative(text: str) -> int:
    """Parse a whole number >= 0, as an argparse type."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"expected a whole number >= 0, got {text}")
    return value


def run(main: Callable[[Sequence[str]], int]) -> NoReturn:
    """Run `main` on the command line's arguments and leave with its exit status."""
    try:
        status = main(sys.argv[1:])
    except InputError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        status = INTERRUPTED
    sys.exit(status)
