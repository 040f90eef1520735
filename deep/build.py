"""From a configuration to the objects of Algorithm 4.3."""

import numpy as np
import torch

from deep.algorithm import Learner
from deep.config import Config
from deep.critic import Critic
from deep.environments import EnvSpec, make_env, spec_of
from deep.networks import MLP
from deep.policies import CategoricalPolicy, GaussianPolicy, Policy
from deep.sampling import Sampler
from exact.errors import InputError


def inspect(env_id: str) -> EnvSpec:
    """The spaces of an environment. Raises InputError if it cannot be made or is not supported."""
    env = make_env(env_id)
    try:
        return spec_of(env, env_id)
    finally:
        env.close()


def make_policy(config: Config, spec: EnvSpec) -> Policy:
    """The policy class for the action space: categorical for Discrete, Gaussian for Box."""
    net = MLP((spec.observation_shape[0], *config.policy.hidden, spec.actions), config.policy.head_scale)
    return CategoricalPolicy(net) if spec.discrete else GaussianPolicy(net, config.policy.initial_log_std)


def make_device(name: str) -> torch.device:
    """The torch device; auto is the CPU. Raises InputError if CUDA is asked for and absent."""
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("device: cuda was asked for, but torch finds no CUDA device; expected --device cpu or auto")
    return torch.device("cuda" if name == "cuda" else "cpu")


def make_learner(config: Config) -> Learner:
    """A learner with running workers and no state: call its `start`, or restore a checkpoint; close its sampler."""
    device, spec = make_device(config.device), inspect(config.env)
    workers, learner, critic = np.random.SeedSequence(config.seed).spawn(3)
    value_net = MLP((spec.observation_shape[0], *config.critic.hidden, 1))
    worker_seeds = [int(seed) for seed in workers.generate_state(config.workers, np.uint64)]
    return Learner(
        config,
        make_policy(config, spec),
        Critic(value_net, config.critic, critic, device),
        Sampler(config.env, worker_seeds, config.sampling.discount),
        learner,
        device,
        spec.observation_shape,
    )
