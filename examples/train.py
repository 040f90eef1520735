"""Train in an environment of one's own. docs/guide.md, section 2."""

from pathlib import Path

from thermostat import Thermostat

import deep


def main(out: Path, steps: int = 20_000) -> deep.Agent:
    """Train, keep the best policy of the evaluations, and save the agent in one file."""
    settings = {"eval_every": steps // 4}
    agent = deep.train(Thermostat, out, steps=steps, seed=0, env_kwargs={"outside": -5.0}, settings=settings)
    print("mean return of the last 100 episodes:", agent.result["final100"])
    agent.save(out / "agent.pt")
    return agent


if __name__ == "__main__":  # the workers import this file; without this line each of them would train, too
    main(Path("runs/thermostat"))
