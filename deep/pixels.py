"""The two presets for pixels."""

from dataclasses import replace
from typing import Literal

from deep.config import (
    DEFAULT_CONTROLLER,
    PAPER_CONTROLLER,
    Config,
    CriticSettings,
    InnerSettings,
    PolicySettings,
    RadiusSettings,
    SamplingSettings,
)

NATURE_CNN = ((32, 8, 4), (64, 4, 2), (64, 3, 1))
"""Convolutions of Mnih et al. (Nature 2015), which PPO has on Atari; a hidden layer of 512 follows."""

PAPER_PIXEL_CONTROLLER = replace(PAPER_CONTROLLER, radius_min=0.005, radius_max=0.5)
"""Section 5 of the paper, Atari."""


def pixel_preset(name: Literal["default", "paper"], env: str) -> Config:
    """The settings of a preset for pixels; the paper's are its Atari settings."""
    shared = Config(
        env=env,
        preset=name,
        steps=10_000_000,
        normalize=False,
        workers=16,
        policy=PolicySettings(hidden=(512,), convolutions=NATURE_CNN),
        critic=CriticSettings(
            hidden=(512,),
            convolutions=NATURE_CNN,
            batches=1,
            epochs=3,
            batch=256,
            learning_rate=5e-4,
            final_fraction=1.0,
        ),
        sampling=SamplingSettings(N=1024, reward_sign=True),
        inner=InnerSettings(fisher_subset=0.0625),
    )
    if name == "default":
        return replace(
            shared,
            critic=replace(shared.critic, batches=4, epochs=1),
            inner=replace(shared.inner, entropy_bonus=0.02),
            radius=replace(shared.radius, initial=0.005),
            controller=replace(DEFAULT_CONTROLLER, beta0=-1.0, radius_min=0.005, radius_max=0.03),
        )
    return replace(
        shared,
        sampling=replace(shared.sampling, N=2048),
        inner=replace(shared.inner, iterations=10, subset=0.5),
        radius=RadiusSettings(initial=0.01, scale="gradient", numerator="returns"),
        controller=PAPER_PIXEL_CONTROLLER,
    )
