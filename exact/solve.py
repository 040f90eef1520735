"""The command `python -m exact.solve`; see `exact.solving`. In Python `from exact import solve` is the function."""

import sys

from exact.solving import main

if __name__ == "__main__":
    sys.exit(main())
