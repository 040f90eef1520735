"""Score the last policies of finished runs without noise, 10 times 100 episodes each: a column of Table 1.

    python -m paper_figs.last_policies --runs runs/default runs/paper [--out paper_figs/data/last_policies]

The returns of Table 1 are those of training, with exploration noise; most other programs report their policies without
it. The policy is that of the run's last checkpoint. A file is written after each run, and a run that has its file is
skipped: the same command continues. The runs of peers have no checkpoint and are left out.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from deep.agent import load
from deep.run.directory import env_folder, versions
from exact.common import cli
from exact.common.errors import InputError
from exact.common.files import read_json, write
from exact.common.tables import counted
from paper_figs.results import DATA, Result, read_run, run_directories

LAST_POLICIES = DATA / "last_policies"


@dataclass(frozen=True)
class Scores:
    """Returns of one run's last policy without noise."""

    variant: str
    """As of the run's `Result`."""
    env: str
    """Gymnasium id."""
    seed: int
    """Of the run. The episodes' seeds are 0, 1, ..., one for each round."""
    episodes: int
    """Whole episodes in a round."""
    rounds: tuple[float, ...]
    """Mean return of each round."""
    command: str
    """The command that made the file."""
    versions: dict[str, str]
    """Version of each package that made it."""

    @property
    def mean(self) -> float:
        """Mean return of all episodes."""
        return float(np.mean(self.rounds))


@dataclass(frozen=True)
class Options:
    """Score the last policies of finished runs without noise; the same command again continues."""

    runs: tuple[Path, ...]
    """Folders that hold run directories of deep.train, at any depth."""
    rounds: int = 10
    """Rounds of episodes for each run, each with a seed of its own."""
    episodes: int = 100
    """Episodes of a round."""
    out: Path = LAST_POLICIES
    """Folder to write the files to."""

    def __post_init__(self) -> None:
        if self.rounds < 1 or self.episodes < 1:
            raise InputError(f"expected --rounds >= 1 and --episodes >= 1, got {self.rounds} and {self.episodes}")


def read_scores(root: Path) -> list[Scores]:
    """The files under a folder, none if it does not exist; InputError if one is damaged."""
    found = []
    for path in sorted(root.rglob("seed*.json")):
        content = read_json(path)
        try:
            found.append(Scores(**{**content, "rounds": tuple(map(float, content["rounds"]))}))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path} is not a file of paper_figs.last_policies: {error}") from error
    return found


def score(directory: Path, result: Result, options: Options) -> Scores:
    """Play the last policy of the run in a directory, whose result is given."""
    agent = load(directory)
    rounds = [np.mean([total for total, _ in agent.evaluate(options.episodes, seed)]) for seed in range(options.rounds)]
    return Scores(
        result.variant,
        result.env,
        result.seed,
        options.episodes,
        tuple(round(float(value), 3) for value in rounds),
        f"python -m paper_figs.last_policies --runs DIR --rounds {options.rounds} --episodes {options.episodes}",
        versions(),
    )


def work(options: Options) -> int:
    """Score what has no file yet."""
    directories = [directory for root in options.runs for directory in run_directories(root)[0]]
    if not directories:
        raise InputError(f"no finished run under {', '.join(map(str, options.runs))}")
    written = without = 0
    for directory in directories:
        result = read_run(directory)
        path = options.out / result.variant / env_folder(result.env) / f"seed{result.seed}.json"
        if path.exists():
            continue
        if not any((directory / "checkpoints").glob("*.pt")):
            without += 1
            continue
        scores = score(directory, result, options)
        write(path, json.dumps(asdict(scores), indent=1) + "\n")
        written += 1
        print(f"{result.variant}, {result.env} seed {result.seed}: {scores.mean:.1f}", flush=True)
    if without:
        print(f"left out {counted(without, 'run')} without a checkpoint", file=sys.stderr)
    print(f"wrote {counted(written, 'file')} under {options.out}, {len(directories) - written - without} were there")
    return cli.DONE


def main(argv: Sequence[str] | None = None) -> int:
    """The command `python -m paper_figs.last_policies`; returns the exit status."""
    return cli.main(Options, "paper_figs.last_policies", work, argv)


if __name__ == "__main__":
    sys.exit(main())
