"""What every command line of the project shares: options from a dataclass, and one line for every error.

Exit status: 0 done, 1 the command's own verdict is negative, 2 bad input, 3 a fault while running, 130 interrupted.
"""

import contextlib
import io
import re
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn, TypeVar

import tyro

from exact.common.errors import FaultError, InputError

Options = TypeVar("Options")

BAD_INPUT, FAULT, INTERRUPTED = 2, 3, 130
CLASS_NAME = r"[A-Z]\w*"
"""A message about a whole dataclass names its class, which says nothing to a user."""


def parse(
    options: type[Options], command: str, *, default: Options | None = None, arguments: Sequence[str] | None = None
) -> Options:
    """Read the dataclass `options` from the command line of `python -m command`; its docstrings are the help.

    Args:
        options: the dataclass.
        command: module name, for the usage line.
        default: values of the fields that are not given, instead of the dataclass's own.
        arguments: the words to read instead of the process's.

    Raises:
        InputError: the arguments do not fit; the message is the parser's, on one line.
    """
    complaint = io.StringIO()
    prog, settings = f"python -m {command}", (tyro.conf.FlagCreatePairsOff,)
    try:
        with contextlib.redirect_stderr(complaint):
            if default is None:
                return tyro.cli(options, prog=prog, args=arguments, config=settings)
            return tyro.cli(options, prog=prog, args=arguments, config=settings, default=default)
    except SystemExit as stop:
        if not stop.code:
            raise
        raise InputError(f"{_one_line(complaint.getvalue())} (see {prog} --help)") from None


def _one_line(box: str) -> str:
    """The message inside the parser's box, without its title and its hints at the help text."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", box)
    lines = [line.strip("│╭╮╰╯ ") for line in plain.splitlines()[1:]]  # the first line is the title
    body = " ".join(line for line in lines if not re.fullmatch("[─-]*", line))  # rules are ASCII where UTF-8 is not
    message = " ".join(re.split("Argument helptext|For full helptext", body)[0].split())
    return re.sub(rf"^Error parsing {CLASS_NAME}: ", "", message)


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
    except OSError as error:  # a full disk, say
        status = _complain(error, FAULT)
    sys.exit(status)


def _complain(error: object, status: int) -> int:
    print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    return status
