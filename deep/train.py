"""The command `python -m deep.train`; see deep.training."""

import sys

from deep.training import main

if __name__ == "__main__":
    sys.exit(main())
