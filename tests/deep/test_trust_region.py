"""Every iteration stays in its trust region, whatever the length of the run: KL <= delta (1 + LOG_STD_SLACK)."""

from dataclasses import replace

import pytest

from deep.build import make_learner
from deep.innersolu import LOG_STD_SLACK
from deep.presets import preset
from deep.sampling.environments import inspect
from deep.sampling.rollout import EpisodeRunner, rollout

SPEC = inspect("HalfCheetah-v4")


class InProcess:
    """A sampler without worker processes."""

    def __init__(self, spec, seeds, discount, fresh, patience):
        self.runner = EpisodeRunner(spec, seeds[0], discount, fresh)

    def request(self, *arguments):
        self.asked = arguments

    def collect(self):
        return [rollout(self.runner, *self.asked)]


@pytest.mark.parametrize(
    ("name", "steps", "begin", "end"),
    [
        ("default", 8192, 0, 8192),  # the whole run
        ("default", 40_000, 0, 4096),
        ("default", 40_000, 32_000, 40_000),
        ("default", 1_000_000, 0, 4096),
        ("default", 1_000_000, 992_000, 1_000_000),
        ("paper", 8192, 0, 8192),
        ("paper", 1_000_000, 0, 4096),
        ("paper", 1_000_000, 500_000, 512_000),
        ("paper", 1_000_000, 992_000, 1_000_000),
    ],
)
def test_no_iteration_leaves_its_trust_region(name, steps, begin, end, monkeypatch):
    """Whole short runs, and of long ones the beginning, the middle and the end."""
    monkeypatch.setattr("deep.build.Sampler", InProcess)
    config = preset(name, SPEC)
    critic, sampling = replace(config.critic, epochs=1), replace(config.sampling, N=config.sampling.N // 2)
    learner = make_learner(replace(config, steps=steps, workers=1, critic=critic, sampling=sampling), SPEC)
    learner.start()
    learner.state.steps = begin
    lowest, iterations = learner.state.theta[learner.policy.mean_size :].min(), 0
    while learner.state.steps < end:
        line = learner.iterate()
        assert line["kl"] <= line["delta"] * (1 + LOG_STD_SLACK)
        iterations += 1
    assert iterations >= 2
    if name == "default" and begin > 0:  # the ceiling is far below the log-std, and pulls it down all the same
        assert learner.state.theta[learner.policy.mean_size :].max() < lowest
