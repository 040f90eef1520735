"""What every command of the project shares: options from a dataclass, one line for every error, the exit status.

A command is a file with a frozen dataclass `Options`, whose field docstrings are its help, a function `work(options)`
that returns the exit status, and

    def main(argv: Sequence[str] | None = None) -> int:
        return cli.main(Options, "exact.solve", work, argv)

    if __name__ == "__main__":
        sys.exit(main())

so that a test calls `main(["--mdp", "chain"])` and reads the status.

Every error is one line. STRO_TRACEBACK=1 shows the traceback as well.

Exit status: 0 done, 1 the command's own verdict is negative, 2 bad input, 3 a fault while running, 130 interrupted.
"""

import contextlib
import dataclasses
import difflib
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import tyro

from exact.common.errors import FaultError, InputError
from exact.common.progress import Ticker

Options = TypeVar("Options")

DONE, NEGATIVE, BAD_INPUT, FAULT, INTERRUPTED = 0, 1, 2, 3, 130
TRACEBACK, LONGEST = "STRO_TRACEBACK", 300
"""The environment variable that asks for tracebacks; characters shown of an error that nobody expected."""
CONFIG = (tyro.conf.FlagCreatePairsOff,)


def main(
    options: type[Options],
    module: str,
    work: Callable[[Options], int],
    argv: Sequence[str] | None = None,
    *,
    default: Options | None = None,
) -> int:
    """Parse the words into `options` and do the work. A known error becomes one line on standard error.

    Where standard error is no terminal, a line says now and then that the command is still at work; a `Ticker` inside
    `work` says more.

    Args:
        options: a frozen dataclass.
        module: the module that `python -m` runs, as `verify.lemma34`.
        work: takes the options, returns the exit status.
        argv: the words after the command, the process's own if None.
        default: values of the fields that are not given, instead of the dataclass's own.

    Returns:
        The exit status.

    Raises:
        SystemExit: the words ask for --help, which has been printed; its code is 0.
    """
    began = time.monotonic()

    def carry_out() -> int:
        chosen = parse(options, module, argv, default=default)
        with Ticker(lambda: f"{module}: at work for {time.monotonic() - began:.0f} s"):
            return work(chosen)

    return guard(carry_out)


def parse(
    options: type[Options], module: str, argv: Sequence[str] | None = None, *, default: Options | None = None
) -> Options:
    """Read the dataclass `options` from the words; arguments as for `main`.

    Raises:
        InputError: the words do not fit.
        SystemExit: as `main`.
    """
    with _errors(options, module):
        found: Options = tyro.cli(options, prog=f"python -m {module}", args=argv, config=CONFIG, **_given(default))
    return found


def parse_known(options: type[Options], module: str, argv: Sequence[str] | None = None) -> tuple[Options, list[str]]:
    """As `parse`, but words that are no option of `options` are left over and returned. There is no --help.

    Raises:
        InputError: a word of one of the options does not fit.
    """
    with _errors(options, module):
        return tyro.cli(
            options, prog=f"python -m {module}", args=argv, config=CONFIG, return_unknown_args=True, add_help=False
        )


def guard(work: Callable[[], int]) -> int:
    """Call `work` and return its status, or print its error in one line and return that error's status.

    An error that is no InputError and no FaultError is a fault of the program or of a library. It has one line, too;
    with the environment variable STRO_TRACEBACK=1 the traceback is printed before it, as for all other errors.
    """
    try:
        return work()
    except InputError as error:
        return complain(error, BAD_INPUT)
    except FaultError as error:
        return complain(error, FAULT)
    except KeyboardInterrupt as error:
        return complain(str(error) or "interrupted", INTERRUPTED)
    except BrokenPipeError:  # the reader of a pipe has gone: nobody is left to complain to, nor to flush to
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAULT
    except OSError as error:  # a full disk, say
        return complain(error, FAULT)
    except MemoryError as error:
        return complain(f"out of memory: {error}" if str(error) else "out of memory", FAULT)
    except Exception as error:
        return complain(_unexpected(error), FAULT)


def complain(error: object, status: int) -> int:
    """Print the error in one line on standard error; returns the status."""
    if os.environ.get(TRACEBACK, "") not in ("", "0"):
        traceback.print_exc()
    print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    return status


def _unexpected(error: Exception) -> str:
    """What an error was that nobody expected, and where."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}: {str(error)[:LONGEST]} ({TRACEBACK}=1 shows the traceback)"


def _given(default: Any) -> dict[str, Any]:
    return {} if default is None else {"default": default}


@contextlib.contextmanager
def _errors(options: type[Any], module: str) -> Iterator[None]:
    """Turn tyro's complaints into InputError.

    tyro prints a box and exits. Its hook for errors is not public yet. Without the hook, or for an event that is new,
    tyro's own box is shown and the exit status is 2 all the same.
    """
    try:
        from tyro._errors import on_parse_error
    except ImportError:
        yield
        return

    def refuse(event: Any) -> None:
        message = _message(event, options)
        if message is None:
            return
        raise InputError(f"{message} (see python -m {module} --help)") from None

    with on_parse_error(refuse):
        yield


def _message(event: Any, options: type[Any]) -> str | None:
    """One line for an event of tyro's; None for one that is unknown here."""
    kind = type(event).__name__
    if kind == "UnrecognizedArgs":
        hint = _nearest(event.tokens[0].split("=")[0], list(_flags(options)))
        return f"unknown option {' '.join(event.tokens)}{hint}"
    if kind == "InvalidChoice":
        return f"{event.argument.display_name()}: expected one of {', '.join(event.choices)}, got {event.value!r}"
    if kind == "BadValue":
        return f"{event.argument.display_name()} needs {event.argument.lowered.metavar}"
    if kind == "MissingArgs":
        names = [missing.arg.display_name() for missing in event.missing_arguments]
        return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} required"
    if kind == "InstantiationFailure":
        name = f"{event.argument.display_name()}: " if event.argument is not None else ""
        return f"{name}{event.message}"
    return None


def _nearest(word: str, flags: list[str]) -> str:
    """The option that a wrong word may have meant: the same field of a nested dataclass, or a similar spelling."""
    close = [flag for flag in flags if flag.rpartition(".")[2] == word.lstrip("-")]
    close = close or difflib.get_close_matches(word, flags, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _flags(options: Any, prefix: str = "--") -> Iterator[str]:
    """Every option's name, nested dataclasses included."""
    for field in dataclasses.fields(options):
        kind, marks = getattr(field.type, "__origin__", field.type), getattr(field.type, "__metadata__", ())
        if any(getattr(mark, "name", None) == "" for mark in marks):  # its fields stand beside the others
            yield from _flags(kind, prefix)
            continue
        name = prefix + field.name.replace("_", "-")
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            yield from _flags(kind, name + ".")
        yield name
