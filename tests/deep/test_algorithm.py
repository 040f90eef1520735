"""The outer loop against a sampler that is scripted: what it does with an accepted, a rejected and a forced trial."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from deep.algorithm import Learner
from deep.model.critic import Critic
from deep.model.mlp import MLP
from deep.model.policies import GaussianPolicy
from deep.presets import DEFAULT_FLAT
from deep.sampling.rollout import Rollout
from deep.surrogate import reverse_gain
from exact.common.errors import FaultError
from exact.controller import ControllerSettings

N = 40
POLICY = GaussianPolicy(MLP((2, 8, 1)), -0.5)


class ScriptedSampler:
    """Draws a_t from the actor at random states; the episodes' returns are those of a script, one request each."""

    def __init__(self, returns):
        self.returns, self.rng, self.asked = iter(returns), np.random.default_rng(0), []

    def request(self, actor, normalise, n):
        self.asked.append((actor, normalise))
        x = self.rng.standard_normal((n, 2)).astype(np.float32)
        noise = actor.draw_noise(self.rng, n)
        actions = np.stack([actor.act(normalise(row), z) for row, z in zip(x, noise, strict=True)])
        half = n // 2
        returns = next(self.returns)
        episodes = [(half - 1, returns[0], half), (n - 1, returns[1], half)]
        ends, rewards = np.array([half - 1, n - 1]), -np.square(actions[:, 0] - x[:, 0]).astype(float)
        terminated = np.zeros(n, bool)
        terminated[ends] = True
        self.pending = Rollout(x, actions, rewards, terminated, ends, x[ends], np.cumsum(rewards), episodes)

    def collect(self):
        return [self.pending]


def make(returns, *, beta0=0.0, max_rejections=2, numerator="returns", radius_bounds=(1e-4, 0.1), **radius):
    config = replace(
        DEFAULT_FLAT,
        env="scripted",
        workers=1,
        sampling=replace(DEFAULT_FLAT.sampling, N=N),
        critic=replace(DEFAULT_FLAT.critic, hidden=(8,), epochs=2, batch=16),
        radius=replace(DEFAULT_FLAT.radius, numerator=numerator, **radius),
        controller=ControllerSettings(
            beta0=beta0,
            beta1=0.5,
            radius_min=radius_bounds[0],
            radius_max=radius_bounds[1],
            max_rejections=max_rejections,
        ),
    )
    seeds = np.random.SeedSequence(0).spawn(2)
    cpu, sampler = torch.device("cpu"), ScriptedSampler(returns)
    critic = Critic(MLP((2, 8, 1)), config.critic, seeds[0], cpu)
    learner = Learner(config, POLICY, critic, sampler, seeds[1], cpu, (2,))
    learner.start()
    return learner


def test_an_accepted_trial_is_the_next_policy_and_its_samples_the_next_batch():
    learner = make([(0, 2), (3, 5)])
    theta = learner.state.theta.clone()
    line = learner.iterate()
    s = learner.state
    assert line["outcome"] == "accept"
    assert line["actual_gain"] == 3
    assert (s.theta != theta).any()
    assert len(s.B.actions) == N
    assert s.B.eta == 4
    assert s.B.sigma == pytest.approx(np.std([3, 5], ddof=1))
    assert s.steps == line["steps"] == 2 * N
    assert line["ratio"] == pytest.approx(3 / (np.std([0, 2], ddof=1) + line["predicted_gain"]))
    assert [episode[0] for episode in line["episodes"]] == [20, 40, 60, 80]


def test_the_value_target_at_a_termination_is_the_reward_alone():
    learner = make([(0, 2)])
    rollout, B = learner.sampler.pending, learner.state.B
    scaled = rollout.rewards[rollout.ends] / learner.state.rewards.std
    np.testing.assert_allclose(B.targets.numpy()[rollout.ends], scaled, rtol=1e-4, atol=1e-6)


def test_a_rejected_trial_is_remembered_and_the_batch_grows_by_samples_of_the_old_policy():
    learner = make([(0, 0), (-3, -5), (2, 2)])
    theta, radius = learner.state.theta.clone(), learner.state.controller.radius
    line = learner.iterate()
    s = learner.state
    assert line["outcome"] == "reject"
    torch.testing.assert_close(s.theta, theta, rtol=0, atol=0)
    assert len(s.B.actions) == 2 * N
    assert s.B.eta == 1
    assert len(s.rejected) == 1
    assert s.steps == 3 * N
    assert s.controller.radius < radius
    torch.testing.assert_close(s.B.pi, POLICY.distribution(theta, s.B.observations), rtol=0, atol=0)
    old = learner.sampler.asked[0][0]
    np.testing.assert_array_equal(learner.sampler.asked[2][0].mean.layers[0][0], old.mean.layers[0][0])


def test_a_forced_step_takes_the_best_of_the_rejected_trials():
    learner = make([(0, 0), (-1, -1), (0, 0), (-9, -9), (0, 0), (-4, -4)])
    learner.iterate()
    best = learner.state.rejected[0]
    learner.iterate()
    line = learner.iterate()
    s = learner.state
    assert line["outcome"] == "force"
    torch.testing.assert_close(s.theta, best.batch.theta, rtol=0, atol=0)
    assert s.B.eta == -1
    assert s.rejected == []
    assert s.controller.rejections == 0


def test_the_normaliser_never_changes_under_a_policy_in_use():
    learner = make([(0, 0), (-3, -3), (0, 0), (1, 1)])
    learner.iterate()
    trial, again = learner.sampler.asked[1][1], learner.sampler.asked[2][1]
    np.testing.assert_array_equal(trial.mean, again.mean)
    before = learner.state.observations.count
    learner.iterate()
    assert learner.state.observations.count == before + N


def test_the_radius_scales_with_the_gradient_or_falls_over_the_run():
    learner = make([(0, 0)], initial=0.02, scale="gradient")
    s = learner.state
    L = learner.surrogate(s.B)
    assert learner.radius(L, 1.0) == pytest.approx(0.02 * float(L.gradient(s.theta).norm()))
    falling = make([(0, 0)], initial=0.02, scale="constant", final_fraction=0.5)
    falling.state.steps = falling.config.steps // 2
    assert falling.radius(L, 1.0) == pytest.approx(0.02 * 0.75)


def test_the_advantages_are_made_with_the_discount_of_the_moment():
    growing, constant = make([(0, 0)]), make([(0, 0)])
    changes = {"horizon_growth": 100.0}, {"discount": 1 - 1e-4}
    for learner, change in zip((growing, constant), changes, strict=True):
        learner.config = replace(learner.config, sampling=replace(learner.config.sampling, **change))
    before = growing.state.B.advantages
    growing.state.steps = constant.state.steps = growing.config.steps
    assert growing.discount == pytest.approx(1 - 1e-4)
    grown, wanted = (learner.receive(learner.state.theta).advantages for learner in (growing, constant))
    torch.testing.assert_close(grown, wanted)
    assert not torch.allclose(grown, before, rtol=0.01)


def test_the_step_is_small_where_the_batch_holds_little_to_learn_from():
    learner = make([(0, 0)], initial=0.02, scale="advantage")
    s = learner.state
    L = learner.surrogate(s.B)
    assert learner.information() == pytest.approx(1)
    s.B = replace(s.B, advantages=s.B.advantages / 4)
    quarter = learner.information()
    assert 1 / 4 < quarter < 1.05 / 4
    assert learner.radius(L, quarter) == pytest.approx(0.02 * quarter)
    s.B = replace(s.B, advantages=s.B.advantages * 8)
    assert learner.information() == 1
    constant = make([(0, 0)], scale="constant")
    constant.information()
    constant.state.B = replace(constant.state.B, advantages=constant.state.B.advantages / 4)
    assert constant.information() == 1


def test_the_reversed_ratio_is_made_of_the_gain_that_the_trials_own_samples_ascribe_to_the_step():
    learner = make([(0, 0)] * 2, numerator="reverse", beta0=-1e9)
    before = learner.state.theta.clone()
    line = learner.iterate()
    gain, error = reverse_gain(learner.surrogate(learner.state.B), before)
    assert (line["actual_gain"], line["gain_noise"]) == pytest.approx((gain, error))
    assert line["ratio"] == pytest.approx(gain / (error + line["predicted_gain"]))


def test_a_batch_in_store_keeps_no_linearisation():
    learner = make([(0, 0), (-3, -5), (0, 0), (9, 9)])
    assert learner.state.B.linear is not None
    learner.iterate()  # rejected
    assert learner.state.B.linear is None
    assert learner.state.rejected[0].batch.linear is None
    learner.iterate()  # accepted: there for the next gradient
    assert learner.state.B.linear is not None


def test_a_remembered_linearisation_changes_nothing():
    learner = make([(0, 0)])
    L = learner.surrogate(learner.state.B)
    assert L.linearise(L.theta) is L.linear
    assert L.linearise(L.theta.clone()) is not L.linear
    torch.testing.assert_close(L.released().gradient(L.theta), L.gradient(L.theta), rtol=0, atol=0)


def test_metrics_say_what_conjugate_gradients_reported():
    line = make([(0, 2), (3, 5)]).iterate()
    assert line["inner_steps"] == 1
    assert 1 <= line["cg_iterations"] <= DEFAULT_FLAT.inner.cg_iterations
    assert 0 < line["cg_residual"] < 1
    assert line["cg_indefinite"] == 0


def test_a_step_that_is_not_finite_is_a_fault():
    learner = make([(0, 0), (0, 0)])
    learner.state.B = replace(learner.state.B, advantages=torch.full((N,), torch.inf))
    with pytest.raises(FaultError, match="policy step of iteration 1 is not finite"):
        learner.iterate()


def test_over_a_window_the_actual_gain_is_the_change_of_a_running_mean():
    learner = make([(0, 2), (3, 5), (-30, -30), (1, 1)], window=3, beta0=-0.5)
    line = learner.iterate()
    assert learner.state.B.eta == np.mean([2, 3, 5])
    assert learner.state.B.sigma == pytest.approx(np.std([2, 3, 5], ddof=1))
    assert line["actual_gain"] == pytest.approx(np.mean([2, 3, 5]) - np.mean([0, 2]))
    line = learner.iterate()
    assert line["outcome"] == "reject"
    assert line["actual_gain"] == pytest.approx(np.mean([5, -30, -30]) - np.mean([2, 3, 5]))
    assert learner.state.B.eta == pytest.approx(np.mean([-30, 1, 1]))


def test_the_predicted_gain_is_in_the_units_asked_for():
    step, reward, full = (make([(0, 2), (3, 5)], gain_units=units) for units in ("step", "reward", "return"))
    spread = float(reward.state.B.advantages.std())
    gains = [learner.iterate()["predicted_gain"] for learner in (step, reward, full)]
    unit = spread * float(reward.state.rewards.std)
    assert gains == pytest.approx([gains[0], gains[0] * unit, gains[0] * unit / (1 - 0.99)])


def test_the_radius_can_scale_with_the_gradient_of_the_unscaled_advantages():
    learner = make([(0, 0)], initial=0.02, scale="unscaled-gradient")
    B = learner.state.B
    L = replace(learner.surrogate(B), advantages=B.advantages - B.advantages.mean())
    wanted = 0.02 * float(L.gradient(L.theta).norm())
    assert learner.radius(learner.surrogate(B), 1.0) == pytest.approx(wanted, rel=1e-4)
