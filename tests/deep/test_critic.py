import numpy as np
import pytest
import torch

from deep.config import CriticSettings
from deep.critic import Critic
from deep.networks import MLP

CPU = torch.device("cpu")


def make(seed=0, **settings):
    return Critic(MLP((2, 16, 1)), CriticSettings(**settings), np.random.SeedSequence(seed), CPU)


@pytest.fixture
def data():
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((256, 2)).astype(np.float32))
    return x, 2 * x[:, 0] - x[:, 1] + 3


def test_fit_is_least_squares(data):
    critic = make(epochs=300, learning_rate=1e-2)
    critic.fit(*data, progress=0.0)
    assert float(((critic.values(data[0]) - data[1]) ** 2).mean()) < 0.02 * float(data[1].var())


def test_one_step_is_the_automatic_gradients_adam_step(data):
    critic = make(epochs=1, batch=256)
    phi = critic.phi.clone().requires_grad_()
    optimiser = torch.optim.Adam([phi], lr=1e-3)
    loss = 0.5 * ((critic.net.forward(phi, data[0])[:, 0] - data[1]) ** 2).mean()
    loss.backward()
    optimiser.step()
    critic.fit(*data, progress=0.0)
    torch.testing.assert_close(critic.phi, phi.detach(), rtol=1e-4, atol=1e-5)


def test_step_size_falls_over_the_run(data):
    moves = []
    for progress in (0.0, 1.0):
        critic = make(epochs=1, batch=256, final_fraction=0.1)
        before = critic.phi.clone()
        critic.fit(*data, progress=progress)
        moves.append(float((critic.phi - before).norm()))
    assert moves[1] == pytest.approx(0.1 * moves[0], rel=1e-3)


def test_a_restored_critic_goes_on_bit_for_bit(data):
    critic, twin = make(epochs=2), make(seed=1, epochs=2)
    critic.fit(*data, progress=0.0)
    twin.restore(critic.state())
    critic.fit(*data, progress=0.5)
    twin.fit(*data, progress=0.5)
    assert torch.equal(critic.phi, twin.phi)
