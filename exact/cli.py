"""What every command line of the project shares: options from a dataclass, and one line for every error.

Exit status: 0 done, 1 the command's own verdict is negative, 2 bad input, 3 a fault while running, 130 interrupted.
"""

import contextlib
import io
import re
import sys
from collections.abc import Callable
from typing import NoReturn, TypeVar

import tyro

from exact.errors import FaultError, InputError

Options = TypeVar("Options")

BAD_INPUT, FAULT, INTERRUPTED = 2, 3, 130


def parse(options: type[Options], command: str) -> Options:
    """Read the dataclass `options` from the command line of `python -m command`; its docstrings are the help.

    Raises:
        InputError: the arguments do not fit; the message is the parser's, on one line.
    """
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(options, prog=f"python -m {command}", config=(tyro.conf.FlagCreatePairsOff,))
    except SystemExit as stop:
        if not stop.code:
            raise
        words = re.sub(r"[╭╮╰╯│─]+", " ", complaint.getvalue()).split()
        message = " ".join(words).partition(" For full helptext")[0]
        raise InputError(f"{message} (see python -m {command} --help)") from None


def run(main: Callable[[], int]) -> NoReturn:
    """Call main and leave the process with its exit status; known errors become one line on standard error."""
    try:
        status = main()
    except InputError as error:
        status = _complain(error, BAD_INPUT)
    except FaultError as error:
        status = _complain(error, FAULT)
    except KeyboardInterrupt:
        status = _complain("interrupted", INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of a pipe has gone, there is nobody left to complain to
        status = FAULT
    sys.exit(status)


def _complain(error: object, status: int) -> int:
    print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    return status
