"""Environments with scripted outcomes, registered as `tests.deep.scripted:NAME`; the workers import them too."""

import os

import gymnasium as gym
import numpy as np
from gymnasium import spaces


class Scripted(gym.Env):
    """Observation (time, number drawn at reset); reward 1, 2, 3, ...; ends after `length` steps as asked for."""

    def __init__(self, length: int = 5, end: str = "terminated", fault_at: int = -1, fault: str = ""):
        self.observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float64)
        self.action_space = spaces.Box(-2.0, 4.0, (1,), np.float32)
        self.length, self.end, self.fault_at, self.fault = length, end, fault_at, fault

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t, self.offset = 0, self.np_random.uniform()
        return np.array([0.0, self.offset]), {}

    def step(self, action):
        assert self.action_space.contains(np.asarray(action, np.float32))
        self.t += 1
        observation, reward = np.array([float(self.t), self.offset]), float(self.t)
        if self.t == self.fault_at:
            if self.fault == "reward":
                reward = float("nan")
            elif self.fault == "observation":
                observation[1] = np.inf
            elif self.fault == "raise":
                raise RuntimeError("the arm fell off")
            else:
                os._exit(7)
        over = self.t == self.length
        return observation, reward, over and self.end == "terminated", over and self.end == "truncated", {}


class Shown(Scripted):
    """The same with images: a white bar as long as the time."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012

    def __init__(self, render_mode: str | None = None):
        super().__init__()
        self.render_mode = render_mode

    def render(self):
        image = np.zeros((32, 32, 3), np.uint8)
        image[:8, : 1 + self.t] = 255
        return image


def _register(name: str, **settings) -> None:
    gym.register(name, entry_point="tests.deep.scripted:Scripted", kwargs=settings)


_register("Terminating-v0")
_register("Truncating-v0", end="truncated")
_register("NanReward-v0", length=50, fault_at=40, fault="reward")
_register("InfObservation-v0", length=50, fault_at=40, fault="observation")
_register("Raising-v0", length=50, fault_at=40, fault="raise")
_register("Dying-v0", length=50, fault_at=40, fault="exit")
