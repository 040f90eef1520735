"""How much of a policy step is signal: the gain that a step made from one batch has in other batches.

    python -m deep.studies.step_signal RUN [--batches 100] [--vary inner.cg-iterations=5 sampling.gae-lambda=0.9]

A step's own batch overstates its gain, because the step was fitted to that batch's noise.  Here the policy of a run's
newest checkpoint stays fixed while many batches are drawn with it.  Each batch i gives the direction d_i that InnerSolu
takes first.  Its gain to first order per unit of sqrt(2 KL) is

    promised   g_i' d_i / sqrt(d_i' F d_i)       g_i the gradient of L-hat in the same batch
    held out   g' d_i / sqrt(d_i' F d_i)         g the mean of the gradients in all other batches

in standard deviations of the advantage.  F is the Fisher matrix over states of all batches.  The second gain divided by
the first is the part of a step that is signal.  In minutes it tells settings apart that single training runs do not.
It does not tell how steps add up.

The critic is fitted from batch to batch, as in training.  The first fifth of the batches does not count: there the
critic gets used to its settings.  `--vary` repeats the measurement on the same batches with other settings of
deep.train, one variant per word, as in critic.batches=1,critic.epochs=20.  Settings of SAMPLE itself cannot vary.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tyro.conf import Positional

from deep.algorithm import Learner
from deep.build import make_learner
from deep.config import Config
from deep.innersolu import search_direction
from deep.model.critic import Critic
from deep.options import MODULE
from deep.options import Options as TrainOptions
from deep.origin import newest
from deep.run.directory import check_named, read_config
from deep.run.layout import check_whole
from deep.run.snapshot import unpack
from deep.sampling.environments import inspected
from deep.sampling.rollout import Rollout
from exact.common import cli
from exact.common.errors import InputError
from exact.common.tables import Table, publish

RUN_IN = 0.2
"""Part of the batches that only the critic sees."""
HELD_OUT_LAMBDA = 0.99
"""Lambda of the advantages behind the held-out gradient: nearly unbiased, and the same for all variants."""
FISHER_STATES = 1024
"""States that F is the mean over."""
SAMPLE_FIELDS = (
    ("env", "seed", "workers", "sticky_actions", "normalize"),
    ("N", "discount", "observation_clip", "reward_sign"),
)
"""Settings that the batches depend on: of the run, and of `sampling`."""
NETWORK_FIELDS = ("hidden", "convolutions")


@dataclass(frozen=True)
class Options:
    """How much of a policy step is signal: the gain that a step made from one batch has in other batches."""

    directory: Positional[Path]
    """A run directory with a checkpoint."""
    env: str | None = None
    """The run's environment. It must be named if it is one of a module (module:name), whose code will be run."""
    wrapper: str | None = None
    """The run's wrapper, likewise."""
    batches: int = 100
    """Batches to draw."""
    vary: tuple[str, ...] = ()
    """Variants: settings of deep.train as NAME=VALUE[,NAME=VALUE...]."""
    seed: int = 0
    """For the states of F."""
    out: Path | None = None
    """Write Markdown here."""

    def __post_init__(self) -> None:
        if self.batches < 10:
            raise InputError(f"--batches must be at least 10, got {self.batches}")
        if self.seed < 0:
            raise InputError(f"--seed must be at least 0, got {self.seed}")


@dataclass(frozen=True)
class Gains:
    """Gains per unit of sqrt(2 KL), in standard deviations of the advantage, one per counted batch."""

    promised: NDArray[np.float64]
    held_out: NDArray[np.float64]
    explained_variance: float
    """Of the returns by the critic before it was fitted to them, median over the batches."""


def record(learner: Learner, batches: int) -> list[list[Rollout]]:
    """Rollouts of the learner's policy."""
    recorded = []
    for _ in range(batches):
        learner.request(learner.state.theta)
        recorded.append(learner.sampler.collect())
    return recorded


def variant_of(config: Config, changes: str) -> Config:
    """A run's settings with some changed. Raises InputError for unknown ones, and where other batches are needed."""
    pairs = [change.partition("=") for change in changes.split(",")]
    words = [word for name, _, value in pairs for word in (f"--{name}", value)]
    changed = cli.parse(TrainOptions, MODULE, words, default=TrainOptions(config)).config
    for names, one, other in zip(SAMPLE_FIELDS, (config, config.sampling), (changed, changed.sampling), strict=True):
        for name in names:
            if getattr(one, name) != getattr(other, name):
                raise InputError(f"--vary {changes} changes {name}: the batches were drawn with the run's own")
    own, wanted = ([getattr(c.critic, name) for name in NETWORK_FIELDS] for c in (config, changed))
    if own != wanted or config.policy != changed.policy:
        raise InputError(f"--vary {changes} changes the networks: the checkpoint has the run's own")
    if (config.device, config.precision) != (changed.device, changed.precision):
        raise InputError(f"--vary {changes} changes where or how precisely to compute: all variants share that")
    return changed


def twin_of(learner: Learner, config: Config, saved: dict[str, Any]) -> Learner:
    """A learner in the checkpoint's state with other settings."""
    critic = Critic(learner.critic.net, config.critic, np.random.SeedSequence(0), learner.device)
    critic.restore(saved["critic"])
    seed = np.random.SeedSequence(config.seed)
    twin = Learner(config, learner.policy, critic, learner.sampler, seed, learner.device, learner.observation_shape)
    twin.state = replace(learner.state)
    return twin


def directions(learner: Learner, recorded: Sequence[list[Rollout]]) -> Iterator[tuple[Tensor, Tensor, float]]:
    """(g_i, d_i, explained variance) of each batch, the critic fitted in between."""
    s, theta = learner.state, learner.state.theta
    for rollouts in recorded:
        s.rewards = learner.batches.scale_moments(s.rewards, rollouts)
        B = learner.batches.make(theta, rollouts, s.observations, s.rewards, learner.discount, s.B, s.window)
        s.count(rollouts)
        found = search_direction(learner.surrogate(B), theta, learner.config.inner, learner.rng)
        yield found.g, found.d, B.explained_variance
        learner.critic.fit(B.observations, B.targets)


def measure(found: Iterable[tuple[Tensor, Tensor, float]], truth: Tensor, fisher: Callable[[Tensor], Tensor]) -> Gains:
    """The gains of the directions of one variant; `truth` has every batch's held-out gradient, (batches, size)."""
    batches = len(truth)
    first = round(RUN_IN * batches)
    total, others = truth[first:].sum(0), batches - first - 1
    promised, held_out, explained = [], [], []
    for i, (g, d, variance) in enumerate(found):
        if i < first:
            continue
        length = float(d @ fisher(d)) ** 0.5
        promised.append(float(g @ d) / length)
        held_out.append(float((total - truth[i]) @ d) / others / length)
        explained.append(variance)
    return Gains(np.array(promised), np.array(held_out), float(np.median(explained)))


def row(name: str, gains: Gains) -> tuple[str, ...]:
    """A line of the table."""
    mean, error = gains.held_out.mean(), gains.held_out.std(ddof=1) / len(gains.held_out) ** 0.5
    promised = gains.promised.mean()
    cells = (f"{promised:.3f}", f"{mean:.4f} ± {error:.4f}", f"{mean / promised:.2%}")
    return name, *cells, f"{gains.explained_variance:.2f}"


def work(options: Options) -> int:
    """Draw the batches once, then measure the run's own settings and every variant on them."""
    config = read_config(options.directory)
    variants = {"as it was run": config} | {changes: variant_of(config, changes) for changes in options.vary}
    check_named(config, options.directory, options.env, options.wrapper)
    learner = make_learner(config, inspected(config))
    try:
        saved = newest(options.directory, partial(check_whole, learner))
        unpack(learner, saved["learner"])
        recorded = record(learner, options.batches)
    finally:
        learner.sampler.close()
    truthful = replace(config, sampling=replace(config.sampling, gae_lambda=HELD_OUT_LAMBDA))
    truth = torch.stack([g for g, _, _ in directions(twin_of(learner, truthful, saved["learner"]), recorded)])
    states = np.concatenate([rollout.observations for batch in recorded for rollout in batch])
    chosen = np.random.default_rng(options.seed).permutation(len(states))[:FISHER_STATES]
    inputs = torch.from_numpy(learner.batches.preprocess(learner.state.observations)(states[chosen])).to(learner.device)
    theta, policy = learner.state.theta, learner.policy
    fisher = policy.fisher_vector_product(theta, policy.linearise(theta, inputs))
    rows = []
    for name, variant in variants.items():
        found = directions(twin_of(learner, variant, saved["learner"]), recorded)
        rows.append(row(name, measure(found, truth, fisher)))
        print(f"{len(rows)} of {len(variants)} measured: {' | '.join(rows[-1])}", file=sys.stderr, flush=True)
    notes = (
        f"{config.env}, seed {config.seed}, policy after {learner.state.steps:,} steps; {options.batches} batches of "
        f"{config.sampling.N}.",
        "Gain to first order per unit of sqrt(2 KL), in standard deviations of the advantage, mean ± standard error.",
    )
    header = ("settings", "promised", "held out", "signal", "expl. var.")
    publish([Table("Gain of a step from one batch", header, tuple(rows), notes)], options.out)
    return cli.DONE


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return cli.main(Options, "deep.studies.step_signal", work, argv)


if __name__ == "__main__":
    sys.exit(main())
