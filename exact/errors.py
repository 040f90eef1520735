"""The one exception that means "the user's input is wrong"; command lines turn it into one line and exit status 2."""


class InputError(ValueError):
    """Bad input: the message says in one line what was wrong, where, and what was expected."""
