"""The errors that command lines turn into one line and an exit status, see `exact.common.cli`."""


class InputError(ValueError):
    """Bad input: the message says in one line what was wrong, where, and what was expected."""


class FaultError(RuntimeError):
    """Something failed while running, on input that was good: a solver, an environment, a worker."""
