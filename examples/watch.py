"""Watch a run, stop it when it is good enough, and draw it. docs/guide.md, section 3."""

from pathlib import Path
from typing import Any

from thermostat import Thermostat

import deep
from deep import plot


class GoodEnough:
    """Stops a run when the mean return of the last 100 episodes exceeds a bound."""

    def __init__(self, bound: float):
        self.bound = bound

    def __call__(self, line: dict[str, Any]) -> bool:
        """Called with the metrics of every iteration, a line of metrics.jsonl; the run stops when it returns False."""
        return line["return100"] is None or line["return100"] < self.bound


def main(out: Path, bound: float = -150.0, steps: int = 200_000) -> deep.Agent:
    """Train until it is good enough, and draw the learning curve."""
    agent = deep.train(Thermostat, out, steps=steps, callback=GoodEnough(bound), track=["tensorboard"])
    print("stopped after", agent.result["steps"], "steps:", agent.result["status"])
    plot.main([str(out), "--out", str(out / "curve.html")])
    return agent


if __name__ == "__main__":
    main(Path("runs/thermostat-watched"))
