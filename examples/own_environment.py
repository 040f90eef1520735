"""From an environment of your own to a policy that runs without this project. docs/guide.md explains each step."""

import sys
from pathlib import Path

import gymnasium as gym
import numpy as np

import deep


class Thermostat(gym.Env):
    """Keep a room at 20 degrees. Observation: its temperature; action: heating in [0, 1]."""

    def __init__(self, outside: float = 0.0):
        self.observation_space = gym.spaces.Box(-50.0, 100.0, (1,), np.float64)
        self.action_space = gym.spaces.Box(0.0, 1.0, (1,), np.float32)
        self.outside = outside

    def reset(self, *, seed: int | None = None, options: dict | None = None):
        """A room between 10 and 30 degrees."""
        super().reset(seed=seed)
        self.degrees, self.t = self.np_random.uniform(10.0, 30.0), 0
        return np.array([self.degrees]), {}

    def step(self, action: np.ndarray):
        """One minute; 50 of them are an episode."""
        self.degrees += 8.0 * float(action[0]) - 0.1 * (self.degrees - self.outside)
        self.t += 1
        return np.array([self.degrees]), -abs(self.degrees - 20.0), False, self.t == 50, {}


def main(out: Path, steps: int = 20_000) -> None:
    """Train, score, save and export."""
    agent = deep.train(Thermostat, out, steps=steps, seed=0, env_kwargs={"outside": -5.0})
    print("mean return", np.mean([total for total, _ in agent.evaluate(episodes=10)]))
    action, _ = agent.predict(np.array([12.0]), deterministic=True)
    print("heating at 12 degrees:", action)
    agent.save(out / "agent.pt")
    agent.export(out / "policy.json")


if __name__ == "__main__":  # the workers import this file; without this line each of them would train, too
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/thermostat"))
