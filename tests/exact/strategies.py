"""Hypothesis strategies: small MDPs and policies whose numbers are multiples of a power of two, so sums are exact."""

import numpy as np
from hypothesis import strategies as st
from scipy import sparse

from exact.mdp import MDP, Array

UNIT = 16
"""Probabilities are multiples of 1/UNIT, rewards of 1/4."""


@st.composite
def distributions(draw: st.DrawFn, n: int, positive: bool = False) -> list[float]:
    """A distribution over 0 .. n-1 in multiples of 1/UNIT: deterministic, uneven or with zeros; n <= UNIT."""
    least = 1 if positive else 0
    if not positive and draw(st.booleans()):
        return np.eye(n)[draw(st.integers(0, n - 1))].tolist()
    free = UNIT - least * n
    cuts = sorted(draw(st.lists(st.integers(0, free), min_size=n - 1, max_size=n - 1)))
    return ((np.diff([0, *cuts, free]) + least) / UNIT).tolist()


@st.composite
def mdps(draw: st.DrawFn, max_states: int = 5, max_actions: int = 4) -> MDP:
    """MDPs with rho0 > 0: S = 1 and A = 1, deterministic rows, absorbing states, ties, gamma from 0 to 0.999, both
    representations."""
    S, A = draw(st.integers(1, max_states)), draw(st.integers(1, max_actions))
    P = np.array([[draw(distributions(S)) for _ in range(A)] for _ in range(S)])
    for s in range(S):
        if draw(st.integers(0, 3)) == 0:
            P[s] = np.eye(S)[s]
    quarters = draw(st.lists(st.integers(-8, 8), min_size=S * A, max_size=S * A))
    return MDP(
        transitions=sparse.csr_array(P.reshape(S * A, S)) if draw(st.booleans()) else P,
        rewards=np.reshape(quarters, (S, A)) / 4,
        initial=np.array(draw(distributions(S, positive=True))),
        discount=draw(st.sampled_from([0.0, 0.5, 0.9, 0.999])),
        name="hypothesis",
    )


@st.composite
def policies(draw: st.DrawFn, mdp: MDP) -> Array:
    """Policies of `mdp`, shape (S, A): deterministic, uneven or with zeros."""
    return np.array([draw(distributions(mdp.n_actions)) for _ in range(mdp.n_states)])
