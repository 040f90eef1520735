"""Faults while running, and how a command of this package ends."""

import sys
from collections.abc import Callable

from exact.errors import InputError


class RunFaultError(Exception):
    """An environment, a worker or the numerics failed; the last good checkpoint is kept. Exit status 3."""


def exit_status(main: Callable[[], None]) -> int:
    """Run a command: 0, or one line on stderr and 2 for bad input, 3 for a fault while running, 130 after Ctrl-C."""
    try:
        main()
    except InputError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except RunFaultError as error:
        print(f"fault: {' '.join(str(error).split())}", file=sys.stderr)
        return 3
    except OSError as error:
        print(f"fault: {error}", file=sys.stderr)  # the disk: a full one, say
        return 3
    except KeyboardInterrupt:
        print("interrupted; continue with --resume", file=sys.stderr)
        return 130
    return 0
