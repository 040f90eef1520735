"""Training from pixels: a run of Pong with all that belongs to it, and a small task that is learned."""

import json
from dataclasses import replace

import imageio.v3 as imageio
import numpy as np
import pytest

from deep import load
from deep.build import make_learner, value_type
from deep.film import record
from deep.innersolu import TrialPoint, inner_solu
from deep.presets import DEFAULT_PIXELS, preset
from deep.run.checkpoint import LATEST, read
from deep.sampling.environments import inspect
from deep.training import train

CATCH = "tests.deep.catch:Catch-v0"


def shrink(config, layers, **changes):
    """The configuration with a network of these layers."""
    policy, critic = replace(config.policy, **layers), replace(config.critic, **layers, epochs=8, batch=128)
    return replace(config, policy=policy, critic=critic, **changes)


def catch(**changes):
    """Settings for the 10x10 game, which has but 100 iterations: a larger radius than Atari's, no entropy bonus, and a
    critic that forgets the batches of earlier policies, which were much worse."""
    config = replace(DEFAULT_PIXELS, env=CATCH)
    config = shrink(config, {"convolutions": ((16, 4, 2),), "hidden": (64,)}, workers=8, **changes)
    return replace(
        config,
        critic=replace(config.critic, batches=1),
        sampling=replace(config.sampling, N=512, discount=0.95),
        inner=replace(config.inner, fisher_subset=0.5, damping=0.01, entropy_bonus=0.0),
        radius=replace(config.radius, initial=0.03, scale="constant", final_fraction=0.5),
        controller=replace(config.controller, radius_min=0.03, radius_max=0.03),
    )


def learner_for(config):
    return make_learner(config, inspect(config.env))


@pytest.fixture(scope="module")
def pong(tmp_path_factory):
    """Three iterations of Pong with the default preset's network on a small batch."""
    folder = tmp_path_factory.mktemp("pong") / "run"
    config = preset("default", "ALE/Pong-v5")
    sampling, critic = replace(config.sampling, N=64), replace(config.critic, epochs=1)
    train(replace(config, steps=256, workers=4, checkpoint_every=1, sampling=sampling, critic=critic), folder)
    return folder


def test_a_run_of_pong_has_finite_numbers_and_a_batch_of_bytes(pong):
    entries = [json.loads(line) for line in (pong / "metrics.jsonl").read_text().splitlines()]
    assert [entry["steps"] for entry in entries] == [128, 192, 256]
    for entry in entries:
        numbers = [value for value in entry.values() if isinstance(value, float)]
        assert np.isfinite(numbers).all()
        assert 0 < entry["kl"] <= entry["delta"]
        assert 1.7 < entry["entropy"] <= np.log(6) + 1e-6
    saved = read(pong / "checkpoints" / LATEST)["learner"]
    assert saved["B"]["observations"].shape == (64, 4, 84, 84)
    assert str(saved["B"]["observations"].dtype) == "torch.uint8"
    assert saved["theta"].shape == (1_687_206,)
    assert "ale-py" in json.loads((pong / "config.json").read_text())["versions"]


def test_whole_games_are_evaluated_with_their_own_rewards(pong, monkeypatch):
    monkeypatch.setattr("deep.sampling.atari.MAX_FRAMES", 2400)  # a whole game of Pong takes seconds
    agent = load(pong)
    once, again = (agent.evaluate(2, 5, stochastic=True) for _ in range(2))
    assert once == again
    assert {length for _, length in once} == {600}
    assert all(-21 <= total < -5 for total, _ in once)


def test_a_game_is_filmed(pong, monkeypatch, tmp_path):
    monkeypatch.setattr("deep.sampling.atari.MAX_FRAMES", 120)
    record(load(pong), tmp_path / "game.gif", 0, stochastic=False)
    film = imageio.imread(tmp_path / "game.gif")
    assert film.shape[1:] == (210, 160, 3)
    assert len(film) > 1


def test_catch_is_learned_from_pixels(tmp_path):
    result = train(catch(steps=50_000), tmp_path / "run")
    assert result["max100"] >= 3  # of 5; a random policy has -4


def test_images_may_have_their_channels_last():
    learner = learner_for(replace(catch(), env="tests.deep.catch:RowsCatch-v0"))
    learner.start()
    line = learner.iterate()
    assert learner.state.B.observations.shape == (512, 10, 10, 1)
    assert 0 < line["kl"] <= line["delta"]
    learner.sampler.close()


@pytest.mark.parametrize("numerator", ["reverse", "returns"])
def test_the_ratio_tells_good_steps_from_bad_ones_without_whole_games(numerator, tmp_path):
    config = catch()
    learner = learner_for(replace(config, radius=replace(config.radius, numerator=numerator)))
    learner.start()
    while learner.state.steps < 12_000:
        learner.iterate()
    s, ratios = learner.state, {1: [], -1: []}
    for _ in range(10):
        L = learner.surrogate(s.B)
        step = inner_solu(L, 0.05, learner.config.inner, learner.rng)
        for sign, seen in ratios.items():  # there, and as far in the opposite direction
            theta = s.theta + sign * (step.theta - s.theta)
            point = TrialPoint(theta, L.at(theta), 0.05, step.search)
            terms = learner.estimate(L, point, learner.sample(theta))
            seen.append(terms.actual / (terms.noise + abs(terms.predicted)))
    learner.sampler.close()
    good, bad = (np.array(seen) for seen in ratios.values())
    error = np.sqrt((good.var(ddof=1) + bad.var(ddof=1)) / len(good))
    assert good.mean() - bad.mean() > 2 * error


def test_the_policy_computes_in_float32_whatever_the_value_network_does():
    learner = learner_for(catch())
    learner.sampler.close()
    assert learner.policy.net.compute is None
    assert learner.critic.net.compute == value_type(learner.config, learner.device)
