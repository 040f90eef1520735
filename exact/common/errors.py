"""The two errors that a command reports in one line; `exact.common.cli` gives each its exit status."""


class InputError(ValueError):
    """The input is wrong. The message says in one line what is wrong, where, and what was expected."""


class FaultError(RuntimeError):
    """The input is good, but something failed: a solver, an environment, a worker process, a full disk."""
