"""A pixel task small enough to be solved in seconds, registered as `tests.deep.catch:Catch-v0`."""

import gymnasium as gym
import numpy as np
from gymnasium import spaces


class Catch(gym.Env):
    """A ball falls down a 10x10 screen; the paddle in the last row moves left, stays or moves right. +1 or -1 per ball.

    An episode has five balls, and its rewards are multiplied by `scale`.
    """

    SIZE, BALLS = 10, 5

    def __init__(self, scale: float = 1.0, fault_at: int = -1, fault: str = ""):
        self.observation_space = spaces.Box(0, 255, (1, self.SIZE, self.SIZE), np.uint8)
        self.action_space = spaces.Discrete(3, start=-1)
        self.scale, self.fault_at, self.fault = scale, fault_at, fault

    def _drop(self):
        self.row, self.column = 0, int(self.np_random.integers(self.SIZE))

    def _screen(self):
        screen = np.zeros(self.observation_space.shape, np.uint8)
        screen[0, self.row, self.column] = screen[0, -1, self.paddle] = 255
        return screen

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.paddle, self.balls, self.t = self.SIZE // 2, 0, 0
        self._drop()
        return self._screen(), {}

    def step(self, action):
        assert action in (-1, 0, 1)
        self.t += 1
        if self.t == self.fault_at:
            if self.fault == "raise":
                raise RuntimeError("the paddle broke")
            return self._screen(), float("nan"), False, False, {}
        self.paddle = min(max(self.paddle + int(action), 0), self.SIZE - 1)
        self.row += 1
        reward = 0.0
        if self.row == self.SIZE - 1:
            reward = self.scale * (1.0 if self.column == self.paddle else -1.0)
            self.balls += 1
            self._drop()
        return self._screen(), reward, self.balls == self.BALLS, False, {}


class Rows(Catch):
    """The same with the channel last."""

    def __init__(self):
        super().__init__()
        self.observation_space = spaces.Box(0, 255, (self.SIZE, self.SIZE, 1), np.uint8)

    def _screen(self):
        screen = np.zeros((1, self.SIZE, self.SIZE), np.uint8)
        screen[0, self.row, self.column] = screen[0, -1, self.paddle] = 255
        return screen.transpose(1, 2, 0)


gym.register("Catch-v0", entry_point="tests.deep.catch:Catch")
gym.register("BigCatch-v0", entry_point="tests.deep.catch:Catch", kwargs={"scale": 10.0})
gym.register("RowsCatch-v0", entry_point="tests.deep.catch:Rows")
gym.register("NanCatch-v0", entry_point="tests.deep.catch:Catch", kwargs={"fault_at": 20, "fault": "nan"})
gym.register("RaisingCatch-v0", entry_point="tests.deep.catch:Catch", kwargs={"fault_at": 20, "fault": "raise"})
