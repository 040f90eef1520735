"""Where a new run begins: at initial parameters, at those of another run, or where another run stopped.

config.json keeps the origin, so that a run that was killed before its first checkpoint begins in the same place again.
"""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from deep.config import Config
from deep.run import directory
from deep.run.directory import RunDirectory
from exact.common.errors import InputError

if TYPE_CHECKING:
    from deep.algorithm import Learner


@dataclass(frozen=True)
class Origin:
    """Another run that a run begins from."""

    kind: Literal["continue", "init"]
    """continue: with its whole state, as if it had been asked for more steps. init: with its parameters and normaliser,
    under settings of its own."""
    source: str
    """The other run's directory; for "init" also a file of `deep.agent.Agent.save`."""

    def longer(self, config: Config, more: int) -> Config:
        """The settings of the other run for `more` steps after its newest checkpoint.

        Raises:
            InputError: `more` is less than one, or there is no usable checkpoint.
        """
        if more < 1:
            raise InputError(f"steps must be >= 1, got {more}")
        return replace(config, steps=newest(Path(self.source))["learner"]["counters"]["steps"] + more)

    def record(self) -> dict[str, Any]:
        """What config.json says of it."""
        return {"origin": {"kind": self.kind, "source": self.source}}


def read_origin(folder: Path) -> Origin | None:
    """The origin of a run, from its config.json."""
    saved = directory.read_origin(folder)
    return None if saved is None else Origin(**saved)


def later_folder(source: Path, steps: int) -> Path:
    """The directory of a continued run: the name of the source with its new number of steps."""
    return source.with_name(f"{re.sub('-to[0-9]+$', '', source.resolve().name)}-to{steps}")


def newest(source: Path, fits: Callable[[dict[str, Any]], None] | None = None) -> dict[str, Any]:
    """The newest whole checkpoint of a run that fits, or a file of `deep.agent.Agent.save`.

    Args:
        source: a run directory, or a file.
        fits: of a run directory's checkpoint, raises InputError if it does not fit. None: it has a policy.

    Raises:
        InputError: there is none.
    """
    from deep.run.checkpoint import Checkpoints, DamagedError, read
    from deep.run.layout import check_parts

    if source.is_file():
        try:
            saved = read(source)
        except DamagedError as error:
            raise InputError(f"{source} {error}; expected a run directory or a file of Agent.save") from error
        check_parts(saved)
        return saved
    if not (source / "config.json").exists():
        raise InputError(f"{source}: expected a run directory made by deep.train")
    found = Checkpoints(source / "checkpoints").newest(lambda line: print(line, file=sys.stderr), fits or check_parts)
    if found is None:
        raise InputError(f"{source} has no checkpoint yet")
    return found


def begin(learner: "Learner", run: RunDirectory, origin: Origin | None) -> float:
    """Give a learner its first state. Returns the seconds that the run had taken before.

    Raises:
        InputError: the origin has no usable checkpoint, or it does not fit the settings (see `check_fits`).
    """
    if origin is None:
        learner.start()
        return 0.0
    source = Path(origin.source)
    if origin.kind == "continue":
        from deep.run.layout import check_state
        from deep.run.snapshot import unpack

        saved = newest(source, partial(check_state, learner))
        unpack(learner, saved["learner"])
        run.take_over(source / "metrics.jsonl", saved)
        seconds: float = saved["seconds"]
        return seconds
    start_from(learner, newest(source)["learner"])
    return 0.0


def check_fits(learner: "Learner", origin: Origin | None) -> None:
    """Check that a run can begin from its origin, before its directory is made.

    Raises:
        InputError: the origin has no usable checkpoint, or (init) another number of parameters or observations, or
            (continue) not the metrics that it had.
    """
    if origin is None:
        return
    source = Path(origin.source)
    if origin.kind == "continue":
        from deep.run.layout import check_state

        directory.metrics_at(source / "metrics.jsonl", newest(source, partial(check_state, learner)))
        return
    from deep.run.snapshot import unpack_moments

    saved = newest(source)["learner"]

    theta, critic = saved["theta"], saved.get("critic")
    observations = unpack_moments(saved["observations"])
    sizes = [("policy", len(theta), learner.policy.size)]
    sizes += [("critic", len(critic["phi"]), learner.critic.net.size)] if critic is not None else []
    for name, there, here in sizes:
        if there != here:
            raise InputError(
                f"--init-from {source}: its {name} has {there} parameters, {here} are needed here; "
                f"expected the same spaces and the same {name}.hidden"
            )
    if observations.mean.shape != learner.observation_shape:
        raise InputError(
            f"--init-from {source}: its observations have shape {observations.mean.shape}, "
            f"{learner.config.env!r} has {learner.observation_shape}"
        )


def start_from(learner: "Learner", saved: dict[str, Any]) -> None:
    """Begin with another run's policy and normalisers, and with its value network if it is there. It must fit."""
    from deep.run.snapshot import unpack_moments

    theta, critic = saved["theta"], saved.get("critic")
    observations = unpack_moments(saved["observations"])
    if critic is not None:
        learner.critic.phi.copy_(critic["phi"])
    rewards = unpack_moments(saved["rewards"]) if "rewards" in saved else None
    learner.start(theta, observations, rewards)
