"""Gaussian instances that several test files use."""

import numpy as np

from exact.gaussian.instances import Instance, Trigonometric, one_state, random_instance, two_state


def instances(n: int, n_states: int = 3) -> list[Instance]:
    rng = np.random.default_rng(7)
    return [random_instance(rng, n_states, 2, float(rng.uniform(0.2, 0.95)), f"random-{i}") for i in range(n)]


CASES = [one_state(), two_state(), *instances(3)]
NAMES = [case.name for case in CASES]


def as_functions(c: Trigonometric):
    """r(s,a) and P(t|s,a) written out from the coefficients, independently of the closed-form moments."""

    def basis(a):
        columns = [np.ones_like(a)]
        for j in range(1, c.harmonics + 1):
            columns += [np.cos(j * a), np.sin(j * a)]
        return np.stack(columns, axis=-1)

    return (
        lambda a: np.einsum("skb,sb->sk", basis(a), c.rewards),
        lambda a: np.einsum("skb,sbt->skt", basis(a), c.transitions),
    )
