"""What a search for settings goes through: one dimension for each setting."""

import json
from dataclasses import dataclass
from typing import Any

from exact.common.errors import InputError

SPACE = (
    "sampling.N=512|1024|2048",
    "sampling.discount=0.98|0.99|0.995|0.999",
    "sampling.gae_lambda=0.9..0.99",
    "radius.initial=0.003..0.1 log",
    "critic.learning_rate=0.0003..0.01 log",
    "critic.epochs=5|10|20",
)
"""What is searched by default: the settings whose best value depends on the task most."""


@dataclass(frozen=True)
class Dimension:
    """One setting that is searched."""

    name: str
    """As on the command line of deep.train."""
    choices: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    """Ends of the interval if there are no choices."""
    log: bool = False

    @classmethod
    def parse(cls, word: str) -> "Dimension":
        """The dimension of a word of --space.

        Raises:
            InputError: it is none.
        """
        name, equals, values = word.partition("=")
        try:
            if not equals:
                raise ValueError("no '='")
            if ".." not in values:
                return cls(name, tuple(json.loads(value) for value in values.split("|")))
            interval, _, scale = values.partition(" ")
            low, high = map(float, interval.split(".."))
            if scale not in ("", "log") or not low < high or (scale and low <= 0):
                raise ValueError("expected low < high, and 0 < low for log")
        except ValueError as error:
            raise InputError(
                f"--space {word!r}: expected NAME=a|b|c, NAME=low..high or 'NAME=low..high log' ({error})"
            ) from None
        return cls(name, (), low, high, bool(scale))

    def suggest(self, trial: Any) -> Any:
        """A value for an Optuna trial."""
        if self.choices:
            return json.loads(trial.suggest_categorical(self.name, [json.dumps(choice) for choice in self.choices]))
        return trial.suggest_float(self.name, self.low, self.high, log=self.log)
