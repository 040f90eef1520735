"""The counterexamples to Lemmas 3.6 and 3.7 of Zhao, Li and Wen (arXiv 1911.11640), for the classroom page.

Both lemmas speak about the mean step (3.12) of a Gaussian policy. Their printed and repaired forms, with the proofs,
are those of `verify.lemma36` and `verify.lemma37`; here they are evaluated over a range of radii on the two smallest
problems that refute the printed ones.
"""

from typing import Any

import numpy as np

from exact.classroom.scene import digits
from exact.gaussian import bounds
from exact.gaussian.instances import one_state, two_state
from exact.gaussian.measures import measure_step

RADII = np.geomspace(1e-5, 1, 51)
"""KL radii of the panels; 1e-4 and 1e-3 are among them."""


def counterexamples() -> dict[str, Any]:
    """For every radius: the gain and its lower bounds (Lemma 3.6), 1 - r and its upper bounds (Lemma 3.7).

    Returns:
        "delta", the radii; "lemma36" and "lemma37", each a dictionary of the columns "truth", "printed", "repaired".
    """
    gains, losses = [], []
    for delta in RADII:
        m = measure_step(one_state(), float(delta))
        gains.append((m.gain, bounds.gain_lemma36(m), bounds.gain_repaired(m)))
        m = measure_step(two_state(), float(delta))
        losses.append((1 - m.r, bounds.loss_lemma37(m), bounds.loss_repaired(m)))
    return {"delta": digits(RADII), "lemma36": _columns(gains), "lemma37": _columns(losses)}


def _columns(rows: list[tuple[float, float, float]]) -> dict[str, Any]:
    return dict(zip(("truth", "printed", "repaired"), digits(np.transpose(rows)), strict=True))
