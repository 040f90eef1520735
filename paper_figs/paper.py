"""The paper's Tables 1 and 2, and the returns of random actions: small files under paper_figs/data."""

from dataclasses import dataclass
from pathlib import Path

from exact.common.errors import InputError
from exact.common.files import read_json
from paper_figs.results import DATA

COLUMNS = ("PPO", "TRPO", "STRO")
RANDOM_POLICIES = {1: DATA / "random_policy.json", 2: DATA / "random_policy_atari.json"}
"""Returns of random actions on the tasks of each table."""


@dataclass(frozen=True)
class PaperTask:
    """One row of a table of the paper."""

    task: str
    env: str
    """Gymnasium id of the environment we measure it on."""
    scores: dict[str, tuple[float, float]]
    """For each of COLUMNS (mean, standard deviation) of the maximum mean return of the last 100 episodes."""
    best_known: tuple[float, str]
    """Best on-policy result known at the paper's number of steps, and by what."""


@dataclass(frozen=True)
class PaperTable:
    """A table of the paper."""

    number: int
    source: str
    tasks: tuple[PaperTask, ...]


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
                best_known=tuple(row["best_known"]),
            )
            for task, row in content["tasks"].items()
        )
        return PaperTable(number, content["source"], tasks)
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged: missing or wrong entry {error}") from error


def read_random_policy(path: Path) -> dict[str, float]:
    """Mean return of uniformly random actions for each environment; InputError if the file is damaged."""
    content = read_json(path)
    try:
        return {env: float(value) for env, value in content["returns"].items()}
    except (KeyError, AttributeError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged: expected returns by environment") from error


def normalised(score: float, task: PaperTask, random_policy: dict[str, float]) -> float:
    """A score on the scale where a random policy has 0 and the paper's STRO 1, so that tasks can be averaged."""
    zero = random_policy[task.env]
    return (score - zero) / (task.scores["STRO"][0] - zero)
