"""The stochastic trust-region method, STRO, Algorithm 4.3.

`Learner.iterate` is one pass of the algorithm's loop; the ratio test and the radius rule are exact.controller's.

    k          iteration, one per trial point               theta      parameters of pi_k
    B          current batch, samples of pi_k               mu_k       radius coefficient (ControllerState.radius)
    L          surrogate (4.3)                              delta_k    mu_k ||g_k|| in the paper (RadiusSettings.scale)

A second thread fits the critic to B while InnerSolu computes and the workers draw the trial's samples: the new values
are first needed for the advantages of those samples.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deep.batch import Batch, BatchMaker
from deep.config import Config
from deep.innersolu import LOG_STD_SLACK, TrialPoint, inner_solu, log_std_step
from deep.metrics import RECENT_EPISODES, judged
from deep.model.critic import BackgroundFit, Critic
from deep.model.policies import Policy
from deep.sampling.normalise import RunningMoments
from deep.sampling.processes import Sampler
from deep.sampling.rollout import Rollout, ended_episodes
from deep.sampling.vector import VectorSampler
from deep.surrogate import GainEstimate, Surrogate, reverse_gain
from exact.common.errors import FaultError
from exact.controller import ControllerState, Outcome, decide, ratio

SPREAD_MEMORY = 0.98
"""Weight of the past in State.mean_spread: about 50 iterations."""


@dataclass(frozen=True)
class Trial:
    """A trial point, as the policy of its own samples, and the gain over theta_k that they give it."""

    batch: Batch
    gain: float


@dataclass
class State:
    """Everything an iteration changes, but for the critic and the workers."""

    B: Batch
    """Samples of the current policy pi_k."""
    controller: ControllerState
    rejected: list[Trial]
    """Trials rejected since B's policy became the current one."""
    observations: RunningMoments
    """Moments behind the normaliser. They change when another batch becomes B, never under a policy in use."""
    rewards: RunningMoments
    """Moments of the running discounted return, whose standard deviation normalises the rewards."""
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT_EPISODES))
    """Returns of the last episodes."""
    window: deque[float] = field(default_factory=lambda: deque(maxlen=0))
    """Returns that eta-hat is over, see RadiusSettings.window; as many as it says."""
    episodes: list[tuple[int, float, int]] = field(default_factory=list)
    """(step at the end, return, length) of every episode that ended since the last line of metrics."""
    steps: int = 0
    """Environment steps so far."""
    iteration: int = 0
    restarted: int = 0
    """Running episodes that a resume could not restore; said in the next line of metrics."""
    mean_spread: float = 0.0
    """Exponential average of the standard deviations of the batches' advantages; 0 before the first."""

    @property
    def theta(self) -> Tensor:
        """theta_k, shape (size,)."""
        return self.B.theta

    def count(self, rollouts: Sequence[Rollout]) -> None:
        """Record the steps of new rollouts and the episodes that ended in them."""
        for t, total, length in ended_episodes(rollouts):
            self.episodes.append((self.steps + (t + 1) * len(rollouts), total, length))
            self.recent.append(total)
        self.steps += sum(len(r.rewards) for r in rollouts)

    def counters(self) -> dict[str, Any]:
        """The part of a line of metrics.jsonl that counts steps and episodes; it empties `episodes`."""
        episodes, self.episodes = self.episodes, []
        mean = float(np.mean(self.recent)) if self.recent else None
        lost, self.restarted = {"restarted_episodes": self.restarted} if self.restarted else {}, 0
        return {"iteration": self.iteration, "steps": self.steps, "episodes": episodes, "return100": mean} | lost


class Learner:
    """Algorithm 4.3 on one task.

    Args:
        config: all settings.
        policy: the policy class, Gaussian or categorical.
        critic: the value network.
        sampler: the environments.
        seed: for the initial parameters and the random subsets of InnerSolu.
        device: where to compute.
        observation_shape: of one observation.
    """

    def __init__(
        self,
        config: Config,
        policy: Policy,
        critic: Critic,
        sampler: Sampler | VectorSampler,
        seed: np.random.SeedSequence,
        device: torch.device,
        observation_shape: tuple[int, ...],
    ):
        self.config, self.policy, self.critic, self.sampler = config, policy, critic, sampler
        self.device, self.observation_shape = device, observation_shape
        self.batches = BatchMaker(config, policy, critic, observation_shape, device)
        self.fit = BackgroundFit(critic, threaded=not self.batches.pixels)
        self.initial_seed, inner = seed.spawn(2)
        self.rng = np.random.default_rng(inner)
        self.state: State

    def start(
        self,
        theta: Tensor | None = None,
        observations: RunningMoments | None = None,
        rewards: RunningMoments | None = None,
    ) -> None:
        """Draw theta_0 and the first batch.

        Args:
            theta: theta_0, shape (size,), if it is given.
            observations: the moments of observations to begin with; none by default.
            rewards: those of rewards.
        """
        if theta is None:
            theta = self.policy.initial(np.random.default_rng(self.initial_seed))
        theta = theta.to(self.device)
        nothing = Batch.empty(theta, self.observation_shape)
        controller = ControllerState(self.config.radius.initial)
        window: deque[float] = deque(maxlen=self.config.radius.window)
        observations = observations or RunningMoments.empty(self.observation_shape)
        self.state = State(nothing, controller, [], observations, rewards or RunningMoments.empty(), window=window)
        self.adopt(self.sample(theta))

    def iterate(self) -> dict[str, Any]:
        """One trial point: InnerSolu, SAMPLE, ratio, decision, radius. Returns the iteration's metrics."""
        s, theta_k, mu_k = self.state, self.state.theta, self.state.controller.radius
        s.iteration += 1

        finish_fit = self.fit.start(s.B.observations, s.B.targets, grown=bool(s.rejected))  # (4.5)
        L = self.surrogate(s.B)  # (4.3)
        point = self.trial_point(L)  # Algorithm 4.2, (4.11), (4.12)
        L, s.B = L.released(), s.B.released()

        self.request(point.theta)
        finish_fit()
        trial_batch = self.receive(point.theta)  # Algorithm 4.1
        estimate = self.estimate(L, point, trial_batch)
        terms = (estimate.actual, estimate.predicted, estimate.noise)
        if not all(map(math.isfinite, terms)):
            raise FaultError(
                f"environment {self.config.env!r}: iteration {s.iteration} diverged, its ratio has {terms}"
            )
        r = ratio(*terms)  # (4.14)
        outcome, s.controller = decide(self.config.controller, s.controller, r)  # (4.15), (4.16)

        if outcome is Outcome.ACCEPT:
            self.adopt(trial_batch)
        elif outcome is Outcome.REJECT:
            trial_batch = trial_batch.released()
            s.rejected.append(Trial(trial_batch, estimate.actual))
            s.B = s.B.merge(self.sample(theta_k), self.policy, running=bool(self.config.radius.window))
        else:
            trials = [*s.rejected, Trial(trial_batch, estimate.actual)]
            self.adopt(max(trials, key=lambda trial: trial.gain).batch)  # (4.13)
        return s.counters() | {"radius": mu_k} | judged(L, point, trial_batch, estimate, r, outcome)

    def surrogate(self, batch: Batch) -> Surrogate:
        """The estimates (4.3) from a batch."""
        config = self.config
        return Surrogate.of(self.policy, batch, config.sampling.standardise_advantages, config.inner.entropy_bonus)

    def trial_point(self, L: Surrogate) -> TrialPoint:
        """Mean step by InnerSolu (4.11), then log-std step (4.12), within delta_k. Raises FaultError if not finite."""
        config, information = self.config, self.information()
        delta = self.radius(L, information)
        step = inner_solu(L, delta, config.inner, self.rng)
        rate, limits = config.inner.log_std_rate * information, config.policy.log_std_range(self.progress)
        ceiling = config.policy.final_log_std is not None
        farthest = delta * (1 + LOG_STD_SLACK) if ceiling else math.inf
        theta, pi = log_std_step(L, step, limits, rate, config.inner, farthest)
        if not torch.isfinite(theta).all():
            number = self.state.iteration
            raise FaultError(f"environment {config.env!r}: the policy step of iteration {number} is not finite")
        return TrialPoint(theta, pi, delta, step.search)

    def sample(self, theta: Tensor) -> Batch:
        """SAMPLE(theta, N), Algorithm 4.1, in the two halves below."""
        self.request(theta)
        return self.receive(theta)

    def request(self, theta: Tensor) -> None:
        """Let the workers start to draw N samples of pi_theta."""
        inputs = self.batches.preprocess(self.state.observations)
        self.sampler.request(self.policy.actor(theta), inputs, self.config.sampling.N)

    def receive(self, theta: Tensor) -> Batch:
        """Wait for the samples of pi_theta and make a batch of them."""
        s, rollouts = self.state, self.sampler.collect()
        s.rewards = self.batches.scale_moments(s.rewards, rollouts)
        batch = self.batches.make(theta, rollouts, s.observations, s.rewards, self.discount, s.B, s.window)
        s.count(rollouts)
        return batch

    def adopt(self, batch: Batch) -> None:
        """Make the policy of `batch` the current one."""
        s = self.state
        s.B, s.rejected = batch, []
        if self.config.normalize:
            s.observations = s.observations.merge(batch.moments)

    @torch.no_grad()
    def estimate(self, L: Surrogate, point: TrialPoint, batch: Batch) -> GainEstimate:
        """The terms of (4.14) as RadiusSettings.numerator has them; `batch` has the trial point's own samples."""
        at_theta_k = L.advantages.mean()  # where every weight of (4.3) is 1
        predicted = float(L.gain(point.pi) - at_theta_k)
        if self.config.radius.numerator == "returns":
            predicted *= self.gain_unit()
            return GainEstimate(batch.eta - self.state.B.eta, predicted, self.state.B.sigma)
        gain, error = reverse_gain(self.surrogate(batch), L.theta)
        return GainEstimate(gain, max(predicted, 0.0), error)

    def radius(self, L: Surrogate, information: float) -> float:
        """delta_k from mu_k, as RadiusSettings.scale and .final_fraction have it."""
        settings, scale = self.config.radius, information
        if settings.scale in ("gradient", "unscaled-gradient"):
            scale = float(L.gradient(L.theta).norm())
        if settings.scale == "unscaled-gradient":
            scale *= self.advantage_unit()
        return self.state.controller.radius * scale * (1 - (1 - settings.final_fraction) * self.progress)

    def advantage_unit(self) -> float:
        """One unit of the advantages that the step is made from, in normalised reward."""
        return float(self.state.B.advantages.std()) if self.config.sampling.standardise_advantages else 1.0

    def gain_unit(self) -> float:
        """One unit of the predicted gain in (4.14), as RadiusSettings.gain_units has it."""
        units = self.config.radius.gain_units
        if units == "step":
            return 1.0
        reward = self.advantage_unit() * (float(self.state.rewards.std) if self.config.normalize else 1.0)
        return reward if units == "reward" else reward / (1 - self.discount)

    def information(self) -> float:
        """min(1, s_k / average of s) of RadiusSettings.scale, or 1 if it is not asked for; updates the average."""
        s, spread = self.state, float(self.state.B.advantages.std())
        s.mean_spread = SPREAD_MEMORY * (s.mean_spread or spread) + (1 - SPREAD_MEMORY) * spread
        if self.config.radius.scale != "advantage" or s.mean_spread == 0:
            return 1.0
        return min(1.0, spread / s.mean_spread)

    @property
    def progress(self) -> float:
        """Part of the run that is done, in [0, 1]."""
        return min(self.state.steps / self.config.steps, 1.0)

    @property
    def discount(self) -> float:
        """gamma now, see SamplingSettings.horizon_growth."""
        return self.config.sampling.discount_at(self.progress)
