"""The options of deep.train: what is not given comes from the preset or from the run."""

from dataclasses import replace

import pytest

from deep.build import make_learner
from deep.options import FirstOptions, parse
from deep.presets import preset
from deep.sampling.making import Maker


def test_settings_are_the_presets_where_the_words_are_silent():
    options, spec = parse(["--env", "Walker2d-v4", "--preset", "paper", "--inner.damping", "0.2", "--no-normalize"])
    wanted = preset("paper", spec)
    assert options.config == replace(wanted, inner=replace(wanted.inner, damping=0.2), normalize=False)
    assert options.folder.name == "Walker2d-v4-paper-seed0"
    assert parse(["--env", "ALE/Pong-v5", "--seed", "3"])[0].folder.name == "ALE-Pong-v5-default-seed3"


def test_an_id_without_its_version_is_recorded_with_it():
    options, spec = parse(["--env", "CartPole"])
    assert (options.config.env, spec.env_id) == ("CartPole-v1", "CartPole-v1")
    assert options.folder.name == "CartPole-v1-default-seed0"


@pytest.mark.parametrize(("env_id", "made"), [("Hopper-v4", 0), ("tests.deep.catch:Catch-v0", 8)])
def test_an_environment_is_looked_at_once_and_then_made_where_it_is_used(env_id, made, monkeypatch):
    """The vector of pixel environments is in this process; those of flat observations are made by the workers."""
    calls = []
    make = Maker.__call__
    monkeypatch.setattr(Maker, "__call__", lambda *a: (calls.append(a), make(*a))[1])
    layers = [f"--{net}.{word}" for net in ("policy", "critic") for word in ("convolutions 4 4 2", "hidden 8")]
    flags = [] if env_id == "Hopper-v4" else [*" ".join(layers).split(), "--workers", "8"]
    options, spec = parse(["--env", env_id, *flags])
    assert len(calls) == 1
    make_learner(options.config, spec).sampler.close()
    assert len(calls) == 1 + made


def test_the_first_options_are_options_of_the_whole():
    text = parse(["--env", "CartPole-v1", "--preset", "default"])[0]
    assert set(FirstOptions.__dataclass_fields__) <= {*text.__dataclass_fields__, *text.config.__dataclass_fields__}
