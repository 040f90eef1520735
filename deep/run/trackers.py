"""Where the numbers of a run go besides metrics.jsonl: TensorBoard, Weights & Biases, MLflow.

Each is an optional package. It is looked for before anything is trained, and told of every iteration. W&B and MLflow
read their own settings (WANDB_MODE, WANDB_PROJECT, MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_NAME and so on).
"""

import contextlib
import dataclasses
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from deep.config import Config, by_flag
from exact.common import schema
from exact.common.errors import InputError
from exact.common.files import atomic_write

TrackerName = Literal["tensorboard", "wandb", "mlflow"]


@dataclasses.dataclass(frozen=True)
class Trackers:
    """The trackers by their options on the command line."""

    tensorboard: bool = False
    """Write TensorBoard event files beside metrics.jsonl."""
    wandb: bool = False
    """Send the metrics to Weights & Biases. WANDB_MODE=offline keeps them in the folder wandb."""
    mlflow: bool = False
    """Send the metrics to MLflow: to the file mlflow.db, or where MLFLOW_TRACKING_URI says."""

    @property
    def names(self) -> tuple[TrackerName, ...]:
        """Those that are asked for."""
        return tuple(name for name in TRACKERS if getattr(self, name))


PROJECT = "stro"
"""The project in W&B and the experiment in MLflow, unless their own settings name another one."""
KNOWN = "trackers.json"
"""The file of a run directory with the names that W&B and MLflow have for the run: a resumed run is the same run."""

Write = Callable[[dict[str, float], int], object]
"""Takes the numbers of an iteration and its environment steps."""


@contextlib.contextmanager
def tracking(names: Sequence[TrackerName], config: Config, folder: Path) -> Iterator[Callable[[dict[str, Any]], None]]:
    """An observer that tells the trackers of every number of an iteration.

    A tracker that fails later, because its server is gone, say, is left out with a note; the training goes on.

    Args:
        names: the trackers.
        config: the settings, which W&B and MLflow keep with the run.
        folder: the run directory; it need not exist yet.

    Raises:
        InputError: a name is unknown, its package is not installed, or the tracker does not begin.
    """
    with contextlib.ExitStack() as stack:
        writers: dict[TrackerName, Write] = {}
        for name in dict.fromkeys(names):
            if name not in TRACKERS:
                raise InputError(f"track: expected some of {', '.join(TRACKERS)}, got {name!r}")
            try:
                writers[name] = stack.enter_context(TRACKERS[name](config, folder))
            except InputError:
                raise
            except ImportError as error:
                raise InputError(
                    f"--{name} needs the package {error.name or name}, which is not installed; expected pip install "
                    f"'stro[{name}]'"
                ) from None
            except Exception as error:  # another package's: no login, no server, no permission
                raise InputError(f"--{name}: {type(error).__name__}: {error}") from error

        def observe(line: dict[str, Any]) -> None:
            numbers = {k: float(v) for k, v in line.items() if isinstance(v, int | float) and k != "steps"}
            for name, write in list(writers.items()):
                try:
                    write(numbers, line["steps"])
                except Exception as error:  # as above
                    del writers[name]
                    reason = " ".join(str(error).split())
                    print(f"note: {name} failed and is left out: {type(error).__name__}: {reason}", file=sys.stderr)

        yield observe


@contextlib.contextmanager
def _tensorboard(config: Config, folder: Path) -> Iterator[Write]:
    """Event files in FOLDER/tensorboard."""
    from torch.utils.tensorboard import SummaryWriter

    writers: list[SummaryWriter] = []  # opened at the first iteration: the run makes the folder

    def write(numbers: dict[str, float], steps: int) -> None:
        if not writers:
            writers.append(SummaryWriter(str(folder / "tensorboard"), purge_step=steps))
        for name, value in numbers.items():
            writers[0].add_scalar(name, value, steps)

    try:
        yield write
    finally:
        for writer in writers:
            writer.close()


@contextlib.contextmanager
def _wandb(config: Config, folder: Path) -> Iterator[Write]:
    """A run of Weights & Biases, online or (WANDB_MODE=offline) in the folder wandb."""
    import wandb

    run = wandb.init(
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        name=os.environ.get("WANDB_NAME", folder.name),
        config=dataclasses.asdict(config),
        id=_known(folder).get("wandb"),
        resume="allow",
        settings=wandb.Settings(console="off"),  # standard output stays what it is
    )

    def write(numbers: dict[str, float], steps: int) -> None:
        _remember(folder, "wandb", run.id)
        run.log(numbers, step=steps)

    status = 1
    try:
        yield write
        status = 0
    finally:
        run.finish(exit_code=status)


@contextlib.contextmanager
def _mlflow(config: Config, folder: Path) -> Iterator[Write]:
    """A run of MLflow, in mlflow.db unless MLFLOW_TRACKING_URI names another place."""
    import mlflow
    from mlflow.entities import Metric

    os.environ.setdefault(
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2"
    )  # seven, by MLflow, take minutes when a server is gone
    client, known = mlflow.MlflowClient(), _known(folder).get("mlflow")
    if known is None:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        experiment = client.get_experiment_by_name(name)
        place = client.create_experiment(name) if experiment is None else experiment.experiment_id
        known = client.create_run(place, run_name=folder.name).info.run_id
        for setting, value in by_flag(dataclasses.asdict(config)).items():
            client.log_param(known, setting, value)

    def write(numbers: dict[str, float], steps: int) -> None:
        _remember(folder, "mlflow", known)
        now = int(1000 * time.time())
        client.log_batch(known, metrics=[Metric(name, value, now, steps) for name, value in numbers.items()])

    status = "FAILED"
    try:
        yield write
        status = "FINISHED"
    finally:
        client.set_terminated(known, status)


TRACKERS: dict[TrackerName, Callable[[Config, Path], contextlib.AbstractContextManager[Write]]] = {
    "tensorboard": _tensorboard,
    "wandb": _wandb,
    "mlflow": _mlflow,
}


def _known(folder: Path) -> dict[str, str]:
    """What the trackers call the run of this folder, if they know it."""
    file = folder / KNOWN
    return schema.read_file(file, {}) if file.exists() else {}


def _remember(folder: Path, tracker: str, name: str) -> None:
    """Write what a tracker calls the run."""
    known = _known(folder)
    if known.get(tracker) != name:
        atomic_write(folder / KNOWN, json.dumps(known | {tracker: name}) + "\n")
