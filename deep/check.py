"""Look at an environment before training in it.

    python -m deep.check --env mypackage:MyEnv-v0 [--env-kwargs JSON --wrapper module:name --steps 2000 --seed 0]

One line for each finding: ok, note (there is something to know) or fault (it does not do what it should).  Status 1 if
there is a fault.  deep.train looks at the first steps in the same way when it starts.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from deep.sampling.environments import inspect
from deep.sampling.examination import examine
from exact.common import cli
from exact.common.errors import InputError
from exact.common.json_object import JsonObject


@dataclass(frozen=True)
class Options:
    """Look at an environment before training in it."""

    env: str
    """As deep.train's."""
    env_kwargs: JsonObject = field(default_factory=dict)
    """As deep.train's."""
    wrapper: str | None = None
    """As deep.train's."""
    steps: int = 2000
    """How many steps to play with random actions."""
    seed: int = 0
    """Of the episodes and the actions."""

    def __post_init__(self) -> None:
        if self.steps < 2 or self.seed < 0:
            raise InputError(f"expected --steps >= 2 and --seed >= 0, got {self.steps} and {self.seed}")


def work(options: Options) -> int:
    """Print the findings."""
    spec = inspect(options.env, options.env_kwargs, options.wrapper)
    print(spec.env_id, flush=True)
    faults = 0
    for finding in examine(spec, options.steps, options.seed):
        print(f"{finding.level:<5}  {finding.text}", flush=True)
        faults += finding.level == "fault"
    return cli.NEGATIVE if faults else cli.DONE


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return cli.main(Options, "deep.check", work, argv)


if __name__ == "__main__":
    sys.exit(main())
