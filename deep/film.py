"""Filming an episode, on machines with and without a display."""

import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from deep.playing import MAX_STEPS, Player, run_episode
from deep.sampling.adapter import Adapter
from deep.sampling.environments import EnvSpec
from deep.sampling.making import ANYTHING
from exact.common.errors import FaultError, InputError
from exact.common.files import atomic_write
from exact.common.progress import Ticker

VIDEO_SUFFIXES = (".mp4", ".gif")
DEFAULT_FPS = 30
PROBE_SECONDS = 60
"""How long a renderer may take to show its first image."""
VARIABLE = "MUJOCO_GL"
"""Environment variable that names MuJoCo's renderer."""


def choose_renderer(player: Player) -> None:
    """Make sure that the environment can be filmed here, and set MUJOCO_GL if MuJoCo needs it.

    MuJoCo reads the variable once, and a renderer that does not fit may end the process. So each is tried in a process
    of its own: what the variable says, if it is set; else the display, if there is one, then EGL, then OSMesa.

    Raises:
        InputError: a package is missing, or no renderer works. The message says what to set or to install.
    """
    _imageio()
    if not _is_mujoco(player):
        _first_image(player.spec, player.sticky)
        return
    given = os.environ.get(VARIABLE)
    display = [None] if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") else []
    candidates: list[str | None] = [given] if given else [*display, "egl", "osmesa"]
    reasons = []
    for candidate in candidates:
        reason = _tried(player, candidate)
        if reason is None:
            if candidate is not None and candidate != given:
                os.environ[VARIABLE] = candidate
                print(f"note: no display here; rendering with {VARIABLE}={candidate}", file=sys.stderr)
            return
        reasons.append(f"{candidate or 'display'}: {reason}")
    raise InputError(
        f"--video: no renderer works here for {player.spec.env_id!r} ({'; '.join(reasons)}); expected a display, or "
        f"{VARIABLE}=egl with the system's libEGL, or {VARIABLE}=osmesa with its libOSMesa"
    )


def _is_mujoco(player: Player) -> bool:
    env = player.make_env()
    try:
        return hasattr(env.unwrapped, "mujoco_renderer")
    finally:
        env.close()


def _tried(player: Player, renderer: str | None) -> str | None:
    """What goes wrong with a renderer, in one line; None if it shows an image."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    before = os.environ.get(VARIABLE)
    if renderer is not None:
        os.environ[VARIABLE] = renderer
    try:
        child = context.Process(target=_probe, args=(theirs, player.spec, player.sticky))
        child.start()
    finally:
        os.environ.pop(VARIABLE, None)
        if before is not None:
            os.environ[VARIABLE] = before
    theirs.close()
    try:
        reason: str | None = ours.recv() if ours.poll(PROBE_SECONDS) else f"no image after {PROBE_SECONDS} s"
    except EOFError:
        child.join()
        reason = f"the process ended with exit code {child.exitcode}"
    child.kill()
    child.join()
    return reason


def _probe(answer: Any, spec: EnvSpec, sticky: float) -> None:
    """Render one image and say what went wrong, in a process of its own. Renderers complain at length: silently."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    try:
        _first_image(spec, sticky)
        answer.send(None)
    except InputError as error:
        answer.send(str(error).partition(": ")[2])


def _first_image(spec: EnvSpec, sticky: float) -> None:
    """Raises InputError if the environment shows no image."""
    try:
        env = spec.maker("rgb_array", sticky)
        try:
            env.reset(seed=0)
            image: Any = env.render()
        finally:
            env.close()
    except InputError:
        raise
    except ANYTHING as error:  # renderers fail in many ways where there is no display
        text = str(error).strip().splitlines()
        raise InputError(
            f"--video: cannot render {spec.env_id!r}, {type(error).__name__} {text[0] if text else ''}"
        ) from error
    if np.ndim(image) != 3:
        raise InputError(
            f"--video: cannot render {spec.env_id!r}: it showed {type(image).__name__}, expected an image for "
            "render_mode='rgb_array'"
        )


def _imageio() -> Any:
    """The package that writes films."""
    try:
        import imageio.v3 as imageio
        import imageio_ffmpeg  # noqa: F401
    except ImportError:
        raise InputError(
            "--video needs the packages imageio and imageio-ffmpeg, which are not installed; expected pip install "
            "'stro[video]'"
        ) from None
    return imageio


def follow(env: gym.Env) -> None:
    """Let the camera follow the agent, in a MuJoCo task whose model has a camera for that.

    gymnasium 1.4 does so only where the task names the body to follow: HalfCheetah, Ant and Swimmer left the picture.
    """
    renderer = getattr(env.unwrapped, "mujoco_renderer", None)
    if renderer is None or "trackbodyid" in (renderer.default_cam_config or {}):
        return
    cameras = [renderer.model.camera(i).name for i in range(renderer.model.ncam)]
    if "track" in cameras:
        renderer.camera_id = cameras.index("track")


def record(player: Player, path: Path, seed: int, stochastic: bool, max_steps: int = MAX_STEPS) -> None:
    """Film the first episode of `Agent.evaluate` with the same seed. Call `choose_renderer` before.

    Raises:
        InputError: the package for videos is missing, the environment cannot be rendered, or the file not written.
        FaultError: the environment failed, or its renderer shows no image.
    """
    imageio, began = _imageio(), time.monotonic()
    frames: list[NDArray[Any]] = []
    state = ["filming"]
    with Ticker(lambda: f"{state[0]}: {len(frames)} frames, {time.monotonic() - began:.0f} s"):
        try:
            env = Adapter(player.spec, player.sticky, "rgb_array")
            try:
                follow(env.env)
                fps = env.env.metadata.get("render_fps", DEFAULT_FPS)
                run_episode(env, player, np.random.SeedSequence(seed).spawn(1)[0], stochastic, frames, max_steps)
            finally:
                env.close()
        except (InputError, FaultError):
            raise
        except ANYTHING as error:  # renderers fail in many ways where there is no display
            raise InputError(
                f"--video: cannot render {player.spec.env_id!r}: {type(error).__name__}: {error}"
            ) from error
        state[0] = "writing the film"
        timing = {"fps": fps} if path.suffix == ".mp4" else {"duration": 1000 / fps, "loop": 0}
        with tempfile.TemporaryDirectory() as scratch:
            film = Path(scratch) / f"film{path.suffix}"
            try:
                imageio.imwrite(film, np.stack(frames), **timing)
            except OSError as error:
                raise InputError(f"--video: cannot make the film: {error}") from error
            atomic_write(path, film.read_bytes())
