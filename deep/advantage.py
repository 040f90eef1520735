"""Generalised advantage estimation, STRO, eq. (4.4), with termination and truncation kept apart."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def gae(
    rewards: NDArray[Any],
    values: NDArray[Any],
    ends: NDArray[np.int64],
    end_values: NDArray[Any],
    discount: float,
    gae_lambda: float,
) -> NDArray[np.float64]:
    """A-hat_t = sum_{j >= 0} (gamma lambda)^j e_{t+j} within a trajectory, e_t = r_t + gamma V(s_{t+1}) - V(s_t).

    Args:
        rewards: r_t, shape (n,), t in [0, n).
        values: V(s_t), shape (n,).
        ends: ascending times after which a trajectory is cut (episode ends, truncations, the batch's end); the last one
            is n - 1.
        end_values: V(s_{t+1}) at each of `ends`: 0 after a termination, the value of the state reached otherwise. A
            truncation therefore bootstraps where a termination does not.
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
        running, segment = 0.0, errors[start : end + 1].tolist()
        for i in range(len(segment) - 1, -1, -1):
            running = segment[i] + decay * running
            segment[i] = running
        advantages[start : end + 1] = segment
        start = end + 1
    return advantages
