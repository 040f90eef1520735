"""From a configuration to the objects of Algorithm 4.3."""

import ctypes
import os

import numpy as np
import torch

from deep.algorithm import Learner
from deep.config import Config, CriticSettings, PolicySettings
from deep.model.convnet import ConvNet
from deep.model.critic import Critic
from deep.model.kernels import bfloat16_is_fast
from deep.model.mlp import MLP, Network
from deep.model.policies import CategoricalPolicy, GaussianPolicy, Policy
from deep.sampling.environments import EnvSpec
from deep.sampling.patience import LEAST
from deep.sampling.processes import Sampler
from deep.sampling.vector import VectorSampler, threads
from exact.common.errors import InputError

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Parameters of glibc's mallopt."""
VECTORS, GIB = 6, 1 << 30
"""Vectors of a network's size that training holds at least: parameters, gradient, two moments or directions, a trial,
and the orthogonal matrices of the start in float64."""


def make_network(
    config: Config,
    layers: PolicySettings | CriticSettings,
    spec: EnvSpec,
    outputs: int,
    head_scale: float = 1.0,
    compute: torch.dtype | None = None,
    unseen: int = 0,
) -> Network:
    """A convolutional network for pixels, a perceptron for flat observations.

    Args:
        config: names the environment in errors.
        layers: widths and convolutions.
        spec: the environment.
        outputs: width of the output.
        head_scale: factor of the initial weights of the last layer.
        compute: what the convolutional network computes in; None: the parameters' type.
        unseen: how many of the last numbers of a flat observation the network does not get.

    Raises:
        InputError: the layers do not fit the observations.
    """
    if spec.pixels != bool(layers.convolutions):
        kind, wanted = ("pixels", "some") if spec.pixels else ("flat", "none")
        raise InputError(f"observations of {config.env!r} are {kind}, convolutions are {layers.convolutions}: {wanted}")
    if not spec.pixels:
        inputs = spec.observation_shape[0] - unseen
        return MLP((inputs, *layers.hidden, outputs), head_scale)
    try:
        return ConvNet(spec.observation_shape, layers.convolutions, layers.hidden, outputs, head_scale, compute)
    except ValueError as error:
        raise InputError(f"environment {config.env!r}: {error}") from error


def value_type(config: Config, device: torch.device) -> torch.dtype | None:
    """What the value network's convolutions compute in, see Config.precision; None: the parameters' type."""
    fast = device.type == "cpu" and bfloat16_is_fast()
    return torch.bfloat16 if fast and config.precision == "auto" else None


def make_policy(config: Config, spec: EnvSpec) -> Policy:
    """The policy class for the action space: Gaussian for Box, else categorical.

    Its network computes in the parameters' type. In bfloat16 the rounding of the logits is larger than the KL
    divergence of a trial point, and line searches would end without a step.
    """
    net = make_network(config, config.policy, spec, spec.actions, config.policy.head_scale, unseen=spec.mask)
    if spec.discrete:
        return CategoricalPolicy(net, spec.heads, spec.mask)
    return GaussianPolicy(net, config.policy.initial_log_std)


def make_device(name: str, pixels: bool = False) -> torch.device:
    """The torch device, see Config.device. Raises InputError if CUDA is asked for and absent."""
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise InputError("device: cuda was asked for, but torch finds no CUDA device; expected --device cpu or auto")
    if name == "cuda" or (name == "auto" and pixels and there):
        torch.backends.cudnn.deterministic = True  # the same seed gives the same run
        return torch.device("cuda")
    return torch.device("cpu")


def make_sampler(config: Config, spec: EnvSpec, seeds: list[int], patience: float) -> Sampler | VectorSampler:
    """Processes for flat observations, which `patience` is for; one vector of environments for pixels."""
    if spec.pixels:
        return VectorSampler(spec, seeds, config.sticky_actions, config.sampling.reward_sign)
    return Sampler(spec, seeds, config.sampling.discount, config.sampling.fresh_episodes, patience)


def keep_freed_memory() -> None:
    """Let the C library keep freed memory for the next array; without glibc nothing happens.

    Every pass over a batch needs arrays of the same sizes. By default the C library hands large ones back to the
    system, which then has to provide their pages again. That took 13% of the time of training on pixels.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, -1)
        mallopt(M_MMAP_MAX, 0)


def check_memory(config: Config, *sizes: int) -> None:
    """Check that networks fit into this machine's memory, before their parameters are made.

    Args:
        config: named in the error.
        sizes: numbers of parameters.

    Raises:
        InputError: the vectors of their parameters' size that training keeps would not.
    """
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if (needed := VECTORS * 4 * max(sizes)) > there:
        raise InputError(
            f"policy.hidden {config.policy.hidden} and critic.hidden {config.critic.hidden} make a network of "
            f"{max(sizes):,} parameters: training needs {needed / GIB:,.0f} GiB for it, this machine has "
            f"{there / GIB:,.0f} GiB"
        )


def make_learner(config: Config, spec: EnvSpec, patience: float = LEAST) -> Learner:
    """A learner with running workers and no state: call its `start`, or restore a checkpoint; close its sampler.

    Args:
        config: all settings.
        spec: the environment config.env.
        patience: see `deep.sampling.patience.Patience.least`.

    Raises:
        InputError: settings, environment and machine do not fit together.
    """
    device = make_device(config.device, spec.pixels)
    keep_freed_memory()
    # The matrices of flat observations are small: a second thread costs more than it saves, and takes a worker's core.
    torch.set_num_threads(threads() if spec.pixels else 1)
    workers, learner, critic = np.random.SeedSequence(config.seed).spawn(3)
    policy = make_policy(config, spec)
    value_net = make_network(config, config.critic, spec, 1, compute=value_type(config, device))
    check_memory(config, policy.size, value_net.size)
    worker_seeds = [int(seed) for seed in workers.generate_state(config.workers, np.uint64)]
    return Learner(
        config,
        policy,
        Critic(value_net, config.critic, critic, device),
        make_sampler(config, spec, worker_seeds, patience),
        learner,
        device,
        spec.observation_shape,
    )
