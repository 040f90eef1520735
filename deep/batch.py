"""From rollouts to a batch: normalised observations, scaled rewards, advantages (4.4), eta-hat and sigma-hat."""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deep.config import Config
from deep.model.critic import Critic
from deep.model.mlp import Products
from deep.model.policies import Distribution, Policy
from deep.sampling.normalise import Preprocess, RunningMoments, preprocess
from deep.sampling.rollout import Rollout, ended_returns


@dataclass(frozen=True)
class Batch:
    """n samples of one policy, with what is estimated from them."""

    theta: Tensor
    """Parameters of the policy that drew the samples, shape (size,)."""
    observations: Tensor
    """As the policy saw them (normalised), shape (n, *observation)."""
    actions: Tensor
    """Shape (n, actions), or (n,) for a categorical policy."""
    advantages: Tensor
    """A-hat (4.4) in units of normalised reward, shape (n,)."""
    targets: Tensor
    """V + A-hat, what the critic is fitted to (4.5), shape (n,)."""
    log_prob: Tensor
    """log pi_theta(a_i|s_i), shape (n,)."""
    pi: Distribution
    """pi_theta at the observations."""
    moments: RunningMoments
    """Of the observations as the environment gave them."""
    eta: float
    """eta-hat (4.1), the mean undiscounted return of the complete trajectories. A batch without one has the last
    batch's. For pixels it is the mean of `segment_returns` over the environments: a batch may hold no whole game.
    RadiusSettings.window and .discounted change what it is the mean of."""
    sigma: float
    """sigma-hat (4.2), the standard deviation of what eta is the mean of. A batch with fewer than two has the last
    batch's."""
    linear: Products | None = None
    """The network at theta on the observations, with its Jacobian products, for the gradient at theta. None: the
    gradient computes it anew."""

    @classmethod
    def empty(cls, theta: Tensor, observation_shape: tuple[int, ...]) -> "Batch":
        """What a run has before its first batch."""
        none = torch.empty(0)
        moments = RunningMoments.empty(observation_shape)
        return cls(theta, none, none, none, none, none, Distribution(none, none), moments, 0.0, 0.0)

    @property
    def explained_variance(self) -> float:
        """Part of the targets' variance that the critic explains before it is fitted to them, at most 1."""
        return 1 - float(self.advantages.var() / (self.targets.var() + 1e-12))

    def released(self) -> "Batch":
        """The same without the linearisation, whose activations take most of a batch's memory."""
        return replace(self, linear=None)

    def merge(self, other: "Batch", policy: Policy, running: bool) -> "Batch":
        """Both batches together (4.15), samples of the same policy.

        eta-hat and sigma-hat are averaged, unless `running` says that the other's are over the returns of both.
        """
        n, m = 0 if running else len(self.actions), len(other.actions)
        observations = torch.cat([self.observations, other.observations])
        return Batch(
            theta=self.theta,
            observations=observations,
            actions=torch.cat([self.actions, other.actions]),
            advantages=torch.cat([self.advantages, other.advantages]),
            targets=torch.cat([self.targets, other.targets]),
            log_prob=torch.cat([self.log_prob, other.log_prob]),
            pi=policy.distribution(self.theta, observations),
            moments=self.moments.merge(other.moments),
            eta=(n * self.eta + m * other.eta) / (n + m),
            sigma=(n * self.sigma + m * other.sigma) / (n + m),
        )


@dataclass(frozen=True)
class BatchMaker:
    """Makes batches; its fields are the same for all batches of a run."""

    config: Config
    policy: Policy
    critic: Critic
    observation_shape: tuple[int, ...]
    device: torch.device

    @property
    def pixels(self) -> bool:
        """Whether observations are images."""
        return len(self.observation_shape) == 3

    def preprocess(self, observations: RunningMoments) -> Preprocess:
        """The map from an environment's observations to the networks' inputs, for these moments of observations."""
        clip = self.config.sampling.observation_clip if self.config.normalize else math.inf
        return preprocess(observations, clip, self.pixels)

    def scale_moments(self, rewards: RunningMoments, rollouts: Sequence[Rollout]) -> RunningMoments:
        """The moments of the discounted returns so far with those of new rollouts; unchanged without normalisation."""
        if not self.config.normalize:
            return rewards
        return rewards.merge(RunningMoments.of(np.concatenate([r.discounted for r in rollouts])))

    @torch.no_grad()
    def make(
        self,
        theta: Tensor,
        rollouts: Sequence[Rollout],
        observations: RunningMoments,
        rewards: RunningMoments,
        discount: float,
        last: Batch,
        window: deque[float],
    ) -> Batch:
        """The batch of the samples in `rollouts`.

        Args:
            theta: parameters of the policy that drew them, shape (size,).
            rollouts: one per environment.
            observations: the moments that the policy's inputs were normalised with.
            rewards: moments of the discounted returns, see `scale_moments`; their standard deviation scales rewards.
            discount: gamma.
            last: the batch whose eta-hat and sigma-hat stand in where these rollouts say nothing.
            window: the last returns of the run, see RadiusSettings.window. Those of these rollouts are added.
        """
        inputs = self.preprocess(observations)
        parts = [self.advantages(rollout, inputs, rewards, discount) for rollout in rollouts]
        seen, advantages, values = (torch.cat(part) for part in zip(*parts, strict=True))
        actions = torch.from_numpy(np.concatenate([r.actions for r in rollouts])).to(self.device)
        linear = self.policy.linearise(theta, seen)
        pi = Distribution(linear.output, theta[self.policy.mean_size :])
        returns = self._returns(rollouts, discount, window)
        return Batch(
            theta=theta,
            observations=seen,
            actions=actions,
            advantages=advantages,
            targets=values + advantages,
            log_prob=self.policy.log_prob(pi, actions),
            pi=pi,
            moments=self._moments(rollouts),
            eta=float(np.mean(returns)) if returns else last.eta,
            sigma=float(np.std(returns, ddof=1)) if len(returns) > 1 else last.sigma,
            linear=linear,
        )

    def _returns(self, rollouts: Sequence[Rollout], discount: float, window: deque[float]) -> list[float]:
        """What eta-hat and sigma-hat are over."""
        if self.pixels:
            return segment_returns([r.rewards for r in rollouts], discount)
        returns = ended_returns(rollouts, self.config.radius.discounted)
        window.extend(returns)
        return list(window) if window.maxlen else returns

    def advantages(
        self, rollout: Rollout, inputs: Preprocess, rewards: RunningMoments, discount: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Normalised observations, A-hat and V of one rollout, each of n rows."""
        observations = torch.from_numpy(inputs(rollout.observations)).to(self.device)
        successors = torch.from_numpy(inputs(rollout.successors)).to(self.device)
        values = self.critic.values(observations)
        end_values = self.critic.values(successors).cpu().numpy() * ~rollout.terminated[rollout.ends]
        scaled, ends = self._scaled(rollout.rewards, rewards), rollout.ends
        found = gae(scaled, values.cpu().numpy(), ends, end_values, discount, self.config.sampling.gae_lambda)
        return observations, torch.from_numpy(found.astype(np.float32)).to(self.device), values

    def _scaled(self, rewards: NDArray[np.float64], moments: RunningMoments) -> NDArray[np.float64]:
        """Rewards divided by the standard deviation of the discounted return and clipped, if normalising."""
        if not self.config.normalize:
            return rewards
        clip = self.config.sampling.reward_clip
        return np.clip(rewards / moments.std, -clip, clip)

    def _moments(self, rollouts: Sequence[Rollout]) -> RunningMoments:
        if not self.config.normalize:
            return RunningMoments.empty(self.observation_shape)
        moments = RunningMoments.of(np.concatenate([r.observations for r in rollouts]))
        return moments.identity(self.policy.mask)


def gae(
    rewards: NDArray[Any],
    values: NDArray[Any],
    ends: NDArray[np.int64],
    end_values: NDArray[Any],
    discount: float,
    gae_lambda: float,
) -> NDArray[np.float64]:
    """Generalised advantage estimation (4.4), with termination and truncation kept apart.

    A-hat_t = sum_{j >= 0} (gamma lambda)^j e_{t+j} within a trajectory, e_t = r_t + gamma V(s_{t+1}) - V(s_t).

    Args:
        rewards: r_t, shape (n,), t in [0, n).
        values: V(s_t), shape (n,).
        ends: ascending times after which a trajectory is cut (episode ends, truncations, the batch's end); the last one
            is n - 1.
        end_values: V(s_{t+1}) at each of `ends`: 0 after a termination, the value of the state reached otherwise. So a
            truncation bootstraps and a termination does not.
        discount: gamma.
        gae_lambda: lambda.

    Returns:
        The advantages, shape (n,).
    """
    successors = np.empty(len(rewards))
    successors[:-1] = values[1:]
    successors[ends] = end_values
    errors = rewards + discount * successors - values
    advantages = np.empty(len(rewards))
    decay, start = discount * gae_lambda, 0
    for end in ends:
        # A loop over Python numbers: scipy.signal.lfilter takes longer to import than a run spends here.
        running, segment = 0.0, errors[start : end + 1].tolist()
        for i in range(len(segment) - 1, -1, -1):
            running = segment[i] + decay * running
            segment[i] = running
        advantages[start : end + 1] = segment
        start = end + 1
    return advantages


def segment_returns(rewards: Sequence[NDArray[Any]], discount: float) -> list[float]:
    """Estimates of eta from pieces of trajectories: each one's mean reward / (1 - discount).

    Where a policy plays on and on, the mean of V over the states it meets is its mean reward / (1 - discount): both
    count every reward with the weights 1, discount, discount^2, ... of the steps before it.

    Args:
        rewards: the rewards of each piece, each of shape (steps,).
        discount: gamma.
    """
    return [float(piece.mean()) / (1 - discount) for piece in rewards]
