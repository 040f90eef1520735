"""The design space of the paper preset: everything that the paper leaves open, and points of it with a name.

A *point* is a setting of everything in SPACE on top of `--preset paper-first`, whose printed constants stay.
`python -m paper_figs.search` draws points and trains them.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from deep.config import Config
from exact.common.errors import InputError

Point = dict[str, Any]
"""Settings by their names in deep.config, as "controller.beta0"."""

SPACE: dict[str, tuple[Point, ...]] = {
    # Open: "beta1 >= 0 > beta0". The return of two episodes is nearly a coin toss, and a rejection costs a batch.
    "acceptance": tuple({"controller.beta0": value} for value in (-0.1, -0.5, -2.0, -10.0)),
    # Algorithm 4.1 reads as whole episodes of this policy; Baselines goes on with the running episode, and its logger
    # has a window of the last 40 (TRPO) or 100 (PPO).
    "eta": (
        {"sampling.fresh_episodes": False, "radius.window": 0},
        {"sampling.fresh_episodes": True, "radius.window": 0},
        {"sampling.fresh_episodes": False, "radius.window": 40},
        {"sampling.fresh_episodes": False, "radius.window": 100},
    ),
    # Algorithm 4.1 discounts, the tables do not.
    "discounted": tuple({"radius.discounted": value} for value in (False, True)),
    # sigma-hat is per episode, the mean advantage per step.
    "units": tuple({"radius.gain_units": value} for value in ("step", "reward", "return")),
    # ||g|| is proportional to the advantages; Baselines standardises them, (4.3) does not.
    "gradient": tuple({"radius.scale": value} for value in ("gradient", "unscaled-gradient")),
    # InnerSolu's number of steps and its subsets; 1 whole-batch step is TRPO's.
    "inner": tuple(
        {"inner.iterations": n, "inner.subset": part, "inner.eps": eps, "inner.l0": l0}
        for n, part, eps, l0 in ((1, 1.0, 0.05, 1), (3, 1.0, 0.05, 1), (10, 0.5, 0.05, 1), (10, 0.5, 0.2, 5))
    ),
    # Baselines: 10 and .1, with every fifth observation in the Fisher matrix; RL Baselines3 Zoo: 25.
    "conjugate gradients": tuple(
        {"inner.cg_iterations": n, "inner.damping": damping} for n, damping in ((10, 0.1), (25, 0.1), (10, 0.01))
    ),
    # Baselines has 0 in the action's own units; Andrychowicz et al. (2020) found .5 the best standard deviation.
    "initial log-std": tuple({"policy.initial_log_std": value} for value in (0.0, -0.5, -0.7, -1.0)),
    # (4.12): steps, their length, and Abar_k, constant or proportional to |entropy|. Long steps end at the box's edge.
    "log-std": tuple(
        {
            "inner.log_std_steps": n,
            "inner.log_std_rate": rate,
            "inner.log_std_bound": bound,
            "inner.log_std_bound_entropy": part,
        }
        for n, rate, bound, part in (
            (5, 0.05, 0.0, 0.01),
            (5, 0.05, 0.0, 0.002),
            (5, 0.5, 0.0, 0.001),
            (1, 0.05, 0.01, 0.0),
            (1, 0.2, 0.01, 0.0),
            (5, 0.5, 0.005, 0.0),
        )
    ),
    # (4.5): passes, minibatch and step size. Baselines: 5, 64, 1e-3. The batch alone, as (4.5) has it.
    "critic": tuple(
        {"critic.epochs": epochs, "critic.batch": batch, "critic.learning_rate": rate}
        for epochs, batch, rate in ((5, 64, 1e-3), (10, 128, 1e-3), (20, 128, 1e-3), (10, 64, 3e-4))
    ),
    "lambda": tuple({"sampling.gae_lambda": value} for value in (0.9, 0.95, 0.98)),
    "discount": tuple({"sampling.discount": value} for value in (0.99, 0.995)),
    # Of the last layer: Baselines .01, its older code 1. It scales ||g||, too.
    "head": tuple({"policy.head_scale": value} for value in (0.01, 0.1, 1.0)),
    "width": tuple({"policy.hidden": (n, n), "critic.hidden": (n, n)} for n in (32, 64)),
    "observations": tuple({"sampling.observation_clip": value} for value in (5.0, 10.0)),
}

LEADS: Point = {
    "controller.beta0": -0.5,
    "policy.initial_log_std": -0.7,
    "inner.iterations": 1,
    "inner.subset": 1.0,
    "inner.log_std_steps": 1,
    "inner.log_std_bound": 0.01,
    "inner.log_std_bound_entropy": 0.0,
}
WINDOW: Point = LEADS | {"radius.window": 40}
FIRST: Point = WINDOW | {"sampling.gae_lambda": 0.9, "policy.hidden": (32, 32), "critic.hidden": (32, 32)}
UNSCALED: Point = FIRST | {"radius.scale": "unscaled-gradient"}
ACCEPTING: Point = FIRST | {
    "inner.log_std_rate": 0.2,
    "radius.window": 0,
    "sampling.fresh_episodes": True,
    "controller.beta0": -10.0,
}
ENTROPY: Point = {"inner.log_std_steps": 5, "inner.log_std_bound": 0.0, "inner.log_std_bound_entropy": 0.01}
NAMED: dict[str, Point] = {
    # The preset paper-first.
    "present": {},
    # What made it learn in a first look: almost no rejection, a slow log-std from a smaller start.
    "leads": LEADS,
    # The same with eta-hat over the window of Baselines' log: hardly a trial is rejected.
    "window": WINDOW,
    # The best after 1e6 steps of a first search around "window", on HalfCheetah, Walker2d, Hopper, Ant and Reacher.
    "first": FIRST | {"inner.log_std_rate": 0.2, "radius.gain_units": "reward"},
    # The same with ||g|| of the advantages in units of normalised reward: the gradient grows as the log-std falls, and
    # with it the radius, to a KL divergence of .2 and more late in a run.
    "unscaled": UNSCALED | {"inner.log_std_rate": 0.2},
    # Then with a log-std that falls more slowly, with networks of 64 x 64, and with (4.12)'s bound as printed.
    "unscaled-slow": UNSCALED,
    "unscaled-wide": UNSCALED
    | {"inner.log_std_rate": 0.2, "policy.hidden": (64, 64), "critic.hidden": (64, 64), "sampling.gae_lambda": 0.95},
    "unscaled-entropy": UNSCALED | ENTROPY,
    # The same with (4.12)'s bound proportional to |entropy|, as printed.
    "entropy": FIRST | ENTROPY,
    # The same with the batch's own episodes, whole ones, and a beta0 that rejects next to nothing. --preset paper.
    "accepting": ACCEPTING,
    # The same from a log-std of 0, as Baselines: ||g|| is smaller while the noise is large, and so are the steps.
    "accepting-noisy": ACCEPTING | {"policy.initial_log_std": 0.0},
    # Everything that is open as in OpenAI Baselines' TRPO, on which the paper's code was built.
    "baselines": {
        "policy.hidden": (32, 32),
        "critic.hidden": (32, 32),
        "policy.initial_log_std": 0.0,
        "policy.head_scale": 0.01,
        "inner.iterations": 1,
        "inner.subset": 1.0,
        "inner.fisher_subset": 0.2,
        "inner.cg_iterations": 10,
        "inner.damping": 0.1,
        "critic.epochs": 5,
        "critic.batch": 64,
        "critic.learning_rate": 1e-3,
        "sampling.gae_lambda": 0.98,
        "sampling.observation_clip": 5.0,
        "radius.window": 40,
    },
}

HORIZONS: dict[str, Point] = {
    f"accepting-{discount}-{lam}": ACCEPTING | {"sampling.discount": discount, "sampling.gae_lambda": lam}
    for discount in (0.97, 0.99, 0.995, 0.999)
    for lam in (0.9, 0.97)
}
"""The preset paper with another discount and lambda: searched for one task at a time, as the second variant."""


def settle(config: Config, point: Point) -> Config:
    """The configuration with a point's settings; InputError for a name that is none or a value out of range."""
    sections: dict[str, dict[str, Any]] = {}
    for name, value in point.items():
        section, _, leaf = name.partition(".")
        sections.setdefault(section, {})[leaf] = tuple(value) if isinstance(value, list) else value
    try:
        return replace(config, **{name: replace(getattr(config, name), **values) for name, values in sections.items()})
    except (AttributeError, TypeError) as error:
        raise InputError(f"point {point}: {error}") from None


def propose(seed: int, index: int, near: str | None, change: float) -> Point:
    """The point of a number: NAMED[near] with each entry of SPACE drawn anew with probability `change`."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, index]))
    point: Point = dict((NAMED | HORIZONS)[near]) if near else {}
    for choices in SPACE.values():
        drawn = choices[int(rng.integers(len(choices)))]
        if rng.random() < change or near is None:
            point |= drawn
    return point
