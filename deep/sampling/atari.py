"""Atari games under the protocol of OpenAI Baselines, which the paper follows; played by ALE's vectorised environment.

    every step           an action is held for 4 frames; the observation is the maximum of the last two of them,
                         grey, 84x84, stacked on the three observations before it (zeros at the game's start)
    a game's start       up to 30 no-ops, their number drawn from the game's seed
    a life's start       FIRE in the first step, whatever the action, in games that have it
    a life's end         said so by `life_lost`: it ends a training trajectory, never the game
    a game's end         the game's own end, or 108,000 frames (a truncation)
    rewards              the game's own

The forced FIRE is a property of the environment.  The sample holds the policy's own action; the outcome of that step
does not depend on it, so nothing is off-policy.  Baselines hides that step from the agent instead, and follows it with
a second fixed action.  ALE's own fire-reset presses FIRE at a game's start only, for one frame and before the no-ops.

The pixels are those of gymnasium's AtariPreprocessing and FrameStackObservation, which a test checks.
"""

import importlib
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from exact.common.errors import InputError

FRAME_SKIP, STACK, SIDE = 4, 4, 84
MAX_NOOPS = 30
MAX_FRAMES = 108_000
"""Half an hour of play."""
FRAMES_PER_SECOND = 60
ENTRY_POINT = "ale_py.env:AtariEnv"


def game_of(env_id: str) -> str | None:
    """ALE's name of the game behind a gymnasium id (ALE/Pong-v5, PongNoFrameskip-v4, ALE/Pong, ale_py:ALE/Pong-v5).

    None if there is none.

    Only the game is taken from an id: frame skip and sticky actions, in which the ids differ, are this module's.
    """
    module, _, env_id = env_id.rpartition(":")
    if module:
        try:
            importlib.import_module(module)
        except (Exception, SystemExit):  # a user's package may raise anything; whoever makes the environment says what
            return None
    spec = gym.registry.get(env_id) or (gym.registry.get(f"{env_id}-v5") if module else None)
    if (module and spec is None) or (spec is not None and spec.entry_point != ENTRY_POINT):
        return None
    import ale_py  # registers its ids; not loaded for other environments

    gym.register_envs(ale_py)
    spec = gym.registry.get(env_id) or gym.registry.get(f"{env_id}-v5")
    return spec.kwargs["game"] if spec is not None and spec.entry_point == ENTRY_POINT else None


def rom_path(game: str) -> Any:
    """Path of a game's ROM. Raises InputError if it is not there."""
    from ale_py import roms

    try:
        path = roms.get_rom_path(game)
    except OSError:  # absent, or not what its checksum says
        path = None
    if path is None:
        raise InputError(f"there is no ROM of the Atari game {game!r}; expected an ale-py that was installed with ROMs")
    return path


class AtariGames:
    """A vector of games of one kind, stepped together by ALE's threads.

    Args:
        game: ALE's name of it.
        number: games side by side.
        sticky: probability that a frame repeats the action of the one before.
        threads: ALE's threads.

    Raises:
        InputError: the ROM is missing.
    """

    def __init__(self, game: str, number: int, sticky: float, threads: int):
        rom_path(game)
        from ale_py import Action, AtariVectorEnv

        self.envs = AtariVectorEnv(
            game,
            number,
            batch_size=number,
            num_threads=threads,
            thread_affinity_offset=-1,
            max_num_frames_per_episode=MAX_FRAMES,
            repeat_action_probability=sticky,
            full_action_space=False,
            continuous=False,
            autoreset_mode=AutoresetMode.NEXT_STEP,  # never seen: a game that is over is reset before the next step
            img_height=SIDE,
            img_width=SIDE,
            grayscale=True,
            stack_num=STACK,
            frameskip=FRAME_SKIP,
            maxpool=True,
            noop_max=MAX_NOOPS + 1,  # ALE draws from [0, noop_max)
            episodic_life=False,  # it would end the game
            life_loss_info=False,  # it could not be told from a game's end
            reward_clipping=False,
            use_fire_reset=False,
        )
        actions = list(self.envs.ale.get_action_set())
        self.fire = actions.index(Action.FIRE) if Action.FIRE in actions else None
        self.single_observation_space = self.envs.single_observation_space
        self.single_action_space = spaces.Discrete(len(actions))
        self.lives = np.zeros(number, np.int32)
        self.fresh = np.ones(number, np.bool_)
        """Games whose next step is the first of a life."""

    def reset(self, *, seed: list[int], options: dict[str, NDArray[np.bool_]]) -> tuple[NDArray[Any], dict[str, Any]]:
        """Start new games where options["reset_mask"] has True, as gymnasium's SyncVectorEnv does.

        Args:
            seed: one in [0, 2^32) for every game, of which those to be started are used.
            options: reset_mask, shape (number,); the first time all of it must be True.

        Returns:
            Observations of all games, and info.
        """
        mask = options["reset_mask"]
        seeds = np.asarray(seed, np.int64)[mask] >> 1  # ALE's are in [0, 2^31)
        observations, info = self.envs.reset(seed=seeds, options=options)
        self.lives = np.where(mask, info["lives"], self.lives)
        self.fresh |= mask
        return observations, info

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """One step of every game, as gymnasium's vector environments; info["life_lost"] where the game goes on."""
        if self.fire is not None:
            actions = np.where(self.fresh, self.fire, actions)
        observations, rewards, terminated, truncated, info = self.envs.step(actions)
        self.fresh = (info["lives"] < self.lives) & (info["lives"] > 0) & ~terminated
        self.lives = info["lives"].copy()
        return observations, rewards, terminated, truncated, info | {"life_lost": self.fresh.copy()}

    def close(self) -> None:
        """Nothing to do: ALE's threads end with their vector."""


class AtariGame(gym.Env):
    """One game as a gymnasium environment; an episode is a whole game.

    Frames for a film come from a second emulator that plays the same game frame by frame: the vectorised environment
    shows none.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": FRAMES_PER_SECOND // FRAME_SKIP}  # noqa: RUF012

    def __init__(self, game: str, sticky: float = 0.0):
        self.game, self.sticky, self.render_mode = game, sticky, "rgb_array"
        self.games = AtariGames(game, 1, sticky, 1)
        self.observation_space = self.games.single_observation_space
        self.action_space = self.games.single_action_space
        self.played: list[int] = []
        self.screen: Any = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """A new game, fully determined by the seed."""
        super().reset(seed=seed)
        self.seed = int(self.np_random.integers(1 << 32)) if seed is None else seed
        observations, info = self.games.reset(seed=[self.seed], options={"reset_mask": np.ones(1, np.bool_)})
        self.noops, self.played = int(info["episode_frame_number"][0]), []
        self.screen = None
        return observations[0], {}

    def step(self, action: int) -> tuple[NDArray[Any], float, bool, bool, dict[str, Any]]:
        """Hold an action for four frames."""
        self.played.append(self.games.fire if self.games.fire is not None and self.games.fresh[0] else int(action))
        observations, rewards, terminated, truncated, info = self.games.step(np.array([action]))
        return observations[0], float(rewards[0]), bool(terminated[0]), bool(truncated[0]), {"lives": info["lives"][0]}

    def render(self) -> NDArray[np.uint8]:
        """The screen, shape (height, width, 3)."""
        if self.screen is None:
            self.screen, self.shown = _start_screen(self.game, self.sticky, self.seed >> 1, self.noops), 0
        actions = self.screen.getMinimalActionSet()
        for action in self.played[self.shown :]:
            for _ in range(FRAME_SKIP):
                self.screen.act(actions[action])
        self.shown = len(self.played)
        screen: NDArray[np.uint8] = self.screen.getScreenRGB()
        return screen


def _start_screen(game: str, sticky: float, seed: int, noops: int) -> Any:
    """An emulator at a game's start, where the vectorised environment's is with the same seed."""
    import ale_py

    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    ale = ale_py.ALEInterface()
    ale.setFloat("repeat_action_probability", sticky)
    ale.setInt("random_seed", seed)
    ale.loadROM(rom_path(game))
    ale.reset_game()
    for _ in range(noops):
        ale.act(ale_py.Action.NOOP)
    return ale
