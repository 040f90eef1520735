"""The value network, fitted by least squares to V + A-hat with Adam, STRO, eq. (4.5)."""

import json
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deep.config import CriticSettings
from deep.networks import MLP


class Critic:
    """V(s; phi), its optimiser and its own random order of the samples.

    Args:
        net: a network with one output.
        settings: schedule of the fit.
        seed: for the initial phi and the order of the samples.
        device: where to compute.
    """

    def __init__(self, net: MLP, settings: CriticSettings, seed: np.random.SeedSequence, device: torch.device):
        self.net, self.settings = net, settings
        initial, order = seed.spawn(2)
        self.rng = np.random.default_rng(order)
        self.phi = torch.nn.Parameter(net.initial(np.random.default_rng(initial)).to(device))
        # fused: one kernel over the flat vector; the optimiser is a large part of the cost of a small network
        self.optimiser = torch.optim.Adam([self.phi], lr=settings.learning_rate, fused=True)

    @torch.no_grad()
    def values(self, observations: Tensor) -> Tensor:
        """V at n normalised observations, shape (n,)."""
        return self.net.forward(self.phi, observations)[:, 0]

    @torch.no_grad()
    def fit(self, observations: Tensor, targets: Tensor, progress: float) -> None:
        """Minimise the mean of (V(s_i) - target_i)^2 / 2 by minibatch Adam for `epochs` passes.

        Args:
            observations: normalised, shape (n, inputs).
            targets: shape (n,).
            progress: fraction of the run that is over, in [0, 1], for the step size's schedule.
        """
        n, batch, settings = len(targets), self.settings.batch, self.settings
        rate = settings.learning_rate * (1 - (1 - settings.final_fraction) * progress)
        self.optimiser.param_groups[0]["lr"] = rate
        for _ in range(self.settings.epochs):
            order = torch.from_numpy(self.rng.permutation(n)).to(targets.device)
            shuffled, wanted = observations[order], targets[order, None]
            for start in range(0, n, batch):
                y = wanted[start : start + batch]
                linear = self.net.linearise(self.phi, shuffled[start : start + batch])
                self.phi.grad = linear.vjp((linear.output - y) / len(y))
                self.optimiser.step()

    def state(self) -> dict[str, Any]:
        """phi, Adam's moments and the random generator."""
        return {
            "phi": self.phi.detach(),
            "optimiser": self.optimiser.state_dict(),
            "rng": json.dumps(self.rng.bit_generator.state),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from `state()`."""
        with torch.no_grad():
            self.phi.copy_(state["phi"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.rng.bit_generator.state = json.loads(state["rng"])
