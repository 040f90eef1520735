"""An environment of one's own: keep a room at 20 degrees. The other scripts of this folder train in it."""

import gymnasium as gym
import numpy as np


class Thermostat(gym.Env):
    """Observation: the room's temperature. Action: heating in [0, 1]. Reward: minus the distance to 20 degrees."""

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
