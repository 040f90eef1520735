"""Every setting of a training run, one frozen dataclass per concept.

The docstring under each field is its help text on the command line.  "Paper" in it means STRO (arXiv 1911.11640).

Values are those of a preset (deep.presets).  A field has a default here only where one value leaves the field's
mechanism out: no convolutions, a constant step size, no entropy bonus.  All other fields must be given.
docs/presets.md says what the presets chose and why.
"""

import itertools
import math
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from exact.common.errors import InputError
from exact.common.json_object import JsonObject
from exact.controller import ControllerSettings

PresetName = Literal["default", "paper", "paper-first"]


def _check(section: str, ok: bool, name: str, value: Any, expected: str) -> None:
    if not ok:
        raise InputError(f"{section}.{name} must be {expected}, got {value}")


def _check_finite(section: str, settings: Any) -> None:
    for f in fields(settings):
        value = getattr(settings, f.name)
        _check(section, not isinstance(value, float) or math.isfinite(value), f.name, value, "a finite number")


def _check_layers(section: str, hidden: tuple[int, ...], convolutions: tuple[tuple[int, int, int], ...]) -> None:
    _check(section, all(w >= 1 for w in hidden), "hidden", hidden, "widths >= 1")
    _check(section, min(itertools.chain((1,), *convolutions)) >= 1, "convolutions", convolutions, "numbers >= 1")


@dataclass(frozen=True, kw_only=True)
class PolicySettings:
    """The policy network. Raises InputError for a value out of range."""

    hidden: tuple[int, ...]
    """Widths of the hidden layers: tanh, or ReLU after convolutions. The paper says "MLP"; 64x64 is its benchmark
    code's."""
    convolutions: tuple[tuple[int, int, int], ...] = ()
    """(channels, kernel, stride) of the ReLU convolutions that pixels go through first; none for flat observations."""
    head_scale: float
    """Factor of the initial weights of the last layer: the first policy is nearly the same in every state."""
    initial_log_std: float
    """Initial log-std of a Gaussian policy. Its unit is half of the action range. Open in the paper (Baselines: 0)."""
    log_std_floor: float
    """Smallest log-std. This floor keeps exploration from collapsing. Open in the paper."""
    final_log_std: float | None = None
    """Largest log-std at the end of the run. The ceiling starts at initial_log_std, and its standard deviation falls
    linearly over the run. Without it a policy that has learned a gait goes on to fall over its own noise. The trust
    region comes first: in a short run the log-std stays above a ceiling that falls too fast. None: no ceiling, as in
    the paper."""

    def __post_init__(self) -> None:
        _check_finite("policy", self)
        _check_layers("policy", self.hidden, self.convolutions)
        _check("policy", self.head_scale > 0, "head_scale", self.head_scale, "> 0")
        start = self.initial_log_std
        _check("policy", start >= self.log_std_floor, "initial_log_std", start, ">= policy.log_std_floor")
        end = self.final_log_std
        between = end is None or self.log_std_floor <= end <= start
        _check("policy", between, "final_log_std", end, "between log_std_floor and initial_log_std, or None")

    def log_std_range(self, progress: float) -> tuple[float, float]:
        """(floor, ceiling) of log-std after a part of the run, in [0, 1]."""
        if self.final_log_std is None:
            return self.log_std_floor, math.inf
        start, end = math.exp(self.initial_log_std), math.exp(self.final_log_std)
        return self.log_std_floor, math.log(start + (end - start) * progress)


@dataclass(frozen=True, kw_only=True)
class CriticSettings:
    """The value network and its least-squares fit, eq. (4.5). Raises InputError for a value out of range."""

    hidden: tuple[int, ...]
    """Widths of the hidden layers: tanh, or ReLU after convolutions."""
    convolutions: tuple[tuple[int, int, int], ...] = ()
    """As policy.convolutions."""
    batches: int = 1
    """The fit uses the samples of this many batches, the newest included, with the targets that they had when they were
    drawn. One batch holds few episodes. The paper has 1."""
    epochs: int
    """Passes over those samples per iteration. Open in the paper."""
    batch: int
    """Samples per Adam step."""
    learning_rate: float
    """Adam's step size."""
    final_fraction: float = 1.0
    """The step size falls linearly to this fraction over the epochs of each fit. Constant steps leave noise in the
    values. It is small beside the return, but not beside the advantages of a nearly optimal policy."""

    def __post_init__(self) -> None:
        _check_finite("critic", self)
        _check_layers("critic", self.hidden, self.convolutions)
        _check("critic", self.epochs >= 0, "epochs", self.epochs, ">= 0")
        for name in ("batches", "batch"):
            _check("critic", getattr(self, name) >= 1, name, getattr(self, name), ">= 1")
        _check("critic", self.learning_rate > 0, "learning_rate", self.learning_rate, "> 0")
        _check("critic", 0 < self.final_fraction <= 1, "final_fraction", self.final_fraction, "in (0, 1]")


@dataclass(frozen=True, kw_only=True)
class SamplingSettings:
    """SAMPLE (Algorithm 4.1) and the estimates made from it. Raises InputError for a value out of range."""

    N: int
    """Environment steps per batch. The paper has 2048. With 1024 there are twice as many iterations, and learning was
    faster."""
    discount: float
    """Discount gamma. Open in the paper; a few tasks have their own value, see deep.presets.TASKS. It also enters the
    sums that rewards are normalised by, there always as it is here, whatever horizon_growth is."""
    horizon_growth: float = 1.0
    """The horizon 1 / (1 - discount) grows to this multiple over the run, most of the way in its last third. A long
    horizon made learning slow from the start; late in the run it kept learned gaits from falling. 1: the horizon is
    constant, as in the paper."""
    gae_lambda: float
    """Lambda of GAE (4.4). Open in the paper."""
    standardise_advantages: bool = False
    """Shift and scale the advantages of a batch to mean 0 and standard deviation 1 before the policy step. This is
    common practice since Baselines; the paper's (4.3) is the mean without it."""
    observation_clip: float
    """Bound of normalised observations."""
    reward_clip: float
    """Bound of normalised rewards."""
    fresh_episodes: bool = False
    """Begin every batch with a new episode. Then eta-hat is over whole episodes of the batch's own policy, as Algorithm
    4.1 reads. Else the running episode goes on, as in Baselines, and its return is two policies'. Flat observations
    only."""
    reward_sign: bool = False
    """Learn from the sign of the rewards, as Baselines does on Atari. Reported returns have the rewards themselves.
    Pixels only."""

    def __post_init__(self) -> None:
        _check_finite("sampling", self)
        _check("sampling", self.N >= 2, "N", self.N, ">= 2")
        _check("sampling", 0 <= self.discount < 1, "discount", self.discount, "in [0, 1)")
        _check("sampling", 0 <= self.gae_lambda <= 1, "gae_lambda", self.gae_lambda, "in [0, 1]")
        _check("sampling", self.horizon_growth >= 1, "horizon_growth", self.horizon_growth, ">= 1")
        for name in ("observation_clip", "reward_clip"):
            _check("sampling", getattr(self, name) > 0, name, getattr(self, name), "> 0")

    def discount_at(self, progress: float) -> float:
        """gamma after a part of the run, in [0, 1]: 1 - gamma = (1 - discount) horizon_growth^(-progress^3)."""
        return 1 - (1 - self.discount) / math.pow(self.horizon_growth, progress**3)


@dataclass(frozen=True, kw_only=True)
class InnerSettings:
    """InnerSolu (Algorithm 4.2) and the log-std step (4.12). Raises InputError for a value out of range."""

    iterations: int = 1
    """Most inner steps l. Open in the paper. Several steps on small subsets overfit the batch."""
    subset: float = 1.0
    """Fraction of B in the random subset b_l. Open in the paper."""
    fisher_subset: float = 1.0
    """H_l is the mean over this fraction of b_l, drawn at random. A step takes a dozen products with H_l, each as long
    as a gradient or longer, and a metric needs fewer samples than a direction."""
    cg_iterations: int
    """Most conjugate-gradient iterations for H_l d = g_l. Open in the paper. They fit noise as well as signal, so
    stopping early regularises."""
    cg_tolerance: float
    """Stop when ||H d - g|| <= cg_tolerance * ||g||."""
    damping: float
    """Added to the diagonal of H_l. Open in the paper."""
    tau: float
    """Armijo constant of (4.8): L-hat must rise by tau times its first-order prediction. Open in the paper."""
    backtracks: int
    """Most step lengths tried by the line search."""
    backtrack_factor: float
    """Ratio of successive step lengths."""
    l0: int = 1
    """The stopping rule (4.9) is asked every l0 inner steps. Open in the paper."""
    eps: float
    """Relative change of L-hat and of the entropy in (4.9). Open in the paper."""
    entropy_bonus: float = 0.0
    """InnerSolu and (4.12) maximise L-hat plus this times the mean entropy. The ratio (4.14) has L-hat alone. The paper
    has no bonus; PPO has 0.01 on Atari."""
    joint_log_std: bool = False
    """Move the log-std inside the trust-region step, as TRPO does, instead of by (4.12)."""
    log_std_steps: int
    """Projected gradient steps of (4.12)."""
    log_std_rate: float
    """Length of one such step per unit of gradient. Open in the paper."""
    log_std_bound: float = 0.0
    """Constant part of Abar_k of (4.12), the most that log-std moves in an iteration. In the paper Abar_k is
    proportional to |entropy|, which is the next field."""
    log_std_bound_entropy: float = 0.0
    """Part of Abar_k proportional to |entropy|: Abar_k = log_std_bound + log_std_bound_entropy * |entropy|."""

    def __post_init__(self) -> None:
        _check_finite("inner", self)
        for name in ("iterations", "cg_iterations", "backtracks", "l0"):
            _check("inner", getattr(self, name) >= 1, name, getattr(self, name), ">= 1")
        for name in ("subset", "fisher_subset", "backtrack_factor"):
            _check("inner", 0 < getattr(self, name) <= 1, name, getattr(self, name), "in (0, 1]")
        _check("inner", 0 <= self.tau < 1, "tau", self.tau, "in [0, 1)")
        for name in (
            "damping",
            "cg_tolerance",
            "eps",
            "entropy_bonus",
            "log_std_steps",
            "log_std_rate",
            "log_std_bound",
            "log_std_bound_entropy",
        ):
            _check("inner", getattr(self, name) >= 0, name, getattr(self, name), ">= 0")


@dataclass(frozen=True, kw_only=True)
class RadiusSettings:
    """The trust region's size and the ratio that steers it. Raises InputError for a value out of range."""

    initial: float
    """mu_0, the first radius coefficient."""
    scale: Literal["gradient", "unscaled-gradient", "advantage", "constant"]
    """gradient: delta_k = mu_k ||g_k||, as in the paper, where g_k is the gradient that the step follows.
    unscaled-gradient: g_k is the gradient for the advantages before sampling.standardise_advantages; the paper does not
    say which. advantage: delta_k = mu_k min(1, s_k / average of s), where s_k is the standard deviation of B's
    advantages. Like the gradient's norm s_k is small where the batch holds little to learn from; unlike it, s_k does
    not depend on the network's parameters. inner.log_std_rate is scaled in the same way. constant: delta_k = mu_k."""
    final_fraction: float = 1.0
    """delta_k is multiplied by a factor that falls linearly from 1 to this over the run."""
    numerator: Literal["returns", "reverse"]
    """What stands for the actual gain in (4.14). returns: the difference of mean episode returns, divided by sigma-hat
    + predicted gain, as printed (for pixels see deep.batch.Batch.eta: no whole game is needed). reverse: the gain that
    the trial's own samples ascribe to the step, divided by its standard error + predicted gain; these samples had no
    part in choosing the step."""
    window: int = 0
    """Episodes that eta-hat and sigma-hat of (4.14) are over: the last so many, of whichever policies. The actual gain
    is then the change of a running mean, as Baselines logs it over 40 episodes. 0: the whole episodes of the batch.
    Open in the paper."""
    discounted: bool = False
    """eta-hat and sigma-hat of (4.14) are over discounted returns, as Algorithm 4.1 prints it. The paper's tables have
    undiscounted ones."""
    gain_units: Literal["step", "reward", "return"] = "step"
    """Units of the predicted gain in (4.14). step: of the advantages that the step is made from. reward: of the
    environment's reward. return: reward / (1 - discount), those of the actual gain. Open in the paper."""

    def __post_init__(self) -> None:
        _check_finite("radius", self)
        _check("radius", self.initial > 0, "initial", self.initial, "> 0")
        _check("radius", 0 < self.final_fraction <= 1, "final_fraction", self.final_fraction, "in (0, 1]")
        _check("radius", self.window >= 0, "window", self.window, ">= 0")
        plain = self.window == 0 and not self.discounted and self.gain_units == "step"
        if self.numerator == "reverse" and not plain:
            raise InputError("radius.window, discounted and gain_units belong to --radius.numerator returns")


@dataclass(frozen=True, kw_only=True)
class Config:
    """A training run. Raises InputError for a value out of range."""

    env: str
    """Gymnasium id; module:Env-v0 for an environment that another package registers; or module:name of a class or
    function that makes one."""
    env_kwargs: JsonObject = field(default_factory=dict)
    """Keyword arguments of the environment, a JSON object: '{"terrain": "hard"}'."""
    wrapper: str | None = None
    """module:name of what wraps the environment: it takes one and returns one."""
    steps: int
    """Environment steps, those of rejected trials and of merged re-samples included."""
    seed: int = 0
    """The one seed of the run."""
    preset: PresetName
    """Values to start from. Single settings can be changed on top."""
    normalize: bool
    """Running normalisation of observations and rewards (the protocol of Baselines). --no-normalize: none (that of
    Spinning Up)."""
    sticky_actions: float = 0.0
    """Atari: probability that the game repeats the action of the frame before. It is 0 in the paper, and 0.25 in the
    protocol of Machado et al. (2018). The gymnasium id's own value is not used."""
    workers: int
    """Environments that sample side by side. Each has a process of its own; for pixels they share one process and the
    policy's forward passes. The results depend on their number, not on their scheduling."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the learner computes. auto: a CUDA device for pixels, if there is one; else the CPU, which is faster for
    the small networks of flat observations."""
    precision: Literal["auto", "float32"] = "auto"
    """Arithmetic of the value network's convolutions. auto: bfloat16 on a CPU with instructions for it, which takes
    half the time; float32 elsewhere. The policy always computes in float32, see deep.build.make_policy."""
    checkpoint_every: int = 50
    """Iterations between checkpoints."""
    eval_every: int = 0
    """Environment steps between evaluations of the current policy, without noise and in an environment of its own. The
    best policy of all evaluations is kept as checkpoints/best.pt. 0: none."""
    eval_episodes: int = 10
    """Episodes of such an evaluation."""
    policy: PolicySettings
    critic: CriticSettings
    sampling: SamplingSettings
    inner: InnerSettings
    radius: RadiusSettings
    controller: ControllerSettings

    def __post_init__(self) -> None:
        for name in ("steps", "workers", "checkpoint_every"):
            _check("config", getattr(self, name) >= 1, name, getattr(self, name), ">= 1")
        _check("config", self.seed >= 0, "seed", self.seed, ">= 0")
        _check("config", self.eval_every >= 0, "eval_every", self.eval_every, ">= 0")
        _check("config", self.eval_episodes >= 1, "eval_episodes", self.eval_episodes, ">= 1")
        sticky = self.sticky_actions
        _check("config", 0 <= sticky < 1, "sticky_actions", sticky, "in [0, 1)")
        if self.steps <= self.sampling.N:
            raise InputError(
                f"steps must be more than the first batch has, got steps={self.steps}, sampling.N={self.sampling.N}"
            )
        pixels = bool(self.policy.convolutions)
        if pixels != bool(self.critic.convolutions):
            raise InputError("policy.convolutions and critic.convolutions: expected both or neither")
        if pixels and self.normalize:
            raise InputError("normalize: pixels and their rewards are not normalised, expected --no-normalize")
        if self.sampling.reward_sign and not pixels:
            raise InputError("sampling.reward_sign is for pixels; rewards of flat observations are normalised")
        if pixels and (self.sampling.fresh_episodes or self.radius.window or self.radius.discounted):
            raise InputError("sampling.fresh_episodes, radius.window, radius.discounted: pixels have no whole games")
        if self.sampling.N % self.workers:
            raise InputError(
                f"sampling.N must be a multiple of workers, got N={self.sampling.N}, workers={self.workers}"
            )


def by_flag(record: dict[str, Any]) -> dict[str, Any]:
    """The settings of a run under the names of their flags: {"radius": {"window": 40}} becomes {"radius.window": 40}.

    Args:
        record: a Config as a dictionary, or what config.json or a result file has. Its parts that are no section, as
            the keyword arguments of the environment, stay whole.
    """
    found: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict) and name not in ("env_kwargs", "origin", "versions"):
            found |= {f"{name}.{inner}": setting for inner, setting in by_flag(value).items()}
        else:
            found[name] = value
    return found
