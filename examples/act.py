"""Act with a trained policy. docs/guide.md, section 4; train.py makes the policy."""

from pathlib import Path

import numpy as np
from thermostat import Thermostat

import deep


def main(run: Path) -> float:
    """One room by hand, then whole episodes; returns the mean return without noise."""
    agent = deep.load(run, env=Thermostat)
    env = Thermostat(outside=-5.0)
    observation, _ = env.reset(seed=1)
    for _ in range(3):
        action, _ = agent.predict(observation, deterministic=True)
        print(f"{observation[0]:.1f} degrees: heating {action[0]:.2f}")
        observation, *_ = env.step(action)
    heating, _ = agent.predict(np.array([[10.0], [20.0], [30.0]]), deterministic=True)
    print("at 10, 20 and 30 degrees:", heating.ravel().round(2))
    score = float(np.mean([total for total, _ in agent.evaluate(episodes=10)]))
    print("mean return:", round(score, 1))
    return score


if __name__ == "__main__":
    main(Path("runs/thermostat"))
