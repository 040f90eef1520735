"""The value network, fitted by least squares to V + A-hat with Adam, STRO, eq. (4.5)."""

import json
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deep.config import CriticSettings
from deep.model.kernels import adam_
from deep.model.mlp import Network


class Critic:
    """V(s; phi), its optimiser's state, its own random order of the samples, and the batches it is fitted to.

    Args:
        net: a network with one output.
        settings: schedule of the fit.
        seed: for the initial phi and the order of the samples.
        device: where to compute.
    """

    def __init__(self, net: Network, settings: CriticSettings, seed: np.random.SeedSequence, device: torch.device):
        self.net, self.settings = net, settings
        initial, order = seed.spawn(2)
        self.rng = np.random.default_rng(order)
        self.phi = net.initial(np.random.default_rng(initial)).to(device)
        self.first_moment, self.second_moment = torch.zeros_like(self.phi), torch.zeros_like(self.phi)
        self.updates = torch.zeros((), device=device)
        self.window: deque[tuple[Tensor, Tensor]] = deque(maxlen=settings.batches)

    def values(self, observations: Tensor) -> Tensor:
        """V at n normalised observations, shape (n,)."""
        return self.net.forward(self.phi, observations)[:, 0]

    def fit(self, observations: Tensor, targets: Tensor, grown: bool = False) -> None:
        """Minimise the mean of (V(s_i) - target_i)^2 / 2 over the last `batches` batches by minibatch Adam.

        Args:
            observations: of a new batch, normalised, shape (n, inputs).
            targets: shape (n,).
            grown: whether this batch holds the samples of the last call's and takes that one's place.
        """
        if grown and self.window:
            self.window.pop()
        self.window.append((observations, targets))
        observations, targets = (torch.cat(parts) for parts in zip(*self.window, strict=True))
        n, batch, settings = len(targets), self.settings.batch, self.settings
        rates = settings.learning_rate * np.linspace(1.0, settings.final_fraction, settings.epochs)
        gradient = torch.empty_like(self.phi)
        layers, slopes = self.net.layers(self.phi), self.net.layers(gradient)
        for rate in rates.tolist():
            order = torch.from_numpy(self.rng.permutation(n)).to(targets.device)
            shuffled, wanted = observations.index_select(0, order), targets.index_select(0, order)[:, None]
            for x, y in zip(torch.split(shuffled, batch), torch.split(wanted, batch), strict=True):
                linear = self.net.linearise_layers(layers, x)
                linear.vjp_into(slopes, (linear.output - y) / len(y))
                adam_(self.phi, gradient, self.first_moment, self.second_moment, self.updates, rate)

    def state(self) -> dict[str, Any]:
        """phi, Adam's moments, the batches and the random generator."""
        return {
            "window": [list(batch) for batch in self.window],
            "phi": self.phi,
            "first_moment": self.first_moment,
            "second_moment": self.second_moment,
            "updates": self.updates,
            "rng": json.dumps(self.rng.bit_generator.state),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from `state()`."""
        for name in ("phi", "first_moment", "second_moment", "updates"):
            getattr(self, name).copy_(state[name])
        self.window.clear()
        self.window.extend((x.to(self.phi.device), y.to(self.phi.device)) for x, y in state["window"])
        self.rng.bit_generator.state = json.loads(state["rng"])


class BackgroundFit:
    """Fits a critic while the caller does something else.

    Args:
        critic: what is fitted.
        threaded: whether in a second thread. With pixels every fit, step and sample keeps all cores busy by itself, so
            that two side by side gain nothing: there the fit is done when it is waited for.
    """

    def __init__(self, critic: Critic, threaded: bool):
        self.critic, self.pool = critic, ThreadPoolExecutor(1) if threaded else None

    def start(self, observations: Tensor, targets: Tensor, grown: bool) -> Callable[[], None]:
        """Start `Critic.fit` with these arguments; returns what waits for its end."""
        fit = partial(self.critic.fit, observations, targets, grown=grown)
        return fit if self.pool is None else self.pool.submit(fit).result
