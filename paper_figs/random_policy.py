"""Measure the returns of uniformly random actions: the zero of the scale on which tasks are averaged.

python -m paper_figs.random_policy [--table 1|2]
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np

from deep.sampling.making import Maker
from exact.common import cli
from exact.common.errors import InputError
from exact.common.files import write
from paper_figs.paper import RANDOM_POLICIES, read_table


@dataclass(frozen=True)
class Options:
    """Measure the returns of uniformly random actions on the tasks of a table."""

    table: Literal[1, 2] = 1
    """The paper's table: 1 has the MuJoCo tasks, 2 the Atari games."""
    episodes: int = 100
    """Episodes per environment."""
    seed: int = 0
    """Seed of environments and actions."""
    out: Path | None = None
    """File to write; None: the committed one."""

    def __post_init__(self) -> None:
        if self.episodes < 1 or self.seed < 0:
            raise InputError(f"expected --episodes >= 1 and --seed >= 0, got {self.episodes} and {self.seed}")


def random_return(env_id: str, episodes: int, seed: np.random.SeedSequence) -> float:
    """Mean undiscounted return of `episodes` episodes of actions drawn uniformly from the action space."""
    reset_seed, action_seed = (int(child.generate_state(1)[0]) for child in seed.spawn(2))
    env = Maker(env_id)()
    env.action_space.seed(action_seed)
    env.reset(seed=reset_seed)
    total = 0.0
    for _ in range(episodes):
        ended = False
        while not ended:
            _, reward, terminated, truncated, _ = env.step(env.action_space.sample())
            total += float(reward)
            ended = terminated or truncated
        env.reset()
    env.close()
    return total / episodes


def work(options: Options) -> int:
    """Measure every task of the table and write the file."""
    tasks = read_table(options.table).tasks
    seeds = np.random.SeedSequence(options.seed).spawn(len(tasks))
    returns = {
        task.env: round(random_return(task.env, options.episodes, seed), 3)
        for task, seed in zip(tasks, seeds, strict=True)
    }
    record = {
        "command": f"python -m paper_figs.random_policy --table {options.table} --episodes {options.episodes} "
        f"--seed {options.seed}",
        "versions": {name: version(name) for name in ("gymnasium", "mujoco", "ale-py", "numpy")},
        "returns": returns,
    }
    out = options.out or RANDOM_POLICIES[options.table]
    write(out, json.dumps(record, indent=1) + "\n")
    print(f"wrote {out}")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """The command `python -m paper_figs.random_policy`; returns the exit status."""
    return cli.main(Options, "paper_figs.random_policy", work, argv)


if __name__ == "__main__":
    sys.exit(main())
