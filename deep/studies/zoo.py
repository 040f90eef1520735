"""Settings of the peers: RL Baselines3 Zoo's for MuJoCo, as its release VERSION has them.

The tables are the Zoo's hyperparams/METHOD.yml. What a table does not say is the package's own default. The Zoo lists
some tasks under version 2, others under version 4 of the environment; ours take either.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

PresetName = Literal["sb3-trpo", "sb3-ppo", "sb3-sac", "sb3-td3", "sb3-ddpg"]
Method = Literal["trpo", "ppo", "sac", "td3", "ddpg"]
Settings = dict[str, Any]

VERSION = "v2.8.0"
OFF_POLICY = ("sac", "td3", "ddpg")
SHARED = "mujoco-defaults"
"""The Zoo's own name of the settings that most MuJoCo tasks share; here also those of a task that it does not list."""

WIDE: Settings = {
    "log_std_init": -2,
    "ortho_init": False,
    "activation_fn": "ReLU",
    "net_arch": {"pi": [256, 256], "vf": [256, 256]},
}
PPO: dict[str, Settings] = {
    SHARED: {},
    "Ant-v4": {},
    "Swimmer-v4": {
        "n_envs": 4,
        "gamma": 0.9999,
        "n_steps": 1024,
        "batch_size": 256,
        "learning_rate": 6e-4,
        "gae_lambda": 0.98,
    },
    "HalfCheetah-v4": {
        "batch_size": 64,
        "n_steps": 512,
        "gamma": 0.98,
        "learning_rate": 2.0633e-05,
        "ent_coef": 0.000401762,
        "clip_range": 0.1,
        "n_epochs": 20,
        "gae_lambda": 0.92,
        "max_grad_norm": 0.8,
        "vf_coef": 0.58096,
        "policy_kwargs": WIDE,
    },
    "Hopper-v4": {
        "batch_size": 32,
        "n_steps": 512,
        "gamma": 0.999,
        "learning_rate": 9.80828e-05,
        "ent_coef": 0.00229519,
        "clip_range": 0.2,
        "n_epochs": 5,
        "gae_lambda": 0.99,
        "max_grad_norm": 0.7,
        "vf_coef": 0.835671,
        "policy_kwargs": WIDE,
    },
    "Humanoid-v4": {
        "batch_size": 256,
        "n_steps": 512,
        "gamma": 0.95,
        "learning_rate": 3.56987e-05,
        "ent_coef": 0.00238306,
        "clip_range": 0.3,
        "n_epochs": 5,
        "gae_lambda": 0.9,
        "max_grad_norm": 2,
        "vf_coef": 0.431892,
        "policy_kwargs": WIDE,
    },
    "InvertedDoublePendulum-v2": {
        "batch_size": 512,
        "n_steps": 128,
        "gamma": 0.98,
        "learning_rate": 0.000155454,
        "ent_coef": 1.05057e-06,
        "clip_range": 0.4,
        "n_epochs": 10,
        "gae_lambda": 0.8,
        "max_grad_norm": 0.5,
        "vf_coef": 0.695929,
    },
    "InvertedPendulum-v2": {
        "batch_size": 64,
        "n_steps": 32,
        "gamma": 0.999,
        "learning_rate": 0.000222425,
        "ent_coef": 1.37976e-07,
        "clip_range": 0.4,
        "n_epochs": 5,
        "gae_lambda": 0.9,
        "max_grad_norm": 0.3,
        "vf_coef": 0.19816,
    },
    "Reacher-v2": {
        "batch_size": 32,
        "n_steps": 512,
        "gamma": 0.9,
        "learning_rate": 0.000104019,
        "ent_coef": 7.52585e-08,
        "clip_range": 0.3,
        "n_epochs": 5,
        "gae_lambda": 1.0,
        "max_grad_norm": 0.9,
        "vf_coef": 0.950368,
    },
    "Walker2d-v4": {
        "batch_size": 32,
        "n_steps": 512,
        "gamma": 0.99,
        "learning_rate": 5.05041e-05,
        "ent_coef": 0.000585045,
        "clip_range": 0.1,
        "n_epochs": 20,
        "gae_lambda": 0.95,
        "max_grad_norm": 1,
        "vf_coef": 0.871923,
    },
}
_TRPO: Settings = {
    "n_envs": 2,
    "n_steps": 1024,
    "batch_size": 128,
    "learning_rate": 1e-3,
    "n_critic_updates": 20,
    "cg_max_steps": 25,
    "cg_damping": 0.1,
    "target_kl": 0.01,  # the package's default, said because HalfCheetah has another
    "gamma": 0.99,
    "gae_lambda": 0.95,
}
TRPO: dict[str, Settings] = {
    SHARED: _TRPO,
    "Ant-v4": _TRPO,
    "HalfCheetah-v4": _TRPO | {"target_kl": 0.04},
    "Hopper-v4": _TRPO,
    "Walker2d-v4": _TRPO,
    "Humanoid-v4": _TRPO,
    "Swimmer-v4": _TRPO | {"gamma": 0.9999},
}
_TD3: Settings = {
    "learning_starts": 10_000,
    "noise_std": 0.1,
    "train_freq": 1,
    "gradient_steps": 1,
    "learning_rate": 1e-3,
    "batch_size": 256,
    "policy_kwargs": {"net_arch": [400, 300]},
}
_LISTED = ("HalfCheetah-v4", "Ant-v4", "Hopper-v4", "Walker2d-v4", "Humanoid-v4")
TD3 = dict.fromkeys((SHARED, *_LISTED), _TD3) | {"Swimmer-v4": _TD3 | {"gamma": 0.9999}}
_SAC: Settings = {"learning_starts": 10_000}
SAC = dict.fromkeys((SHARED, *_LISTED), _SAC) | {"Swimmer-v4": _SAC | {"gamma": 0.999}}
TABLES: dict[Method, dict[str, Settings]] = {"trpo": TRPO, "ppo": PPO, "sac": SAC, "td3": TD3, "ddpg": TD3}
"""For each method its settings by task. The Zoo has the same for DDPG as for TD3."""


@dataclass(frozen=True)
class Recipe:
    """What a peer is trained with on one task."""

    method: Method
    source: str
    """Where the settings are from."""
    environments: int = 1
    """Side by side, each with n_steps of a batch."""
    normalize: bool = False
    """Running normalisation of observations and rewards."""
    noise: float = 0.0
    """Standard deviation of the Gaussian noise on the action, in half action ranges; TD3's and DDPG's exploration."""
    arguments: Settings = field(default_factory=dict)
    """Arguments of the package's class; all others are its defaults. Activations by their names in torch.nn."""


def recipe(preset: PresetName, env: str, normalize: bool = True) -> Recipe:
    """The Zoo's settings.

    Args:
        preset: "sb3-" and the method.
        env: Gymnasium id; a task that the Zoo does not list has the settings that most MuJoCo tasks share.
        normalize: False leaves the normalisation out that the Zoo has for TRPO and PPO.
    """
    method: Method = preset.removeprefix("sb3-")  # type: ignore[assignment]
    table, task = TABLES[method], env.rpartition("-v")[0]
    listed = next((name for name in table if name != SHARED and name.rpartition("-v")[0] == task), None)
    arguments = dict(table[listed or SHARED])
    source = f"RL Baselines3 Zoo {VERSION}, hyperparams/{method}.yml, " + (listed or f"{SHARED}: {env} is not listed")
    environments, noise = arguments.pop("n_envs", 1), arguments.pop("noise_std", 0.0)
    return Recipe(method, source, environments, normalize and method not in OFF_POLICY, noise, arguments)
