from dataclasses import replace

import numpy as np
import pytest
import torch

from deep.model.critic import BackgroundFit, Critic
from deep.model.mlp import MLP
from deep.presets import DEFAULT_FLAT

CPU = torch.device("cpu")


def make(seed=0, **settings):
    return Critic(MLP((2, 16, 1)), replace(DEFAULT_FLAT.critic, **settings), np.random.SeedSequence(seed), CPU)


@pytest.fixture
def data():
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((256, 2)).astype(np.float32))
    return x, 2 * x[:, 0] - x[:, 1] + 3


def test_fit_is_least_squares(data):
    critic = make(epochs=300, learning_rate=1e-2)
    critic.fit(*data)
    assert float(((critic.values(data[0]) - data[1]) ** 2).mean()) < 0.02 * float(data[1].var())


def test_one_step_is_the_automatic_gradients_adam_step(data):
    critic = make(epochs=1, batch=256, learning_rate=1e-3)
    phi = critic.phi.clone().requires_grad_()
    optimiser = torch.optim.Adam([phi], lr=1e-3)
    loss = 0.5 * ((critic.net.forward(phi, data[0])[:, 0] - data[1]) ** 2).mean()
    loss.backward()
    optimiser.step()
    critic.fit(*data)
    torch.testing.assert_close(critic.phi, phi.detach(), rtol=1e-4, atol=1e-5)


def test_step_size_falls_over_the_epochs(data):
    constant, falling = (
        make(epochs=epochs, batch=256, learning_rate=1e-3, final_fraction=f) for epochs, f in ((1, 1.0), (2, 0.1))
    )
    constant.fit(*data)
    falling.fit(*data)
    twice = make(epochs=1, batch=256, learning_rate=1e-4)
    twice.restore(constant.state() | {"rng": twice.state()["rng"], "window": []})
    twice.fit(*data)
    torch.testing.assert_close(falling.phi, twice.phi, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("batches", "fitted"), [(1, "c"), (2, "bc"), (9, "abc")])
def test_fit_is_to_the_last_batches(data, batches, fitted):
    parts = dict(zip("abc", zip(*(column.split(100) for column in data), strict=True), strict=True))
    windowed, at_once = (make(batches=n, epochs=1, batch=300) for n in (batches, 1))
    for x, y in parts.values():
        windowed.restore(at_once.state() | {"window": windowed.state()["window"]})  # only the last fit counts
        windowed.fit(x, y)
    at_once.fit(*(torch.cat([parts[name][i] for name in fitted]) for i in (0, 1)))
    torch.testing.assert_close(windowed.phi, at_once.phi, rtol=1e-4, atol=1e-6)


def test_a_grown_batch_takes_the_place_of_the_one_it_grew_from(data):
    critic = make(batches=2, epochs=0)
    for n, grown in ((10, False), (20, False), (40, True)):
        critic.fit(data[0][:n], data[1][:n], grown=grown)
    assert [len(y) for _, y in critic.window] == [10, 40]


def test_a_restored_critic_goes_on_bit_for_bit(data):
    critic, twin = make(epochs=2), make(seed=1, epochs=2)
    critic.fit(*data)
    twin.restore(critic.state())
    critic.fit(*data)
    twin.fit(*data)
    assert torch.equal(critic.phi, twin.phi)


@pytest.mark.parametrize("threaded", [True, False])
def test_a_fit_in_the_background_is_the_fit(data, threaded):
    critic, twin = make(epochs=2), make(epochs=2)
    BackgroundFit(critic, threaded).start(*data, grown=False)()
    twin.fit(*data)
    assert torch.equal(critic.phi, twin.phi)
