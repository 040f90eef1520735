"""Ctrl-C while a command is still being imported is one line, too. This module imports nothing slow."""

import os
import sys
from types import TracebackType


def quiet_while_importing() -> None:
    """Print one line instead of a traceback when Ctrl-C ends the imports of a command, `python -m` or `stro`.

    The package's `__init__` calls it, before anything slow is imported. In all other processes nothing happens.
    """
    if sys.argv[:1] != ["-m"] and os.path.basename(sys.argv[0]) != "stro":  # -m stands there until the module is found
        return
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt) and not os.environ.get("STRO_TRACEBACK"):
            print("error: interrupted", file=sys.stderr)
        else:
            before(kind, error, trace)

    sys.excepthook = hook
