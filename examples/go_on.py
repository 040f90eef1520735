"""Train further, and begin another run with a trained policy. docs/guide.md, section 5; train.py makes the policy."""

from pathlib import Path

from thermostat import Thermostat

import deep


def main(run: Path, steps: int = 10_000) -> tuple[deep.Agent, deep.Agent]:
    """More steps in a new run directory; then a colder place, with the policy of the first one to begin with."""
    longer = deep.load(run, env=Thermostat).learn(steps)
    print(longer, longer.result["steps"], "steps")
    colder = deep.train(
        Thermostat, run.with_name(f"{run.name}-colder"), steps=steps, env_kwargs={"outside": -15.0}, init_from=run
    )
    print(colder, colder.result["final100"])
    return longer, colder


if __name__ == "__main__":
    main(Path("runs/thermostat"))
