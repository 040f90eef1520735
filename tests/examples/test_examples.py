"""The examples run from start to end, as a user runs them."""

import importlib.util
from pathlib import Path

import deep

ROOT = Path(__file__).parents[2]


def load(name):
    spec = importlib.util.spec_from_file_location(f"examples.{name}", ROOT / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_own_environment(tmp_path, capsys):
    example = load("own_environment")
    example.main(tmp_path / "run", steps=2048)
    assert "mean return" in capsys.readouterr().out
    agent = deep.load(tmp_path / "run" / "agent.pt", env=example.Thermostat)
    assert agent.predict([12.0], deterministic=True)[0].shape == (1,)
    assert (tmp_path / "run" / "policy.json").exists()
