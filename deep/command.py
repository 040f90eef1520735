"""The command line of deep.train: preset first, then single fields on top; every error is one line."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NoReturn, get_args

import tyro

from deep.build import inspect
from deep.config import Config, preset
from deep.pixels import pixel_preset
from exact.common import cli
from exact.common.errors import InputError

PRESETS = get_args(Config.__annotations__["preset"])


@dataclass(frozen=True)
class Command:
    """Train a STRO agent (stochastic trust-region policy optimisation, arXiv 1911.11640)."""

    config: Annotated[Config, tyro.conf.arg(name="")]
    out: Path | None = None
    """Run directory to create. Default: runs/ENV-PRESET-seedN."""
    tensorboard: bool = False
    """Write TensorBoard event files beside metrics.jsonl."""
    resume: Path | None = None
    """Continue the run in this directory with its own configuration; no setting can be changed."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (see --help)")


def parse(arguments: Sequence[str]) -> Command:
    """The command, with the preset's values where the command line is silent.

    Raises:
        InputError: an unknown option, an unreadable or out-of-range value, or options that exclude each other.
    """
    arguments = list(arguments)
    first = _Parser(add_help=False, allow_abbrev=False)
    first.add_argument("--env")
    first.add_argument("--preset", choices=PRESETS, default="default")
    first.add_argument("--resume", type=Path)
    first.add_argument("--tensorboard", action="store_true")
    known, others = first.parse_known_args(arguments)
    helping = bool({"-h", "--help"} & set(others))
    if known.resume is not None and not helping:
        if known.env is not None or known.preset != "default" or others:
            raise InputError("--resume continues a run with its own configuration; give no setting beside it")
        return Command(Config(env=""), tensorboard=known.tensorboard, resume=known.resume)
    if known.env is None and not helping:
        raise InputError("--env is required: the gymnasium id of the task, e.g. --env Walker2d-v4 (see --help)")
    pixels = known.env is not None and not helping and inspect(known.env).pixels
    default = Command((pixel_preset if pixels else preset)(known.preset, known.env or "ID"))
    return cli.parse(Command, "deep.train", default=default, argv=arguments)
