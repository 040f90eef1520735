"""Data layer: the paper's Tables 1 and 2, the best results known outside the paper, and the returns of random actions.

They are small files under paper_figs/data. The paper reports returns in training, with exploration noise, and so do we.
Most others evaluate their policies without noise; the source of each number says so.
"""

from dataclasses import dataclass
from pathlib import Path

from exact.common.errors import InputError
from exact.common.files import read_json
from paper_figs.results import DATA

COLUMNS = ("PPO", "TRPO", "STRO")
RANDOM_POLICIES = {1: DATA / "random_policy.json", 2: DATA / "random_policy_atari.json"}
"""For each table the file with the returns of random actions on its tasks."""


@dataclass(frozen=True)
class Elsewhere:
    """A result outside the paper."""

    value: float
    """The return."""
    std: float | None
    """Over the seeds; None where it is not known or there is one run."""
    source: str
    """By whom, of how many runs, and how it was measured."""


@dataclass(frozen=True)
class PaperTask:
    """One row of a table of the paper."""

    task: str
    """Name in the paper."""
    env: str
    """Gymnasium id of the environment that we train on."""
    scores: dict[str, tuple[float, float]]
    """For each of COLUMNS the mean and standard deviation of max100 (see `Result`)."""
    elsewhere: dict[str, Elsewhere]
    """Results outside the paper by the columns of `PaperTable.elsewhere`; a column may be missing."""


@dataclass(frozen=True)
class PaperTable:
    """A table of the paper."""

    number: int
    """1 or 2."""
    source: str
    """Authors, title and table."""
    tasks: tuple[PaperTask, ...]
    elsewhere: dict[str, str]
    """Columns of results outside the paper, and what each of them is."""


def read_table(number: int) -> PaperTable:
    """The paper's Table 1 (MuJoCo) or 2 (Atari); InputError if the file is damaged."""
    path = DATA / f"paper_table{number}.json"
    content = read_json(path)
    try:
        tasks = tuple(
            PaperTask(
                task=task,
                env=content["env_id"].format(task=task),
                scores={column: tuple(row[column]) for column in COLUMNS},
                elsewhere={column: Elsewhere(*result) for column, result in row["elsewhere"].items()},
            )
            for task, row in content["tasks"].items()
        )
        return PaperTable(number, content["source"], tasks, dict(content["elsewhere"]))
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged: missing or wrong entry {error}") from error


def read_random_policy(path: Path) -> dict[str, float]:
    """Mean return of uniformly random actions for each environment; InputError if the file is damaged."""
    content = read_json(path)
    try:
        return {env: float(value) for env, value in content["returns"].items()}
    except (KeyError, AttributeError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged: expected returns by environment") from error


def normalised(score: float, task: PaperTask, random_policy: dict[str, float]) -> float:
    """A return on the scale where random actions have 0 and the paper's STRO has 1, so that tasks can be averaged."""
    zero = random_policy[task.env]
    return (score - zero) / (task.scores["STRO"][0] - zero)
