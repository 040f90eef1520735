"""Where a new run begins: at initial parameters, at those of another run, or where another run stopped.

config.json keeps the origin, so that a run that was killed before its first checkpoint begins in the same place again.
"""

import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from deep.config import Config
from deep.run.directory import RunDirectory
from exact.common.errors import InputError
from exact.common.files import read_json

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
    saved = read_json(folder / "config.json").get("origin")
    return None if saved is None else Origin(**saved)


def later_folder(source: Path, steps: int) -> Path:
    """The directory of a continued run: the name of the source with its new number of steps."""
    return source.with_name(f"{re.sub('-to[0-9]+$', '', source.resolve().name)}-to{steps}")


def newest(source: Path) -> dict[str, Any]:
    """The newest whole checkpoint of a run, or a file of `deep.agent.Agent.save`. Raises InputError."""
    from deep.run.checkpoint import DamagedError, read, read_newest

    if source.is_file():
        try:
            return read(source)
        except DamagedError as error:
            raise InputError(f"{source} {error}; expected a run directory or a file of Agent.save") from error
    if not (source / "config.json").exists():
        raise InputError(f"{source}: expected a run directory made by deep.train")
    saved = read_newest(source / "checkpoints", lambda line: print(line, file=sys.stderr))
    if saved is None:
        raise InputError(f"{source} has no checkpoint yet")
    return saved


def begin(learner: "Learner", run: RunDirectory, origin: Origin | None) -> float:
    """Give a learner its first state. Returns the seconds that the run had taken before.

    Raises:
        InputError: the origin has no usable checkpoint, or it does not fit the settings (see `check_fits`).
    """
    if origin is None:
        learner.start()
        return 0.0
    source = Path(origin.source)
    saved = newest(source)
    if origin.kind == "continue":
        from deep.run.snapshot import unpack

        unpack(learner, saved["learner"])
        run.take_over(source / "metrics.jsonl", saved["metrics_bytes"])
        seconds: float = saved["seconds"]
        return seconds
    start_from(learner, saved["learner"])
    return 0.0


def check_fits(learner: "Learner", origin: Origin | None) -> None:
    """Check that a run can begin from its origin, before its directory is made.

    Raises:
        InputError: the origin has no usable checkpoint, or (init) another number of parameters or observations.
    """
    if origin is None:
        return
    saved = newest(Path(origin.source))["learner"]
    if origin.kind == "continue":
        return
    from deep.run.snapshot import unpack_moments

    source, theta, critic = origin.source, saved["theta"], saved.get("critic")
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
