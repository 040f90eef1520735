"""Making an environment: from a gymnasium id, from `module:name`, or from a callable.

A `Maker` is made once and handed to everything that makes environments: every worker, the evaluation, the film.  It is
sent to workers by cloudpickle, as gymnasium's own vector environments do it.  So a lambda, or a function that a
notebook defined, reaches them too.
"""

import difflib
import importlib
import json
import multiprocessing as mp
import re
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import cloudpickle
import gymnasium as gym

from deep.sampling.atari import AtariGame, game_of
from exact.common.errors import FaultError, InputError

Env = str | Callable[..., gym.Env]
"""A gymnasium id, `module:Env-v0`, `module:name` of a callable, or a callable that returns an environment."""
Wrapper = str | Callable[[gym.Env], gym.Env]
"""`module:name` of a callable that takes an environment and returns one, or the callable itself."""
ANYTHING = (Exception, SystemExit)
"""What a user's code may raise: anything, sys.exit included. A KeyboardInterrupt is the user's own."""


def name_of(thing: Env | Wrapper) -> str:
    """What config.json and messages call it: a string as it is, a callable by `module:name`."""
    if isinstance(thing, str):
        return thing
    if isinstance(thing, partial):  # the name of the function alone would make another environment
        return f"{name_of(thing.func)}.partial"
    name = getattr(thing, "__qualname__", type(thing).__qualname__)
    module = getattr(thing, "__module__", type(thing).__module__)
    return f"{module}:{re.sub('[^A-Za-z0-9_.]', '', name)}"


NAMELESS = "it was a callable of the script that trained: give it again, from Python, as in deep.load(DIR, env=...)"


def nameless(name: str) -> bool:
    """Whether a name of `name_of` makes nothing: that of a partial function, of one inside a function or a script."""
    return re.search(r"^__main__:|:.*\.(partial|locals)", name) is not None


def named(text: str) -> Callable[..., Any] | None:
    """The callable that `module:name` names; None if the text is no such name. Raises what the import raises."""
    module, colon, name = text.partition(":")
    if not colon:
        return None
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found if callable(found) else None


@dataclass(frozen=True)
class Maker:
    """How to make an environment. Raises InputError for arguments that are no JSON, or a wrapper that is no callable.

    `maker()` makes one, as gymnasium.make does but without its checker, which would cost time in every step.  Atari
    games are those of deep.sampling.atari.
    """

    env: Env
    env_kwargs: dict[str, Any] = field(default_factory=dict)
    """Keyword arguments of the environment, JSON values."""
    wrapper: Wrapper | None = None

    def __post_init__(self) -> None:
        try:
            json.dumps(self.env_kwargs)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"env_kwargs of {self.name!r}: {error}; expected JSON values. Give others inside a callable, e.g. "
                "functools.partial(make, thing=...)"
            ) from None

    @property
    def name(self) -> str:
        """The environment's name in messages and config.json."""
        return name_of(self.env)

    @property
    def wrapper_name(self) -> str | None:
        """The wrapper's name in config.json."""
        return None if self.wrapper is None else name_of(self.wrapper)

    def __reduce__(self) -> tuple[Any, ...]:
        try:
            data = cloudpickle.dumps((self.env, self.env_kwargs, self.wrapper))
        except ANYTHING as error:  # pickling calls the objects' own methods, which may raise anything
            raise InputError(
                f"environment {self.name!r} cannot be sent to the workers: {error}; expected a callable that can be "
                "pickled, e.g. a function that makes everything it needs"
            ) from None
        return _unpickled, (data,)

    def __call__(self, render_mode: str | None = None, sticky: float = 0.0) -> gym.Env:
        """Make an environment.

        Args:
            render_mode: gymnasium's, None or "rgb_array".
            sticky: Atari only, the probability of a sticky action.

        Raises:
            InputError: the id is unknown or the environment cannot be made here.
        """
        if isinstance(self.env, str) and (game := game_of(self.env)) is not None:
            if self.env_kwargs or self.wrapper is not None:
                raise InputError(
                    f"{self.name!r} is played by the protocol of docs/atari.md; it takes no env_kwargs and no wrapper"
                )
            return AtariGame(game, sticky)
        try:
            with warnings.catch_warnings():
                # v4 ids are the task here; gymnasium calls them out of date.
                warnings.filterwarnings("ignore", "(?s).*(out of date|using the latest versioned environment)")
                env = self._wrapped(self._made(render_mode))
        except InputError:
            raise
        except gym.error.UnregisteredEnv:
            raise InputError(f"unknown environment {self.name!r}; {_hint(self.name)}") from None
        except ANYTHING as error:  # while the package is imported or the environment built
            reason = str(error).strip().splitlines()
            raise InputError(
                f"cannot make environment {self.name!r}: {type(error).__name__}: {reason[0] if reason else ''}"
            ) from None
        if not isinstance(env, gym.Env):
            raise InputError(f"{self.name!r} made {type(env).__name__}; expected a gymnasium.Env")
        return env

    def _made(self, render_mode: str | None) -> gym.Env:
        """The environment without the wrapper."""
        arguments = self.env_kwargs | ({} if render_mode is None else {"render_mode": render_mode})
        _quiet_mujoco(self.env)
        if not isinstance(self.env, str):
            return self.env(**arguments)
        make = None if _id(self.env) in gym.registry else named(self.env)
        if make is not None and _id(self.env) not in gym.registry:  # importing the module may have registered it
            made: gym.Env = make(**arguments)
            return made
        return gym.make(self.env, disable_env_checker=True, **arguments)

    def _wrapped(self, env: gym.Env) -> gym.Env:
        wrap = named(self.wrapper) if isinstance(self.wrapper, str) else self.wrapper
        if self.wrapper is None:
            return env
        if wrap is None:
            raise InputError(f"wrapper {self.wrapper!r}: expected module:name of a callable that takes an environment")
        return wrap(env)


def _unpickled(data: bytes) -> Maker:
    """Inverse of Maker.__reduce__."""
    try:
        return Maker(*cloudpickle.loads(data))
    except ANYTHING as error:  # a script's module that is not there, or that trains while it is imported
        raise FaultError(f"the environment's callable cannot be loaded: {type(error).__name__}: {error}") from error


def _id(env: str) -> str:
    """A gymnasium id without its module."""
    return env.rpartition(":")[2]


def _hint(env: str) -> str:
    """What an unknown id may have meant."""
    if nameless(env):
        return NAMELESS
    if mp.parent_process() is not None:  # a worker, whose learner has made this environment
        return "the workers do not know what the learner's process registered: expected module:Env-v0 or a callable"
    known = [name for name in gym.registry if not name.startswith(("phys2d", "tabular"))]
    close = difflib.get_close_matches(env, known, n=3, cutoff=0.6)
    return f"did you mean {' or '.join(close)}?" if close else "expected a registered id or module:Env-v0"


DEPRECATED = "attribute 'settotalmass' is deprecated"
"""MuJoCo 4 says so of gymnasium's own models, once for every environment that is made."""


def _quiet_mujoco(env: Env) -> None:
    """Show MuJoCo's warnings on standard error, but for `DEPRECATED`.

    MuJoCo's own handler also writes MUJOCO_LOG.TXT into the current folder. A handler that is there already stays.
    """
    spec = gym.registry.get(env) if isinstance(env, str) else None
    needed = spec is not None and str(spec.entry_point).startswith("gymnasium.envs.mujoco")
    if not (needed or "mujoco" in sys.modules):
        return
    try:
        import mujoco
    except ImportError:  # gymnasium says so
        return
    if mujoco.get_mju_user_warning() is None:
        mujoco.set_mju_user_warning(_show)


def _show(message: str) -> None:
    """One warning of MuJoCo's."""
    if DEPRECATED not in message:
        print(f"MuJoCo: {message.strip()}", file=sys.stderr)
