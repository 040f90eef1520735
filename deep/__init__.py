"""The STRO agent: Algorithm 4.3 with Gaussian and categorical policies.

    import deep

    agent = deep.train("Walker2d-v4", steps=200_000, seed=0)
    agent.evaluate(episodes=10)
    agent = deep.load("runs/Walker2d-v4-default-seed0")
    action, state = agent.predict(observation, deterministic=True)

A name is imported when it is first asked for, so that a process that only samples does not load torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from exact.common.interrupts import quiet_while_importing

if TYPE_CHECKING:
    from deep.agent import Agent, load, resume, train
    from deep.config import (
        Config,
        CriticSettings,
        InnerSettings,
        PolicySettings,
        RadiusSettings,
        SamplingSettings,
    )
    from deep.presets import preset
    from exact.common.errors import FaultError, InputError
    from exact.controller import ControllerSettings

quiet_while_importing()

__all__ = [
    "Agent",
    "Config",
    "ControllerSettings",
    "CriticSettings",
    "FaultError",
    "InnerSettings",
    "InputError",
    "PolicySettings",
    "RadiusSettings",
    "SamplingSettings",
    "load",
    "preset",
    "resume",
    "train",
]

_HOMES = {
    "Agent": "deep.agent",
    "Config": "deep.config",
    "ControllerSettings": "exact.controller",
    "CriticSettings": "deep.config",
    "FaultError": "exact.common.errors",
    "InnerSettings": "deep.config",
    "InputError": "exact.common.errors",
    "PolicySettings": "deep.config",
    "RadiusSettings": "deep.config",
    "SamplingSettings": "deep.config",
    "load": "deep.agent",
    "preset": "deep.presets",
    "resume": "deep.agent",
    "train": "deep.agent",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
