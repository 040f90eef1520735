"""The stochastic trust-region method, STRO, Algorithm 4.3.

`Learner.iterate` is one pass of the algorithm's loop; the ratio test and the radius rule are exact.controller's.

    k          iteration, one per trial point               theta      parameters of pi_k
    B          current batch, samples of pi_k               mu_k       radius coefficient (ControllerState.radius)
    L-hat      surrogate (4.3)                              delta_k    mu_k ||g_k|| in the paper (RadiusSettings.scale)

A second thread fits the critic to B while InnerSolu computes and the workers draw the trial's samples: the new values
are first needed for the advantages of those samples.
"""

import math
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deep.advantage import gae
from deep.batch import Batch, GainEstimate, Trial, reverse_gain, segment_returns, standardise
from deep.config import Config
from deep.innersolu import Surrogate, inner_solu, log_std_step
from deep.model.critic import Critic
from deep.model.policies import Policy, Remembering
from deep.sampling.normalise import Preprocess, RunningMoments, preprocess
from deep.sampling.processes import Rollout, Sampler
from deep.sampling.vector import VectorSampler
from exact.common.errors import FaultError
from exact.controller import ControllerState, Outcome, decide, ratio

SPREAD_MEMORY = 0.98
"""Weight of the past in State.mean_spread: about 50 iterations."""
RECENT_EPISODES = 100
"""Episodes in the paper's measure, the mean return of the last 100."""


@dataclass
class State:
    """Everything an iteration changes, but for the critic and the workers."""

    theta: Tensor
    B: Batch
    controller: ControllerState
    rejected: list[Trial]
    observations: RunningMoments
    """Moments behind the normaliser; they change when another batch becomes B, never under a policy in use."""
    rewards: RunningMoments
    """Moments of the running discounted return, whose standard deviation normalises the rewards."""
    recent: deque[float]
    """Returns of the last episodes."""
    steps: int = 0
    iteration: int = 0
    mean_spread: float = 0.0
    """Exponential average of the standard deviations of the batches' advantages; 0 before the first."""


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
        self.config, self.critic, self.sampler, self.device = config, critic, sampler, device
        self.policy = Remembering(policy)
        self.observation_shape, self.pixels = observation_shape, len(observation_shape) == 3
        initial, inner = seed.spawn(2)
        self.initial_seed, self.rng = initial, np.random.default_rng(inner)
        self.episodes: list[tuple[int, float, int]] = []
        self.background = ThreadPoolExecutor(1)
        self.state: State

    def start(self) -> None:
        """Draw theta_0 and the first batch."""
        theta = self.policy.initial(np.random.default_rng(self.initial_seed)).to(self.device)
        empty = RunningMoments.empty(self.observation_shape)
        none = torch.empty(0)
        no_batch = Batch(none, none, none, none, none, empty, 0.0, 0.0)
        controller = ControllerState(self.config.radius.initial)
        self.state = State(
            theta, no_batch, controller, [], empty, RunningMoments.empty(), deque(maxlen=RECENT_EPISODES)
        )
        self.request(theta)
        self.adopt(theta, self.receive(theta))

    def adopt(self, theta: Tensor, batch: Batch) -> None:
        """Make theta the current policy and `batch` its samples."""
        s = self.state
        s.theta, s.B, s.rejected = theta, batch, []
        if self.config.normalize:
            s.observations = s.observations.merge(batch.moments)

    def normaliser(self) -> Preprocess:
        """The map from an environment's observations to the networks' inputs."""
        clip = self.config.sampling.observation_clip if self.config.normalize else math.inf
        return preprocess(self.state.observations, clip, self.pixels)

    # SAMPLE, Algorithm 4.1, in two halves

    def request(self, theta: Tensor) -> None:
        """Let the workers start SAMPLE(theta, N)."""
        self.sampler.request(self.policy.actor(theta), self.normaliser(), self.config.sampling.N)

    def receive(self, theta: Tensor) -> Batch:
        """Wait for the samples of pi_theta and make a batch of them."""
        return self.batch(theta, self.sampler.collect())

    @torch.no_grad()
    def batch(self, theta: Tensor, rollouts: list[Rollout]) -> Batch:
        """Samples of pi_theta with their advantages (4.4) and eta-hat, sigma-hat (4.1), (4.2)."""
        s, normalise = self.state, self.normaliser()
        parts = [self._advantages(rollout, normalise) for rollout in self._scaled(rollouts)]
        observations, advantages, values = (torch.cat(part) for part in zip(*parts, strict=True))
        actions = torch.from_numpy(np.concatenate([r.actions for r in rollouts])).to(self.device)
        self.policy.linearise(theta, observations)  # for the gradient, if this batch becomes B
        returns = self._count(rollouts)
        if self.pixels:
            returns = segment_returns([r.rewards for r in rollouts], self.discount)
        return Batch(
            observations=observations,
            actions=actions,
            advantages=advantages,
            targets=values + advantages,
            log_prob=self.policy.log_prob(self.policy.distribution(theta, observations), actions),
            moments=self._moments(rollouts),
            eta=float(np.mean(returns)) if returns else s.B.eta,
            sigma=float(np.std(returns, ddof=1)) if len(returns) > 1 else s.B.sigma,
        )

    def _moments(self, rollouts: list[Rollout]) -> RunningMoments:
        if not self.config.normalize:
            return RunningMoments.empty(self.observation_shape)
        return RunningMoments.of(np.concatenate([r.observations for r in rollouts]))

    def _count(self, rollouts: list[Rollout]) -> list[float]:
        """Record the episodes that ended; returns their returns in the order of their ends."""
        s, workers = self.state, len(rollouts)
        ended = sorted((t, w, total, n) for w, r in enumerate(rollouts) for t, total, n in r.episodes)
        self.episodes += [(s.steps + (t + 1) * workers, total, length) for t, _, total, length in ended]
        s.recent.extend(total for _, _, total, _ in ended)
        s.steps += sum(len(r.rewards) for r in rollouts)
        return [total for _, _, total, _ in ended]

    def _scaled(self, rollouts: list[Rollout]) -> list[Rollout]:
        """Rewards divided by the running standard deviation of the discounted return, if normalising, and clipped."""
        if not self.config.normalize:
            return rollouts
        s, clip = self.state, self.config.sampling.reward_clip
        s.rewards = s.rewards.merge(RunningMoments.of(np.concatenate([r.discounted for r in rollouts])))
        return [replace(r, rewards=np.clip(r.rewards / s.rewards.std, -clip, clip)) for r in rollouts]

    def _advantages(self, rollout: Rollout, normalise: Preprocess) -> tuple[Tensor, Tensor, Tensor]:
        """Normalised observations, A-hat and V of one rollout."""
        settings = self.config.sampling
        observations = torch.from_numpy(normalise(rollout.observations)).to(self.device)
        ends = torch.from_numpy(normalise(rollout.successors)).to(self.device)
        values = self.critic.values(observations)
        end_values = self.critic.values(ends).cpu().numpy() * ~rollout.terminated[rollout.ends]
        advantages = gae(
            rollout.rewards, values.cpu().numpy(), rollout.ends, end_values, self.discount, settings.gae_lambda
        )
        return observations, torch.from_numpy(advantages.astype(np.float32)).to(self.device), values

    # Algorithm 4.3

    @torch.no_grad()
    def surrogate(self, theta: Tensor, batch: Batch) -> Surrogate:
        """The estimates (4.3) from samples of pi_theta."""
        standard = self.config.sampling.standardise_advantages
        advantages = standardise(batch.advantages) if standard else batch.advantages
        pi = self.policy.distribution(theta, batch.observations)
        bonus = self.config.inner.entropy_bonus
        return Surrogate(self.policy, batch.observations, batch.actions, advantages, batch.log_prob, pi, bonus)

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

    def radius(self, L: Surrogate, theta: Tensor, information: float) -> float:
        """delta_k from mu_k, as RadiusSettings.scale and .final_fraction have it."""
        settings = self.config.radius
        scale = float(L.gradient(theta).norm()) if settings.scale == "gradient" else information
        return self.state.controller.radius * scale * (1 - (1 - settings.final_fraction) * self.progress)

    def start_fit(self) -> Callable[[], None]:
        """Start fitting the critic to B in a second thread; returns what waits for its end.

        With pixels every fit, step and sample has all cores at work already: there the fit is done when waited for.
        """
        s = self.state
        fit = partial(self.critic.fit, s.B.observations, s.B.targets, grown=bool(s.rejected))
        return fit if self.pixels else self.background.submit(fit).result

    def iterate(self) -> dict[str, Any]:
        """One trial point: InnerSolu, SAMPLE, ratio, decision, radius. Returns the iteration's metrics."""
        s, config = self.state, self.config
        s.iteration += 1
        theta_k, mu_k = s.theta, s.controller.radius

        finish_fit = self.start_fit()  # (4.5)
        L = self.surrogate(theta_k, s.B)
        information = self.information()
        delta = self.radius(L, theta_k, information)
        step = inner_solu(L, theta_k, delta, config.inner, self.rng)  # (4.11)
        rate = config.inner.log_std_rate * information
        limits = config.policy.log_std_range(self.progress)
        theta = log_std_step(L, step.theta, theta_k, limits, rate, config.inner)  # (4.12)
        if not torch.isfinite(theta).all():
            raise FaultError(f"environment {config.env!r}: the policy step of iteration {s.iteration} is not finite")

        self.request(theta)
        finish_fit()
        trial_batch = self.receive(theta)
        estimate = self.estimate(L, theta_k, theta, trial_batch)
        r = ratio(estimate.actual, estimate.predicted, estimate.noise)  # (4.14)
        outcome, s.controller = decide(config.controller, s.controller, r)  # (4.15), (4.16)

        trial = Trial(theta, trial_batch, estimate.actual)
        if outcome is Outcome.ACCEPT:
            self.adopt(theta, trial_batch)
        elif outcome is Outcome.REJECT:
            s.rejected.append(trial)
            self.request(theta_k)
            s.B = s.B.merge(self.receive(theta_k))
        else:
            best = max([*s.rejected, trial], key=lambda point: point.gain)  # (4.13)
            self.adopt(best.theta, best.batch)
        return self.metrics(L, theta, trial_batch, estimate, r, outcome, {"radius": mu_k, "delta": delta})

    @torch.no_grad()
    def estimate(self, L: Surrogate, theta_k: Tensor, theta: Tensor, batch: Batch) -> GainEstimate:
        """The terms of (4.14) as RadiusSettings.numerator has them."""
        at_theta_k = L.advantages.mean()  # where every weight of (4.3) is 1
        predicted = float(L.gain_and_distance(theta)[0] - at_theta_k)
        if self.config.radius.numerator == "returns":
            return GainEstimate(batch.eta - self.state.B.eta, predicted, self.state.B.sigma)
        gain, error = reverse_gain(self.surrogate(theta, batch), theta_k)
        return GainEstimate(gain, max(predicted, 0.0), error)

    @torch.no_grad()
    def metrics(
        self,
        L: Surrogate,
        theta: Tensor,
        batch: Batch,
        estimate: GainEstimate,
        r: float,
        outcome: Outcome,
        region: dict[str, float],
    ) -> dict[str, Any]:
        """One line of metrics.jsonl, but for the clock."""
        s = self.state
        episodes, self.episodes = self.episodes, []
        return {
            "iteration": s.iteration,
            "steps": s.steps,
            "episodes": episodes,
            "return100": float(np.mean(s.recent)) if s.recent else None,
            "outcome": outcome.value,
            "ratio": r if math.isfinite(r) else None,
            **region,
            "kl": float(L.gain_and_distance(theta)[1]),
            "entropy": float(self.policy.entropy(self.policy.distribution(theta, L.observations))),
            "explained_variance": batch.explained_variance,
            "predicted_gain": estimate.predicted,
            "actual_gain": estimate.actual,
            "gain_noise": estimate.noise,
        }
