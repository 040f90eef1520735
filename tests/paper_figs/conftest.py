"""Synthetic run directories, laid out as deep.train and deep.grid lay them out."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.paper_figs.cases import WALKER


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """Factory of finished run directories under tmp_path/runs."""

    def make(
        env: str,
        seed: int,
        max100: float,
        variant: str = "default",
        points: int = 5,
        evaluated: float | None = None,
        **settings: object,
    ) -> Path:
        directory = tmp_path / "runs" / variant / env.replace("/", "-") / f"seed{seed}"
        directory.mkdir(parents=True)
        config = {
            "env": env,
            "seed": seed,
            "preset": "default",
            "steps": 1000,
            "command": f"python -m deep.train --env {env} --seed {seed}",
            "versions": {"torch": "2.13"},
            "gamma": 0.99,
        } | settings
        (directory / "config.json").write_text(json.dumps(config))
        lines = [{"steps": 0, "seconds": 0.0, "return100": None}]
        lines += [
            {"steps": 10 * i, "seconds": 30.0 * i, "return100": max100 * i / points} for i in range(1, points + 1)
        ]
        if evaluated is not None:
            lines[1]["eval_return"], lines[-1]["eval_return"] = 0.0, evaluated
        (directory / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        outcome = {"steps": 1000, "seconds": 9.0, "max100": max100, "final100": max100 - 1, "status": "finished"}
        (directory / "result.json").write_text(json.dumps(outcome))
        return directory

    return make


@pytest.fixture
def runs(tmp_path: Path, make_run: Callable[..., Path]) -> Path:
    """A folder with five runs on Walker2d and one on Hopper, all of the variant `default`."""
    for seed, value in enumerate(WALKER):
        make_run("Walker2d-v4", seed, value)
    make_run("Hopper-v4", 0, 3600.0)
    return tmp_path / "runs"


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that must refuse its words: status 2, one line of error, no output. Returns the line."""

    def run(main: Callable[[list[str]], int], *words: object) -> str:
        assert main([str(word) for word in words]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("error: ")
        assert captured.err.count("\n") == 1
        return captured.err

    return run
