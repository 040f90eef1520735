"""Environments that do what users' environments do: odd spaces, odd returns, odd seeding.

`make(kind)` makes one; `tests.deep.odd:make` is its name for --env, with --env-kwargs '{"kind": ...}'.
"""

import multiprocessing as mp
import os
import resource
import subprocess
import sys
import time

import gymnasium as gym
import numpy as np
from gymnasium import spaces


class Counting(gym.Env):
    """Observation [t, t]; reward 1; five steps. `kind` says what it does otherwise."""

    LENGTH = 5

    def __init__(self, observation=None, action=None):
        self.observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32) if observation is None else observation
        self.action_space = spaces.Discrete(2) if action is None else action
        self.t, self.episodes = 0, 0

    def seen(self):
        return np.full(2, self.t, np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t, self.episodes = 0, self.episodes + 1
        return self.seen(), {}

    def reward(self):
        return 1.0

    def step(self, action):
        self.t += 1
        return self.seen(), self.reward(), False, self.t >= self.LENGTH, {}


class InPlace(Counting):
    """It has one array and changes it."""

    def __init__(self):
        super().__init__()
        self.buffer = np.zeros(2, np.float32)

    def seen(self):
        self.buffer[:] = self.t
        return self.buffer


class InPlaceImage(InPlace):
    """The same with images."""

    def __init__(self):
        super().__init__()
        self.observation_space = spaces.Box(0, 255, (1, 4, 4), np.uint8)
        self.buffer = np.zeros((1, 4, 4), np.uint8)


class Returning(Counting):
    """It returns `value` at `at`: "observation", "reset", "image", "reward", "terminated", "step" or "start"."""

    def __init__(self, at, value, when=3, **settings):
        super().__init__(**settings)
        self.at, self.value, self.when = at, value, when

    def reset(self, **arguments):
        observation, info = super().reset(**arguments)
        if self.at == "start":
            return self.value
        return self.value if self.at == "reset" else observation, info

    def seen(self):
        return self.value if self.at == "observation" and self.t == self.when else super().seen()

    def step(self, action):
        observation, reward, terminated, truncated, info = super().step(action)
        if self.t == self.when:
            reward = self.value if self.at == "reward" else reward
            terminated = self.value if self.at == "terminated" else terminated
            if self.at == "step":
                return self.value
        return observation, reward, terminated, truncated, info


class Sampling(Counting):
    """Observations are samples of any space; actions are checked and kept."""

    def __init__(self, observation, action):
        super().__init__(observation, action)
        self.got = []

    def seen(self):
        self.last = self.observation_space.sample()
        return self.last

    def step(self, action):
        assert self.action_space.contains(action), (action, self.action_space)
        self.got.append(np.copy(action))
        return super().step(action)


class Offset(Counting):
    """A clock in seconds: a large offset, and digits that matter."""

    def __init__(self, dtype=np.float64):
        super().__init__(spaces.Box(0, 2e9, (2,), dtype))

    def seen(self):
        return np.array([1.7e9 + self.t, 1.7e9 - self.t], self.observation_space.dtype)


class Remembering(Counting):
    """Episodes depend on something else than the seed: `on` "global", "resets" or "first"."""

    def __init__(self, on):
        super().__init__()
        self.on = on

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed if self.on != "first" or not self.episodes else None)
        if self.on == "global":
            self.offset = float(np.random.random())  # noqa: NPY002
        elif self.on == "resets":
            self.offset = float(self.episodes)
        else:
            self.offset = float(self.np_random.random())
        return self.seen(), {}

    def seen(self):
        return np.array([self.t, getattr(self, "offset", 0.0)], np.float32)


class Masked(Counting):
    """Only the actions of a mask may be taken; the mask is drawn at every step. An action earns its number."""

    def __init__(self, action=None, lose_at=-1, screen=False):
        observation = spaces.Box(0, 255, (8, 8, 1), np.uint8) if screen else None
        super().__init__(observation, spaces.Discrete(4, start=3) if action is None else action)
        self.lose_at = lose_at

    def info(self):
        space = self.action_space
        sizes = [space.n] if isinstance(space, spaces.Discrete) else space.nvec
        self.allowed = [self.np_random.random(n) < 0.5 for n in sizes]
        for allowed in self.allowed:
            allowed[self.np_random.integers(len(allowed))] = True
        if self.t == self.lose_at:
            return {}
        masks = tuple(allowed.astype(np.int8) for allowed in self.allowed)
        return {"action_mask": masks[0] if isinstance(space, spaces.Discrete) else masks}

    def reset(self, *, seed=None, options=None):
        observation, _ = super().reset(seed=seed)
        return observation, self.info()

    def step(self, action):
        chosen = np.ravel(action) - np.ravel(self.action_space.start)
        assert all(allowed[k] for allowed, k in zip(self.allowed, chosen, strict=True)), "a forbidden action"
        observation, _, terminated, truncated, _ = super().step(action)
        return observation, float(chosen.sum()), terminated, truncated, self.info()


class Parent(Counting):
    """It starts a process of its own, and its errors are those of a broken connection."""

    def __init__(self, fail=False):
        super().__init__()
        self.fail = fail
        self.child = mp.get_context("fork").Process(target=int)
        self.child.start()
        self.child.join()

    def reward(self):
        if self.fail and self.t == 3:
            raise BrokenPipeError("the robot's socket")
        return 1.0


class Closing(Counting):
    """It leaves a file when it is closed."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def close(self):
        with open(self.path, "a") as file:
            file.write("closed\n")


class Deadline(Counting):
    """Its time limit is a termination, and its rewards are large."""

    LENGTH = 60

    def step(self, action):
        observation, _, _, over, info = super().step(action)
        return observation, 1e6, over, False, info


class Barren(Counting):
    """It earns nothing."""

    def reward(self):
        return 0.0


class Quitting(Counting):
    """It calls sys.exit `at` "start", "reset" or "step"."""

    def __init__(self, at, screen=False):
        super().__init__(spaces.Box(0, 255, (8, 8, 1), np.uint8) if screen else None)
        self.at = at
        if at == "start":
            sys.exit("no licence")

    def seen(self):
        shape = self.observation_space.shape
        return np.zeros(shape, self.observation_space.dtype)

    def reset(self, **arguments):
        found = super().reset(**arguments)
        if self.at == "reset" and self.episodes == 2:
            sys.exit("no licence")
        return found

    def step(self, action):
        if self.at == "step" and self.t == 3:
            sys.exit()
        return super().step(action)


def in_worker():
    """Whether this is a worker process, not the learner that looks at its environment."""
    return mp.parent_process() is not None


class Hanging(Counting):
    """In a worker the third step does not come back."""

    def step(self, action):
        if self.t == 2 and in_worker():
            time.sleep(1000)
        return super().step(action)


class Leaving(Counting):
    """It starts a process that it does not end, and one that it ends by a signal when it is closed."""

    def __init__(self, path):
        super().__init__()
        sleeping = [sys.executable, "-c", "import time; time.sleep(1000)"]
        self.children = [subprocess.Popen(sleeping) for _ in range(2)]
        with open(path, "a") as file:
            file.write("".join(f"{os.getpid()} {child.pid}\n" for child in self.children))

    def close(self):
        self.children[0].terminate()
        self.children[0].wait()
        self.children[1].returncode = 0  # so that Python does not warn of it


class Hungry(Counting):
    """In a worker it asks for more memory than it may have."""

    def step(self, action):
        if not in_worker():
            return super().step(action)
        resource.setrlimit(resource.RLIMIT_AS, (1 << 31, resource.RLIM_INFINITY))
        self.held = np.ones(1 << 32)
        return super().step(action)


class Endless(Counting):
    """It never ends."""

    LENGTH = 10**9


DICT = spaces.Dict({"a": spaces.Box(-1, 1, (2, 2)), "b": spaces.Discrete(3)})
LOPSIDED = spaces.Box(np.array([0, -np.inf, 1]), np.array([np.inf, 2, 1]), dtype=np.float64)
KINDS = {
    "in place": InPlace,
    "in place image": InPlaceImage,
    "offset": Offset,
    "global": lambda: Remembering("global"),
    "resets": lambda: Remembering("resets"),
    "first": lambda: Remembering("first"),
    "masked": Masked,
    "masks": lambda: Masked(spaces.MultiDiscrete([3, 4])),
    "parent": Parent,
    "broken pipe": lambda: Parent(fail=True),
    "endless": Endless,
    "quitting": Quitting,
    "hanging": Hanging,
    "leaving": Leaving,
    "hungry": Hungry,
    "closing": Closing,
    "nan start": lambda: Returning("reset", np.array([np.nan, 0], np.float32)),
    "old step": lambda: Returning("step", (np.zeros(2), 1.0, False, {})),
    "dict": lambda: Sampling(DICT, spaces.Discrete(2)),
    "multi": lambda: Counting(action=spaces.MultiDiscrete([3, 2])),
    "binary": lambda: Counting(action=spaces.MultiBinary(3)),
    "lopsided": lambda: Counting(action=LOPSIDED),
    "deadline": Deadline,
    "barren": Barren,
    "plain": Counting,
}


def make(kind, **settings):
    return KINDS[kind](**settings)


gym.register("Counting-v0", entry_point="tests.deep.odd:Counting")
