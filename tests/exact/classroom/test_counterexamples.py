"""The panels of the counterexamples to Lemmas 3.6 and 3.7."""

import numpy as np
import pytest

from exact.classroom.counterexamples import counterexamples


def test_the_gaussian_panels_show_both_counterexamples() -> None:
    panels = counterexamples()
    at = {delta: i for i, delta in enumerate(panels["delta"])}
    gain, agreement = panels["lemma36"], panels["lemma37"]
    assert gain["truth"][at[1e-3]] == pytest.approx(0.12130, abs=5e-6)
    assert gain["printed"][at[1e-3]] == pytest.approx(0.19180, abs=5e-6)
    assert 1 - agreement["truth"][at[1e-4]] == pytest.approx(0.997860, abs=5e-7)
    assert 1 - agreement["printed"][at[1e-4]] == pytest.approx(0.999894, abs=5e-7)
    assert (np.array(gain["repaired"]) <= gain["truth"]).all()
    assert (np.array(agreement["repaired"]) >= agreement["truth"]).all()
