from dataclasses import replace

import numpy as np
import pytest
import torch

from deep.presets import preset
from deep.studies.step_signal import main, measure, variant_of
from deep.training import train
from exact.common.errors import InputError

G = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [3.0, 1.0], [1.0, 3.0], [2.0, 0.0]])
"""Gradients of six batches; the first one is the critic's run-in."""


CONFIG = replace(preset("default", "InvertedPendulum-v4"), steps=2048, workers=1)


def test_gains_are_projections_on_the_own_and_on_the_other_gradients():
    gains = measure([(g, g, 0.5) for g in G], G, lambda v: 4 * v)
    others = [(G[1:].sum(0) - g) / 4 for g in G[1:]]
    norms = [2 * float(g.norm()) for g in G[1:]]
    np.testing.assert_allclose(gains.promised, [float(g @ g) / n for g, n in zip(G[1:], norms, strict=True)])
    np.testing.assert_allclose(
        gains.held_out, [float(h @ g) / n for g, h, n in zip(G[1:], others, norms, strict=True)], rtol=1e-6
    )
    assert gains.explained_variance == 0.5


def test_pure_noise_promises_a_gain_and_has_none_in_other_batches():
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal((400, 50)))
    gains = measure([(g, g, 0.0) for g in noise], noise, lambda v: v)
    assert gains.promised.mean() > 5
    assert abs(gains.held_out.mean()) < 4 * gains.held_out.std(ddof=1) / len(gains.held_out) ** 0.5


def test_variants_share_the_batches(tmp_path, capsys):
    train(CONFIG, tmp_path / "run")
    same = "inner.cg-iterations=10"  # what the run has
    assert main([str(tmp_path / "run"), "--batches", "10", "--vary", same, "inner.cg-iterations=1"]) == 0
    lines = [line.split("|")[2:] for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    as_run, repeated, gradient = lines[2:]
    assert as_run == repeated
    assert as_run != gradient


def test_a_foreign_checkpoint_is_refused(tmp_path, capsys):
    train(CONFIG, tmp_path / "run")
    config = tmp_path / "run" / "config.json"
    config.write_text(config.read_text().replace('"damping": 0.1', '"damping": 0.2'))
    assert main([str(tmp_path / "run"), "--batches", "10"]) == 2
    assert "other settings" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ("sampling.N=512", "changes N"),
        ("sampling.discount=0.9", "changes discount"),
        ("critic.hidden=8", "changes the networks"),
        ("precision=float32", "how precisely"),
        ("inner.damping=-1", "inner"),
        ("inner.dampings=1", "dampings"),
        ("inner.damping", "damping"),
    ],
)
def test_a_variant_that_cannot_be_measured_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        variant_of(CONFIG, changes)
